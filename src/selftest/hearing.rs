//! One run over pipes: a server, middleboxes, a client, and no network.

use super::application::Application;
use crate::also;
use crate::check::{self, Progress, check};
use crate::lab::{Admission, Kit, Middlebox, Onward, Root, Row, Spec, relay};
use crate::net::proxy::Proxy;
use crate::net::tls::{TrustOptions, client_config, provider};
use crate::net::{Elsewhere, Family, Network, Pinned, Proxies, Route, RouteOptions, Source, Target};
use crate::report::Report;
use crate::serve::limits::Limits;
use crate::serve::{self, Server, certificate};
use http::HeaderValue;
use proxyprobe_probes::ProbeId;
use proxyprobe_probes::io::pen::Entropy;
use proxyprobe_probes::io::pipe::{Link, pipe};
use proxyprobe_probes::io::{BoxFuture, Io};
use proxyprobe_probes::plan::{Depth, Plan};
use proxyprobe_probes::recommend::Answers;
use proxyprobe_probes::transport::Leg;
use proxyprobe_probes::untrusted::Untrusted;
use proxyprobe_probes::wire::Legs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What stands between, and how the run is done.
#[derive(Clone)]
pub struct Scenario {
    /// The middleboxes, the client's neighbour first.
    pub boxes: Vec<Spec>,
    /// The legs that they stand on.
    pub on: Vec<Leg>,
    /// The URL's leg.
    pub leg: Leg,
    /// How deep.
    pub depth: Depth,
    /// The longest silence.
    pub idle_ms: u64,
    /// How the client's pipes behave.
    pub link: Link,
    /// The answers to the questions.
    pub answers: Answers,
    /// The headers that the server says its own front adds.
    pub front_headers: &'static [&'static str],
    /// When the server dies.
    pub server_dies_ms: Option<u64>,
    /// When the run is stopped.
    pub stopped_ms: Option<u64>,
    /// The server's limits.
    pub limits: Limits,
    /// The server shuts down in order.
    pub server_stops_ms: Option<u64>,
    /// An application stands beside the server, and is visited as well.
    pub application: bool,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            boxes: Vec::new(),
            on: Vec::new(),
            leg: Leg::Http,
            depth: Depth::Standard,
            idle_ms: 32_000,
            link: Link { latency: Duration::from_millis(5), ..Link::default() },
            answers: Answers::default(),
            front_headers: &[],
            server_dies_ms: None,
            stopped_ms: None,
            limits: Limits::default(),
            server_stops_ms: None,
            application: false,
        }
    }
}

/// The name of the server, which no network has (RFC 6761 section 6.2).
const HOST: &str = "probe.test";
/// The name of the application, and its address.
const APPLICATION: (&str, [u8; 4]) = ("app.test", [192, 0, 2, 2]);
/// Where the lab's explicit proxies listen.
const PROXY_PORT: u16 = 3128;

/// Runs a scenario to its report.
///
/// # Errors
/// When the middleboxes cannot stand in this row, or this machine can make no keys.
pub fn hear(scenario: &Scenario) -> Result<Report, String> {
    // Paused: hours of silence pass as fast as the machine computes, and in the same order each time.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let mut report = runtime.map_err(|error| error.to_string())?.block_on(run(scenario))?;
    report.started_at = "2026-01-01T00:00:00Z".to_owned();
    Ok(report)
}

async fn run(scenario: &Scenario) -> Result<Report, String> {
    let identity = certificate::self_signed(vec![HOST.to_owned()])?;
    let root = Arc::new(Root::new("lab root", provider())?);
    let public = Arc::new(Root::new("public root", provider())?);
    let roots = vec![identity.leaf.clone(), root.certificate(), public.certificate()];
    let trusted = TrustOptions { pin: None, roots, system: false };
    let tls = client_config(trusted)?.with_public_roots(vec![public.certificate()])?;
    let application = Application::new(public.config(&[APPLICATION.0.to_owned()], rustls::ALL_VERSIONS)?);
    // Each client names the host that it wants.
    let kit = Kit { public, behind: None, ..Kit::new(root, tls.clone(), vec![HOST.to_owned()])? };
    let legs = Legs { http: Some(80), https: Some(443) };
    let server = Server::new(serve::Options {
        legs,
        tls: Some((identity.config, identity.sha256)),
        front_headers: scenario.front_headers.iter().map(|name| Untrusted::new(name)).collect(),
        limits: scenario.limits,
        ..serve::Options::new(Entropy::seeded(1))
    });
    let dead = CancellationToken::new();
    let network = Arc::new(Memory {
        behind: Behind { server: server.clone(), application, dead: dead.clone() },
        row: Row::new(&scenario.boxes, &kit)?,
        on: scenario.on.clone(),
        link: scenario.link,
        opened: AtomicU64::new(0),
    });
    let proxy = Proxy::read(&format!("http://proxy.test:{PROXY_PORT}")).map_err(|why| why.to_string())?;
    let proxies = if Row::is_explicit_proxy(&scenario.boxes) { Proxies::flag(proxy) } else { Proxies::none(Source::None) };
    let also = if scenario.application { visited(scenario.leg, &proxies)? } else { Vec::new() };
    let route = Route::new(
        Target { host: HOST.to_owned(), legs },
        network.clone(),
        RouteOptions {
            proxies,
            pinned: Pinned::new(network, Family::Any, Default::default()),
            proxy_tls: tls.clone(),
            tls,
            sign_in: None,
            headers: Default::default(),
            user_agent: HeaderValue::from_static("Mozilla/5.0 (scenario)"),
            origin: None,
            within: Duration::from_secs(10),
        },
    );
    let stop = CancellationToken::new();
    after(scenario.server_dies_ms, move || dead.cancel());
    after(scenario.stopped_ms, {
        let stop = stop.clone();
        move || stop.cancel()
    });
    if let Some(ms) = scenario.server_stops_ms {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            server.shut_down().await;
        });
    }
    let options = check::Options {
        leg: scenario.leg,
        legs: Leg::ALL.to_vec(),
        probes: ProbeId::ALL.to_vec(),
        plan: Plan::new(scenario.depth, Some(scenario.idle_ms)),
        answers: scenario.answers,
        entropy: Entropy::seeded(2),
        token: None,
        embedded: false,
        url: format!("{}://{HOST}", scenario.leg),
        also,
    };
    Ok(check(options, Arc::new(route), &Silent, stop).await.report)
}

