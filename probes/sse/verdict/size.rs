//! Whether bytes are held until enough of them have come, and how many that are.

use super::*;
use crate::timeline::Timeline;

/// An event of an unpadded stream is no larger than this.
const EVENT_BYTES: u64 = 64;
/// Bytes closer together than this came in one burst.
const BURST_MS: u64 = 75;
/// So much later than half a round trip, and the bound of the clock, a message may be that nothing holds.
const IN_TIME_MS: u64 = 100;
/// By so much of the round trip, at most, a busy machine and not the way took its time when the clocks were compared.
const BUSY_MS: u64 = 25;
/// The round trip is that of a request and its answer of about so many bytes: a slow link needs so long for them.
const START_BYTES: u64 = 1_200;
/// Buffers smaller than the steps of a padded stream do not hold any of these back.
const SMALL_BYTES: u64 = 8 * 1024;

/// The sizes of buffers are multiples of this.
const ROUND_BYTES: u64 = 512;

/// Only the beginning is held.
const FIRST: &str = "first";

/// What the streams of a run say about the amount that is held.
enum Held {
    /// Nothing that could be judged.
    Unknown,
    /// It takes more than this, or the end.
    Beyond(u64),
    /// It is between.
    Between(Threshold),
}

/// The amount, as far as it is known.
struct Threshold {
    lower: u64,
    upper: u64,
    exact: Option<u64>,
    /// Whether only the beginning is held, or every such amount.
    holds: Option<&'static str>,
}

/// Says of a plain stream that came late or at its end whether it waited for bytes.
pub(super) fn characterise(findings: &mut Vec<Finding>, evidence: &[Exchange<Asked>], around: &Circumstances) {
    let of = |kind| evidence.iter().find(|exchange| exchange.asked.kind == kind);
    let (Some(plain), Some(padded)) = (of(Kind::Plain), of(Kind::Padded)) else { return };
    let arrived = arrivals(&plain.record, around);
    if let Some(finding) = findings.iter_mut().find(|f| f.code == BUFFERED_UNTIL_END) {
        match by_padding(padded, received(&plain.record), around) {
            Held::Unknown => *finding = finding.clone().with("held_by_size", "inconclusive"),
            Held::Beyond(bytes) => *finding = finding.clone().with("held_bytes", bytes),
            Held::Between(threshold) if threshold.holds == Some(FIRST) => *finding = threshold.finding(),
            // It stays true of the plain stream, and of every application that says as little at a time.
            Held::Between(threshold) => findings.push(threshold.finding()),
        }
        return;
    }
    let late = findings.iter().position(|f| f.code == DELAYED);
    if late.is_none() && findings.iter().any(|f| [ONE_EVENT_BEHIND, INCONCLUSIVE, CUT, REFUSED, TRICKLED].contains(&f.code)) {
        return;
    }
    let again = of(Kind::Resumed).is_some_and(|resumed| in_bunches(resumed, around));
    let known = late.is_some() || (again && timing::delay(&arrived, around) > timing::late_ms(around));
    let Some(threshold) = by_bursts(&plain.record, &arrived, known).filter(|_| in_time(padded, around)) else { return };
    if around.timers_late() || around.opening_overlapped || around.doubt(&plain.record, last_at(&plain.record)).is_some() {
        return;
    }
    if let Some(late) = late {
        findings.remove(late);
    }
    findings.push(threshold.finding());
}

impl Threshold {
    fn finding(&self) -> Finding {
        let amount = match self.exact {
            Some(bytes) => format!("about {bytes} bytes have come."),
            None if self.lower == 0 => format!("at most {} bytes have come.", self.upper),
            None => format!("at most {} bytes have come; {} are not enough.", self.upper, self.lower),
        };
        let then = match self.holds {
            Some(FIRST) => " From then on it flows.",
            Some(_) => " Then they are passed on, and the next ones are held.",
            None => "",
        };
        let finding = Finding::new(BUFFERED_BY_SIZE, format!("The stream is held back until {amount}{then}"))
            .with("bytes", self.exact.unwrap_or(self.upper));
        let finding = match self.exact {
            Some(_) => finding,
            None => finding.with("lower_bytes", self.lower).with("upper_bytes", self.upper),
        };
        match self.holds {
            Some(holds) => finding.with("holds", holds),
            None => finding,
        }
    }
}

fn last_at(record: &Record) -> u64 {
    record.client.entries.last().map_or(0, |entry| entry.at_ms)
}

/// The pieces of the body: when each came, and its bytes.
pub(super) fn pieces(record: &Record) -> Vec<(u64, u64)> {
    let piece = |entry: &crate::timeline::Entry| match entry.event {
        Event::Piece(bytes) => Some((entry.at_ms, u64::from(bytes))),
        _ => None,
    };
    record.client.entries.iter().filter_map(piece).collect()
}

