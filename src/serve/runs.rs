//! The runs that the server knows: in memory, bounded, expiring.

use super::limits::Limits;
use proxyprobe_probes::exchange::{RequestHead, ServerNotes};
use proxyprobe_probes::io::pen::{Clock, Entropy, Pen};
use proxyprobe_probes::io::proof::{Prover, hex};
use proxyprobe_probes::wire::{WITNESS_PAGE_BYTES, WitnessPage};
use std::collections::HashMap;
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
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    all: Vec<(String, RequestHead, Pen)>,
    cut: bool,
}

impl Runs {
    pub(super) fn new(entropy: Entropy, limits: Limits) -> Self {
        Self { secret: entropy.bytes(), entropy, limits, runs: Mutex::default() }
    }

    /// Begins a run; none when there are too many.
    pub(super) fn begin(&self) -> Option<Arc<Run>> {
        let mut runs = lock(&self.runs);
        if runs.len() >= self.limits.runs {
            runs.retain(|_, run| run.began.elapsed() < self.limits.kept);
        }
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
            notes: Mutex::default(),
        });
        runs.insert(id, run.clone());
        Some(run)
    }

    /// The run with this id, unless it has expired.
    pub(super) fn find(&self, id: &str) -> Option<Arc<Run>> {
        let mut runs = lock(&self.runs);
        if runs.get(id)?.began.elapsed() >= self.limits.kept {
            runs.remove(id);
        }
        runs.get(id).cloned()
    }
}

impl Run {
    /// Begins the record of one request; none when the run has too many.
    pub(super) fn note(&self, nonce: &str, request: RequestHead) -> Option<Pen> {
        let mut notes = lock(&self.notes);
        if notes.all.len() >= self.limits.notes {
            notes.cut = true;
            return None;
        }
        let pen = Pen::new(self.clock);
        notes.all.push((nonce.to_owned(), request, pen.clone()));
        Some(pen)
    }

    /// One page of the witness: as many records from `from` on as fit.
    pub(super) fn page(&self, from: usize, lag_ms: u64) -> WitnessPage {
        let notes = lock(&self.notes);
        let mut page = WitnessPage { now_ms: self.clock.ms(), lag_ms, cut: notes.cut, ..WitnessPage::default() };
        let mut size = 0;
        for (index, (nonce, request, pen)) in notes.all.iter().enumerate().skip(from) {
            let note = (nonce.clone(), ServerNotes { request: request.clone(), timeline: pen.timeline() });
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
        let first = runs.begin().unwrap();
        assert!(runs.find(first.prover.run()).is_some());
        runs.begin().unwrap();
        assert!(runs.begin().is_none());
        tokio::time::advance(limits.kept).await;
        assert!(runs.find(first.prover.run()).is_none());
        assert!(runs.begin().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_witness_comes_in_bounded_pages() {
        let runs = Runs::new(Entropy::seeded(1), Limits::default());
        let run = runs.begin().unwrap();
        for number in 0..30 {
            let pen = run.note(&number.to_string(), RequestHead::default()).unwrap();
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
    async fn a_run_with_too_many_connections_says_so() {
        let runs = Runs::new(Entropy::seeded(1), Limits { notes: 1, ..Limits::default() });
        let run = runs.begin().unwrap();
        assert!(run.note("a", RequestHead::default()).is_some());
        assert!(run.note("b", RequestHead::default()).is_none());
        assert!(run.page(0, 0).cut);
    }
}