/// A socket and a stream of the application, on the deciding leg.
fn visited(leg: Leg, proxies: &Proxies) -> Result<Vec<also::Application>, String> {
    let secure = if leg == Leg::Https { "s" } else { "" };
    let urls = [format!("ws{secure}://{}/socket?room=1", APPLICATION.0), format!("http{secure}://{}/events", APPLICATION.0)];
    let visit = |url: &String| {
        let way = Elsewhere {
            target: Target { host: APPLICATION.0.to_owned(), legs: Legs { http: Some(80), https: Some(443) } },
            proxies: proxies.clone(),
            sign_in: None,
            headers: Default::default(),
            user_agent: HeaderValue::from_static("Mozilla/5.0 (scenario)"),
            origin: None,
            within: Duration::from_secs(10),
        };
        Ok(also::Application { endpoint: also::endpoint(url)?, way })
    };
    urls.iter().map(visit).collect()
}

fn after(ms: Option<u64>, then: impl FnOnce() + Send + 'static) {
    if let Some(ms) = ms {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            then();
        });
    }
}

struct Silent;

impl Progress for Silent {
    fn step(&self, _: &str, _: Option<Duration>) {}
}

/// The server, and the wire to it.
#[derive(Clone)]
struct Behind {
    server: Server,
    /// What stands beside it.
    application: Application,
    /// Cancelled when the server dies as by SIGKILL: every connection ends and no new one comes about.
    dead: CancellationToken,
}

impl Behind {
    /// The other end of a new connection to a host.
    fn open(&self, leg: Leg, of_application: bool) -> io::Result<Io> {
        if self.dead.is_cancelled() {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        // Two pipes, so that the wire between them can be torn out: dropping it ends both sides.
        let (near, outside) = pipe(Link::default());
        let (inside, far) = pipe(Link::default());
        let (server, application, dead) = (self.server.clone(), self.application.clone(), self.dead.clone());
        tokio::spawn(async move {
            if of_application { application.serve(far, leg == Leg::Https).await } else { server.serve(far, leg).await }
        });
        tokio::spawn(async move {
            tokio::select! {
                () = relay::pass(outside, inside) => {}
                () = dead.cancelled() => {}
            }
        });
        Ok(near)
    }
}

fn leg_of(port: u16) -> Leg {
    if port == 443 { Leg::Https } else { Leg::Http }
}

/// Pipes instead of sockets.
struct Memory {
    behind: Behind,
    row: Row,
    on: Vec<Leg>,
    link: Link,
    opened: AtomicU64,
}

impl Network for Memory {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let address = if host == APPLICATION.0 { APPLICATION.1 } else { [192, 0, 2, 1] };
        Box::pin(async move { Ok(vec![SocketAddr::from((address, port))]) })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<(Io, SocketAddr)>> {
        Box::pin(async move {
            tokio::time::sleep(self.link.latency * 2).await;
            let (explicit, leg) = (address.port() == PROXY_PORT, leg_of(address.port()));
            let of_application = address.ip() == IpAddr::from(APPLICATION.1);
            let seed = self.link.seed.wrapping_add(self.opened.fetch_add(1, Ordering::Relaxed));
            let (client, there) = pipe(Link { seed, ..self.link });
            let local = SocketAddr::from(([192, 0, 2, 9], 40_000));
            if !explicit && !self.on.contains(&leg) {
                let server = self.behind.open(leg, of_application)?;
                tokio::spawn(relay::pass(there, server));
                return Ok((client, local));
            }
            match self.row.admits() {
                Admission::Accepts => {}
                Admission::Refuses => return Err(io::ErrorKind::ConnectionRefused.into()),
                Admission::Ignores => std::future::pending().await,
            }
            let behind = self.behind.clone();
            let onward = Onward::new(move |place| {
                let port = place.as_ref().and_then(|place| place.rsplit_once(':')?.1.parse().ok());
                let of_application = place.map_or(of_application, |place| place.starts_with(APPLICATION.0));
                let opened = behind.open(port.map_or(leg, leg_of), of_application);
                Box::pin(async move { opened })
            });
            tokio::spawn(self.row.carry(there, onward));
            Ok((client, local))
        })
    }

    fn local_towards(&self, _: SocketAddr) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, 9]))
    }
}
