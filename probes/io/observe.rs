//! What the client half of a probe is given, and the sheets that it writes on.

use super::proof::{Prover, hex};
use super::{BoxFuture, Dial, Observer, Purpose, Way};
use crate::Evidence;
use crate::exchange::{Exchange, Proof, Record, ResponseHead};
use crate::failure::Failure;
use crate::plan::Plan;
use crate::probe::Probe;
use crate::timeline::{Event, Timeline};
use crate::transport::Leg;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// The two halves of a probe that touch the world.
pub trait Observe: Probe {
    /// The routes that the server's half answers on.
    const ROUTES: &'static [&'static str];

    /// Talks and writes down what happens. It cannot fail: what goes wrong is evidence.
    fn observe(scene: Scene, sheet: Sheet<Self::Asked>) -> impl Future<Output = ()> + Send + 'static;

    /// Answers one request and writes down what it saw. It never judges.
    fn testify(call: super::testify::Call) -> impl Future<Output = super::testify::Reply> + Send;
}

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
    /// Held until the probe has opened the connections that it then leaves alone.
    pub opening: Option<Opening>,
}

/// Held by a quiet probe while it opens its connections: what measures a beat starts when all have let go.
pub type Opening = mpsc::Sender<Infallible>;

impl Scene {
    /// The purpose of a WebSocket connection here.
    pub fn websocket(&self) -> Purpose {
        if self.without_tunnel { Purpose::WebSocketWithoutTunnel } else { Purpose::WebSocket }
    }

    /// How long an answer may take.
    pub fn answer(&self) -> Duration {
        Duration::from_millis(self.plan.answer_ms)
    }
}

/// Milliseconds since the start of a run.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// How long ago the start was.
    pub fn ms(&self) -> u64 {
        self.at(Instant::now())
    }

    /// The same for another moment.
    pub fn at(&self, moment: Instant) -> u64 {
        u64::try_from(moment.saturating_duration_since(self.start).as_millis()).unwrap_or(u64::MAX)
    }

    /// The moment so many milliseconds after the start.
    pub fn moment(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }
}

/// Where all randomness of a run comes from: the system, or one seed.
#[derive(Clone)]
pub struct Entropy(Arc<Mutex<StdRng>>);

impl Entropy {
    /// From the operating system.
    pub fn system() -> Self {
        Self(Arc::new(Mutex::new(StdRng::from_os_rng())))
    }

    /// Repeatable.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// Random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        bytes
    }

    /// A name that nobody can guess and no cache has seen: 96 random bits in hex.
    pub fn nonce(&self) -> String {
        hex(&self.bytes::<12>())
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
        let page =
            Page { nonce: self.entropy.nonce(), pen: Pen { timeline: Arc::default(), clock: self.clock }, rest: Arc::default() };
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

    /// Writes down whether the accept key of a 101 was the right one.
    pub fn accepted(&self, matches: bool) {
        lock(&self.rest).accept_key_matches = Some(matches);
    }

    /// Writes down what could not be done.
    pub fn failed(&self, failure: Failure) {
        self.pen.note(Event::Failed(failure));
    }

    /// Writes down that nothing came in time, and what the kernel knows of it.
    pub fn gave_up(&self, observer: &Observer) {
        lock(&self.rest).kernel = observer.kernel();
        self.pen.note(Event::GaveUp);
    }

    fn record(&self) -> Record {
        let rest = lock(&self.rest);
        Record { nonce: self.nonce.clone(), client: lock(&self.pen.timeline).clone(), ..rest.clone() }
    }
}

/// Writes on one timeline; both ends use it.
#[derive(Clone)]
pub struct Pen {
    timeline: Arc<Mutex<Timeline>>,
    /// The clock of the run at this end.
    pub clock: Clock,
}

impl Pen {
    /// On an empty timeline.
    pub fn new(clock: Clock) -> Self {
        Self { timeline: Arc::default(), clock }
    }

    /// Writes that something happens now.
    pub fn note(&self, event: Event) {
        self.note_at(Instant::now(), event);
    }

    /// Writes that something happened at that moment.
    pub fn note_at(&self, moment: Instant, event: Event) {
        lock(&self.timeline).push(self.clock.at(moment), event);
    }

    /// What was written so far.
    pub fn timeline(&self) -> Timeline {
        lock(&self.timeline).clone()
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
