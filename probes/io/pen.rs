//! The clock, the chance and the pen of one end of a run.

use super::Observer;
use super::proof::hex;
use crate::below::{Below, RawHead, TlsEnd};
use crate::timeline::{Event, Timeline};
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

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

/// Writes on one timeline; both ends use it.
#[derive(Clone)]
pub struct Pen {
    timeline: Arc<Mutex<Timeline>>,
    /// How many entries may still be written, by all pens of a run together.
    left: Arc<AtomicUsize>,
    /// The clock of the run at this end.
    pub clock: Clock,
}

impl Pen {
    /// On an empty timeline.
    pub fn new(clock: Clock) -> Self {
        Self::sharing(clock, Arc::new(AtomicUsize::new(usize::MAX)))
    }

    /// On an empty timeline, with a number of entries that it shares with other pens.
    pub fn sharing(clock: Clock, left: Arc<AtomicUsize>) -> Self {
        Self { timeline: Arc::default(), left, clock }
    }

    /// Writes that something happens now.
    pub fn note(&self, event: Event) {
        self.note_at(Instant::now(), event);
    }

    /// Writes that something happened at that moment.
    pub fn note_at(&self, moment: Instant, event: Event) {
        let mut timeline = self.timeline.lock().unwrap_or_else(PoisonError::into_inner);
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            timeline.push(self.clock.at(moment), event);
        } else {
            timeline.cut = true;
        }
    }

    /// What was written so far.
    pub fn timeline(&self) -> Timeline {
        self.timeline.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The most bytes of an answer that are looked at for its head.
const ANSWER_BYTES: usize = 8 * 1024;

/// Where the server keeps what lies below HTTP, for the few connections of a run that ask for it.
#[derive(Clone, Default)]
pub struct BelowPen(Option<Arc<Mutex<Kept>>>);

#[derive(Default)]
struct Kept {
    below: Below,
    answers_on: Option<Observer>,
}

impl BelowPen {
    /// One that keeps what it is given, if that is allowed; otherwise it forgets.
    pub fn new(allowed: bool) -> Self {
        Self(allowed.then(Arc::default))
    }

    /// Keeps the TLS session, or that there is none.
    pub fn tls(&self, end: Option<TlsEnd>) {
        self.with(|kept| {
            kept.below.cleartext = end.is_none();
            kept.below.tls = end;
        });
    }

    /// Keeps the head of the request.
    pub fn request(&self, head: Option<RawHead>) {
        self.with(|kept| kept.below.request = head);
    }

    /// Keeps whether a ClientHello had arrived.
    pub fn hello_seen(&self, seen: bool) {
        self.with(|kept| kept.below.hello_seen = Some(seen));
    }

    /// The next bytes that are written here begin with the head of the answer.
    pub fn answers_on(&self, observer: &Observer) {
        self.with(|kept| {
            observer.keep_written(ANSWER_BYTES);
            kept.answers_on = Some(observer.clone());
        });
    }

    /// What was kept so far.
    pub fn below(&self) -> Below {
        let Some(kept) = &self.0 else { return Below::default() };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(head) = kept.answers_on.as_ref().and_then(|observer| RawHead::read(&observer.written())) {
            kept.below.response = Some(head);
            // It is whole: what else is written on this connection is nobody's business.
            if let Some(observer) = kept.answers_on.take() {
                observer.stop_keeping();
            }
        }
        kept.below.clone()
    }

    fn with(&self, keep: impl FnOnce(&mut Kept)) {
        if let Some(kept) = &self.0 {
            keep(&mut kept.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}
