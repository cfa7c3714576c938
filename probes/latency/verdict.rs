//! What the series tell: the times, and which requests did not get through.

use super::*;
use crate::circumstances::{Doubt, broken_off};
use crate::exchange::{Proof, Record, Witness};
use crate::timeline::{Event, What};
use crate::transport::{Direction, Transport};

/// Judges what did not get through, and tells the times.
pub(super) fn judge(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
    let mut findings = Vec::new();
    if evidence.iter().any(|one| one.asked.kind == Kind::Alone && echoed(&one.record)) {
        findings.extend(beside(evidence, around));
        findings.extend(chunked(evidence, around));
    } else {
        findings.extend(alone(evidence, around));
    }
    findings.extend(times(evidence, around));
    findings
}

/// Whether a request was answered in time.
fn echoed(record: &Record) -> bool {
    let overdue = record.client.first(|e| *e == Event::GaveUp).unwrap_or(u64::MAX);
    record.client.first(|e| matches!(e, Event::Received(What::Echo, ..))).is_some_and(|at| at < overdue)
}

/// Whether the answer came when nobody waited for it any more.
fn late(record: &Record) -> bool {
    let overdue = record.client.first(|e| *e == Event::GaveUp);
    overdue.is_some_and(|at| record.client.first(|e| matches!(e, Event::Response(_))).is_some_and(|answered| answered >= at))
}

/// What became of a request that was not answered as it should be, as far as the client saw it.
fn fate(record: &Record) -> Option<String> {
    let status = record.response.as_ref().filter(|head| head.status != 200).map(|head| head.status);
    if late(record) {
        return Some("silence".to_owned());
    }
    Some(match (record.proof, status) {
        // It came to the server without what it carried.
        (Proof::Valid, Some(422)) => "emptied".to_owned(),
        // An answer of the server's own, such as a limit's.
        (Proof::Valid, _) if record.response.is_some() => return None,
        (_, Some(status)) => format!("status-{status}"),
        _ if record.response.is_some() => "page".to_owned(),
        _ => match broken_off(&record.client) {
            Some((_, crate::timeline::End::Reset)) => "reset".to_owned(),
            Some(_) => "closed".to_owned(),
            None if record.client.first(|e| *e == Event::GaveUp).is_some() => "silence".to_owned(),
            None => return None,
        },
    })
}

/// Which way a request that was not answered in time got lost: what the server had not got by then was lost, or held, on its way
/// there.
fn lost(record: &Record, around: &Circumstances) -> Option<Direction> {
    let overdue = record.client.first(|e| *e == Event::GaveUp).unwrap_or(u64::MAX);
    match &record.witness {
        Witness::Absent => None,
        Witness::Empty => Some(Direction::ToServer),
        Witness::Partial(notes) | Witness::Whole(notes) => {
            let had = notes.timeline.first(|e| matches!(e, Event::Received(What::Frame, ..)));
            let in_time = had.is_some_and(|at| around.on_client_clock(at) < overdue);
            Some(if in_time { Direction::ToClient } else { Direction::ToServer })
        }
    }
}

/// What several attempts agree on, or why they say nothing.
struct Agreed {
    fate: String,
    direction: Direction,
}

fn agree(tries: &[&Record], around: &Circumstances) -> Result<Agreed, Doubt> {
    let over = |record: &Record| record.client.entries.last().map_or(0, |entry| entry.at_ms);
    for record in tries {
        if let Some(doubt) = around.unfinished(record).or_else(|| around.doubt(record, over(record))) {
            return Err(doubt);
        }
    }
    let mut all = tries.iter().map(|record| fate(record).zip(lost(record, around)));
    let Some(Some((fate, direction))) = all.next() else { return Err(Doubt::Unclear) };
    if all.any(|other| other.as_ref() != Some(&(fate.clone(), direction))) {
        return Err(Doubt::Contradicted);
    }
    Ok(Agreed { fate, direction })
}

