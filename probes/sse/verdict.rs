//! What the streams tell: from the gaps between events, as sent and as received.

use super::*;
use crate::circumstances::{Doubt, broken_off};
use crate::exchange::{Proof, Record, ServerNotes, Witness};
use crate::timeline::{Event, What};
use crate::transport::Transport;

mod forms;
mod size;
pub(super) mod timing;
mod together;
mod trickle;

/// An event that came within this time before the client gave up says that more were coming: the longest gap is half a second.
const COMING_MS: u64 = 1_500;
/// A stream that flowed for so much longer than another one lasted says that no rule ended that one.
const LONGER_MS: u64 = 1_000;
/// What a header, or another form, may mend.
const HELD: &[Code] = &[BUFFERED_UNTIL_END, BUFFERED_BY_SIZE, TRICKLED, CUT, DELAYED, ONE_EVENT_BEHIND, HEADERS_WITHHELD];

/// Judges the plain stream; the hinted one says what mends it, the resumed one whether a reconnect loses anything.
pub(super) fn judge(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
    let of = |kind| evidence.iter().find(|exchange| exchange.asked.kind == kind);
    let mut findings = of(Kind::Plain).map_or_else(Vec::new, |plain| stream(plain, around));
    size::characterise(&mut findings, evidence, around);
    if let Some(encoding) = of(Kind::Plain).and_then(|plain| content_encoding(&plain.record)) {
        // Our server compresses nothing.
        let compressed = |f: &Finding| [BUFFERED_UNTIL_END, BUFFERED_BY_SIZE, DELAYED, ONE_EVENT_BEHIND].contains(&f.code);
        for finding in findings.iter_mut().filter(|finding| compressed(finding)) {
            finding.summary.push_str(" Something in between compresses it.");
            *finding = finding.clone().with("content_encoding", encoding);
        }
    }
    let hinted_is_clean = of(Kind::Hinted).is_some_and(|hinted| stream(hinted, around).is_empty());
    // What cuts one stream in the middle and not the one beside it, or not a longer one, is no rule.
    let lasted = of(Kind::Plain).map_or(0, |plain| lasted(&plain.record));
    let flowed_longer = around.company.events_flowed_ms > lasted.saturating_add(LONGER_MS);
    for finding in findings.iter_mut().filter(|f| f.code == CUT && f.number("received") > Some(0)) {
        if hinted_is_clean || flowed_longer {
            *finding = inconclusive(Doubt::Contradicted);
        }
    }
    let held = |f: &Finding| HELD.contains(&f.code);
    let mended = hinted_is_clean && !of(Kind::Hinted).is_some_and(|hinted| size::in_bunches(hinted, around));
    for finding in findings.iter_mut().filter(|finding| held(finding)) {
        if mended {
            finding
                .summary
                .push_str(" With the headers X-Accel-Buffering: no and Cache-Control: no-cache, no-transform it streams.");
            *finding = finding.clone().with("mended_by", "X-Accel-Buffering: no; Cache-Control: no-cache, no-transform");
        }
    }
    forms::mend(&mut findings, evidence, around);
    let mut findings: Vec<Finding> =
        findings.into_iter().map(|finding| finding.seen_on(of(Kind::Plain).map(|plain| &plain.record))).collect();
    let limited = together::limited(evidence, around);
    // What is hurt only because there is no room for it says nothing of its form.
    if limited.is_none() && findings.is_empty() && of(Kind::Plain).is_some() {
        findings.extend(forms::over_http2(evidence, around));
        findings.extend(forms::hurt(evidence, around));
    }
    findings.extend(limited);
    if let Some(resumed) = of(Kind::Resumed) {
        findings.extend(resume(resumed, around).map(|finding| finding.seen_on([&resumed.record])));
    }
    findings.into_iter().map(|finding| finding.on(Transport::Sse)).collect()
}

/// The encoding that the path gave the stream.
fn content_encoding(record: &Record) -> Option<&str> {
    let named = record.response.as_ref()?.values("content-encoding").map(str::trim).find(|name| !name.is_empty())?;
    (!named.eq_ignore_ascii_case("identity")).then_some(named)
}

/// How long a stream lasted from its head on.
fn lasted(record: &Record) -> u64 {
    let head = record.client.first(|e| matches!(e, Event::Response(_))).unwrap_or(0);
    record.client.last(|e| matches!(e, Event::Received(..))).map_or(0, |last| last.saturating_sub(head))
}

/// An event: its number, when it arrived and when it was sent, both by the client's clock.
pub(super) struct Arrival {
    number: u32,
    at: u64,
    sent: u64,
}

