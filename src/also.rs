//! The application's own endpoints, visited beside the probes of the paired server.

use crate::net::{Elsewhere, Route};
use proxyprobe_probes::also::client::{Endpoint, Visit, visit};
use proxyprobe_probes::also::{Asked, Wants};
use proxyprobe_probes::exchange::Exchange;
use proxyprobe_probes::io::BoxFuture;
use proxyprobe_probes::io::observe::{Opening, Sheet};
use proxyprobe_probes::io::pen::{Clock, Entropy};
use proxyprobe_probes::plan::Depth;
use proxyprobe_probes::transport::Leg;
use proxyprobe_probes::untrusted::Untrusted;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// An endpoint, and the way to it.
#[derive(Clone)]
pub struct Application {
    /// What is visited.
    pub endpoint: Endpoint,
    /// What differs on the way to it from the way to the paired server.
    pub way: Elsewhere,
}

/// The most that the beat of the probes waits for an endpoint: what TCP, TLS and a request take with 300 ms of round trip. Whoever
/// answers later is heard beside the beat, which a few small packets do not disturb.
const HELD: Duration = Duration::from_secs(1);

/// How long a visit takes: the way and the head of the answer, and then the watch.
pub(crate) fn times(depth: Depth) -> (Duration, Duration) {
    match depth {
        // What a quick run has is a few seconds in all.
        Depth::Quick => (Duration::from_secs(5), Duration::from_secs(2)),
        Depth::Standard | Depth::Deep => (Duration::from_secs(10), Duration::from_secs(5)),
    }
}

/// The visits of a run.
pub(crate) struct Visits(Vec<One>);

struct One {
    visit: Visit,
    route: Arc<Route>,
    sheet: Sheet<Asked>,
}

impl Visits {
    /// None is made yet.
    pub(crate) fn new(all: &[Application], route: &Route, depth: Depth, clock: Clock, entropy: &Entropy) -> Self {
        let (within, watch) = times(depth);
        let one = |application: &Application| {
            let route = Arc::new(route.elsewhere(&application.way));
            let endpoint = application.endpoint.clone();
            let visit = Visit { endpoint, dial: route.clone(), within, watch, entropy: entropy.clone() };
            One { visit, route, sheet: Sheet::new(clock, entropy) }
        };
        Self(all.iter().map(one).collect())
    }

    /// What is to be done, all at once. `opening` is held until an endpoint has answered, but not for long.
    pub(crate) fn work(&self, opening: Option<&Opening>) -> Vec<BoxFuture<'static, ()>> {
        let work = |one: &One| -> BoxFuture<'static, ()> {
            let (visiting, sheet, opening) = (one.visit.clone(), one.sheet.clone(), opening.cloned());
            Box::pin(async move {
                let (answered, mut all_dropped) = mpsc::channel(1);
                let hold = async {
                    let _ = timeout(HELD, all_dropped.recv()).await;
                    drop(opening);
                };
                tokio::join!(visit(visiting, sheet, Some(answered)), hold);
            })
        };
        self.0.iter().map(work).collect()
    }

    /// What was written so far, by leg.
    pub(crate) fn evidence(&self) -> BTreeMap<Leg, Vec<Exchange<Asked>>> {
        let mut legs: BTreeMap<Leg, Vec<Exchange<Asked>>> = BTreeMap::new();
        for one in &self.0 {
            let leg = one.visit.endpoint.leg;
            let (proxy, chosen_by) = (one.route.proxy(leg), one.route.chosen_by(leg));
            one.sheet.amend(
                |_| true,
                |asked| {
                    asked.proxy = proxy.as_ref().map(|proxy| Untrusted::new(&proxy.address()));
                    chosen_by.clone_into(&mut asked.chosen_by);
                },
            );
            legs.entry(leg).or_default().extend(one.sheet.exchanges());
        }
        legs
    }
}

/// Reads the URL of an endpoint.
///
/// # Errors
/// What is wrong with it, and what to write.
pub(crate) fn endpoint(text: &str) -> Result<Endpoint, String> {
    let wrong = |why: &str| {
        // It may hold a password, and in its query a token.
        let shown = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
        let shown = Untrusted::new(shown.split('?').next().unwrap_or_default());
        format!(
            "--also {shown}: {why}. Write the application's own endpoint: wss://HOST/PATH or ws://HOST/PATH for a WebSocket, \
             https://HOST/PATH or http://HOST/PATH for an event stream."
        )
    };
    if !text.contains("://") {
        return Err(wrong("it has no scheme"));
    }
    let url = url::Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    let (leg, wants) = match url.scheme() {
        "wss" => (Leg::Https, Wants::WebSocket),
        "ws" => (Leg::Http, Wants::WebSocket),
        "https" => (Leg::Https, Wants::EventStream),
        "http" => (Leg::Http, Wants::EventStream),
        _ => return Err(wrong("this scheme cannot be tried")),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it must not contain a user or a password; --also-header can send an Authorization"));
    }
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("it names no host"))?;
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let host = host.trim_matches(['[', ']']).to_owned();
    let mut plain = url.clone();
    plain.set_fragment(None);
    Ok(Endpoint { url: plain.to_string(), host, path, leg, wants, secrets: Vec::new() })
}

/// The port of an endpoint.
pub(crate) fn port(endpoint: &Endpoint) -> u16 {
    let url = url::Url::parse(&endpoint.url).ok();
    url.and_then(|url| url.port()).unwrap_or(endpoint.leg.default_port())
}
