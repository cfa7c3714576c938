//! Which of the ways that are set a leg takes: chosen once, with a signing in where the proxy asks, before anything else opens.

use super::gate::{Gate, Passed};
use super::pac::{self, Script, Step};
use super::proxy::Proxy;
use super::route::Route;
use super::settings::Setting;
use proxyprobe_probes::failure::{Failure, Kind, Operation};
use proxyprobe_probes::transport::Leg;
use proxyprobe_probes::untrusted::Untrusted;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// The way of a leg, once it was chosen. It stays the same for the whole run: what two ways do cannot be compared.
#[derive(Default)]
pub(super) struct Settled {
    gate: Option<Arc<Gate>>,
    taken: Taken,
    /// Why there is no way.
    failure: Option<Failure>,
    /// A tunnel that was opened while choosing and how long it took, or why it was not: for the first who asks.
    first: Mutex<Option<Result<(Passed, Duration), Failure>>>,
}

/// How the way of a leg was chosen, for the report.
#[derive(Clone, Default)]
pub struct Taken {
    /// The script that was asked.
    pub script: Option<Untrusted>,
    /// What it answered.
    pub said: Option<Untrusted>,
    /// The ways of its answer that were tried before and did not open, each with the reason.
    pub passed_over: Vec<Untrusted>,
}

impl Settled {
    /// The proxy's gate, or `None` for the direct way.
    pub(super) fn way(&self) -> Result<Option<&Gate>, Failure> {
        match &self.failure {
            Some(failure) => Err(failure.clone()),
            None => Ok(self.gate.as_deref()),
        }
    }

    pub(super) fn proxy(&self) -> Option<Proxy> {
        self.gate.as_ref().map(|gate| gate.proxy.clone())
    }

    /// What was opened while choosing, for one taker.
    pub(super) fn first(&self) -> Option<Result<(Passed, Duration), Failure>> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// How it was chosen, and by what the run signed in.
    pub(super) fn told(&self) -> (Taken, Option<&'static str>) {
        (self.taken.clone(), self.gate.as_ref().and_then(|gate| gate.signed_in()))
    }
}

impl Route {
    /// Chooses the way of a leg, if that is not done yet.
    pub(super) async fn settle(&self, leg: Leg) -> &Settled {
        // Boxed: it is large, and only the first who dials needs it.
        self.settled(leg).get_or_init(|| Box::pin(self.choose(leg))).await
    }

    /// Chooses the way of a leg before anything is dialled: asks the script, signs in.
    pub async fn prepare(&self, leg: Leg) {
        self.settle(leg).await;
    }

    async fn choose(&self, leg: Leg) -> Settled {
        match self.options.proxies.of(leg) {
            Setting::Direct => Settled::default(),
            Setting::Proxy(proxy) => self.try_in_order(leg, vec![Step::Proxy(proxy.clone())], Taken::default()).await,
            Setting::Script(script) => {
                let mut taken = Taken { script: Some(script.shown()), ..Taken::default() };
                match self.ask(leg, script).await {
                    Ok((said, steps)) => {
                        taken.said = Some(said);
                        self.try_in_order(leg, steps, taken).await
                    }
                    Err(failure) => Settled { failure: Some(failure), taken, ..Settled::default() },
                }
            }
        }
    }

    /// Asks a script for a leg, as a browser does for its pages: of an `https` URL, it learns no more than the host.
    async fn ask(&self, leg: Leg, script: &Script) -> Result<(Untrusted, Vec<Step>), Failure> {
        let target = self.target();
        let url = format!("{leg}://{}/", target.host_header(leg, target.port(leg).unwrap_or(leg.default_port())));
        let o = &self.options;
        let means = pac::Means {
            network: self.network.clone(),
            pinned: &o.pinned,
            tls: o.proxy_tls.clone().into(),
            user_agent: &o.user_agent,
        };
        pac::ask(script, &url, &target.host, &means).await
    }

