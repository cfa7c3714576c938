//! The runs that the server knows: in memory, bounded, expiring.

use super::door::{Door, Ticket};
use super::limits::Limits;
use proxyprobe_probes::exchange::{RequestHead, ServerNotes};
use proxyprobe_probes::io::pen::{BelowPen, Clock, Entropy, Pen, Quota};
use proxyprobe_probes::io::proof::{Prover, hex};
use proxyprobe_probes::refusal::Refusal;
use proxyprobe_probes::untrusted::Untrusted;
use proxyprobe_probes::wire::{WITNESS_PAGE_BYTES, WitnessPage};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// All runs.
pub(super) struct Runs {
    secret: [u8; 32],
    entropy: Entropy,
    limits: Limits,
    door: Arc<Door>,
    memory: Arc<Quota>,
    runs: Mutex<HashMap<String, Arc<Run>>>,
}

/// One run.
pub(super) struct Run {
    /// Makes its proofs.
    pub(super) prover: Prover,
    /// Its key, for the one answer that tells it.
    pub(super) key: String,
    /// Time since it began.
    pub(super) clock: Clock,
    /// When it began.
    pub(super) began: Instant,
    /// How many bytes it may still be sent.
    pub(super) sent: Arc<Quota>,
    limits: Limits,
    record: Arc<Quota>,
    notes: Mutex<Notes>,
    report_left: AtomicBool,
    door: Arc<Door>,
    /// How many connections had been closed unread when it began.
    turned_away_before: u64,
    _ticket: Ticket,
}

/// What is written down of one request.
struct Note {
    nonce: String,
    request: RequestHead,
    peer: Option<SocketAddr>,
    pen: Pen,
    below: BelowPen,
}

#[derive(Default)]
struct Notes {
    all: Vec<Note>,
    below: usize,
    last: Option<Instant>,
    cut: bool,
}

/// What a request costs beside its head: its name, and the places in which it is kept.
const NOTE_BYTES: usize = 512;
/// What the raw heads and the ClientHello messages of a request may take.
const BELOW_BYTES: usize = 40 * 1024;
/// With less than this no run begins: it could not be written down.
const LEAST_MEMORY: usize = 512 * 1024;

/// The longest that a client has nothing open between two connections of a run.
const PAUSE: Duration = Duration::from_secs(5);

impl Runs {
    pub(super) fn new(entropy: Entropy, limits: Limits, door: Arc<Door>) -> Self {
        Self { secret: entropy.bytes(), entropy, limits, door, memory: Quota::of(limits.memory), runs: Mutex::default() }
    }

    /// Begins a run of this address, or says why not.
    pub(super) fn begin(&self, from: Option<IpAddr>) -> Result<Arc<Run>, Refusal> {
        let mut runs = lock(&self.runs);
        runs.retain(|_, run| !expired(run));
        if self.memory.left() < LEAST_MEMORY {
            return Err(Refusal::Memory);
        }
        let ticket = self.door.run(from)?;
        let id = hex(&self.entropy.bytes::<16>());
        let key = Prover::key(&self.secret, &id);
        let run = Arc::new(Run {
            prover: Prover::new(&id, &key),
            key,
            clock: Clock::start(),
            began: Instant::now(),
            sent: Quota::of(self.limits.sent),
            limits: self.limits,
            record: Quota::within(self.limits.record, &self.memory),
            notes: Mutex::default(),
            report_left: AtomicBool::new(false),
            door: self.door.clone(),
            turned_away_before: self.door.turned_away(),
            _ticket: ticket,
        });
        runs.insert(id, run.clone());
        Ok(run)
    }

    /// Bytes of all records.
    pub(super) fn record_bytes(&self) -> usize {
        self.memory.taken()
    }

    /// Whether a run has something open, or had a moment ago: between its connections nothing is.
    pub(super) fn under_way(&self) -> bool {
        let recent = |run: &Arc<Run>| lock(&run.notes).last.is_some_and(|last| last.elapsed() < PAUSE);
        lock(&self.runs).values().any(|run| Arc::strong_count(run) > 1 || recent(run))
    }

    /// The run with this id, unless it has expired.
    pub(super) fn find(&self, id: &str) -> Option<Arc<Run>> {
        let mut runs = lock(&self.runs);
        if expired(runs.get(id)?) {
            runs.remove(id);
        }
        let run = runs.get(id).cloned()?;
        lock(&run.notes).last = Some(Instant::now());
        Some(run)
    }
}

/// Whether a run is over: too old, or with nothing open and not asked about for a while.
fn expired(run: &Arc<Run>) -> bool {
    let quiet = lock(&run.notes).last.unwrap_or(run.began).elapsed();
    // Everything that is still being answered holds the run.
    let idle = Arc::strong_count(run) == 1 && quiet >= run.limits.kept_idle;
    idle || run.began.elapsed() >= run.limits.kept
}

impl Run {
    /// The record of a series of requests of this name, if it has begun.
    pub(super) fn series(&self, nonce: &str) -> Option<(Pen, BelowPen)> {
        let notes = lock(&self.notes);
        let note = notes.all.iter().rev().find(|note| note.nonce == nonce)?;
        Some((note.pen.clone(), note.below.clone()))
    }

