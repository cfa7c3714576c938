//! The user's real way out, for one run.

use super::gate::{Gate, Passed, Readied};
use super::proxy::Proxy;
use super::resolve::Pinned;
use super::settings::{Proxies, Setting};
use super::settle::{Settled, Taken};
use super::sign_in::SignIn;
use super::tls::ClientTls;
use super::{Network, tls};
use http::{HeaderMap, HeaderValue, header};
use proxyprobe_probes::below::Examined;
use proxyprobe_probes::exchange::Opened;
use proxyprobe_probes::failure::{Failure, Kind, Operation};
use proxyprobe_probes::io::{BoxFuture, Dial, Looked, Purpose, Way};
use proxyprobe_probes::transport::{Leg, Via};
use proxyprobe_probes::untrusted::Untrusted;
use proxyprobe_probes::wire::Legs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout};

/// The server to be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name or address, without brackets.
    pub host: String,
    /// The ports of its legs, as far as they are known.
    pub legs: Legs,
}

impl Target {
    /// The port of a leg, if it is known.
    pub fn port(&self, leg: Leg) -> Option<u16> {
        match leg {
            Leg::Http => self.legs.http,
            Leg::Https => self.legs.https,
        }
    }

    /// `host:port` as it stands in a `Host` header and in a CONNECT; the port is left out of a `Host` when it is the default.
    pub(super) fn authority(&self, port: u16) -> String {
        if self.host.contains(':') { format!("[{}]:{port}", self.host) } else { format!("{}:{port}", self.host) }
    }

    pub(super) fn host_header(&self, leg: Leg, port: u16) -> String {
        let whole = self.authority(port);
        if port == leg.default_port() { whole.strip_suffix(&format!(":{port}")).unwrap_or(&whole).to_owned() } else { whole }
    }
}

/// What a route is made of.
#[derive(Clone)]
pub struct RouteOptions {
    /// The proxies, by leg.
    pub proxies: Proxies,
    /// Addresses, pinned for the run.
    pub pinned: Pinned,
    /// The client's side of TLS.
    pub tls: ClientTls,
    /// The client's side of TLS to a proxy, or to whoever has a script: `--pin` names the server's certificate, and not theirs.
    pub proxy_tls: ClientTls,
    /// How to sign in at a proxy; `None`: not at all, and nothing is asked of a proxy before it is needed.
    pub sign_in: Option<SignIn>,
    /// Headers of every request to the server: the user's own.
    pub headers: HeaderMap,
    /// The user agent.
    pub user_agent: HeaderValue,
    /// The `Origin` of WebSockets and streams, as a page's browser would send it; by default the server's own.
    pub origin: Option<HeaderValue>,
    /// How long one dial may take, with proxy and TLS.
    pub within: Duration,
}

/// Another server that a run goes to, and what differs on the way to it.
#[derive(Clone)]
pub struct Elsewhere {
    /// The server.
    pub target: Target,
    /// The proxies towards it.
    pub proxies: Proxies,
    /// How to sign in there, as in [`RouteOptions::sign_in`].
    pub sign_in: Option<SignIn>,
    /// Headers of every request to it.
    pub headers: HeaderMap,
    /// The user agent.
    pub user_agent: HeaderValue,
    /// The `Origin`; by default the server's own.
    pub origin: Option<HeaderValue>,
    /// How long one dial may take.
    pub within: Duration,
}

/// A datagram may be lost, and the one that comes back: eight of each in the time of an answer leave one in a million with a tenth lost
/// each way.
const AGAIN: Duration = Duration::from_millis(400);

/// The user's real way out.
pub struct Route {
    target: Mutex<Target>,
    pub(super) network: Arc<dyn Network>,
    pub(super) options: RouteOptions,
    pub(super) settled: [OnceCell<Settled>; 2],
    /// The proxies as this run knows them, whichever server they lead to.
    pub(super) gates: Arc<Mutex<Vec<Arc<Gate>>>>,
}

impl Route {
    /// Towards a server.
    pub fn new(target: Target, network: Arc<dyn Network>, options: RouteOptions) -> Self {
        Self { target: Mutex::new(target), network, options, settled: Default::default(), gates: Arc::default() }
    }

    /// The way to another server, in the same run: through proxies that know already who signs in there.
    pub fn elsewhere(&self, to: &Elsewhere) -> Self {
        let options = RouteOptions {
            proxies: to.proxies.clone(),
            // What is trusted there: `--pin` names another server's certificate.
            tls: self.options.proxy_tls.clone(),
            sign_in: to.sign_in,
            headers: to.headers.clone(),
            user_agent: to.user_agent.clone(),
            origin: to.origin.clone(),
            within: to.within,
            ..self.options.clone()
        };
        self.towards(to.target.clone(), options)
    }

    fn towards(&self, target: Target, options: RouteOptions) -> Self {
        Self { gates: self.gates.clone(), ..Self::new(target, self.network.clone(), options) }
    }

