//! The clock, the chance and the pen of one end of a run.

use super::proof::hex;
use super::{Observer, Written};
use crate::below::{Below, RawHead, TlsEnd};
use crate::timeline::{Entry, Event, Timeline};
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

    /// Started at that moment.
    pub fn since(start: Instant) -> Self {
        Self { start }
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

/// A number of bytes, of which parts are taken: of a whole that others share, where there is one, to which they return in the end.
#[derive(Debug)]
pub struct Quota {
    most: usize,
    left: AtomicUsize,
    whole: Option<Arc<Quota>>,
}

impl Quota {
    /// So many bytes.
    pub fn of(most: usize) -> Arc<Self> {
        Arc::new(Self { most, left: AtomicUsize::new(most), whole: None })
    }

    /// So many bytes of those that are left in another quota.
    pub fn within(most: usize, whole: &Arc<Self>) -> Arc<Self> {
        Arc::new(Self { most, left: AtomicUsize::new(most), whole: Some(whole.clone()) })
    }

    /// Takes a part, if as much is left.
    pub fn take(&self, bytes: usize) -> bool {
        let own = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok();
        let taken = own && self.whole.as_ref().is_none_or(|whole| whole.take(bytes));
        if own && !taken {
            self.left.fetch_add(bytes, Ordering::Relaxed);
        }
        taken
    }

    /// How much is left.
    pub fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }

    /// How much is taken.
    pub fn taken(&self) -> usize {
        self.most.saturating_sub(self.left())
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        if let Some(whole) = &self.whole {
            whole.left.fetch_add(self.taken(), Ordering::Relaxed);
        }
    }
}

/// What an entry costs: itself, and as much again because a list that grows doubles.
const ENTRY_BYTES: usize = 2 * size_of::<Entry>();

/// Writes on one timeline; both ends use it.
#[derive(Clone)]
pub struct Pen {
    timeline: Arc<Mutex<Timeline>>,
    /// How much may still be written, by all pens of a run together.
    quota: Option<Arc<Quota>>,
    /// Told whenever something was written.
    told: Option<Arc<dyn Fn() + Send + Sync>>,
    /// The clock of the run at this end.
    pub clock: Clock,
}

impl Pen {
    /// On an empty timeline.
    pub fn new(clock: Clock) -> Self {
        Self { timeline: Arc::default(), quota: None, told: None, clock }
    }

    /// On an empty timeline, with a quota of bytes that it shares with other pens.
    pub fn sharing(clock: Clock, quota: Arc<Quota>) -> Self {
        Self { quota: Some(quota), ..Self::new(clock) }
    }

    /// The same pen, which calls this after everything that it writes.
    pub fn telling(self, told: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self { told: Some(told), ..self }
    }

    /// Writes that something happens now.
    pub fn note(&self, event: Event) {
        self.note_at(Instant::now(), event);
    }

    /// Writes that something happened at that moment.
    pub fn note_at(&self, moment: Instant, event: Event) {
        let text = if let Event::Foreign(text) = &event { text.as_str().len() } else { 0 };
        {
            let mut timeline = self.timeline.lock().unwrap_or_else(PoisonError::into_inner);
            // What is not written costs nothing.
            if timeline.takes(&event) && self.quota.as_ref().is_none_or(|quota| quota.take(ENTRY_BYTES + text)) {
                timeline.push(self.clock.at(moment), event);
            } else {
                timeline.cut = true;
            }
        }
        if let Some(told) = &self.told {
            told();
        }
    }

    /// Whether there is no room for more.
    pub fn is_full(&self) -> bool {
        let timeline = self.timeline.lock().unwrap_or_else(PoisonError::into_inner);
        timeline.cut || timeline.entries.len() >= Timeline::MAX_ENTRIES
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
    answer: Option<Written>,
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
        self.with(|kept| kept.answer = Some(observer.keep_written(ANSWER_BYTES)));
    }

    /// What was kept so far.
    pub fn below(&self) -> Below {
        let Some(kept) = &self.0 else { return Below::default() };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(head) = kept.answer.as_ref().and_then(|written| RawHead::read(&written.bytes())) {
            kept.below.response = Some(head);
            // It is whole: what else is written on this connection is nobody's business.
            kept.answer = None;
        }
        kept.below.clone()
    }

    /// Whether the head of the answer is still to come.
    pub fn awaits_answer(&self) -> bool {
        self.0.as_ref().is_some_and(|kept| kept.lock().unwrap_or_else(PoisonError::into_inner).answer.is_some())
    }

    fn with(&self, keep: impl FnOnce(&mut Kept)) {
        if let Some(kept) = &self.0 {
            keep(&mut kept.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::KernelNote;
    use crate::io::{Control, Io};
    use tokio::io::{AsyncWriteExt, duplex};

    struct Socket;

    impl Control for Socket {
        fn kernel(&self) -> Option<KernelNote> {
            None
        }

        fn abort(&self) {}
    }

    #[tokio::test]
    async fn the_head_of_an_answer_outlives_its_connection_and_does_not_keep_it() {
        let (stream, _peer) = duplex(1024);
        let socket = Arc::new(Socket);
        let mut io = Io::new(stream, socket.clone());
        let below = BelowPen::new(true);
        below.answers_on(&io.observer());
        io.write_all(b"HTTP/1.1 200 OK\r\nX-A: b\r\n\r\nbody").await.unwrap();
        drop(io);
        assert_eq!(Arc::strong_count(&socket), 1);
        assert!(below.awaits_answer());
        assert!(below.below().response.is_some());
        assert!(!below.awaits_answer());
    }

    #[test]
    fn what_a_part_took_returns_to_the_whole() {
        let whole = Quota::of(10);
        let part = Quota::within(6, &whole);
        assert!(part.take(4) && !part.take(3), "the part has its own bound");
        let other = Quota::within(100, &whole);
        assert!(!other.take(7), "the whole has one, too");
        assert!(other.take(6));
        assert_eq!((whole.left(), other.taken()), (0, 6));
        drop((part, other));
        assert_eq!(whole.left(), 10);
    }
}
