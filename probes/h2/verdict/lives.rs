//! How long streams live, busy and silent.

use super::*;
use crate::finding::seconds;

/// Ends whose ages differ by no more than this are of one limit.
const ALIKE_MS: u64 = 2_000;

/// How a stream came to its end before its time.
pub(super) struct Death<'a> {
    pub(super) record: &'a Record,
    pub(super) at: u64,
    pub(super) how: String,
    /// Milliseconds since the head of its answer.
    age: u64,
}

/// The end of a stream that the client ended: its PINGs got no answer.
const PING_UNANSWERED: &str = "ping-unanswered";

/// The end of a stream, if it did not bring its last event and the server did not end it.
pub(super) fn death<'a>(one: &'a Exchange<Asked>, around: &Circumstances) -> Option<Death<'a>> {
    let record = &one.record;
    if !answered(record) || record.client.received(What::Event).contains(&one.asked.events()) {
        return None;
    }
    let opened = record.client.first(|e| matches!(e, Event::Response(_)))?;
    let (at, how) = match record.client.ended() {
        // Nothing came from the other side, not even an end.
        Some((at, End::Error(_))) if one.asked.part == Part::Pinged => (at, PING_UNANSWERED.to_owned()),
        _ => ending(record)?,
    };
    // What the server had not sent yet is not missing.
    let sent = record.witness.notes().map_or(0, |notes| notes.timeline.sent(What::Event).len());
    let heard_any = record.client.received(What::Event).len();
    if how == SILENCE && sent <= heard_any {
        return None;
    }
    // What the server ends later it ends because the client is gone.
    let closed = record.witness.notes().and_then(|notes| notes.timeline.closed());
    let by_server =
        closed.is_some_and(|(closed, _)| around.on_client_clock(closed) <= at.saturating_add(around.same_moment_ms()));
    if by_server && how != SILENCE {
        return None;
    }
    // What nobody tells ended with the last that was heard, at the latest.
    let heard = record.client.last(|e| matches!(e, Event::Received(..))).unwrap_or(opened);
    let ended = if how == SILENCE { heard } else { at };
    Some(Death { record, at, how, age: ended.saturating_sub(opened) })
}

/// How long streams live, busy and silent.
pub(super) fn long(evidence: &[Exchange<Asked>], around: &Circumstances) -> Option<Finding> {
    let of = |part: Part| evidence.iter().find(move |one| one.asked.part == part && answered(&one.record));
    let crowd = at_once(evidence, around);
    let busy = of(Part::Busy);
    let of_busy = busy.and_then(|one| death(one, around));
    // In silence, nothing at all, or nothing of a whole crowd, may be a gap of the path or a buffer: that is other probes' to tell.
    let told = |death: &Death<'_>| death.how != SILENCE || death.age > 0;
    let of_busy = of_busy.filter(told).map(|death| (death, true));
    if let Some((death, is_rule)) = of_busy.or(crowd) {
        let grew_older = busy.is_some_and(|one| grew_as_old(one, death.age));
        let accident = (!is_rule).then_some(if grew_older { Doubt::Contradicted } else { Doubt::Unclear });
        let found = judged(&death, around, accident, || {
            let age = death.age;
            let text = format!(
                "Over HTTP/2, an event stream that is never silent is ended {} after it opened ({}).",
                seconds(age),
                death.how
            );
            Finding::new(STREAM_RESET, text).with("age_ms", age).with("how", death.how.as_str())
        });
        // An accident elsewhere does not hide what silence does.
        let by_silence = || in_silence(evidence, around).filter(|finding| finding.code == SILENT_STREAM_ENDED);
        return (!is_rule).then(by_silence).flatten().or(Some(found));
    }
    in_silence(evidence, around)
}