/// How much of a body as the server sent it had come; nothing is known of one that was compressed, or came in too many pieces.
fn received(record: &Record) -> u64 {
    let pieces = pieces(record);
    if compressed(record) || pieces.len() >= Timeline::MAX_PIECES { 0 } else { total(&pieces) }
}

fn compressed(record: &Record) -> bool {
    content_encoding(record).is_some()
}

fn total(pieces: &[(u64, u64)]) -> u64 {
    pieces.iter().fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes))
}

/// Whether a third of the events came together with the one before, although they were sent apart.
pub(super) fn in_bunches(exchange: &Exchange<Asked>, around: &Circumstances) -> bool {
    let arrived = arrivals(&exchange.record, around);
    let pairs = arrived.windows(2);
    let together = |pair: &[Arrival]| matches!(pair, [a, b] if b.at.saturating_sub(a.at) < exchange.asked.every_ms / 4);
    3 * pairs.clone().filter(|pair| together(pair)).count() >= pairs.len().max(1)
}

/// How much later than half a round trip this event of a padded stream may be when nothing holds it: on a slow link its own
/// bytes take time, and twice as long where another conversation of the run shares the link.
fn allowed_ms(number: u32, around: &Circumstances) -> u64 {
    let bytes = padded_size(number).saturating_sub(padded_size(number.saturating_sub(1)));
    let transfer = (2 * bytes).saturating_mul(around.round_trip_ms) / START_BYTES;
    around.clock_bound_ms.saturating_add(IN_TIME_MS).saturating_add(transfer)
}

fn extra_delay(arrival: &Arrival, around: &Circumstances) -> u64 {
    arrival.at.saturating_sub(arrival.sent).saturating_sub(around.round_trip_ms / 2)
}

/// Whether a padded stream came as it was sent, as far as its steps are small.
fn in_time(padded: &Exchange<Asked>, around: &Circumstances) -> bool {
    if around.unfinished(&padded.record).is_some() || around.doubt(&padded.record, last_at(&padded.record)).is_some() {
        return false;
    }
    let arrived = arrivals(&padded.record, around);
    let small: Vec<&Arrival> = arrived.iter().filter(|a| padded_size(a.number) < SMALL_BYTES).collect();
    let in_time = small.iter().filter(|a| extra_delay(a, around) <= allowed_ms(a.number, around)).count();
    small.len() >= 5 && in_time * 5 >= small.len() * 4
}

/// The amount that a padded stream needed before something of it came. `flat` bytes of the plain stream had not been enough.
fn by_padding(padded: &Exchange<Asked>, flat: u64, around: &Circumstances) -> Held {
    let record = &padded.record;
    if around.unfinished(record).is_some() || around.doubt(record, last_at(record)).is_some() || around.timers_late() {
        return Held::Unknown;
    }
    let Some(notes) = record.witness.notes() else { return Held::Unknown };
    let sent: Vec<(u32, u64)> = notes.timeline.entries.iter().filter_map(|entry| sending(entry, around)).collect();
    let arrived = arrivals(record, around);
    let (Some(first), Some((newest, last_sent))) = (arrived.first(), sent.last()) else { return Held::Unknown };
    let count = padded.asked.count;
    if *newest < count || count < 2 || first.number != 1 {
        return Held::Unknown;
    }
    if first.at.saturating_add(around.clock_bound_ms) >= *last_sent {
        return Held::Beyond(padded_size(count - 1));
    }
    // What set it free was sent just before, or is later only by as much as the clocks may be wrong, and as this way may be quicker
    // than the one by which they were compared.
    let half = around.round_trip_ms / 2;
    let arrives = first.at.saturating_sub(half);
    let by_then = arrives.saturating_add(around.clock_bound_ms).saturating_add(half.min(BUSY_MS));
    let freed: Vec<u32> = sent
        .iter()
        .filter(|(number, at)| *at <= by_then && arrives.saturating_sub(*at) <= allowed_ms(*number, around))
        .map(|(number, _)| *number)
        .collect();
    let (Some(earliest), Some(latest)) = (freed.iter().min(), freed.iter().max()) else { return Held::Unknown };
    let (lower, upper) = (padded_size(earliest.saturating_sub(1)).max(flat), padded_size(*latest));
    if lower >= upper {
        return Held::Unknown;
    }
    let exact = (earliest == latest).then(|| settled(record, &sent, *latest, around)).flatten();
    let exact = exact.filter(|bytes| (lower..upper).contains(bytes));
    // The first block may hold the head of the answer as well; the later ones do not. One block alone may as well be what a box
    // had read when it had enough.
    let exact = exact.and_then(|first| {
        let later = block(record, &sent, *latest).filter(|bytes| (first..upper).contains(bytes));
        later.or(Some(first).filter(|first| first.is_multiple_of(ROUND_BYTES)))
    });
    Held::Between(Threshold { lower, upper, exact, holds: holds(&arrived, *latest, padded.asked.every_ms, around) })
}