/// No request was answered, although nothing else of this probe was open. The streams of other probes were: what was said before
/// them tells whether it is they that stop requests.
fn alone(evidence: &[Exchange<Asked>], around: &Circumstances) -> Option<Finding> {
    // Where no connection comes about, it is not the request that is stopped.
    let opened = |one: &&Exchange<Asked>| one.asked.kind == Kind::Alone && one.record.opened.is_some();
    let tries: Vec<&Record> = evidence.iter().filter(opened).map(|one| &one.record).collect();
    let at_first = around.post_at_first?;
    if tries.len() < ALONE as usize {
        return None;
    }
    let what = "Whether requests of the client's own get through";
    let finding = match agree(&tries, around) {
        Err(doubt) => inconclusive(what, doubt),
        Ok(_) if at_first && around.company.oldest_stream_ms == 0 => inconclusive(what, Doubt::Contradicted),
        Ok(agreed) => {
            let (code, when) = match at_first {
                true => (UPLOAD_STALLED, " while event streams are open, as it did before them"),
                false => (UPLOAD_REFUSED, ""),
            };
            let summary = format!("A POST does not get through{when}: {}.", agreed.in_words());
            Finding::new(code, summary).with("fate", agreed.fate).towards(agreed.direction).on(Transport::Sse)
        }
    };
    Some(finding.seen_on(tries))
}

/// Requests that get through by themselves, and not while a stream is open.
fn beside(evidence: &[Exchange<Asked>], around: &Circumstances) -> Option<Finding> {
    let of = |kind: Kind, attempt: u8| {
        evidence.iter().filter(move |one| one.asked.kind == kind && one.asked.attempt == attempt).map(|one| &one.record)
    };
    let stopped = |attempt: u8| of(Kind::Beside, attempt).count() > 0 && !of(Kind::Beside, attempt).any(echoed);
    if !stopped(1) {
        return None;
    }
    let what = "Whether requests get through beside an open stream";
    let tries: Vec<&Record> = [1, 2].into_iter().flat_map(|attempt| of(Kind::Beside, attempt)).collect();
    let finding = if !stopped(2) {
        let cut = tries.iter().find_map(|record| around.unfinished(record));
        inconclusive(what, cut.unwrap_or(Doubt::Contradicted))
    } else if ![1, 2].into_iter().all(|attempt| {
        let flowed = |stream| of(Kind::Beside, attempt).all(|waiting| flowed_beside(stream, waiting));
        of(Kind::Stream, attempt).any(flowed)
    }) {
        // It is not known to have been beside one, or nothing passed at all for a while.
        inconclusive(what, Doubt::Unclear)
    } else {
        match agree(&tries, around) {
            Err(doubt) => inconclusive(what, doubt),
            Ok(agreed) => {
                let freed = [1, 2].into_iter().all(|attempt| {
                    let late = of(Kind::Beside, attempt).any(|record| !record.client.received(What::Echo).is_empty());
                    late && of(Kind::Stream, attempt).any(|record| record.client.closed().is_some())
                });
                let until = if freed { " It arrives when the stream has ended." } else { "" };
                let summary = format!("A POST does not get through while an event stream is open: {}.{until}", agreed.in_words());
                let finding = Finding::new(UPLOAD_STALLED, summary).with("fate", agreed.fate).towards(agreed.direction);
                if freed { finding.with("freed_by", "end-of-stream") } else { finding }.on(Transport::Sse)
            }
        }
    };
    Some(finding.seen_on(tries))
}

/// Whether events came on a stream, and where a request waited in vain, while it did.
fn flowed_beside(stream: &Record, request: &Record) -> bool {
    let sent = request.client.first(|e| matches!(e, Event::Sent(..)));
    let overdue = request.client.first(|e| *e == Event::GaveUp);
    let (from, to) = sent.zip(overdue).unwrap_or((0, u64::MAX));
    let events = stream.client.entries.iter().filter(|entry| matches!(entry.event, Event::Received(What::Event, ..)));
    events.filter(|entry| (from..=to).contains(&entry.at_ms)).count() >= 2
}

