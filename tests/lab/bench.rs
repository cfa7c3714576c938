//! A row of middleboxes between pipes: the tests hold both ends.

use crate::peer::Peer;
use proxyprobe::lab::{ALL, Admission, Kind, Kit, Middlebox, Onward, Root, Row, Spec};
use proxyprobe_probes::io::Io;
use proxyprobe_probes::io::pipe::{Link, pipe};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

thread_local! {
    /// Every middlebox that was built on this thread, which is the thread of one test.
    static TRIED: RefCell<Vec<Spec>> = const { RefCell::new(Vec::new()) };
}

/// Every value of every choice that a test did not try; the default counts where nothing is said.
pub(crate) fn untried(name: &str) -> Vec<String> {
    TRIED.with_borrow(|tried| {
        let tried: Vec<&Spec> = tried.iter().filter(|spec| spec.entry.name == name).collect();
        let mut missing = if tried.is_empty() { vec![name.to_owned()] } else { Vec::new() };
        for parameter in ALL.iter().filter(|entry| entry.name == name).flat_map(|entry| entry.parameters) {
            let Kind::Choice(words) = parameter.kind else { continue };
            let untried = words.iter().filter(|word| !tried.iter().any(|spec| spec.word(parameter.name) == **word));
            missing.extend(untried.map(|word| format!("{name}:{}={word}", parameter.name)));
        }
        missing
    })
}

/// How the lab verifies nobody: for tests without TLS behind.
pub(crate) fn trusting(root: Option<CertificateDer<'static>>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(root);
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// What middleboxes are built with; `server` signed the certificate of the server behind.
pub(crate) fn kit(server: Option<CertificateDer<'static>>) -> Kit {
    let root = Arc::new(Root::new("lab root", Arc::new(ring::default_provider())).unwrap());
    Kit::new(root, trusting(server), vec!["origin.test".to_owned(), "192.0.2.1".to_owned()]).unwrap()
}

/// A connection that came through, and the place that the client named to a proxy.
type Arrival = (Io, Option<String>);

/// Middleboxes, and whatever comes out behind them.
pub(crate) struct Bench {
    row: Row,
    onward: Onward,
    arrivals: UnboundedReceiver<Arrival>,
}

impl Bench {
    /// Middleboxes as on a command line, in a row joined by ` + `.
    pub(crate) fn new(boxes: &str) -> Self {
        Self::with(boxes, &kit(None))
    }

    /// The same with keys that the test knows.
    pub(crate) fn with(boxes: &str, kit: &Kit) -> Self {
        let specs: Vec<Spec> = boxes.split(" + ").map(|text| text.parse().unwrap()).collect();
        TRIED.with_borrow_mut(|tried| tried.extend(specs.iter().cloned()));
        let (arrived, arrivals) = unbounded_channel();
        let onward = Onward::new(move |place| {
            let (near, far) = pipe(Link::default());
            let dialed = arrived.send((far, place)).map_err(|_| io::ErrorKind::ConnectionRefused.into());
            Box::pin(async move { dialed.map(|()| near) })
        });
        Self { row: Row::new(&specs, kit).unwrap(), onward, arrivals }
    }

    /// From now on nobody listens behind.
    pub(crate) fn server_is_down(&mut self) {
        self.arrivals.close();
    }

    /// What becomes of a connection attempt.
    pub(crate) fn admits(&self) -> Admission {
        self.row.admits()
    }

    /// Connects, and gives the task that carries the connection too.
    pub(crate) fn carried(&self) -> (Peer, JoinHandle<()>) {
        assert_eq!(self.row.admits(), Admission::Accepts);
        let (near, far) = pipe(Link::default());
        (Peer(near), tokio::spawn(self.row.carry(far, self.onward.clone())))
    }

    /// Connects.
    pub(crate) fn connects(&self) -> Peer {
        self.carried().0
    }

    /// The next connection at the server, and the place that was asked for.
    pub(crate) async fn arrival(&mut self) -> (Peer, Option<String>) {
        let arrival = timeout(Duration::from_secs(600), self.arrivals.recv()).await;
        let (io, place) = arrival.expect("nobody comes through").expect("the server is up");
        (Peer(io), place)
    }

    /// The next connection at the server.
    pub(crate) async fn arrives(&mut self) -> Peer {
        self.arrival().await.0
    }

    /// Nobody has dialed the server so far.
    pub(crate) fn nobody_arrived(&mut self) {
        assert!(self.arrivals.try_recv().is_err(), "the server was dialed");
    }

    /// From now on a server answers whatever comes with these bytes, waits a while, and leaves.
    pub(crate) async fn serves(&mut self, answer: &'static [u8], lingers: Duration) {
        while let Some((mut io, _)) = self.arrivals.recv().await {
            tokio::spawn(async move {
                let mut read = vec![0; 4_096];
                let answering = async {
                    let _ = io.read(&mut read).await;
                    let _ = io.write_all(answer).await;
                    while matches!(io.read(&mut read).await, Ok(size) if size > 0) {}
                };
                let _ = timeout(lingers, answering).await;
            });
        }
    }

    /// Connects and sends; the server's side of it comes second.
    pub(crate) async fn asks(&mut self, request: impl AsRef<[u8]>) -> (Peer, Peer) {
        let mut client = self.connects();
        client.sends(request).await;
        (client, self.arrives().await)
    }

    /// Both ends of a WebSocket whose handshake passed unchanged.
    pub(crate) async fn switches(&mut self) -> (Peer, Peer) {
        use crate::bytes::{SWITCHED, UPGRADE};
        let (mut client, mut server) = self.asks(UPGRADE).await;
        server.gets(UPGRADE).await;
        server.sends(SWITCHED).await;
        client.gets(SWITCHED).await;
        (client, server)
    }
}