fn sending(entry: &crate::timeline::Entry, around: &Circumstances) -> Option<(u32, u64)> {
    match entry.event {
        Event::Sent(What::Event, number) => Some((number, around.on_client_clock(entry.at_ms))),
        _ => None,
    }
}

/// The bytes that had come when they came to rest before the next event was sent. When a box passes on whole blocks and keeps the
/// rest, that is the size of its block.
fn settled(record: &Record, sent: &[(u32, u64)], freed_by: u32, around: &Circumstances) -> Option<u64> {
    let pieces = pieces(record);
    let (_, next) = sent.iter().find(|(number, _)| *number > freed_by)?;
    let before = next.saturating_sub(around.clock_bound_ms);
    let (had, rest): (Vec<_>, Vec<_>) = pieces.iter().copied().partition(|(at, _)| *at < before);
    let quiet = had.last().is_some_and(|(at, _)| at.saturating_add(BURST_MS) <= before) && !rest.is_empty();
    (quiet && !compressed(record) && pieces.len() < Timeline::MAX_PIECES).then(|| total(&had))
}

/// The size of which everything that came after the first amount is a multiple, from one sending to the next.
fn block(record: &Record, sent: &[(u32, u64)], freed_by: u32) -> Option<u64> {
    let pieces = pieces(record);
    let after = || sent.iter().filter(|(number, _)| *number > freed_by).map(|(_, at)| *at);
    let mut amounts: Vec<u64> = after()
        .zip(after().skip(1))
        .map(|(from, to)| {
            pieces.iter().filter(|(at, _)| (from..to).contains(at)).fold(0, |sum, (_, bytes)| bytes.saturating_add(sum))
        })
        .collect();
    amounts.retain(|amount| *amount > 0);
    let least = *amounts.iter().min()?;
    (amounts.len() >= 3 && amounts.iter().all(|amount| amount.is_multiple_of(least))).then_some(least)
}

/// Whether what came later than the first amount was held again.
fn holds(arrived: &[Arrival], freed_by: u32, every_ms: u64, around: &Circumstances) -> Option<&'static str> {
    // One that waited for the next is late by a beat: what may be later than that for its own size says nothing.
    let tells = |arrival: &&Arrival| arrival.number > freed_by && allowed_ms(arrival.number, around) < every_ms;
    let later: Vec<bool> =
        arrived.iter().filter(tells).map(|arrival| extra_delay(arrival, around) > allowed_ms(arrival.number, around)).collect();
    let held = later.iter().filter(|held| **held).count();
    match () {
        () if later.len() < 2 => None,
        () if held == 0 => Some(FIRST),
        // One that was in time says that the others are late not for their size.
        () if held < later.len() => Some("every"),
        () => None,
    }
}

/// A plain stream that came in bursts of one size, each of several events. `known`: that it is late is certain already, so that
/// one burst is enough.
fn by_bursts(record: &Record, arrived: &[Arrival], known: bool) -> Option<Threshold> {
    let pieces = pieces(record);
    if compressed(record) || pieces.len() >= Timeline::MAX_PIECES {
        return None;
    }
    let mut bursts: Vec<(u64, u64, u64)> = Vec::new();
    for (at, bytes) in pieces {
        match bursts.last_mut() {
            Some((_, end, sum)) if at.saturating_sub(*end) <= BURST_MS => (*end, *sum) = (at, sum.saturating_add(bytes)),
            _ => bursts.push((at, at, bytes)),
        }
    }
    // What came last came with the end.
    bursts.pop();
    // An event is read a moment after its bytes came; the next burst is further away.
    let events = |from: u64, to: u64| {
        let read_by = to.saturating_add(BURST_MS);
        arrived.iter().filter(|arrival| (from..=read_by).contains(&arrival.at)).count()
    };
    let (least, most) = (bursts.iter().map(|b| b.2).min()?, bursts.iter().map(|b| b.2).max()?);
    let alike = bursts.iter().all(|(from, to, _)| events(*from, *to) >= 2) && most.saturating_sub(least) <= EVENT_BYTES;
    let enough = if known { 1 } else { 3 };
    (alike && bursts.len() >= enough).then(|| Threshold {
        lower: least.saturating_sub(EVENT_BYTES),
        upper: least,
        exact: (bursts.len() >= 3 && least == most).then_some(least),
        holds: (bursts.len() >= 2).then_some("every"),
    })
}

#[cfg(test)]
mod tests;
