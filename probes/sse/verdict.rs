//! What the streams tell: from the gaps between events, as sent and as received.

use super::*;
use crate::circumstances::Doubt;
use crate::exchange::{Proof, Record, ServerNotes, Witness};
use crate::finding::seconds;
use crate::timeline::{Event, What};
use crate::transport::Transport;

/// A median delay above this degrades: updates feel late to a person from about half a second on.
const LATE_MS: u64 = 500;
/// Events of one burst arrive within this share of the time in which they were sent.
const BURST_SHARE: u64 = 4;
/// An event that came within this time before the client gave up says that more were coming: the longest gap is half a second.
const COMING_MS: u64 = 1_500;
/// A stream that flowed for so much longer than another one lasted says that no rule ended that one.
const LONGER_MS: u64 = 1_000;
/// How closely a delay must follow the gap to the next event to be "one event behind".
const FOLLOWS_MS: i64 = 75;

/// Judges the plain stream; the hinted one says what mends it, the resumed one whether a reconnect loses anything.
pub(super) fn judge(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
    let of = |kind| evidence.iter().find(|exchange| exchange.asked.kind == kind);
    let mut findings = of(Kind::Plain).map_or_else(Vec::new, |plain| stream(plain, around));
    let hinted_is_clean = of(Kind::Hinted).is_some_and(|hinted| stream(hinted, around).is_empty());
    // What cuts one stream in the middle and not the one beside it, or not a longer one, is no rule.
    let lasted = of(Kind::Plain).map_or(0, |plain| lasted(&plain.record));
    let flowed_longer = around.company.events_flowed_ms > lasted.saturating_add(LONGER_MS);
    for finding in findings.iter_mut().filter(|f| f.code == CUT && f.number("received") > Some(0)) {
        if hinted_is_clean || flowed_longer {
            *finding = inconclusive(Doubt::Contradicted);
        }
    }
    let held = |f: &Finding| [BUFFERED_UNTIL_END, CUT, DELAYED, ONE_EVENT_BEHIND, HEADERS_WITHHELD].contains(&f.code);
    for finding in findings.iter_mut().filter(|finding| held(finding)) {
        if hinted_is_clean {
            finding
                .summary
                .push_str(" With the headers X-Accel-Buffering: no and Cache-Control: no-cache, no-transform it streams.");
            *finding = finding.clone().with("mended_by", "X-Accel-Buffering: no; Cache-Control: no-cache, no-transform");
        }
    }
    if let Some(resumed) = of(Kind::Resumed) {
        findings.extend(resume(resumed, around));
    }
    let via = |finding: Finding| finding.on(Transport::Sse);
    findings.into_iter().map(via).collect()
}

/// How long a stream lasted from its head on.
fn lasted(record: &Record) -> u64 {
    let head = record.client.first(|e| matches!(e, Event::Response(_))).unwrap_or(0);
    record.client.last(|e| matches!(e, Event::Received(..))).map_or(0, |last| last.saturating_sub(head))
}

/// An event: its number, when it arrived and when it was sent, both by the client's clock.
struct Arrival {
    number: u32,
    at: u64,
    sent: u64,
}

fn arrivals(record: &Record, around: &Circumstances) -> Vec<Arrival> {
    let arrival = |entry: &crate::timeline::Entry| match entry.event {
        Event::Received(What::Event, number, Some(sent)) => {
            Some(Arrival { number, at: entry.at_ms, sent: around.on_client_clock(sent) })
        }
        _ => None,
    };
    record.client.entries.iter().filter_map(arrival).collect()
}

fn stream(exchange: &Exchange<Asked>, around: &Circumstances) -> Vec<Finding> {
    let record = &exchange.record;
    if let Some(doubt) = around.unfinished(record) {
        return vec![inconclusive(doubt)];
    }
    if let Some((_, failure)) = record.client.failed().filter(|_| record.opened.is_none()) {
        return vec![Finding::new(INCONCLUSIVE, format!("No connection for the stream: {failure}."))];
    }
    let last = record.client.entries.last().map_or(0, |entry| entry.at_ms);
    let doubt = around.doubt(record, last);
    let arrivals = arrivals(record, around);
    let mut findings = Vec::new();
    if let Some(finding) = not_a_stream(exchange, &arrivals, doubt) {
        findings.push(finding);
    } else {
        findings.extend(timing(exchange, &arrivals, around));
        findings.extend(content(exchange, &arrivals));
    }
    match (findings.iter().any(Finding::blames), doubt) {
        (true, Some(doubt)) => vec![inconclusive(doubt)],
        _ => findings,
    }
}

