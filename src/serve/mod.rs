//! The paired server: the other witness.

pub mod acme;
pub mod admin;
pub mod certificate;
mod connection;
mod door;
pub mod fleet;
mod front;
mod lag;
mod lasting;
pub mod limits;
mod listen;
pub mod log;
mod metrics;
mod routes;
mod runs;
pub mod shelf;
pub mod tokens;
mod trim;
mod udp;

pub use listen::{Listening, listen, serve_on};
pub use udp::answer_datagrams;

use crate::net::tls::tls_end;
use connection::Connection;
use door::{Door, Ticket};
use fleet::Fleet;
use limits::Limits;
use log::Log;
use metrics::Metrics;
use proxyprobe_probes::below::TlsEnd;
use proxyprobe_probes::io::Io;
use proxyprobe_probes::io::hellos::Hellos;
use proxyprobe_probes::io::pen::Entropy;
use proxyprobe_probes::refusal::Refusal;
use proxyprobe_probes::transport::Leg;
use proxyprobe_probes::untrusted::Untrusted;
use proxyprobe_probes::wire::Legs;
use runs::Runs;
use rustls::ServerConfig;
use rustls::server::Acceptor;
use shelf::Shelf;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokens::Token;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::LazyConfigAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a server is made of.
pub struct Options {
    /// The ports that it declares to clients.
    pub legs: Legs,
    /// TLS, and the SHA-256 of the certificate that it serves.
    pub tls: Option<(Arc<ServerConfig>, String)>,
    /// Headers that its own front is declared to add.
    pub front_headers: Vec<Untrusted>,
    /// Where it keeps the reports that clients leave, if it does.
    pub shelf: Option<Shelf>,
    /// Its limits.
    pub limits: Limits,
    /// Where its randomness comes from.
    pub entropy: Entropy,
    /// Who may begin runs; everybody, where there are none.
    pub tokens: Vec<Token>,
    /// Whether a front begins each connection with a PROXY protocol header.
    pub proxy_protocol: bool,
    /// Where it says what happens.
    pub log: Log,
    /// Its part of a fleet, where it is one of several behind one name.
    pub fleet: Option<Arc<Fleet>>,
}

impl Options {
    /// A server with nothing special.
    pub fn new(entropy: Entropy) -> Self {
        Self {
            legs: Legs::default(),
            tls: None,
            front_headers: Vec::new(),
            shelf: None,
            limits: Limits::default(),
            entropy,
            tokens: Vec::new(),
            proxy_protocol: false,
            log: Log::silent(),
            fleet: None,
        }
    }
}

/// The name, in metrics and logs, of connections that were ended because a head did not come in time.
const SLOW_HEAD: &str = "slow-head";

/// How often it is looked whether runs are over.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long a store may take to be told the last of it.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A PROXY protocol header, as any bytes.
pub(crate) fn fuzz_proxy_header(bytes: &[u8]) {
    let mut rest = bytes;
    let _ = proxyprobe_probes::io::fuzz::run(front::read(&mut rest));
}

/// How a connection came in.
#[derive(Clone, Copy, Default)]
struct Arrival {
    /// From where, if that is known.
    peer: Option<SocketAddr>,
    /// Why it is not served, if it is not.
    refusal: Option<Refusal>,
}