/// A request without a length, where others get through.
fn chunked(evidence: &[Exchange<Asked>], around: &Circumstances) -> Option<Finding> {
    let record = evidence.iter().find(|one| one.asked.kind == Kind::Chunked).map(|one| &one.record)?;
    let answered = record.response.is_some() && record.proof != Proof::Valid;
    let agreed = agree(&[record], around).ok().filter(|_| answered)?;
    let status = record.response.as_ref().map_or(0, |head| head.status);
    // 400 may be our own server's opinion of what somebody made of the request: of a body in chunks in HTTP/1.0, for example.
    if agreed.direction != Direction::ToServer || status == 400 {
        return None;
    }
    let summary = format!("A POST in chunks, without Content-Length, is answered with HTTP {status} by something in between.");
    Some(Finding::new(CHUNKED_UPLOAD_REFUSED, summary).with("status", status).seen_on([record]))
}

impl Agreed {
    fn in_words(&self) -> String {
        match (self.fate.as_str(), self.direction) {
            ("emptied", _) => "it comes to the server without what it carried".to_owned(),
            ("reset", _) => "the connection is reset".to_owned(),
            ("closed", _) => "the connection is closed".to_owned(),
            ("silence", Direction::ToClient) => "it comes to the server, and the answer does not come back".to_owned(),
            ("silence", _) => "it never comes to the server, and nothing answers it".to_owned(),
            ("page", _) => "something else than our server answers it".to_owned(),
            (status, direction) => {
                let had = if direction == Direction::ToClient { "had it and answered otherwise" } else { "never had it" };
                format!("it is answered with HTTP {}, and our server {had}", status.trim_start_matches("status-"))
            }
        }
    }
}

/// The times of this leg, where the machines were quiet enough to take them.
fn times(evidence: &[Exchange<Asked>], around: &Circumstances) -> Option<Finding> {
    let times = Times::of(evidence);
    if around.timers_late() || (times.messages.p50_ms().is_none() && times.requests.p50_ms().is_none()) {
        return None;
    }
    let said = [
        times.messages.p50_ms().map(|ms| format!("a WebSocket message and its echo take {}", within(ms))),
        times.requests.p50_ms().map(|ms| format!("a request on an open connection {}", within(ms))),
        times.openings.p50_ms().map(|ms| format!("a new connection {} more", within(ms))),
    ];
    let said: Vec<String> = said.into_iter().flatten().collect();
    let mut finding = Finding::new(ROUND_TRIP, format!("Medians here: {}.", said.join(", ")));
    let figures = [
        ("websocket_p50_ms", times.messages.p50_ms()),
        ("websocket_p95_ms", times.messages.p95_ms()),
        ("request_p50_ms", times.requests.p50_ms()),
        ("request_p95_ms", times.requests.p95_ms()),
        ("request_http2_p50_ms", times.requests_http2.p50_ms()),
        ("new_connection_p50_ms", times.openings.p50_ms()),
        ("websocket_bytes", times.bytes.message),
        ("request_bytes", times.bytes.request),
        ("event_bytes", times.bytes.event),
        ("send_every_ms", times.every_ms),
    ];
    for (name, figure) in figures {
        if let Some(figure) = figure {
            finding = finding.with(name, figure);
        }
    }
    if times.keeps_open == Some(false) {
        finding.summary.push_str(" The path keeps no connection open from one request to the next.");
        finding = finding.with("connection_per_request", true);
    }
    for (name, count) in [("messages", times.messages.count()), ("requests", times.requests.count())] {
        if count > 0 {
            finding = finding.with(name, count);
        }
    }
    Some(finding)
}

/// A time in words.
fn within(ms: u64) -> String {
    if ms == 0 { "less than 1 ms".to_owned() } else { format!("{ms} ms") }
}

fn inconclusive(what: &str, doubt: Doubt) -> Finding {
    Finding::new(INCONCLUSIVE, format!("{what} could not be judged: {}.", doubt.because())).with("reason", doubt.as_str())
}

#[cfg(test)]
mod tests;
