//! The runs that the server knows: in memory, bounded, expiring.

use super::door::{Door, Ticket};
use super::fleet::{Begun, Fleet, Part};
use super::limits::Limits;
use super::udp::DATAGRAMS;
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
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// All runs.
pub(super) struct Runs {
    secret: Vec<u8>,
    entropy: Entropy,
    limits: Limits,
    door: Arc<Door>,
    memory: Arc<Quota>,
    fleet: Option<Arc<Fleet>>,
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
    /// What the records of all runs may have, and their pages on the way.
    pub(super) memory: Arc<Quota>,
    /// How many pages of its record may be on their way.
    pub(super) pages: Arc<Semaphore>,
    /// How many datagrams it may still have answered.
    pub(super) datagrams: Arc<Quota>,
    /// How many conversations of large messages whoever began it may still have.
    pub(super) large: Arc<Semaphore>,
    limits: Limits,
    record: Arc<Quota>,
    notes: Mutex<Notes>,
    report_left: AtomicBool,
    door: Arc<Door>,
    /// How many connections had been closed unread when it began.
    turned_away_before: u64,
    share: Option<Share>,
    _ticket: Ticket,
}

/// What a run has beside when other nodes serve it, too.
struct Share {
    fleet: Arc<Fleet>,
    begun: Begun,
    /// Whether the store is yet to be told that it began here.
    begins: AtomicBool,
    /// Whether it is among those of which there is something to write.
    waits: AtomicBool,
}

/// What the store does not have yet of a run.
pub(super) struct News {
    /// What this node has to say of its part.
    pub(super) part: String,
    pub(super) begins: bool,
    /// Names and texts of notes.
    pub(super) notes: Vec<(String, String)>,
    /// Which notes these are.
    pub(super) numbers: Vec<usize>,
    /// For how long the store keeps them.
    pub(super) keep: Duration,
}

/// What is written down of one request.
struct Note {
    nonce: String,
    /// As JSON: that has a third of what its many small texts take one by one.
    request: Box<str>,
    peer: Option<SocketAddr>,
    pen: Pen,
    below: BelowPen,
    /// Its name in the store, and whether something of it is not there yet.
    shared: Option<(String, Arc<AtomicBool>)>,
}

#[derive(Default)]
struct Notes {
    all: Vec<Note>,
    below: usize,
    last: Option<Instant>,
    cut: bool,
}

/// What a request costs beside its head as JSON: its name, and the places in which it is kept.
const NOTE_BYTES: usize = 512;
/// What the raw heads and the ClientHello messages of a request may take.
const BELOW_BYTES: usize = 40 * 1024;
/// For how many requests room is made at once: a quick check has about thirty.
const NOTES_MORE: usize = 32;
/// Pages of one record that are on their way at once: a client reads one after another, and may have lost a few before.
const PAGES: usize = 4;
/// With less than this no run begins: it could not be written down.
const LEAST_MEMORY: usize = 512 * 1024;

/// The longest that a client has nothing open between two connections of a run.
const PAUSE: Duration = Duration::from_secs(5);
/// The head of an answer that did not pass in this time will not.
const ANSWERED_MS: u64 = 5_000;

impl Runs {
    pub(super) fn new(entropy: Entropy, limits: Limits, door: Arc<Door>, fleet: Option<Arc<Fleet>>) -> Self {
        let secret = fleet.as_ref().map_or_else(|| entropy.bytes::<32>().to_vec(), |fleet| fleet.secret().to_vec());
        Self { secret, entropy, limits, door, memory: Quota::of(limits.memory), fleet, runs: Mutex::default() }
    }

    /// Begins a run of this address, or says why not.
    pub(super) fn begin(&self, from: Option<IpAddr>) -> Result<Arc<Run>, Refusal> {
        let mut runs = lock(&self.runs);
        let ticket = self.room(&mut runs, |door| door.run(from))?;
        let (id, share) = match &self.fleet {
            Some(fleet) => {
                let (id, begun) = fleet.begin(&self.entropy);
                (id, Some((fleet.clone(), begun, true)))
            }
            None => (hex(&self.entropy.bytes::<16>()), None),
        };
        Ok(self.keep(&mut runs, id, share, ticket))
    }

    /// A place for one more run.
    fn room(
        &self,
        runs: &mut HashMap<String, Arc<Run>>,
        enter: impl FnOnce(&Arc<Door>) -> Result<Ticket, Refusal>,
    ) -> Result<Ticket, Refusal> {
        runs.retain(|_, run| !expired(run));
        if self.memory.left() < LEAST_MEMORY {
            return Err(Refusal::Memory);
        }
        enter(&self.door)
    }

