//! Several servers behind one name. Each serves any connection of a run, and each can tell all that was seen of it.
//!
//! A run's id says by itself that the fleet made it, and when, so a connection is served without asking anybody. Notes stay in
//! the memory of the node that wrote them, as without a fleet; twenty times a second each node copies what is new to the store
//! and says up to when it has done so. A witness is told from the store alone, and only when all nodes are known to have written.

mod beat;
mod clock;
mod ids;
mod page;
mod peers;
mod store;

pub(super) use beat::keep;
pub use store::{Store, StoreUrl};

use super::runs::Run;
use crate::net::secret::Secret;
use clock::FleetClock;
use peers::Peers;
use proxyprobe_probes::io::pen::Entropy;
use proxyprobe_probes::io::proof::hex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use store::Link;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// A secret is no shorter: 128 bits of chance in hex. All keys and ids of a fleet are made of it.
const LEAST_SECRET: usize = 32;
/// So many ClientHello messages wait to be written: a second's worth of a node that is never silent, and room.
const HELLOS: usize = 4_096;
/// How long a witness waits for nodes that are there and have not written yet.
const WAIT: Duration = Duration::from_secs(2);

/// One node's part of a fleet.
pub struct Fleet {
    /// Names this node among the others, anew at each start.
    node: String,
    secret: Secret,
    store: Store,
    clock: FleetClock,
    /// Runs of which there is something to write; each is here once.
    waiting: Mutex<Vec<Weak<Run>>>,
    hellos: Mutex<Hellos>,
    /// There while the store answers.
    link: Mutex<Option<Link>>,
    peers: watch::Sender<Peers>,
    /// Numbers the notes of this node.
    notes: AtomicUsize,
    /// Notes that were given up before they were written.
    dropped: AtomicU64,
    leaving: CancellationToken,
    left: CancellationToken,
}

/// ClientHello messages that are to be written.
#[derive(Default)]
struct Hellos {
    waiting: Vec<[u8; 32]>,
    /// Whether one was forgotten since it was last asked.
    lost: bool,
}

/// What a node says of its part in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Part {
    /// The most that its timers were late, in milliseconds.
    pub(super) lag_ms: u64,
    /// How wrong its clock of the run may be, in milliseconds; none where that is not known.
    pub(super) clock_ms: Option<u64>,
    /// Whether it left out notes.
    pub(super) cut: bool,
}

/// The beginning of a run, as one node knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    /// In milliseconds since 1970, by the fleet's clock.
    pub(super) at_ms: u64,
    /// The same on this machine's clock.
    pub(super) at: Instant,
    /// How wrong that may be, in milliseconds; none where that is not known.
    pub(super) bound_ms: Option<u64>,
}

/// Reads the secret of a fleet from what its file holds.
///
/// # Errors
/// When it is too short to be one.
pub fn read_secret(text: &str) -> Result<Secret, String> {
    let secret = text.trim();
    if secret.len() < LEAST_SECRET {
        return Err(format!("it has fewer than {LEAST_SECRET} characters; make one with: openssl rand -hex 32"));
    }
    Ok(Secret::new(secret))
}

impl Fleet {
    /// A node that is not in touch with the others yet.
    pub fn new(store: Store, secret: Secret, entropy: &Entropy) -> Arc<Self> {
        Arc::new(Self {
            node: hex(&entropy.bytes::<8>()),
            secret,
            store,
            clock: FleetClock::new(),
            waiting: Mutex::default(),
            hellos: Mutex::default(),
            link: Mutex::default(),
            peers: watch::Sender::default(),
            notes: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
            leaving: CancellationToken::new(),
            left: CancellationToken::new(),
        })
    }

    /// What the keys of all runs are made of.
    pub(super) fn secret(&self) -> &[u8] {
        self.secret.expose().as_bytes()
    }

    /// An id for a run that begins now.
    pub(super) fn begin(&self, entropy: &Entropy) -> (String, Begun) {
        let now = self.clock.now();
        let id = ids::make(self.secret(), now.ms, entropy);
        (id, Begun { at_ms: now.ms, at: Instant::now(), bound_ms: now.bound_ms })
    }

    /// When a run of this fleet began that is no older than this; none of what is no such run.
    pub(super) fn begun(&self, id: &str, kept: Duration) -> Option<Begun> {
        let at_ms = ids::begun(self.secret(), id)?;
        let now = self.clock.now();
        let age = Duration::from_millis(now.ms.saturating_sub(at_ms));
        if age >= kept {
            return None;
        }
        // A run of the future, or one that is older than the store's clock is set: the clocks are not comparable.
        let ahead = at_ms.saturating_sub(now.ms);
        let comparable = |bound: &u64| ahead <= bound.saturating_mul(2) && !self.clock.was_set_within(age);
        let (at, bound_ms) = match Instant::now().checked_sub(age) {
            Some(at) => (at, now.bound_ms.filter(comparable)),
            None => (Instant::now(), None),
        };
        Some(Begun { at_ms, at, bound_ms })
    }

