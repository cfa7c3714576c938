//! What the client half of a probe is given, and the sheets that it writes on.

use super::pen::{Clock, Entropy, Pen};
use super::proof::Prover;
use super::{BoxFuture, Dial, Observer, Purpose, Way};
use crate::Evidence;
use crate::exchange::{Exchange, Opened, Proof, Record, ResponseHead};
use crate::failure::Failure;
use crate::h2::Offered;
use crate::plan::Plan;
use crate::timeline::Event;
use crate::transport::Leg;
use crate::untrusted::Untrusted;
use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// What a probe may use.
#[derive(Clone)]
pub struct Scene {
    /// The way out.
    pub dial: Arc<dyn Dial>,
    /// The leg to be probed.
    pub leg: Leg,
    /// The run's id and key.
    pub prover: Prover,
    /// Time since the run's start.
    pub clock: Clock,
    /// How deep to go.
    pub plan: Plan,
    /// Where all randomness comes from.
    pub entropy: Entropy,
    /// Whether a WebSocket may not use a tunnel, because the proxy refused it on this leg.
    pub without_tunnel: bool,
    /// What the server said of itself when the run began.
    pub declared: Declared,
    /// Held until the probe has opened the connections that it then leaves alone.
    pub opening: Option<Opening>,
    /// True once no beat and no time is measured any more.
    pub calm: Option<watch::Receiver<bool>>,
}

/// What a server says of itself when a run begins.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// Headers that its own front adds.
    pub front_headers: Vec<Untrusted>,
    /// The SHA-256 of the certificate that it serves, in lower-case hex.
    pub certificate_sha256: Option<String>,
    /// What it offers by HTTP/2, where it says so.
    pub http2: Option<Offered>,
    /// What it knows that not every server of this protocol does.
    pub knows: Vec<Untrusted>,
    /// The UDP port at which it answers datagrams.
    pub udp: Option<u16>,
    /// Further ports of its TLS leg.
    pub other_ports: Vec<u16>,
}

impl Declared {
    /// Whether the server says that it knows of this.
    pub fn knows(&self, what: &str) -> bool {
        self.knows.iter().any(|known| known.as_str() == what)
    }
}

/// Held by a quiet probe while it opens its connections: what measures a beat starts when all have let go.
pub type Opening = mpsc::Sender<Infallible>;

impl Scene {
    /// The purpose of a WebSocket connection here.
    pub fn websocket(&self) -> Purpose {
        if self.without_tunnel { Purpose::WebSocketWithoutTunnel } else { Purpose::WebSocket }
    }

    /// Waits until nothing is disturbed any more by what a probe does beside others.
    pub async fn until_calm(&self) {
        if let Some(mut calm) = self.calm.clone() {
            // Whoever would say so is gone where the run is.
            let _ = calm.wait_for(|calm| *calm).await;
        }
    }

    /// How long an answer may take.
    pub fn answer(&self) -> Duration {
        Duration::from_millis(self.plan.answer_ms)
    }
}

/// All exchanges of one probe on one leg. It can be read at any time: what was measured is not lost when the rest is.
pub struct Sheet<A> {
    pages: Arc<Mutex<Vec<(A, Page)>>>,
    clock: Clock,
    entropy: Entropy,
}

impl<A> Clone for Sheet<A> {
    fn clone(&self) -> Self {
        Self { pages: self.pages.clone(), clock: self.clock, entropy: self.entropy.clone() }
    }
}

impl<A: Clone> Sheet<A> {
    /// An empty one.
    pub fn new(clock: Clock, entropy: &Entropy) -> Self {
        Self { pages: Arc::default(), clock, entropy: entropy.clone() }
    }

    /// Begins an exchange.
    pub fn ask(&self, asked: A) -> Page {
        let page = Page { nonce: self.entropy.nonce(), pen: Pen::new(self.clock), rest: Arc::default() };
        lock(&self.pages).push((asked, page.clone()));
        page
    }

    /// Completes what was asked, where the answer has to be known for it.
    pub fn amend(&self, which: impl Fn(&A) -> bool, how: impl Fn(&mut A)) {
        lock(&self.pages).iter_mut().filter(|(asked, _)| which(asked)).for_each(|(asked, _)| how(asked));
    }

    /// What was written so far.
    pub fn exchanges(&self) -> Vec<Exchange<A>> {
        lock(&self.pages).iter().map(|(asked, page)| Exchange { asked: asked.clone(), record: page.record() }).collect()
    }
}

/// What the client writes of one connection.
#[derive(Clone)]
pub struct Page {
    nonce: String,
    /// Writes on the timeline.
    pub pen: Pen,
    rest: Arc<Mutex<Record>>,
}

impl Page {
    /// The name of the connection.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// Dials, and writes down how it went.
    pub async fn dial(&self, scene: &Scene, purpose: Purpose) -> Option<Way> {
        match scene.dial.dial(scene.leg, purpose).await {
            Ok(way) => {
                self.opened(&way);
                Some(way)
            }
            Err(failure) => {
                self.failed(failure);
                None
            }
        }
    }

    /// Writes down how the connection left this machine.
    pub fn opened(&self, way: &Way) {
        lock(&self.rest).opened = Some(way.opened.clone());
        self.pen.note(Event::Opened);
    }

    /// Writes down that it goes by a connection that was open already.
    pub fn shares(&self, opened: &Opened) {
        if lock(&self.rest).opened.replace(opened.clone()).is_none() {
            self.pen.note(Event::Opened);
        }
    }

    /// Writes down the head of the answer and what it proved.
    pub fn response(&self, head: ResponseHead, proof: Proof) {
        self.pen.note(Event::Response(head.status));
        let mut rest = lock(&self.rest);
        rest.response = Some(head);
        rest.proof = proof;
    }

    /// Writes down what a body or a first message proved: it outranks the header.
    pub fn proved(&self, proof: Proof) {
        let mut rest = lock(&self.rest);
        if rest.proof != Proof::Valid {
            rest.proof = proof;
        }
    }

    /// Whether the answer was made by our server for this very request.
    pub fn is_proven(&self) -> bool {
        lock(&self.rest).proof == Proof::Valid
    }

    /// Writes down whether the accept key of a 101 was the right one.
    pub fn accepted(&self, matches: bool) {
        lock(&self.rest).accept_key_matches = Some(matches);
    }

    /// Writes down what could not be done.
    pub fn failed(&self, failure: Failure) {
        self.pen.note(Event::Failed(Box::new(failure)));
    }

    /// Writes down that nothing came in time, and what the kernel knows of it.
    pub fn gave_up(&self, observer: &Observer) {
        lock(&self.rest).kernel = observer.kernel();
        self.pen.note(Event::GaveUp);
    }

    fn record(&self) -> Record {
        let rest = lock(&self.rest);
        Record { nonce: self.nonce.clone(), client: self.pen.timeline(), ..rest.clone() }
    }
}

/// A probe at work.
pub struct Observation {
    /// Does the talking.
    pub work: BoxFuture<'static, ()>,
    read: Box<dyn Fn() -> Evidence + Send + Sync>,
}

impl Observation {
    #[doc(hidden)]
    pub fn new(work: impl Future<Output = ()> + Send + 'static, read: impl Fn() -> Evidence + Send + Sync + 'static) -> Self {
        Self { work: Box::pin(work), read: Box::new(read) }
    }

    /// Takes the talking apart from the reading.
    pub fn split(self) -> (BoxFuture<'static, ()>, Box<dyn Fn() -> Evidence + Send + Sync>) {
        (self.work, self.read)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