    fn keep(
        &self,
        runs: &mut HashMap<String, Arc<Run>>,
        id: String,
        share: Option<(Arc<Fleet>, Begun, bool)>,
        ticket: Ticket,
    ) -> Arc<Run> {
        let key = Prover::key(&self.secret, &id);
        let began = share.as_ref().map_or_else(Instant::now, |(_, begun, _)| begun.at);
        let run = Arc::new(Run {
            prover: Prover::new(&id, &key),
            key,
            clock: Clock::since(began),
            began,
            sent: Quota::of(self.limits.sent),
            pages: Arc::new(Semaphore::new(PAGES)),
            datagrams: Quota::of(DATAGRAMS),
            large: self.door.large(&ticket),
            limits: self.limits,
            memory: self.memory.clone(),
            record: Quota::within(self.limits.record, &self.memory),
            notes: Mutex::default(),
            report_left: AtomicBool::new(false),
            door: self.door.clone(),
            turned_away_before: self.door.turned_away(),
            share: share.map(|(fleet, begun, begins)| Share {
                fleet,
                begun,
                begins: AtomicBool::new(begins),
                waits: AtomicBool::new(false),
            }),
            _ticket: ticket,
        });
        runs.insert(id, run.clone());
        run.post();
        run
    }

    /// Lets the store keep what belongs to runs that have something open.
    pub(super) fn touch(&self) {
        lock(&self.runs).values().filter(|run| Arc::strong_count(run) > 1).for_each(Run::post);
    }

    /// Bytes of all records.
    pub(super) fn record_bytes(&self) -> usize {
        self.memory.taken()
    }

    /// Whether a run has something open, or had a moment ago: between its connections nothing is.
    pub(super) fn under_way(&self) -> bool {
        let recent = |run: &Arc<Run>| lock(&run.notes).last.unwrap_or(run.began).elapsed() < PAUSE;
        lock(&self.runs).values().any(|run| Arc::strong_count(run) > 1 || recent(run))
    }

    /// The run with this id, unless it has expired. One that began at another node of the fleet begins here now; `from` is the
    /// address that asks.
    pub(super) fn find(&self, id: &str, from: Option<IpAddr>) -> Found {
        let mut runs = lock(&self.runs);
        if runs.get(id).is_some_and(expired) {
            runs.remove(id);
        }
        let run = match (runs.get(id).cloned(), &self.fleet) {
            (Some(run), _) => run,
            (None, None) => return Found::No,
            (None, Some(fleet)) => {
                let Some(begun) = fleet.begun(id, self.limits.kept) else { return Found::No };
                match self.room(&mut runs, |door| door.guest(from)) {
                    Ok(ticket) => self.keep(&mut runs, id.to_owned(), Some((fleet.clone(), begun, false)), ticket),
                    Err(refusal) => return Found::NoRoom(refusal, Prover::new(id, &Prover::key(&self.secret, id))),
                }
            }
        };
        lock(&run.notes).last = Some(Instant::now());
        Found::Run(run)
    }
}

/// What became of a run that was looked for.
pub(super) enum Found {
    /// Here it is.
    Run(Arc<Run>),
    /// There is none.
    No,
    /// There is one, and this node has no room for its part of it. What is said of that can be proven.
    NoRoom(Refusal, Prover),
}

/// Whether a run is over: too old, or with nothing open and not asked about for a while.
fn expired(run: &Arc<Run>) -> bool {
    let quiet = lock(&run.notes).last.unwrap_or(run.began).elapsed();
    // Everything that is still being answered holds the run.
    let idle = Arc::strong_count(run) == 1 && quiet >= run.limits.kept_idle;
    idle || run.began.elapsed() >= run.limits.kept
}

impl Run {
    /// The record of a series of requests of this name, if it has begun. One that is full does not go on: each request that comes
    /// nevertheless counts like any other.
    pub(super) fn series(&self, nonce: &str) -> Option<(Pen, BelowPen)> {
        let notes = lock(&self.notes);
        let note = notes.all.iter().rev().find(|note| note.nonce == nonce && !note.pen.is_full())?;
        Some((note.pen.clone(), note.below.clone()))
    }