    /// How wrong this node's clock of a run may be by now: as it began, or as far as it has parted from the fleet's.
    pub(super) fn clock_bound(&self, begun: &Begun) -> Option<u64> {
        let now = self.clock.now();
        let apart =
            now.ms.abs_diff(begun.at_ms.saturating_add(u64::try_from(begun.at.elapsed().as_millis()).unwrap_or(u64::MAX)));
        Some(begun.bound_ms?.max(apart.saturating_add(now.bound_ms?)))
    }

    /// The name of the next note of this node.
    pub(super) fn note_name(&self) -> String {
        format!("{}/{}", self.node, self.notes.fetch_add(1, Ordering::Relaxed))
    }

    /// There is something to write of this run.
    pub(super) fn post(&self, run: Weak<Run>) {
        lock(&self.waiting).push(run);
    }

    /// Notes are given up that nobody will write any more.
    pub(super) fn give_up(&self, notes: usize) {
        self.dropped.fetch_add(u64::try_from(notes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// A ClientHello arrived.
    pub(super) fn hello(&self, random: [u8; 32]) {
        let mut hellos = lock(&self.hellos);
        if hellos.waiting.len() < HELLOS {
            hellos.waiting.push(random);
        } else {
            hellos.lost = true;
        }
    }

    /// Whether the store answers.
    pub fn is_up(&self) -> bool {
        lock(&self.link).is_some()
    }

    /// Host and port of the store.
    pub fn store_address(&self) -> String {
        self.store.address()
    }

    /// How many nodes are in touch with the store, this one among them.
    pub(super) fn alive(&self) -> usize {
        if self.is_up() { self.peers.borrow().alive() } else { 0 }
    }

    /// How many runs wait to be written, and how many notes were given up.
    pub(super) fn backlog(&self) -> (usize, u64) {
        (lock(&self.waiting).len(), self.dropped.load(Ordering::Relaxed))
    }

    fn link(&self) -> Option<Link> {
        lock(&self.link).clone()
    }

    /// Waits until everything that any node noted before this moment is in the store, and names the nodes of which that is not
    /// known. None when the store was lost.
    async fn behind(&self, ms: u64) -> Option<BTreeSet<String>> {
        let mut peers = self.peers.subscribe();
        let until = Instant::now() + WAIT;
        loop {
            let behind = {
                let now = peers.borrow_and_update();
                let behind = now.behind(ms);
                if !now.any_moves(&behind) {
                    return self.is_up().then_some(behind);
                }
                behind
            };
            match timeout_at(until, peers.changed()).await {
                Ok(Ok(())) => {}
                _ => return self.is_up().then_some(behind),
            }
        }
    }

    /// Writes what is left to write, takes leave of the others, and gives back when that is done or cannot be.
    pub(super) async fn leave(&self) {
        self.leaving.cancel();
        self.left.cancelled().await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::StoreDoor;

    fn fleet() -> Arc<Fleet> {
        let url = StoreUrl::read("redis://127.0.0.1:1").unwrap();
        let secret = read_secret("0123456789abcdef0123456789abcdef").unwrap();
        let store = Store::new(StoreDoor::plain(url.host.clone(), url.port), url, None, secret.expose().as_bytes());
        Fleet::new(store, secret, &Entropy::seeded(1))
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_knows_the_runs_of_its_fleet_by_their_age() {
        let (one, other, kept) = (fleet(), fleet(), Duration::from_secs(60));
        for node in [&one, &other] {
            node.clock.hear(1_000_000_000, Instant::now());
        }
        let (id, _) = one.begin(&Entropy::seeded(2));
        tokio::time::advance(Duration::from_secs(40)).await;
        let begun = other.begun(&id, kept).unwrap();
        assert_eq!((begun.at_ms, begun.at.elapsed().as_secs()), (1_000_000, 40));
        assert_eq!(other.clock_bound(&begun), begun.bound_ms);
        assert!(begun.bound_ms.is_some_and(|bound| bound < 10));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert!(other.begun(&id, kept).is_none(), "it is too old");
        assert!(other.begun(&"0".repeat(64), kept).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_known_of_a_clock_that_was_never_compared_or_set_meanwhile() {
        let (one, other, kept) = (fleet(), fleet(), Duration::from_secs(60));
        let (id, begun) = one.begin(&Entropy::seeded(2));
        assert_eq!((begun.bound_ms, one.clock_bound(&begun)), (None, None));
        assert_eq!(other.begun(&id, kept).map(|begun| begun.bound_ms), Some(None));
        for node in [&one, &other] {
            node.clock.hear(1_000_000_000, Instant::now());
        }
        let (id, begun) = one.begin(&Entropy::seeded(3));
        tokio::time::advance(Duration::from_secs(1)).await;
        for node in [&one, &other] {
            node.clock.hear(1_006_000_000, Instant::now());
        }
        // Five seconds were put in: who knew the run before is as wrong as that, and who did not knows nothing.
        assert!(one.clock_bound(&begun).is_some_and(|bound| bound >= 5_000));
        assert_eq!(other.begun(&id, kept).map(|begun| begun.bound_ms), Some(None));
    }

    #[test]
    fn a_short_secret_is_none_and_is_not_repeated() {
        assert_eq!(read_secret(" 0123456789abcdef0123456789abcdef\n").map(|s| s.expose().len()).ok(), Some(32));
        assert!(read_secret("canary").is_err_and(|why| !why.contains("canary")));
    }
}