/// The paired server, whatever its connections come in on.
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    legs: Mutex<Legs>,
    udp: Mutex<Option<u16>>,
    other_ports: Mutex<Vec<u16>>,
    tls: Mutex<Option<(Arc<ServerConfig>, String)>>,
    /// Answers the authority that makes certificates.
    challenges: Mutex<Option<Arc<ServerConfig>>>,
    hellos: Arc<Hellos>,
    front_headers: Vec<Untrusted>,
    shelf: Option<Arc<Shelf>>,
    limits: Limits,
    door: Arc<Door>,
    runs: Runs,
    fleet: Option<Arc<Fleet>>,
    /// For reports that are arriving.
    reports: Semaphore,
    /// For conversations of large messages.
    large: Arc<Semaphore>,
    lag: Mutex<lag::Lag>,
    tokens: Mutex<Arc<[Token]>>,
    proxy_protocol: bool,
    log: Log,
    metrics: Metrics,
    draining: AtomicBool,
    measuring: AtomicBool,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    /// A server with no connections yet.
    pub fn new(options: Options) -> Self {
        let door = Door::new(options.limits);
        Self(Arc::new(Inner {
            legs: Mutex::new(options.legs),
            udp: Mutex::default(),
            other_ports: Mutex::default(),
            tls: Mutex::new(options.tls),
            challenges: Mutex::default(),
            hellos: Arc::default(),
            front_headers: options.front_headers,
            shelf: options.shelf.map(Arc::new),
            limits: options.limits,
            runs: Runs::new(options.entropy, options.limits, door.clone(), options.fleet.clone()),
            door,
            reports: Semaphore::new(options.limits.reports),
            large: Arc::new(Semaphore::new(options.limits.large)),
            lag: Mutex::default(),
            tokens: Mutex::new(options.tokens.into()),
            proxy_protocol: options.proxy_protocol,
            log: options.log,
            metrics: Metrics::new(options.fleet.is_some()),
            fleet: options.fleet,
            draining: AtomicBool::new(false),
            measuring: AtomicBool::new(false),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }))
    }

    /// Says where its legs are, once that is known.
    pub fn declare(&self, legs: Legs) {
        *self.0.legs.lock().unwrap_or_else(PoisonError::into_inner) = legs;
    }

    /// Says at which UDP port it answers datagrams.
    pub fn declare_udp(&self, port: u16) {
        *self.0.udp.lock().unwrap_or_else(PoisonError::into_inner) = Some(port);
    }

    /// Says at which further ports its TLS leg is.
    pub fn declare_other_ports(&self, ports: Vec<u16>) {
        *self.0.other_ports.lock().unwrap_or_else(PoisonError::into_inner) = ports;
    }

    /// From now on, new connections are served with this certificate.
    pub fn serve_certificate(&self, config: Arc<ServerConfig>, sha256: String) {
        *self.0.tls.lock().unwrap_or_else(PoisonError::into_inner) = Some((config, sha256));
    }

    /// From now on, whoever asks for nothing but `acme-tls/1` (RFC 8737) is answered with this.
    fn answer_challenges(&self, config: Arc<ServerConfig>) {
        *self.0.challenges.lock().unwrap_or_else(PoisonError::into_inner) = Some(config);
    }

    /// From now on, these tokens admit runs.
    pub fn admit(&self, tokens: Vec<Token>) {
        *self.0.tokens.lock().unwrap_or_else(PoisonError::into_inner) = tokens.into();
    }

    /// Where it says what happens.
    pub fn log(&self) -> &Log {
        &self.0.log
    }

    /// What it counts, as text for Prometheus.
    pub fn metrics(&self) -> String {
        self.0.metrics.text(self)
    }

    /// Whether it takes no new runs because it is about to stop.
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    /// Takes no new runs, and waits until those that began are over, at most for so long.
    pub async fn drain(&self, most: Duration) {
        self.0.draining.store(true, Ordering::Relaxed);
        let over = async {
            while self.0.runs.under_way() {
                sleep(LOOK_EVERY).await;
            }
        };
        let _ = timeout(most, over).await;
    }

    /// Begins to test timers and, in a fleet, to keep in touch, once.
    fn measure_lag(&self) {
        if !self.0.measuring.swap(true, Ordering::Relaxed) {
            tokio::spawn(lag::measure(self.clone()));
            tokio::spawn(trim::in_quiet_times(self.clone()));
            if let Some(fleet) = &self.0.fleet {
                tokio::spawn(fleet::keep(self.clone(), fleet.clone()));
            }
        }
    }

    /// Its part of a fleet, where it has one.
    pub fn fleet(&self) -> Option<&Fleet> {
        self.0.fleet.as_deref()
    }

    /// The most that a timer was late since a moment, in milliseconds.
    fn lag_since(&self, moment: Instant) -> u64 {
        self.0.lag.lock().unwrap_or_else(PoisonError::into_inner).since(moment)
    }

    /// The worst lateness of a timer that is known, in milliseconds.
    fn recent_lag(&self) -> u64 {
        let now = Instant::now();
        self.lag_since(now.checked_sub(Duration::from_secs(60)).unwrap_or(now))
    }

    fn tls(&self) -> Option<(Arc<ServerConfig>, String)> {
        self.0.tls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Serves one connection to its end.
    pub async fn serve(&self, io: Io, leg: Leg) {
        self.serve_arrival(io, leg, Arrival::default(), None).await;
    }

    /// What comes with it is kept for as long as anything goes on there: also where it has become a WebSocket.
    async fn serve_arrival(&self, io: Io, leg: Leg, arrival: Arrival, ticket: Option<Ticket>) {
        // Who is only told why not has as long as a head may take, for everything.
        let lasts = if arrival.refusal.is_some() { self.0.limits.head } else { self.0.limits.longest };
        let until = Instant::now() + lasts;
        let held = Arc::new((ticket, self.0.metrics.connection(leg.as_str())));
        // Boxed: a TLS session is large, and most of a connection's life needs none of the handshake's state.
        let (io, tls) = match leg {
            Leg::Http => (io, None),
            Leg::Https => match Box::pin(self.accept_tls(io, &arrival)).await {
                Some(accepted) => accepted,
                None => return,
            },
        };
        let pages = Arc::new(Semaphore::new(1));
        let connection = Connection { server: self.clone(), observer: io.observer(), tls, arrival, until, pages, held };
        Arc::new(connection).serve(io).await;
    }

    /// A head, or a handshake, did not come in time.
    fn slow_head(&self, arrival: &Arrival) {
        self.0.metrics.refused(SLOW_HEAD);
        let from = arrival.peer.map_or_else(String::new, |peer| peer.ip().to_string());
        self.0.log.refused(SLOW_HEAD, &[("from", &from)]);
    }

    /// Ends all conversations with a word of why, and waits for them a little.
    pub async fn shut_down(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        let _ = timeout(self.0.limits.farewell, self.0.tasks.wait()).await;
        if let Some(fleet) = &self.0.fleet {
            let _ = timeout(LAST_WORDS, fleet.leave()).await;
        }
    }

    /// Cancelled when the server shuts down.
    pub fn stopping(&self) -> CancellationToken {
        self.0.stop.clone()
    }

    /// The TLS session, and what this end saw of it.
    async fn accept_tls(&self, io: Io, arrival: &Arrival) -> Option<(Io, Option<Arc<TlsEnd>>)> {
        let below = io.observer();
        let handshake = async {
            let start = LazyConfigAcceptor::new(Acceptor::default(), io).await.ok()?;
            // Before the answer: whoever asks for it has lost the connection by now.
            let hello = self.0.hellos.note(&below.first_bytes());
            if let Some((fleet, random)) = self.0.fleet.as_ref().zip(hello) {
                fleet.hello(random);
            }
            let challenges = self.0.challenges.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(config) = challenges.filter(|_| rustls_acme::is_tls_alpn_challenge(&start.client_hello())) {
                // All that is asked for is in the handshake.
                let _ = start.into_stream(config).await;
                return None;
            }
            let (config, sha256) = self.tls()?;
            Some((start.into_stream(config).await.ok()?, sha256))
        };
        let Ok(accepted) = timeout(self.0.limits.head, handshake).await else {
            self.slow_head(arrival);
            return None;
        };
        let (stream, sha256) = accepted?;
        let end = tls_end(stream.get_ref().1, &below.take_first_bytes(), Some(sha256));
        below.stop_tapping();
        Some((Io::over(stream, below), Some(Arc::new(end))))
    }
}

#[cfg(test)]
mod tests;