    /// The server, with the legs that are known by now.
    pub fn target(&self) -> Target {
        self.target.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Learns where a leg is, or that there is none.
    pub fn learn(&self, leg: Leg, port: Option<u16>) {
        let mut target = self.target.lock().unwrap_or_else(PoisonError::into_inner);
        match leg {
            Leg::Http => target.legs.http = port,
            Leg::Https => target.legs.https = port,
        }
    }

    /// The proxies in use.
    pub fn proxies(&self) -> &Proxies {
        &self.options.proxies
    }

    /// The proxy of a leg: the one that was chosen, or before that the one that is set.
    pub fn proxy(&self, leg: Leg) -> Option<Proxy> {
        match self.settled(leg).get() {
            Some(settled) => settled.proxy(),
            None => match self.options.proxies.of(leg) {
                Setting::Proxy(proxy) => Some(proxy.clone()),
                Setting::Direct | Setting::Script(_) => None,
            },
        }
    }

    /// How the way of a leg was chosen, and by what the run signed in at its proxy.
    pub fn taken(&self, leg: Leg) -> (Taken, Option<&'static str>) {
        self.settled(leg).get().map_or_else(Default::default, Settled::told)
    }

    /// Who chose the way of a leg, as reports say it.
    pub fn chosen_by(&self, leg: Leg) -> &'static str {
        if self.taken(leg).0.script.is_some() { "pac" } else { self.options.proxies.source.as_str() }
    }

    /// The server on a leg, with its port and the proxy on the way, as a person is told them.
    pub fn peer(&self, leg: Leg) -> String {
        let target = self.target();
        let peer = target.port(leg).map_or(target.host.clone(), |port| target.authority(port));
        match self.proxy(leg) {
            Some(proxy) => format!("{peer} through the proxy {}", proxy.address()),
            None => peer,
        }
    }

    /// The names of the headers that the user added.
    pub fn own_headers(&self) -> Vec<String> {
        self.options.headers.keys().map(|name| name.as_str().to_owned()).collect()
    }

    /// This machine's address towards the server or its proxy, once something was dialled.
    pub async fn local_address(&self, leg: Leg) -> Option<IpAddr> {
        let target = self.target();
        let (host, port) = match self.proxy(leg) {
            Some(proxy) => (proxy.host, proxy.port),
            None => (target.host.clone(), target.port(leg)?),
        };
        let kept = self.options.pinned.kept(&host).await?;
        self.network.local_towards(SocketAddr::new(kept, port))
    }

    pub(super) async fn direct(&self, target: &Target, port: u16) -> Result<Passed, Failure> {
        let (io, local, remote) = self.options.pinned.connect(&target.host, port, Operation::Connect).await?;
        Ok(Passed { io, local, remote })
    }

    pub(super) fn settled(&self, leg: Leg) -> &OnceCell<Settled> {
        let [http, https] = &self.settled;
        match leg {
            Leg::Http => http,
            Leg::Https => https,
        }
    }

    /// Opens a way; `step` always says what is being done, for whoever runs out of patience.
    async fn open(&self, leg: Leg, purpose: Purpose, settled: &Settled, step: &Mutex<Operation>) -> Result<Way, Failure> {
        let mut start = Instant::now();
        let mut way = self.lay(leg, purpose, settled, step, &mut start).await?;
        if leg == Leg::Https {
            *step.lock().unwrap_or_else(PoisonError::into_inner) = Operation::Tls;
            let target = self.target();
            let port = target.port(leg).unwrap_or(leg.default_port());
            // Boxed: the handshake's state would make every future that dials as large as a TLS session.
            let http2 = purpose == Purpose::Http2;
            let (io, secured) = Box::pin(tls::open(way.io, &self.options.tls, http2, &target.host, port)).await?;
            // An address is not put into the extension.
            way.opened.sni = target.host.trim_matches(['[', ']']).parse::<IpAddr>().is_err().then(|| target.host.clone());
            way = Way { io, tls: Some(secured), ..way };
        }
        way.opened.took_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(way)
    }

