//! When the events arrived: at the end, behind the next one, late.

use super::*;
use crate::finding::seconds;

/// A median delay above this degrades: updates feel late to a person from about half a second on.
const LATE_MS: u64 = 500;
/// Events of one burst arrive within this share of the time in which they were sent.
const BURST_SHARE: u64 = 4;
/// How closely a delay must follow the gap to the next event to be "one event behind".
const FOLLOWS_MS: i64 = 75;

/// Twice that: the least mean time between events at which it can be told.
const SLOW_ENOUGH_MS: u64 = 150;

/// Judges when the events arrived.
pub(super) fn timing(exchange: &Exchange<Asked>, arrivals: &[Arrival], around: &Circumstances) -> Option<Finding> {
    let (first, last) = (arrivals.first()?, arrivals.last()?);
    let sending = last.sent.saturating_sub(first.sent);
    let arriving = last.at.saturating_sub(first.at);
    let held = first.at.saturating_sub(first.sent);
    if arriving < sending / BURST_SHARE && first.at.saturating_add(around.clock_bound_ms) >= last.sent {
        return Some(
            Finding::new(
                BUFFERED_UNTIL_END,
                format!(
                    "The server sent {} events in {}; all of them arrived at once, at the end.",
                    arrivals.len(),
                    seconds(sending)
                ),
            )
            .with("sent_over_ms", sending)
            .with("arrived_over_ms", arriving)
            .with("first_event_held_ms", held),
        );
    }
    let delays = delays(arrivals, around);
    let delay = median(&delays);
    let blame = |finding: Finding| {
        // Times below a second mean nothing on a machine whose timers are late.
        match () {
            () if around.timers_late() => inconclusive(Doubt::TimersLate),
            () if around.opening_overlapped => inconclusive(Doubt::OwnLoad),
            () => finding.with("extra_delay_p50_ms", delay),
        }
    };
    // At a quicker beat the next event is no further away than accidents are.
    if exchange.asked.every_ms > SLOW_ENOUGH_MS && follows_the_next(arrivals, around) {
        return Some(blame(Finding::new(ONE_EVENT_BEHIND, "Each event arrives only when the server sends the next one.")));
    }
    let head_delay = head_delay(&exchange.record, around).unwrap_or(0);
    let bound = late_ms(around);
    // A stall of the path delays the events of one stretch; what delays a stream delays all of it, or again and again.
    let late: Vec<bool> = delays.iter().map(|delay| *delay > bound).collect();
    let stretches = late.chunk_by(|a, b| a == b).filter(|stretch| stretch.first() == Some(&true)).count();
    let always = late.iter().all(|late| *late) || stretches > 1;
    if delay > bound && always {
        return Some(blame(Finding::new(DELAYED, format!("Events arrive {} late.", seconds(delay)))));
    }
    // One lost segment delays a head by a retransmission timeout, which follows the round trip.
    (head_delay > bound.saturating_add(around.round_trip_ms.saturating_mul(3))).then(|| {
        blame(Finding::new(HEADERS_WITHHELD, format!("The head of the answer is held back for {}.", seconds(head_delay))))
            .with("head_delay_ms", head_delay)
    })
}

/// From how late on an event is late: half a second, and what the clocks may be wrong.
pub(super) fn late_ms(around: &Circumstances) -> u64 {
    LATE_MS.saturating_add(around.clock_bound_ms)
}

/// How much later than half a round trip the head of the answer arrived.
pub(in crate::sse) fn head_delay(record: &Record, around: &Circumstances) -> Option<u64> {
    let head = |e: &Event| matches!(e, Event::Response(_));
    let (at, sent) = (record.client.first(head)?, record.witness.notes()?.timeline.first(head)?);
    Some(at.saturating_sub(around.on_client_clock(sent)).saturating_sub(around.round_trip_ms / 2))
}

/// How much later than half a round trip each event arrived.
pub(in crate::sse) fn delays(arrivals: &[Arrival], around: &Circumstances) -> Vec<u64> {
    arrivals.iter().map(|a| a.at.saturating_sub(a.sent).saturating_sub(around.round_trip_ms / 2)).collect()
}

/// The median delay.
pub(super) fn delay(arrivals: &[Arrival], around: &Circumstances) -> u64 {
    median(&delays(arrivals, around))
}

/// Whether each event arrives a constant time after the next one was sent, while its own delay varies: the gaps alternate, so
/// that a constant delay does not look like it, and the clocks' difference drops out.
fn follows_the_next(arrivals: &[Arrival], around: &Circumstances) -> bool {
    let pairs = || arrivals.iter().zip(arrivals.iter().skip(1));
    let behind_next: Vec<i64> = pairs().map(|(event, next)| difference(event.at, next.sent)).collect();
    let own_delay: Vec<i64> = pairs().map(|(event, _)| difference(event.at, event.sent)).collect();
    // What arrives before the next one is sent does not wait for it; the clocks are known to differ by no more than this.
    let bound = i64::try_from(around.clock_bound_ms).unwrap_or(i64::MAX).saturating_add(FOLLOWS_MS);
    let waits = behind_next.iter().filter(|behind| **behind >= -bound).count() * 10 >= behind_next.len() * 9;
    // Loss only makes events late: an early one is no accident, and it alone says that they do not wait.
    let mut sorted = behind_next.clone();
    sorted.sort_unstable();
    sorted.truncate(sorted.len().saturating_sub(2));
    let steady = sorted.last().zip(sorted.first()).is_some_and(|(last, first)| last - first <= FOLLOWS_MS);
    behind_next.len() >= 6 && waits && steady && spread(&own_delay) > 2 * FOLLOWS_MS
}

fn difference(a: u64, b: u64) -> i64 {
    i64::try_from(a).unwrap_or(i64::MAX).saturating_sub(i64::try_from(b).unwrap_or(i64::MAX))
}

/// The distance between all but the extremes: one lost segment must not hide the pattern.
fn spread(values: &[i64]) -> i64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let inner = sorted.get(1..sorted.len().saturating_sub(1)).unwrap_or_default();
    inner.last().zip(inner.first()).map_or(0, |(last, first)| last - first)
}

pub(super) fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}
