//! One run over pipes: a server, a middlebox, a client, and no network.

use proxyprobe::check::{self, Progress, check};
use proxyprobe::lab::{Middlebox, relay};
use proxyprobe::net::proxy::{Proxies, Source};
use proxyprobe::net::tls::{TrustOptions, client_config};
use proxyprobe::net::{Family, Network, Pinned, Route, RouteOptions, Target};
use proxyprobe::report::Report;
use proxyprobe::serve::limits::Limits;
use proxyprobe::serve::{self, Server, certificate};
use proxyprobe_probes::ProbeId;
use proxyprobe_probes::io::pen::Entropy;
use proxyprobe_probes::io::pipe::{Link, pipe};
use proxyprobe_probes::io::{BoxFuture, Io};
use proxyprobe_probes::plan::{Depth, Plan};
use proxyprobe_probes::recommend::Answers;
use proxyprobe_probes::transport::Leg;
use proxyprobe_probes::wire::Legs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What stands between, and how the run is done.
pub(crate) struct Scenario {
    /// The middlebox and its leg.
    pub(crate) middlebox: Option<(Leg, Arc<dyn Middlebox>)>,
    /// The URL's leg.
    pub(crate) leg: Leg,
    /// The longest silence.
    pub(crate) idle_ms: u64,
    /// One-way delay of every pipe.
    pub(crate) latency_ms: u64,
    /// Bytes a second of every pipe.
    pub(crate) rate: Option<u64>,
    /// The answers to the questions.
    pub(crate) answers: Answers,
    /// When the server dies.
    pub(crate) server_dies_ms: Option<u64>,
    /// When the run is stopped.
    pub(crate) stopped_ms: Option<u64>,
    /// The server's limits.
    pub(crate) limits: Limits,
    /// The server shuts down in order.
    pub(crate) server_stops_ms: Option<u64>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            middlebox: None,
            leg: Leg::Http,
            idle_ms: 32_000,
            latency_ms: 5,
            rate: None,
            answers: Answers::default(),
            server_dies_ms: None,
            stopped_ms: None,
            limits: Limits::default(),
            server_stops_ms: None,
        }
    }
}

/// Runs a scenario to its report.
pub(crate) fn hear(scenario: &Scenario) -> Report {
    // Paused: hours of silence pass as fast as the machine computes, and in the same order each time.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let mut report = runtime.block_on(run(scenario));
    report.started_at = "2026-01-01T00:00:00Z".to_owned();
    report
}

async fn run(scenario: &Scenario) -> Report {
    let identity = certificate::self_signed(vec!["probe.test".to_owned()]).unwrap();
    let pin = identity.sha256.clone();
    let legs = Legs { http: Some(80), https: Some(443) };
    let server = Server::new(serve::Options {
        legs,
        tls: Some((identity.config, identity.sha256)),
        front_headers: Vec::new(),
        limits: scenario.limits,
        entropy: Entropy::seeded(1),
    });
    let dead = CancellationToken::new();
    let network = Arc::new(Memory {
        server: server.clone(),
        middlebox: scenario.middlebox.clone(),
        link: Link { latency: Duration::from_millis(scenario.latency_ms), rate: scenario.rate },
        dead: dead.clone(),
    });
    let route = Route::new(
        Target { host: "probe.test".to_owned(), legs },
        network.clone(),
        RouteOptions {
            proxies: Proxies::none(Source::None),
            pinned: Pinned::new(network, Family::Any, Default::default()),
            tls: client_config(TrustOptions { pin: Some(pin), roots: Vec::new(), system: false }).unwrap(),
            headers: Default::default(),
            user_agent: "scenario".parse().unwrap(),
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
        plan: Plan::new(Depth::Standard, Some(scenario.idle_ms)),
        answers: scenario.answers,
        entropy: Entropy::seeded(2),
        embedded: false,
        url: format!("{}://probe.test", scenario.leg),
    };
    check(options, Arc::new(route), &Silent, stop).await
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

/// Pipes instead of sockets.
struct Memory {
    server: Server,
    middlebox: Option<(Leg, Arc<dyn Middlebox>)>,
    link: Link,
    /// Cancelled when the server dies as by SIGKILL: every connection is reset and no new one comes about.
    dead: CancellationToken,
}

impl Network for Memory {
    fn resolve<'a>(&'a self, _: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(vec![SocketAddr::from(([192, 0, 2, 1], port))]) })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<(Io, SocketAddr)>> {
        Box::pin(async move {
            tokio::time::sleep(self.link.latency * 2).await;
            if self.dead.is_cancelled() {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let leg = if address.port() == 443 { Leg::Https } else { Leg::Http };
            let (client, there) = pipe(self.link);
            let end = match &self.middlebox {
                Some((on, middlebox)) if *on == leg => {
                    let (behind, end) = pipe(Link::default());
                    tokio::spawn(middlebox.carry(there, behind));
                    end
                }
                _ => there,
            };
            // A wire that can be torn out: dropping it ends both sides.
            let (near, inside) = pipe(Link::default());
            let (server, dead) = (self.server.clone(), self.dead.clone());
            tokio::spawn(async move { server.serve(inside, leg).await });
            tokio::spawn(async move {
                tokio::select! {
                    () = relay::pass(end, near) => {}
                    () = dead.cancelled() => {}
                }
            });
            Ok((client, SocketAddr::from(([192, 0, 2, 9], 40_000))))
        })
    }

    fn local_towards(&self, _: SocketAddr) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, 9]))
    }
}
