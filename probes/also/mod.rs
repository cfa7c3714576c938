#![doc = include_str!("README.md")]

#[cfg(feature = "io")]
pub mod client;
#[cfg(feature = "io")]
pub(crate) mod frames;
#[cfg(feature = "io")]
mod hush;
mod met;
#[cfg(feature = "io")]
mod server;
mod told;
mod verdict;

pub use told::told;

use crate::below::{Examined, TlsEnd};
use crate::circumstances::Circumstances;
use crate::code;
use crate::exchange::Exchange;
use crate::finding::{Code, Finding};
use crate::plan::Cost;
use crate::probe::Probe;
use crate::untrusted::Untrusted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// No answer came from the endpoint.
pub const NOT_REACHED: Code = code!("also.not-reached", Note);
/// No public authority vouches for the endpoint's certificate.
pub const INTERCEPTED: Code = code!("also.intercepted", Note);
/// The probe server's TLS is inspected, and the endpoint's is not.
pub const EXEMPTED: Code = code!("also.exempted", Note);
/// The endpoint answered with something else than what was asked for.
pub const REFUSED: Code = code!("also.refused", Note);
/// The endpoint accepted, and then nothing was heard of it.
pub const SILENT: Code = code!("also.silent", Note);
/// The endpoint accepted, and the connection ended soon after.
pub const CLOSED_EARLY: Code = code!("also.closed-early", Note);

/// What does the application's own endpoint meet?
pub struct Also;

/// One visit to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// The endpoint.
    pub url: Untrusted,
    /// Its host.
    pub host: Untrusted,
    /// What is asked of it.
    pub wants: Wants,
    /// How long it is listened to after it accepted, in milliseconds.
    pub watch_ms: u64,
    /// The proxy on the way, if there is one.
    #[serde(default)]
    pub proxy: Option<Untrusted>,
    /// Who chose the way: `flag`, `environment`, `system`, `pac` or `none`.
    #[serde(default)]
    pub chosen_by: String,
    /// The TLS session as this end has it.
    #[serde(default)]
    pub client: Option<TlsEnd>,
    /// Who vouches for the certificates that arrived.
    #[serde(default)]
    pub examined: Examined,
    /// The certificate was not trusted: the session is one of a second handshake, on which nothing was sent.
    #[serde(default)]
    pub looked: bool,
    /// What came after it had accepted.
    #[serde(default)]
    pub heard: Heard,
    /// Marks of products in a page that came in place of what was asked for.
    #[serde(default)]
    pub marks: Vec<Untrusted>,
}

/// What is asked of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Wants {
    /// A WebSocket.
    WebSocket,
    /// An event stream.
    EventStream,
}

/// What came, by its size alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Heard {
    /// Messages of a WebSocket, or pieces of a stream as they came from the path.
    pub pieces: u32,
    /// Their bytes.
    pub bytes: u64,
    /// Ends of events in a stream: empty lines.
    pub event_ends: u32,
    /// Whether more came than is read.
    pub cut: bool,
}

impl Probe for Also {
    const ID: &'static str = "also";
    const QUESTION: &'static str = "What does the application's own endpoint meet on its way?";
    const CODES: &'static [Code] = &[NOT_REACHED, INTERCEPTED, EXEMPTED, REFUSED, SILENT, CLOSED_EARLY];
    // It opens a connection each, and then sends a few bytes a second.
    const COST: Cost = Cost::Quiet;
    type Asked = Asked;

    fn judge(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
        verdict::judge(evidence, &around.server_tls)
    }
}

crate::halves!(Also);