/// Refused, or cut before the last event.
fn not_a_stream(exchange: &Exchange<Asked>, arrivals: &[Arrival], doubt: Option<Doubt>) -> Option<Finding> {
    let record = &exchange.record;
    match &record.response {
        Some(head) if head.status != 200 && record.proof == Proof::Valid => return Some(inconclusive(Doubt::OwnEnd)),
        Some(head) if head.status != 200 => {
            return Some(
                Finding::new(REFUSED, format!("Something in between answered the event stream with HTTP {}.", head.status))
                    .with("status", head.status),
            );
        }
        _ if arrivals.is_empty() && record.proof != Proof::Valid && record.witness == Witness::Empty => {
            let what = if record.response.is_some() { "answered" } else { "kept" };
            return Some(Finding::new(
                REFUSED,
                format!("Something in between {what} the request for the event stream; the server never saw it."),
            ));
        }
        _ => {}
    }
    let received = arrivals.len();
    let asked = exchange.asked.count as usize;
    let complete = arrivals.iter().any(|arrival| arrival.number == exchange.asked.count);
    if complete || still_coming(record, arrivals) {
        return None;
    }
    let all_sent = |notes: &ServerNotes| notes.timeline.sent(What::Event).len() >= asked;
    if received == 0 && !record.witness.notes().is_some_and(all_sent) {
        return Some(inconclusive(doubt.unwrap_or(Doubt::Unclear)));
    }
    Some({
        let summary = match received {
            0 => format!("None of the stream's {asked} events arrived, although the server sent them."),
            _ => format!("The stream broke off after {received} of {asked} events."),
        };
        Finding::new(CUT, summary).with("received", received).with("expected", asked)
    })
}

/// Whether events were late and still coming when the client gave up: that is a delay, not a cut.
fn still_coming(record: &Record, arrivals: &[Arrival]) -> bool {
    let gave_up = record.client.first(|e| *e == Event::GaveUp);
    gave_up.zip(arrivals.last()).is_some_and(|(at, last)| at.saturating_sub(last.at) <= COMING_MS)
}

fn timing(exchange: &Exchange<Asked>, arrivals: &[Arrival], around: &Circumstances) -> Option<Finding> {
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
    let delays: Vec<u64> =
        arrivals.iter().map(|a| a.at.saturating_sub(a.sent).saturating_sub(around.round_trip_ms / 2)).collect();
    let delay = median(&delays);
    let blame = |finding: Finding| {
        // Times below a second mean nothing on a machine whose timers are late.
        match () {
            () if around.timers_late() => inconclusive(Doubt::TimersLate),
            () if around.opening_overlapped => inconclusive(Doubt::OwnLoad),
            () => finding.with("extra_delay_p50_ms", delay),
        }
    };
    if follows_the_next(arrivals, around) {
        return Some(blame(Finding::new(ONE_EVENT_BEHIND, "Each event arrives only when the server sends the next one.")));
    }
    let head = exchange.record.client.first(|e| matches!(e, Event::Response(_)));
    let head_sent = exchange.record.witness.notes().and_then(|notes| notes.timeline.first(|e| matches!(e, Event::Response(_))));
    let head_delay = match (head, head_sent) {
        (Some(at), Some(sent)) => at.saturating_sub(around.on_client_clock(sent)).saturating_sub(around.round_trip_ms / 2),
        _ => 0,
    };
    let bound = LATE_MS.saturating_add(around.clock_bound_ms);
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

fn content(exchange: &Exchange<Asked>, arrivals: &[Arrival]) -> Vec<Finding> {
    let record = &exchange.record;
    let mut findings = Vec::new();
    let media_type = record.response.as_ref().and_then(|head| head.values("content-type").next()).unwrap_or("none");
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("text/event-stream") {
        findings.push(
            Finding::new(CONTENT_TYPE_CHANGED, format!("The stream arrives as `{media_type}`, which no EventSource accepts."))
                .with("content_type", media_type),
        );
    }
    if record.client.first(|e| matches!(e, Event::Foreign(_))).is_some() {
        findings.push(Finding::new(CONTENT_ALTERED, "Text arrived in the stream that the server did not send."));
    }
    let mut numbers: Vec<u32> = arrivals.iter().map(|arrival| arrival.number).collect();
    numbers.sort_unstable();
    let all = numbers.len();
    numbers.dedup();
    let missing = (exchange.asked.count as usize).saturating_sub(numbers.len());
    if missing > 0 && numbers.last() == Some(&exchange.asked.count) {
        findings.push(
            Finding::new(CONTENT_ALTERED, format!("{missing} events are missing in the middle of the stream."))
                .with("missing", missing),
        );
    }
    if numbers.len() < all {
        findings.push(Finding::new(DUPLICATED, "Events arrived more than once.").with("repeated", all - numbers.len()));
    }
    findings
}

/// The reconnect: does the header arrive, does the stream go on without loss or repetition?
fn resume(exchange: &Exchange<Asked>, around: &Circumstances) -> Option<Finding> {
    let record = &exchange.record;
    let last = record.client.entries.last().map_or(0, |entry| entry.at_ms);
    let notes = record.witness.notes()?;
    if around.unfinished(record).is_some() || around.doubt(record, last).is_some() {
        return None;
    }
    let header = notes.timeline.first(|e| matches!(e, Event::Received(What::LastEventId, ..))).is_some();
    (!header).then(|| {
        Finding::new(
            LAST_EVENT_ID_REMOVED,
            "On a reconnect the header Last-Event-ID does not reach the server, so the stream starts over.",
        )
    })
}

fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

fn inconclusive(doubt: Doubt) -> Finding {
    Finding::new(INCONCLUSIVE, format!("The event stream could not be judged: {}.", doubt.because()))
        .with("reason", doubt.as_str())
}

#[cfg(test)]
mod tests;
