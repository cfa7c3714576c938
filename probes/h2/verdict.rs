//! What the requests tell: how far HTTP/2 reaches, how many streams it carries, how long they live, and whether WebSockets go by it.

use super::*;
use crate::circumstances::Doubt;
use crate::exchange::{Proof, Record, Witness};
use crate::failure::Operation;
use crate::timeline::{End, Event, What};
use crate::tls::ServerTls;
use crate::transport::Transport;
use crate::untrusted::Untrusted;

mod lives;

/// How a request or a stream ended of which nothing more was heard.
const SILENCE: &str = "silence";

/// A stream that was refused before anything was done with it (RFC 9113 section 7).
const REFUSED_STREAM: u32 = 7;

/// Statuses by which gateways speak of a moment (RFC 6585 section 4, RFC 9110 sections 15.6.3 to 15.6.5): one of them alone is no rule.
const OF_A_MOMENT: [u16; 4] = [429, 502, 503, 504];

/// Judges all of it.
pub(super) fn judge(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
    let Some(first) = evidence.iter().find(|one| one.asked.part == Part::First) else { return Vec::new() };
    let mut findings: Vec<Finding> = reaches(first, around).into_iter().map(|finding| finding.seen_on([&first.record])).collect();
    if agreed(&first.asked) && answered(&first.record) {
        findings.extend(unanswered(evidence, around));
        findings.extend(streams(evidence, around));
        let ended = lives::long(evidence, around);
        // What ends streams whether they are read or not says nothing of windows.
        if ended.as_ref().is_none_or(|finding| finding.code != STREAM_RESET) {
            findings.extend(flow_control(evidence, around));
        }
        findings.extend(ended);
        findings.extend(websocket(first, evidence, around));
    }
    if findings.iter().all(|finding| finding.code != INCONCLUSIVE) {
        findings.extend(cut_short(first, evidence, around));
    }
    findings
}

/// What was still under way, or not yet begun, when the run was stopped.
fn cut_short(first: &Exchange<Asked>, evidence: &[Exchange<Asked>], around: &Circumstances) -> Option<Finding> {
    let under_way = evidence.iter().find(|one| around.unfinished(&one.record).is_some());
    // The crowd comes last.
    let more = agreed(&first.asked) && answered(&first.record) && evidence.iter().all(|one| one.asked.part != Part::Crowd);
    let one = under_way.or((more && around.cut_short_at_ms.is_some()).then_some(first))?;
    Some(inconclusive(Doubt::CutShort, "What the path makes of HTTP/2").seen_on([&one.record]))
}

/// A first request was answered, and no stream was.
fn unanswered(evidence: &[Exchange<Asked>], around: &Circumstances) -> Option<Finding> {
    const STREAMS: &[Part] = &[Part::Crowd, Part::Silent, Part::Pinged, Part::Busy, Part::Unread, Part::Beside];
    let asked =
        |one: &&Exchange<Asked>| STREAMS.contains(&one.asked.part) && one.record.client.first(|e| *e == Event::Request).is_some();
    let all: Vec<&Exchange<Asked>> = evidence.iter().filter(asked).collect();
    let (one, how) = all.iter().find_map(|one| Some((one, fate(&one.record)?)))?;
    // A refusal of the server's own is an answer; and one stream that lives says that it is no rule.
    if all.iter().any(|one| one.record.proof == Proof::Valid) {
        return None;
    }
    let over = |record: &Record| record.client.entries.last().map_or(0, |entry| entry.at_ms);
    let doubt = |record: &Record| around.unfinished(record).or_else(|| around.doubt(record, over(record)));
    let what = "Event streams over HTTP/2";
    if let Some(doubt) = all.iter().find_map(|one| doubt(&one.record)) {
        return Some(inconclusive(doubt, what).seen_on([&one.record]));
    }
    let definite = |record: &Record| {
        record.response.as_ref().is_some_and(|head| head.status != 200) && !of_a_moment(record)
            || matches!(record.client.ended(), Some((_, End::StreamReset(code))) if *code != REFUSED_STREAM)
    };
    // All but the crowd and the pair have connections of their own. What befalls one connection may be an accident.
    let elsewhere = all.iter().any(|other| other.asked.part != one.asked.part && other.asked.part != Part::Beside);
    let late = around.opening_overlapped || all.iter().any(|one| around.under_way(&one.record));
    if !definite(&one.record) && (late || !elsewhere) {
        return Some(inconclusive(if late { Doubt::OwnLoad } else { Doubt::Unclear }, what).seen_on([&one.record]));
    }
    let arrived = all.iter().any(|one| one.record.witness != Witness::Empty);
    let there = if arrived { "the server had them" } else { "they never came to the server" };
    let text = format!(
        "HTTP/2 is agreed on and a first request over it is answered, but none of {} event streams is ({how}); {there}.",
        all.len()
    );
    let finding = Finding::new(NO_ANSWER, text).on(Transport::Sse).with("how", how).with("arrived", arrived);
    Some(finding.with("streams", all.len()).seen_on(all.iter().map(|one| &one.record)))
}

