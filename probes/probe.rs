//! What a probe is, and the list of them as one type.

use crate::circumstances::Circumstances;
use crate::exchange::Exchange;
use crate::finding::{Code, Finding};
use crate::plan::Cost;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

/// A question about the path, answered by talking to our own server.
pub trait Probe {
    /// The name of its folder, and the first half of its codes.
    const ID: &'static str;
    /// The question, as a person would ask it.
    const QUESTION: &'static str;
    /// Everything that it can conclude.
    const CODES: &'static [Code];
    /// What it may run beside.
    const COST: Cost;
    /// Whether requests of one name follow one another on a connection, and share one record at the server.
    const IN_SERIES: bool = false;
    /// What is asked on one connection.
    type Asked: Serialize + DeserializeOwned + JsonSchema + Clone + std::fmt::Debug + PartialEq + Send + Sync + 'static;

    /// Whether the question could be put at all: a probe that never got so far did not run.
    ///
    /// Unless a probe says otherwise, an open connection is enough.
    fn asked(evidence: &[Exchange<Self::Asked>]) -> bool {
        evidence.iter().any(|exchange| exchange.record.opened.is_some())
    }

    /// Whether the server keeps what lies below HTTP of the requests for this route: raw heads and the TLS session. It has room for few.
    fn looks_below(_route: &str) -> bool {
        false
    }

    /// Draws the conclusions. Pure and total: the same evidence gives the same findings on any machine.
    fn judge(evidence: &[Exchange<Self::Asked>], around: &Circumstances) -> Vec<Finding>;
}

/// Joins the two halves of a probe, `client.rs` and `server.rs`, to it.
#[doc(hidden)]
#[macro_export]
macro_rules! halves {
    ($probe:ident) => {
        #[cfg(feature = "io")]
        impl $crate::io::halves::Observe for $probe {
            const ROUTES: &'static [&'static str] = server::ROUTES;

            fn observe(
                scene: $crate::io::observe::Scene,
                sheet: $crate::io::observe::Sheet<Asked>,
            ) -> impl Future<Output = ()> + Send + 'static {
                client::observe(scene, sheet)
            }

            async fn testify(call: $crate::io::testify::Call) -> $crate::io::testify::Reply {
                server::testify(call).await
            }
        }
    };
}

/// Makes the list of probes: their modules, an enum of them and one of their evidence, and the matches over both.
#[doc(hidden)]
#[macro_export]
macro_rules! probes {
    ($($module:ident: $name:ident,)+) => {
        $(pub mod $module;)+

        use $crate::probe::Probe as _;

        /// The probes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ProbeId {
            $(#[doc = concat!("The questions of [`", stringify!($module), "`].")] $name,)+
        }

        impl ProbeId {
            /// All of them, in the order of the report.
            pub const ALL: &'static [ProbeId] = &[$(ProbeId::$name,)+];

            /// The name of the probe.
            pub fn id(self) -> &'static str {
                match self { $(ProbeId::$name => $module::$name::ID,)+ }
            }

            /// The probe with this name.
            pub fn of(id: &str) -> Option<ProbeId> {
                Self::ALL.iter().copied().find(|probe| probe.id() == id)
            }

            /// The question that it asks.
            pub fn question(self) -> &'static str {
                match self { $(ProbeId::$name => $module::$name::QUESTION,)+ }
            }

            /// Everything that it can conclude.
            pub fn codes(self) -> &'static [$crate::finding::Code] {
                match self { $(ProbeId::$name => $module::$name::CODES,)+ }
            }

            /// What it may run beside.
            pub fn cost(self) -> $crate::plan::Cost {
                match self { $(ProbeId::$name => $module::$name::COST,)+ }
            }

            /// Whether the server keeps what lies below HTTP of the requests for this route.
            pub fn looks_below(self, route: &str) -> bool {
                match self { $(ProbeId::$name => $module::$name::looks_below(route),)+ }
            }

            /// Whether requests of one name share one record at the server.
            pub fn in_series(self) -> bool {
                match self { $(ProbeId::$name => $module::$name::IN_SERIES,)+ }
            }

            /// Reads saved evidence.
            ///
            /// # Errors
            /// When the value is not evidence of this probe.
            pub fn read(self, saved: serde_json::Value) -> Result<Evidence, serde_json::Error> {
                match self { $(ProbeId::$name => serde_json::from_value(saved).map(Evidence::$name),)+ }
            }
        }

        /// What one probe recorded on one leg.
        #[derive(Clone, Debug, PartialEq, serde::Serialize, schemars::JsonSchema)]
        #[serde(untagged)]
        pub enum Evidence {
            $(#[doc = concat!("Of [`", stringify!($module), "`].")] $name(Vec<$crate::exchange::Exchange<<$module::$name as $crate::probe::Probe>::Asked>>),)+
        }

        impl Evidence {
            /// Whose evidence it is.
            pub fn probe(&self) -> ProbeId {
                match self { $(Evidence::$name(_) => ProbeId::$name,)+ }
            }

            /// The records of all its connections.
            pub fn records(&self) -> Vec<&$crate::exchange::Record> {
                match self { $(Evidence::$name(all) => all.iter().map(|exchange| &exchange.record).collect(),)+ }
            }

            /// The records of all its connections, to attach the witness to them.
            pub fn records_mut(&mut self) -> Vec<&mut $crate::exchange::Record> {
                match self { $(Evidence::$name(all) => all.iter_mut().map(|exchange| &mut exchange.record).collect(),)+ }
            }

            /// Whether the question could be put at all.
            pub fn asked(&self) -> bool {
                match self { $(Evidence::$name(all) => $module::$name::asked(all),)+ }
            }

            /// Draws the conclusions.
            pub fn judge(&self, around: &$crate::circumstances::Circumstances) -> Vec<$crate::finding::Finding> {
                match self { $(Evidence::$name(all) => $module::$name::judge(all, around),)+ }
            }
        }

        #[cfg(feature = "io")]
        const _: () = {
            use $crate::io::halves::Observe;
            use $crate::io::observe::{Scene, Sheet, Observation};
            use $crate::io::testify::{Call, Reply};

            impl ProbeId {
                /// Begins to observe: the future talks, the observation can be read at any time.
                pub fn observe(self, scene: Scene) -> Observation {
                    match self {
                        $(ProbeId::$name => {
                            let sheet = Sheet::new(scene.clock, &scene.entropy);
                            let read = sheet.clone();
                            Observation::new($module::$name::observe(scene, sheet), move || Evidence::$name(read.exchanges()))
                        })+
                    }
                }

                /// The probe that answers on this route at the server.
                pub fn on_route(route: &str) -> Option<ProbeId> {
                    $(if <$module::$name as Observe>::ROUTES.contains(&route) {
                        return Some(ProbeId::$name);
                    })+
                    None
                }

                /// The server's half: answers one request and writes down what it saw.
                pub async fn testify(self, call: Call) -> Reply {
                    match self { $(ProbeId::$name => $module::$name::testify(call).await,)+ }
                }
            }
        };
    };
}