    /// Lays the way up to the TLS session with the server. `start` is set back by what a tunnel took that was there before.
    async fn lay(
        &self,
        leg: Leg,
        purpose: Purpose,
        settled: &Settled,
        step: &Mutex<Operation>,
        start: &mut Instant,
    ) -> Result<Way, Failure> {
        let now = |operation| *step.lock().unwrap_or_else(PoisonError::into_inner) = operation;
        let target = self.target();
        let Some(port) = target.port(leg) else {
            return Err(self.failure(leg, Operation::Connect, Kind::Other, "the server declares no such leg"));
        };
        let mut headers = self.headers(leg, &target, port, purpose);
        let mut sign = None;
        let (passed, via, prefix) = match settled.way()? {
            None => (self.direct(&target, port).await?, Via::Direct, String::new()),
            Some(gate) => {
                now(Operation::ConnectProxy);
                // As a browser: a tunnel for TLS, for WebSockets and through SOCKS, absolute-form for the rest.
                if leg == Leg::Http && purpose != Purpose::WebSocket && gate.proxy.protocol.is_http() {
                    let prefix = format!("http://{}", target.host_header(leg, port));
                    let readied = Box::pin(gate.ready(&self.options, &format!("{prefix}/"), &now)).await?;
                    let Readied { passed, headers: own, sign: by } = readied;
                    headers.extend(own);
                    sign = by;
                    (passed, Via::AbsoluteForm, prefix)
                } else {
                    let authority = target.authority(port);
                    let passed = match settled.first() {
                        Some(first) => {
                            let (passed, took) = first?;
                            *start = start.checked_sub(took).unwrap_or(*start);
                            passed
                        }
                        None => Box::pin(gate.tunnel(&self.options, &target.host, port, &authority, &now)).await?,
                    };
                    (passed, Via::Connect, String::new())
                }
            }
        };
        let Passed { io, local, remote } = passed;
        let opened = Opened {
            via,
            local: local.to_string(),
            remote: remote.to_string(),
            tunnel_to: (via == Via::Connect).then(|| target.authority(port)),
            ..Opened::default()
        };
        Ok(Way { io, opened, prefix, host: target.host_header(leg, port), headers, sign, tls: None })
    }

    fn headers(&self, leg: Leg, target: &Target, port: u16, purpose: Purpose) -> HeaderMap {
        let mut headers = self.options.headers.clone();
        headers.insert(header::USER_AGENT, self.options.user_agent.clone());
        let own = || HeaderValue::from_str(&format!("{leg}://{}", target.host_header(leg, port))).ok();
        let websocket = matches!(purpose, Purpose::WebSocket | Purpose::WebSocketWithoutTunnel);
        let wanted = websocket || self.options.origin.is_some();
        if let Some(origin) = self.options.origin.clone().or_else(own).filter(|_| wanted) {
            headers.insert(header::ORIGIN, origin);
        }
        headers
    }

    pub(super) fn failure(&self, leg: Leg, operation: Operation, kind: Kind, detail: &str) -> Failure {
        Failure { operation, kind, peer: Untrusted::new(&self.peer(leg)), detail: Untrusted::new(detail) }
    }
}

impl Route {
    /// Gives what is being done the time that a dial may take.
    async fn within<T>(
        &self,
        leg: Leg,
        step: &Mutex<Operation>,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        match timeout(self.options.within, work).await {
            Ok(result) => result,
            Err(_) => {
                let step = *step.lock().unwrap_or_else(PoisonError::into_inner);
                Err(self.failure(leg, step, Kind::TimedOut, ""))
            }
        }
    }
}

impl Dial for Route {
    fn dial(&self, leg: Leg, purpose: Purpose) -> BoxFuture<'_, Result<Way, Failure>> {
        Box::pin(async move {
            // Choosing has deadlines of its own: a script may have to be fetched.
            let settled = self.settle(leg).await;
            let step = Mutex::new(Operation::Connect);
            self.within(leg, &step, self.open(leg, purpose, settled, &step)).await
        })
    }

    fn to_port(&self, leg: Leg, port: u16) -> Option<Arc<dyn Dial>> {
        let legs = match leg {
            Leg::Http => Legs { http: Some(port), https: None },
            Leg::Https => Legs { http: None, https: Some(port) },
        };
        // A script is asked anew: the port stands in the URL that it decides on.
        Some(Arc::new(self.towards(Target { legs, ..self.target() }, self.options.clone())))
    }

    fn look(&self, leg: Leg) -> BoxFuture<'_, Looked> {
        Box::pin(async move {
            let settled = self.settle(leg).await;
            let step = Mutex::new(Operation::Connect);
            let looking = async {
                let way = self.lay(leg, Purpose::Request, settled, &step, &mut Instant::now()).await?;
                *step.lock().unwrap_or_else(PoisonError::into_inner) = Operation::Tls;
                let target = self.target();
                let port = target.port(leg).unwrap_or(leg.default_port());
                Ok(tls::look(way.io, &self.options.tls, &target.host, port).await)
            };
            let looked = self.within(leg, &step, Box::pin(looking)).await;
            looked.unwrap_or_else(|failure| Looked { hellos: Vec::new(), session: Err(failure) })
        })
    }

    fn datagram(&self, leg: Leg, port: u16, question: Vec<u8>, within: Duration) -> BoxFuture<'_, Option<io::Result<Vec<u8>>>> {
        Box::pin(async move {
            // A proxy carries none; and what goes past it is not the user's way.
            let address = match self.proxy(leg) {
                Some(_) => return None,
                None => self.options.pinned.kept(&self.target().host).await?,
            };
            let asking = self.network.ask_by_datagram(SocketAddr::new(address, port), question, AGAIN);
            let answer = timeout(within, asking).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            (!answer.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Unsupported)).then_some(answer)
        })
    }

    fn examine(&self, chain: &[Vec<u8>]) -> Examined {
        self.options.tls.examine(chain, &self.target().host)
    }
}