/// Whether the client's session is one of HTTP/2.
fn agreed(asked: &Asked) -> bool {
    asked.client.as_ref().is_some_and(TlsEnd::is_http2)
}

/// Whether the server answered.
fn answered(record: &Record) -> bool {
    record.proof == Proof::Valid && record.response.as_ref().is_some_and(|head| head.status == 200)
}

/// Whether both ends have one TLS session: then nobody between them knows what is said.
fn one_session(one: &Exchange<Asked>) -> bool {
    let here = one.asked.client.as_ref().and_then(|client| client.exporter.as_ref());
    let there = one.record.witness.notes().and_then(|notes| notes.below.tls.as_ref()?.exporter.as_ref());
    here.is_some() && here == there
}

/// How far HTTP/2 reaches.
fn reaches(first: &Exchange<Asked>, around: &Circumstances) -> Option<Finding> {
    let record = &first.record;
    let Some(client) = &first.asked.client else {
        // Sessions for which HTTP/1.1 alone is offered are other probes' business.
        let (at, failure) = record.client.failed()?;
        return (failure.operation == Operation::Tls)
            .then(|| inconclusive(around.doubt(record, at).unwrap_or(Doubt::Unclear), "The handshake that offers HTTP/2"));
    };
    if agreed(&first.asked) && !answered(record) {
        return no_answer(record, around);
    }
    let notes = record.witness.notes().filter(|_| answered(record))?;
    let version = notes.request.version.as_str();
    let here = client.alpn.as_ref().map_or("none", Untrusted::as_str).to_owned();
    let whose = if around.server_tls == ServerTls::Front { "at the server's own front" } else { "on the way" };
    let (side, text) = match agreed(&first.asked) {
        // The server itself may have chosen so: nobody else was in the session.
        false if one_session(first) => return None,
        // What ends TLS here says nothing of why: the server was never asked.
        false => (
            "to-client",
            format!(
                "HTTP/2 is not spoken with this client: TLS ends {whose}, and there HTTP/1.1 is agreed on although HTTP/2 is offered."
            ),
        ),
        true if version == "2" => return None,
        true => ("to-server", format!("HTTP/2 ends {whose}: the server gets these requests by HTTP/{version}.")),
    };
    let there = notes.below.tls.as_ref().and_then(|server| server.alpn.as_ref()).map_or("none", Untrusted::as_str).to_owned();
    Some(
        Finding::new(NOT_NEGOTIATED, text)
            .with("side", side)
            .with("alpn_client", here)
            .with("alpn_server", there)
            .with("version_server", version),
    )
}