    /// Begins the record of one request; none when the run has too many.
    pub(super) fn note(
        self: &Arc<Self>,
        nonce: &str,
        request: RequestHead,
        peer: Option<SocketAddr>,
        keeps_below: bool,
    ) -> Option<(Pen, BelowPen)> {
        let request = serde_json::to_string(&request).unwrap_or_default().into_boxed_str();
        let mut notes = lock(&self.notes);
        let keeps_below = keeps_below && notes.below < self.limits.below;
        let below = if keeps_below { BELOW_BYTES } else { 0 };
        if notes.all.len() >= self.limits.notes || !self.record.take(NOTE_BYTES + request.len() + below) {
            notes.cut = true;
            self.post();
            return None;
        }
        let mut pen = Pen::sharing(self.clock, self.record.clone());
        let shared = self.share.as_ref().map(|share| (share.fleet.note_name(), Arc::new(AtomicBool::new(true))));
        if let Some((_, news)) = &shared {
            let (news, run) = (news.clone(), Arc::downgrade(self));
            pen = pen.telling(Arc::new(move || {
                news.store(true, Ordering::Relaxed);
                if let Some(run) = run.upgrade() {
                    run.post();
                }
            }));
        }
        let below = BelowPen::new(keeps_below);
        notes.below += usize::from(keeps_below);
        // A list that doubles would have room for hundreds that never come.
        if notes.all.len() == notes.all.capacity() {
            notes.all.reserve_exact(NOTES_MORE);
        }
        notes.all.push(Note { nonce: nonce.to_owned(), request, peer, pen: pen.clone(), below: below.clone(), shared });
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
        for (index, note) in notes.all.iter().enumerate().skip(from) {
            let note = note.written();
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

    /// When it began, in milliseconds since 1970 by the clock of the fleet that shares it.
    pub(super) fn began_ms(&self) -> u64 {
        self.share.as_ref().map_or(0, |share| share.begun.at_ms)
    }

    /// There is something for the store.
    fn post(self: &Arc<Self>) {
        if let Some(share) = self.share.as_ref().filter(|share| !share.waits.swap(true, Ordering::AcqRel)) {
            share.fleet.post(Arc::downgrade(self));
        }
    }

    /// What the store does not have yet; none of a run that nobody shares.
    pub(super) fn take_news(self: &Arc<Self>, lag_ms: u64) -> Option<News> {
        let share = self.share.as_ref()?;
        // Before anything is read: what is noted from now on waits anew.
        share.waits.swap(false, Ordering::AcqRel);
        let mut unanswered = false;
        let (mut found, mut numbers) = (Vec::new(), Vec::new());
        let cut = {
            let notes = lock(&self.notes);
            for (number, note) in notes.all.iter().enumerate() {
                let Some((name, news)) = note.shared.as_ref().filter(|(_, news)| news.swap(false, Ordering::AcqRel)) else {
                    continue;
                };
                found.push((name.clone(), serde_json::to_string(&note.written()).unwrap_or_default()));
                numbers.push(number);
                // The head of an answer is known when it has passed, which nobody tells.
                let last = note.pen.timeline().entries.last().map_or(0, |entry| entry.at_ms);
                if note.below.awaits_answer() && self.clock.ms().saturating_sub(last) < ANSWERED_MS {
                    news.store(true, Ordering::Release);
                    unanswered = true;
                }
            }
            notes.cut
        };
        if unanswered {
            self.post();
        }
        let part = Part { lag_ms, clock_ms: share.fleet.clock_bound(&share.begun), cut };
        let rest = self.limits.kept.saturating_sub(self.began.elapsed());
        Some(News {
            part: serde_json::to_string(&part).unwrap_or_default(),
            begins: share.begins.swap(false, Ordering::Relaxed),
            notes: found,
            numbers,
            keep: rest.min(self.limits.kept_idle).max(PAUSE),
        })
    }

    /// Notes could not be written: they are news still.
    pub(super) fn put_back(self: &Arc<Self>, numbers: &[usize], begins: bool) {
        let Some(share) = &self.share else { return };
        share.begins.fetch_or(begins, Ordering::Relaxed);
        {
            let notes = lock(&self.notes);
            for (_, news) in numbers.iter().filter_map(|number| notes.all.get(*number)?.shared.as_ref()) {
                news.store(true, Ordering::Release);
            }
        }
        share.waits.swap(false, Ordering::AcqRel);
        self.post();
    }
}

impl Note {
    /// It, as a page of the witness has it.
    fn written(&self) -> (String, ServerNotes) {
        let peer = self.peer.map(|peer| Untrusted::new(&peer.to_string()));
        let request = serde_json::from_str(&self.request).unwrap_or_default();
        let (timeline, below) = (self.pen.timeline(), self.below.below());
        (self.nonce.clone(), ServerNotes { request, peer, timeline, below })
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let Some(share) = &self.share else { return };
        let news = |note: &&Note| note.shared.as_ref().is_some_and(|(_, news)| news.load(Ordering::Relaxed));
        share.fleet.give_up(lock(&self.notes).all.iter().filter(news).count());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