    /// Begins the record of one request; none when the run has too many.
    pub(super) fn note(
        &self,
        nonce: &str,
        request: RequestHead,
        peer: Option<SocketAddr>,
        keeps_below: bool,
    ) -> Option<(Pen, BelowPen)> {
        let mut notes = lock(&self.notes);
        let size = |(name, value): &(Untrusted, Untrusted)| name.as_str().len() + value.as_str().len();
        let head: usize = request.headers.iter().map(size).sum();
        let keeps_below = keeps_below && notes.below < self.limits.below;
        let below = if keeps_below { BELOW_BYTES } else { 0 };
        if notes.all.len() >= self.limits.notes || !self.record.take(NOTE_BYTES + head + below) {
            notes.cut = true;
            return None;
        }
        let pen = Pen::sharing(self.clock, self.record.clone());
        let below = BelowPen::new(keeps_below);
        notes.below += usize::from(keeps_below);
        notes.all.push(Note { nonce: nonce.to_owned(), request, peer, pen: pen.clone(), below: below.clone() });
        Some((pen, below))
    }

    /// Whether it may leave its report: each run may, once.
    pub(super) fn may_leave_report(&self) -> bool {
        !self.report_left.swap(true, Ordering::Relaxed)
    }

    /// One page of the witness: as many records from `from` on as fit.
    pub(super) fn page(&self, from: usize, lag_ms: u64) -> WitnessPage {
        let notes = lock(&self.notes);
        let turned_away = self.door.turned_away().saturating_sub(self.turned_away_before);
        let mut page = WitnessPage { now_ms: self.clock.ms(), lag_ms, cut: notes.cut, turned_away, ..WitnessPage::default() };
        let mut size = 0;
        for (index, Note { nonce, request, peer, pen, below }) in notes.all.iter().enumerate().skip(from) {
            let peer = peer.map(|peer| Untrusted::new(&peer.to_string()));
            let request = request.clone();
            let note = (nonce.clone(), ServerNotes { request, peer, timeline: pen.timeline(), below: below.below() });
            size += serde_json::to_string(&note).map_or(0, |text| text.len());
            // A little room is left for what stands around the notes.
            if size > WITNESS_PAGE_BYTES - 1024 && !page.notes.is_empty() {
                page.next = Some(index);
                break;
            }
            page.notes.push(note);
        }
        page
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxyprobe_probes::timeline::{Event, Timeline, What};

    fn runs(limits: Limits) -> Runs {
        Runs::new(Entropy::seeded(1), limits, Door::new(limits))
    }

    #[tokio::test(start_paused = true)]
    async fn runs_are_bounded_and_expire() {
        let limits = Limits { runs: 2, ..Limits::default() };
        let runs = runs(limits);
        let held = runs.begin(None).unwrap();
        let id = runs.begin(None).unwrap().prover.run().to_owned();
        assert!(runs.begin(None).err() == Some(Refusal::Runs));
        tokio::time::advance(limits.kept_idle).await;
        assert!(runs.find(&id).is_none(), "nothing of it was open");
        assert!(runs.find(held.prover.run()).is_some(), "something of it was");
        tokio::time::advance(limits.kept).await;
        assert!(runs.find(held.prover.run()).is_none());
        assert!(runs.begin(None).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn the_witness_comes_in_bounded_pages() {
        let runs = runs(Limits { record: usize::MAX, memory: usize::MAX, ..Limits::default() });
        let run = runs.begin(None).unwrap();
        for number in 0..30 {
            let pen = run.note(&number.to_string(), RequestHead::default(), None, false).unwrap().0;
            (0..Timeline::MAX_ENTRIES).for_each(|_| pen.note(Event::Sent(What::Tick, 1)));
        }
        let (mut from, mut seen, mut pages) = (Some(0), 0, 0);
        while let Some(at) = from {
            let page = run.page(at, 0);
            assert!(serde_json::to_string(&page).unwrap().len() <= WITNESS_PAGE_BYTES);
            seen += page.notes.len();
            pages += 1;
            from = page.next;
        }
        assert_eq!(seen, 30);
        assert!(pages > 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_writes_too_much_is_cut_and_says_so() {
        let runs = runs(Limits { record: 2_000, ..Limits::default() });
        let run = runs.begin(None).unwrap();
        let pen = run.note("a", RequestHead::default(), None, false).unwrap().0;
        (0..11).for_each(|_| pen.note(Event::Sent(What::Tick, 1)));
        assert!(run.page(0, 0).notes[0].1.timeline.cut);
        let large =
            RequestHead { headers: vec![(Untrusted::new("x"), Untrusted::new(&"y".repeat(1_000)))], ..RequestHead::default() };
        assert!(run.note("b", large, None, false).is_none());
        assert!(run.page(0, 0).cut);
    }

    #[tokio::test(start_paused = true)]
    async fn the_records_of_all_runs_have_a_ceiling_and_give_back_what_they_took() {
        let limits = Limits { memory: LEAST_MEMORY + 1_000, ..Limits::default() };
        let runs = runs(limits);
        let run = runs.begin(None).unwrap();
        assert!(run.note("a", RequestHead::default(), None, true).is_some());
        assert_eq!(runs.begin(None).err(), Some(Refusal::Memory));
        drop(run);
        tokio::time::advance(limits.kept_idle).await;
        assert!(runs.begin(None).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_with_too_many_connections_says_so() {
        let runs = runs(Limits { notes: 1, ..Limits::default() });
        let run = runs.begin(None).unwrap();
        assert!(run.note("a", RequestHead::default(), None, false).is_some());
        assert!(run.note("b", RequestHead::default(), None, false).is_none());
        assert!(run.page(0, 0).cut);
    }
}