/// HTTP/2 was agreed on, and then nothing of the server's came.
fn no_answer(record: &Record, around: &Circumstances) -> Option<Finding> {
    // An answer of the server's own, such as a limit's, is one.
    if record.proof == Proof::Valid && record.response.is_some() {
        return None;
    }
    let at = record.client.entries.last().map_or(0, |entry| entry.at_ms);
    if let Some(doubt) = around.unfinished(record).or_else(|| around.doubt(record, at)) {
        return Some(inconclusive(doubt, "A request over HTTP/2"));
    }
    let how = fate(record)?;
    if of_a_moment(record) {
        return Some(inconclusive(Doubt::Unclear, "A request over HTTP/2"));
    }
    let arrived = record.witness != Witness::Empty;
    // One request that is not heard of may be late: the run itself keeps a slow path busy.
    if how == SILENCE && (arrived || around.under_way(record) || around.opening_overlapped) {
        return Some(inconclusive(Doubt::OwnLoad, "A request over HTTP/2"));
    }
    let there = if arrived { "the server had it" } else { "it never came to the server" };
    let text =
        format!("HTTP/2 is agreed on, but a request over it is not answered ({how}), and {there}; over HTTP/1.1 requests are.");
    Some(Finding::new(NO_ANSWER, text).on(Transport::Sse).with("how", how).with("arrived", arrived))
}

/// What became of a request that was not answered as it should be.
fn fate(record: &Record) -> Option<String> {
    if let Some(head) = &record.response {
        return Some(format!("status-{}", head.status));
    }
    ending(record).map(|(_, how)| how)
}

/// Whether somebody else answered with a status that speaks of a moment.
fn of_a_moment(record: &Record) -> bool {
    record.proof != Proof::Valid && record.response.as_ref().is_some_and(|head| OF_A_MOMENT.contains(&head.status))
}

/// How a stream was refused, or ended before its time, or that nothing more came of it.
fn trouble(one: &Exchange<Asked>, around: &Circumstances) -> Option<String> {
    if answered(&one.record) { lives::death(one, around).map(|death| death.how) } else { fate(&one.record) }
}

/// When and how the other side ended a request or its answer, or that the client waited for it in vain.
fn ending(record: &Record) -> Option<(u64, String)> {
    let Some((at, end)) = record.client.ended() else {
        return Some((record.client.first(|e| *e == Event::GaveUp)?, SILENCE.to_owned()));
    };
    let how = match end {
        End::StreamReset(code) => format!("reset-{code}"),
        End::GoAway(code) => format!("go-away-{code}"),
        End::Complete => "completed".to_owned(),
        End::Reset => "connection-reset".to_owned(),
        _ => "connection-closed".to_owned(),
    };
    Some((at, how))
}

/// How many streams a connection carries at once.
fn streams(evidence: &[Exchange<Asked>], around: &Circumstances) -> Option<Finding> {
    let crowd: Vec<&Exchange<Asked>> = evidence.iter().filter(|one| one.asked.part == Part::Crowd).collect();
    let asked = &crowd.first()?.asked;
    let wanted = u32::try_from(crowd.len()).unwrap_or(u32::MAX);
    let (offered, set) = (asked.offered.streams, asked.settings.and_then(|settings| settings.streams));
    if offered < wanted {
        return None;
    }
    let refused =
        crowd.iter().filter(|one| matches!(one.record.client.ended(), Some((_, End::StreamReset(REFUSED_STREAM))))).count();
    let refused = u32::try_from(refused).unwrap_or(u32::MAX);
    // A lost segment holds requests back as well: for a second at most, or some round trips.
    let brief = 1_000 + 4 * around.round_trip_ms.min(10_000) + around.clock_bound_ms.min(10_000);
    let at_once = queued(&crowd).filter(|_| asked.lasts_ms >= brief);
    // None at all is a pause (RFC 9113 section 6.5.2).
    let (streams, how) = match (set.filter(|set| (1..wanted).contains(set)), refused, at_once) {
        (Some(set), ..) => (set, "announced"),
        (None, 1.., _) => (wanted.saturating_sub(refused), "refused"),
        (None, 0, Some(at_once)) => (at_once, "queued"),
        (None, 0, None) => return None,
    };
    let records = || crowd.iter().map(|one| &one.record);
    let over = |record: &Record| record.client.entries.last().map_or(0, |entry| entry.at_ms);
    // A stream that was refused is none of the server's: it sets another limit.
    let doubt = records().find_map(|record| around.unfinished(record).or_else(|| around.doubt(record, over(record))));
    if let Some(doubt) = doubt {
        return Some(inconclusive(doubt, "How many streams a connection carries"));
    }
    let finding = Finding::new(
        STREAMS_LIMITED,
        format!("A connection of HTTP/2 carries {streams} streams at once here; the server allows {offered}."),
    );
    let finding = finding.with("streams", streams).with("streams_server", offered).with("how", how);
    Some(finding.seen_on(records()))
}

