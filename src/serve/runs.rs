//! The runs that the server knows: in memory, bounded, expiring.

use super::limits::Limits;
use proxyprobe_probes::exchange::{RequestHead, ServerNotes};
use proxyprobe_probes::io::pen::{BelowPen, Clock, Entropy, Pen};
use proxyprobe_probes::io::proof::{Prover, hex};
use proxyprobe_probes::untrusted::Untrusted;
use proxyprobe_probes::wire::{WITNESS_PAGE_BYTES, WitnessPage};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// All runs.
pub(super) struct Runs {
    secret: [u8; 32],
    entropy: Entropy,
    limits: Limits,
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
    limits: Limits,
    entries_left: Arc<AtomicUsize>,
    notes: Mutex<Notes>,
    report_left: AtomicBool,
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
    heads: usize,
    last: Option<Instant>,
    cut: bool,
}

impl Runs {
    pub(super) fn new(entropy: Entropy, limits: Limits) -> Self {
        Self { secret: entropy.bytes(), entropy, limits, runs: Mutex::default() }
    }

    /// Begins a run; none when there are too many.
    pub(super) fn begin(&self) -> Option<Arc<Run>> {
        let mut runs = lock(&self.runs);
        runs.retain(|_, run| !expired(run));
        if runs.len() >= self.limits.runs {
            return None;
        }
        let id = hex(&self.entropy.bytes::<16>());
        let key = Prover::key(&self.secret, &id);
        let run = Arc::new(Run {
            prover: Prover::new(&id, &key),
            key,
            clock: Clock::start(),
            began: Instant::now(),
            limits: self.limits,
            entries_left: Arc::new(AtomicUsize::new(self.limits.entries)),
            notes: Mutex::default(),
            report_left: AtomicBool::new(false),
        });
        runs.insert(id, run.clone());
        Some(run)
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
        if notes.all.len() >= self.limits.notes || notes.heads + head > self.limits.heads {
            notes.cut = true;
            return None;
        }
        notes.heads += head;
        let pen = Pen::sharing(self.clock, self.entries_left.clone());
        let below = BelowPen::new(keeps_below && notes.below < self.limits.below);
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
        let mut page = WitnessPage { now_ms: self.clock.ms(), lag_ms, cut: notes.cut, ..WitnessPage::default() };
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

    #[tokio::test(start_paused = true)]
    async fn runs_are_bounded_and_expire() {
        let limits = Limits { runs: 2, ..Limits::default() };
        let runs = Runs::new(Entropy::seeded(1), limits);
        let held = runs.begin().unwrap();
        let id = runs.begin().unwrap().prover.run().to_owned();
        assert!(runs.begin().is_none());
        tokio::time::advance(limits.kept_idle).await;
        assert!(runs.find(&id).is_none(), "nothing of it was open");
        assert!(runs.find(held.prover.run()).is_some(), "something of it was");
        tokio::time::advance(limits.kept).await;
        assert!(runs.find(held.prover.run()).is_none());
        assert!(runs.begin().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_witness_comes_in_bounded_pages() {
        let runs = Runs::new(Entropy::seeded(1), Limits { entries: usize::MAX, ..Limits::default() });
        let run = runs.begin().unwrap();
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
        let runs = Runs::new(Entropy::seeded(1), Limits { entries: 10, heads: 100, ..Limits::default() });
        let run = runs.begin().unwrap();
        let pen = run.note("a", RequestHead::default(), None, false).unwrap().0;
        (0..11).for_each(|_| pen.note(Event::Sent(What::Tick, 1)));
        assert!(run.page(0, 0).notes[0].1.timeline.cut);
        let large =
            RequestHead { headers: vec![(Untrusted::new("x"), Untrusted::new(&"y".repeat(100)))], ..RequestHead::default() };
        assert!(run.note("b", large, None, false).is_none());
        assert!(run.page(0, 0).cut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_with_too_many_connections_says_so() {
        let runs = Runs::new(Entropy::seeded(1), Limits { notes: 1, ..Limits::default() });
        let run = runs.begin().unwrap();
        assert!(run.note("a", RequestHead::default(), None, false).is_some());
        assert!(run.note("b", RequestHead::default(), None, false).is_none());
        assert!(run.page(0, 0).cut);
    }
}