    /// Takes the first way that opens. A proxy that answers is taken, whatever it answers: so do browsers.
    async fn try_in_order(&self, leg: Leg, steps: Vec<Step>, mut taken: Taken) -> Settled {
        let begun = Instant::now();
        let last = steps.len().saturating_sub(1);
        for (at, step) in steps.into_iter().enumerate() {
            let (gate, words) = match step {
                Step::Direct => (None, "direct".to_owned()),
                Step::Proxy(proxy) => {
                    let gate = self.gate(self.options.proxies.completed(proxy));
                    let words = format!("{} {}", gate.proxy.protocol.kind(), gate.proxy.address());
                    (Some(gate), words)
                }
            };
            let start = Instant::now();
            let opened = match &gate {
                Some(_) if self.options.sign_in.is_none() => Ok(None),
                Some(gate) => self.knock(leg, gate).await,
                None if at == last => Ok(None),
                None => self.try_direct(leg).await,
            };
            let (first, failure) = match opened {
                Ok(passed) => (passed.map(|passed| Ok((passed, start.elapsed()))), None),
                Err(failure) if matters_to_all(&failure) => (None, Some(failure)),
                Err(failure) => (Some(Err(failure)), None),
            };
            match failure {
                Some(failure) if at < last && did_not_open(&failure) && begun.elapsed() < TRYING => {
                    taken.passed_over.push(Untrusted::new(&format!("{words}: {failure}")));
                }
                failure => return Settled { gate, taken, failure, first: Mutex::new(first) },
            }
        }
        Settled { taken, ..Settled::default() }
    }

    /// The proxy as this run knows it already, or anew.
    fn gate(&self, proxy: Proxy) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = gates.iter().find(|gate| gate.proxy == proxy) {
            return known.clone();
        }
        let same = gates.iter().find(|gate| gate.proxy.credentials == proxy.credentials);
        let account = same.map(|gate| gate.account.clone()).unwrap_or_default();
        let gate = Arc::new(Gate::new(proxy, account));
        gates.push(gate.clone());
        gate
    }

    /// Opens the tunnel that the first dial of the leg will want, or on the cleartext leg of an HTTP proxy, sees whether it lets a
    /// request pass.
    async fn knock(&self, leg: Leg, gate: &Gate) -> Result<Option<Passed>, Failure> {
        let target = self.target();
        let Some(port) = target.port(leg) else { return Ok(None) };
        let step = Mutex::new(Operation::ConnectProxy);
        let now = |operation| *step.lock().unwrap_or_else(PoisonError::into_inner) = operation;
        let looks = leg == Leg::Http && gate.proxy.protocol.is_http();
        let opening = async {
            if looks {
                let url = format!("http://{}/", target.host_header(leg, port));
                return gate.look(&self.options, &url, &now).await.map(|()| None);
            }
            gate.tunnel(&self.options, &target.host, port, &target.authority(port), &now).await.map(Some)
        };
        match timeout(self.options.within, opening).await {
            // Whatever else went wrong with a look, the request itself will tell.
            Ok(Err(failure)) if looks && !matters_to_all(&failure) => Ok(None),
            Ok(result) => result,
            Err(_) => {
                let step = *step.lock().unwrap_or_else(PoisonError::into_inner);
                let failure = match step {
                    Operation::ConnectProxy | Operation::TlsProxy | Operation::SignIn => Failure {
                        operation: step,
                        kind: Kind::TimedOut,
                        peer: Untrusted::new(&gate.proxy.address()),
                        detail: Untrusted::default(),
                    },
                    _ if looks => return Ok(None),
                    _ => {
                        let peer = format!("{} through the proxy {}", target.authority(port), gate.proxy.address());
                        Failure {
                            operation: step,
                            kind: Kind::TimedOut,
                            peer: Untrusted::new(&peer),
                            detail: Untrusted::default(),
                        }
                    }
                };
                Err(failure)
            }
        }
    }

    async fn try_direct(&self, leg: Leg) -> Result<Option<Passed>, Failure> {
        let target = self.target();
        let Some(port) = target.port(leg) else { return Ok(None) };
        match timeout(self.options.within, self.direct(&target, port)).await {
            Ok(result) => result.map(|_| None),
            Err(_) => Err(self.failure(leg, Operation::Connect, Kind::TimedOut, "")),
        }
    }
}

/// How long one way after another is tried: three that take a connection and say nothing. Then nobody waits for the next one.
const TRYING: Duration = Duration::from_secs(30);

/// Whether a way did not even begin, so that a browser would try the next one.
fn did_not_open(failure: &Failure) -> bool {
    matches!(failure.operation, Operation::ConnectProxy | Operation::TlsProxy | Operation::Connect | Operation::Resolve)
}

/// Whether every further dial would fail in the same way.
fn matters_to_all(failure: &Failure) -> bool {
    let credentials = matches!(failure.kind, Kind::CredentialsRequired(_) | Kind::CredentialsRefused { .. });
    did_not_open(failure) || credentials || failure.operation == Operation::SignIn
}