/// How many streams the server had at once, where it got at least two of them only when another one was over.
fn queued(crowd: &[&Exchange<Asked>]) -> Option<u32> {
    let mut times = Vec::new();
    for one in crowd {
        let timeline = &one.record.witness.notes()?.timeline;
        let over = timeline.first(|e| matches!(e, Event::Closed(_) | Event::Ended(_)))?;
        times.push((timeline.first(|e| *e == Event::Request)?, over));
    }
    let first_over = times.iter().map(|(_, over)| *over).min()?;
    let late = times.iter().filter(|(began, _)| *began >= first_over).count();
    // One alone may have lost its way for so long.
    (late >= 2).then(|| u32::try_from(crowd.len() - late).unwrap_or(u32::MAX))
}

/// Beyond this round trip, the stream that was not read may be late: its 16 KiB come 4 KiB at a time, and with so few segments under way
/// each lost one costs a timeout, which backs off to seconds (RFC 6298 section 5).
const LONG_PATH_MS: u64 = 150;

/// Whether a stream that is not read stops another one, and goes on when it is read (RFC 9113 section 5.2).
fn flow_control(evidence: &[Exchange<Asked>], around: &Circumstances) -> Option<Finding> {
    let of = |part: Part| evidence.iter().find(move |one| one.asked.part == part);
    let (unread, beside) = (of(Part::Unread)?, of(Part::Beside)?);
    // What the server never had to send says nothing of windows.
    let kept_back = |record: &Record| {
        let sent = record.witness.notes().map_or(0, |notes| notes.timeline.sent(What::Event).len());
        let heard = record.client.received(What::Event).len();
        let gave_up = record.client.first(|e| *e == Event::GaveUp)?;
        (answered(record) && heard < sent).then_some(gave_up)
    };
    // One that is reset does not go on either; what ends the connection does not ask what was read.
    let reset = || {
        let death = lives::death(unread, around)?;
        matches!(death.record.client.ended(), Some((_, End::StreamReset(_)))).then_some((death.at, death.how))
    };
    let silence = |at| (at, SILENCE.to_owned());
    let (record, (at, how), which) = match (kept_back(&beside.record), kept_back(&unread.record).map(silence).or_else(reset)) {
        (Some(at), _) => (&beside.record, silence(at), "another-stream"),
        (None, Some(ended)) => (&unread.record, ended, "the-same-stream"),
        (None, None) => return None,
    };
    // What stops on another connection, too, is the path's; what ends with its neighbour does not ask what was read.
    let silent = how == SILENCE;
    let crowd = || evidence.iter().filter(|one| one.asked.part == Part::Crowd);
    let same = which == "the-same-stream";
    let lived = answered(&beside.record) && beside.record.client.received(What::Event).contains(&beside.asked.events());
    let accident = || match silent {
        true if crowd().any(|one| trouble(one, around).as_deref() == Some(SILENCE)) => Some(Doubt::PathStalled),
        true => (same && around.round_trip_ms > LONG_PATH_MS).then_some(Doubt::OwnLoad),
        false => (same && !lived).then_some(Doubt::Unclear),
    };
    if let Some(doubt) = around.unfinished(record).or_else(|| around.doubt(record, at)).or_else(accident) {
        return Some(inconclusive(doubt, "Whether a stream that is not read stops others").seen_on([record]));
    }
    let text = match which {
        "another-stream" => {
            "While one stream is not read, another one on the same connection of HTTP/2 brings nothing.".to_owned()
        }
        _ if how == SILENCE => "A stream of HTTP/2 that was not read for a while does not go on when it is read.".to_owned(),
        _ => {
            format!("A stream of HTTP/2 that was not read for a while is ended ({how}), and one beside it that was read is not.")
        }
    };
    let finding = Finding::new(FLOW_CONTROL_STALLED, text).on(Transport::Sse).with("stalled", which).with("how", how);
    Some(finding.seen_on([record]))
}