/// How long silent streams live.
fn in_silence(evidence: &[Exchange<Asked>], around: &Circumstances) -> Option<Finding> {
    let of = |part: Part| evidence.iter().find(move |one| one.asked.part == part && answered(&one.record));
    let busy = of(Part::Busy);
    let (silent, pinged) = (of(Part::Silent)?, of(Part::Pinged));
    let of_pinged = pinged.and_then(|one| death(one, around));
    let Some(death) = death(silent, around) else {
        return of_pinged.map(|death| {
            let ours = death.how == PING_UNANSWERED;
            let doubt = around.doubt(death.record, death.at).unwrap_or(if ours { Doubt::Unclear } else { Doubt::Contradicted });
            let mut finding = inconclusive(doubt, "How long streams live over HTTP/2");
            if ours {
                finding.summary.push_str(" PINGs of the client got no answer, so that it ended the connection itself.");
            }
            finding.with("how", death.how.as_str()).seen_on([death.record])
        });
    };
    // Without a busy one that grew as old, it may be the age that ends them.
    if !busy.is_some_and(|one| grew_as_old(one, death.age)) {
        let doubt = around.doubt(death.record, death.at).unwrap_or(Doubt::Unclear);
        return Some(inconclusive(doubt, "How long streams live over HTTP/2").seen_on([death.record]));
    }
    let complete = pinged.is_some_and(|one| one.record.client.received(What::Event).contains(&one.asked.events()));
    let alike = of_pinged.is_some_and(|pinged| pinged.how == death.how && pinged.age.abs_diff(death.age) <= ALIKE_MS);
    Some(judged(&death, around, None, || {
        // What is not told is found out when the server speaks.
        let told = death.how != SILENCE;
        let after = if told { death.age } else { silent.asked.lasts_ms };
        let when = if told { format!("after {}", seconds(after)) } else { format!("within {}", seconds(after)) };
        let pings = match (complete, alike) {
            (true, _) => "; with PINGs of the client it lives on",
            (false, true) => "; PINGs of the client do not keep it",
            (false, false) => "",
        };
        let text = format!("Over HTTP/2, an event stream that is silent is ended {when} ({}){pings}.", death.how);
        let finding = Finding::at(SILENT_STREAM_ENDED, after, text)
            .with(if told { "after_ms" } else { "lost_ms" }, after)
            .with("how", death.how.as_str());
        // What ended otherwise, or was still open, says nothing of PINGs.
        if complete || alike { finding.with("ping_enough", complete) } else { finding }
    }))
}

/// An end among the streams that share connections, and whether it is more than the fate of one connection: the stream itself was
/// reset, or streams of both connections ended.
fn at_once<'a>(evidence: &'a [Exchange<Asked>], around: &Circumstances) -> Option<(Death<'a>, bool)> {
    let of = |part: Part| {
        let ends = evidence.iter().filter(move |one| one.asked.part == part).filter_map(|one| death(one, around));
        ends.filter(|death| death.how != SILENCE).collect::<Vec<_>>()
    };
    let (crowd, beside) = (of(Part::Crowd), of(Part::Beside));
    let both = !crowd.is_empty() && !beside.is_empty();
    let alone = |death: &Death<'_>| matches!(death.record.client.ended(), Some((_, End::StreamReset(_))));
    let mut ends: Vec<_> = crowd.into_iter().chain(beside).collect();
    let chosen = ends.iter().position(alone);
    let is_rule = both || chosen.is_some();
    (!ends.is_empty()).then(|| (ends.swap_remove(chosen.unwrap_or(0)), is_rule))
}

/// Whether the events of a stream kept coming until it was as old as another one was at its end.
fn grew_as_old(one: &Exchange<Asked>, age: u64) -> bool {
    let opened = one.record.client.first(|e| matches!(e, Event::Response(_)));
    let heard = one.record.client.last(|e| matches!(e, Event::Received(What::Event, ..)));
    let lived = opened.zip(heard).map_or(0, |(opened, heard)| heard.saturating_sub(opened));
    lived.saturating_add(one.asked.every_ms) >= age
}

/// A finding about an end, or why there is none: `accident` where the evidence itself says that it is no rule.
fn judged(death: &Death<'_>, around: &Circumstances, accident: Option<Doubt>, found: impl FnOnce() -> Finding) -> Finding {
    let doubt = around.unfinished(death.record).or_else(|| around.doubt(death.record, death.at)).or(accident);
    let finding = match doubt {
        Some(doubt) => inconclusive(doubt, "How long streams live over HTTP/2"),
        None => found().on(Transport::Sse),
    };
    finding.seen_on([death.record])
}