pub(super) fn arrivals(record: &Record, around: &Circumstances) -> Vec<Arrival> {
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
    if let Some(finding) = trickle::trickled(exchange, &arrivals, around) {
        findings.push(finding);
    } else if let Some(finding) = not_a_stream(exchange, &arrivals, doubt) {
        findings.push(finding);
    } else {
        findings.extend(timing::timing(exchange, &arrivals, around));
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
        Some(head) if arrivals.is_empty() && record.proof != Proof::Valid && is_page(head, exchange) => {
            let summary = "Something in between answered the event stream with a page of its own, although the server sent it.";
            return Some(Finding::new(REFUSED, summary).with("status", head.status));
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
    if record.client.flooded() && !unreadable(record) {
        return Some(flood(arrivals));
    }
    if let Some((_, failure)) = record.client.failed().filter(|_| record.response.is_none() && record.witness.notes().is_some()) {
        let summary = format!("Something in between answered the event stream with what is no answer to it: {failure}.");
        return Some(Finding::new(REFUSED, summary));
    }
    if unreadable(record) {
        let encoding = content_encoding(record).unwrap_or_default();
        let summary =
            format!("Something in between says that it compressed the stream as `{encoding}`, but it cannot be read so.");
        return Some(Finding::new(CONTENT_ALTERED, summary).with("content_encoding", encoding));
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
        let finding = Finding::new(CUT, summary).with("received", received).with("expected", asked);
        let began = record.client.first(|e| matches!(e, Event::Response(_)));
        match began.zip(broken_off(&record.client)) {
            Some((began, (ended, _))) => finding.with("age_ms", ended.saturating_sub(began)),
            None => finding,
        }
    })
}

/// More came than any stream here has: events of the server's again and again, or text that is not the server's.
fn flood(arrivals: &[Arrival]) -> Finding {
    let mut numbers: Vec<u32> = arrivals.iter().map(|arrival| arrival.number).collect();
    numbers.sort_unstable();
    let all = numbers.len();
    numbers.dedup();
    match all.saturating_sub(numbers.len()) {
        0 => Finding::new(CONTENT_ALTERED, "Text that the server did not send arrived in the stream, without end."),
        repeated => Finding::new(DUPLICATED, "Events arrived more than once, without end.").with("repeated", repeated),
    }
}

/// Whether an answer is another kind of text than an event stream, in place of one that the server sent.
fn is_page(head: &crate::exchange::ResponseHead, exchange: &Exchange<Asked>) -> bool {
    let (record, sent_as) = (&exchange.record, essence(exchange.asked.form.media_type.as_str()));
    let stream = head.values("content-type").any(|of| essence(of).eq_ignore_ascii_case(sent_as));
    let foreign = record.client.first(|e| matches!(e, Event::Foreign(_))).is_some();
    !stream && foreign && record.witness.notes().is_some()
}

/// Whether the client gave a compressed stream up because it could not be decoded, or grew beyond all measure.
fn unreadable(record: &Record) -> bool {
    let foreign = record.client.first(|e| matches!(e, Event::Foreign(_))).is_some();
    content_encoding(record).is_some() && foreign && record.client.closed().is_some()
}

/// A media type without its parameters.
fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

/// Whether events were late and still coming when the client gave up: that is a delay, not a cut.
fn still_coming(record: &Record, arrivals: &[Arrival]) -> bool {
    let gave_up = record.client.first(|e| *e == Event::GaveUp);
    gave_up.zip(arrivals.last()).is_some_and(|(at, last)| at.saturating_sub(last.at) <= COMING_MS)
}

fn content(exchange: &Exchange<Asked>, arrivals: &[Arrival]) -> Vec<Finding> {
    let record = &exchange.record;
    let mut findings = Vec::new();
    let media_type = record.response.as_ref().and_then(|head| head.values("content-type").next()).unwrap_or("none");
    if !essence(media_type).eq_ignore_ascii_case(essence(exchange.asked.form.media_type.as_str())) {
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
    // A stream that goes on where the one before it ended says that the server was told where, whatever its record says.
    let went_on = record.client.received(What::Event).first().is_some_and(|first| *first > 1);
    (!header && !went_on).then(|| {
        Finding::new(
            LAST_EVENT_ID_REMOVED,
            "On a reconnect the header Last-Event-ID does not reach the server, so the stream starts over.",
        )
    })
}

fn inconclusive(doubt: Doubt) -> Finding {
    Finding::new(INCONCLUSIVE, format!("The event stream could not be judged: {}.", doubt.because()))
        .with("reason", doubt.as_str())
}

#[cfg(test)]
mod tests;