/// Whether WebSockets go by HTTP/2.
fn websocket(first: &Exchange<Asked>, evidence: &[Exchange<Asked>], around: &Circumstances) -> Option<Finding> {
    let settings = first.asked.settings?;
    if first.asked.offered.websockets && !settings.websockets {
        let notes = first.record.witness.notes().filter(|_| !one_session(first))?;
        let text = "WebSockets over HTTP/2 are offered by the server, and the offer does not arrive here: browsers open them over HTTP/1.1.";
        let finding = Finding::new(EXTENDED_CONNECT_REMOVED, text).with("version_server", notes.request.version.as_str());
        return Some(finding.seen_on([&first.record]));
    }
    let one = evidence.iter().find(|one| one.asked.part == Part::WebSocket)?;
    let record = &one.record;
    let at = record.client.entries.last().map_or(0, |entry| entry.at_ms);
    if record.client.arrived(What::Echo).contains(&MESSAGES) {
        return None;
    }
    if let Some(doubt) = around.unfinished(record).or_else(|| around.doubt(record, at)) {
        return Some(inconclusive(doubt, "Whether WebSockets go by HTTP/2").seen_on([record]));
    }
    let refused = record.response.as_ref().is_none_or(|head| head.status != 200);
    let how = if refused { fate(record)? } else { silent(record)? };
    let arrived = record.witness != Witness::Empty;
    // The connection had ended before, or takes no more requests: a browser opens another one.
    let gone = record.response.is_none() && !arrived && !matches!(record.client.ended(), Some((_, End::StreamReset(_))) | None);
    let of_a_moment = how == format!("reset-{REFUSED_STREAM}") || of_a_moment(record);
    // What befalls the connection may have befallen the path: the streams beside it know.
    let of_the_stream = matches!(record.client.ended(), Some((_, End::StreamReset(_) | End::Complete | End::CloseFrame(_))));
    let of_the_path = !how.starts_with("status-") && !of_the_stream && {
        let beside = |one: &&Exchange<Asked>| matches!(one.asked.part, Part::Crowd | Part::Beside | Part::Unread);
        evidence.iter().filter(beside).any(|one| trouble(one, around).is_some())
    };
    if gone || of_a_moment || of_the_path || (how == SILENCE && around.under_way(record)) {
        return Some(inconclusive(Doubt::Unclear, "Whether WebSockets go by HTTP/2").seen_on([record]));
    }
    let there = if arrived { "the server had the request" } else { "the request never came to the server" };
    let text = format!("WebSockets over HTTP/2 are offered to this client and do not work ({how}); {there}.");
    let finding = Finding::new(WEBSOCKET_BROKEN, text).on(Transport::WebSocket).with("how", how).with("arrived", arrived);
    Some(finding.seen_on([record]))
}

/// What became of a WebSocket that was granted, and on which no message came back.
fn silent(record: &Record) -> Option<String> {
    let how = match record.client.ended() {
        Some((_, End::StreamReset(code))) => format!("reset-{code}"),
        Some(_) => "closed".to_owned(),
        None => {
            record.client.first(|e| *e == Event::GaveUp)?;
            SILENCE.to_owned()
        }
    };
    Some(how)
}

fn inconclusive(doubt: Doubt, what: &str) -> Finding {
    Finding::new(INCONCLUSIVE, format!("{what} could not be judged: {}.", doubt.because())).with("reason", doubt.as_str())
}

#[cfg(test)]
mod tests;
