//! What arrives of a close frame, from either end (RFC 6455 section 7.4).
//!
//! A note: whoever loses the code still learns that the connection is over, and has to live with that anyway, because any network may
//! end one without a word (RFC 6455 section 7.1.5).

use super::*;
use crate::timeline::{End, Why};
use crate::wire::Farewell;

/// Judges the ends that were planned; nothing is said of those that did not come about.
pub(super) fn judge(all: &[&Exchange<Asked>], around: &Circumstances) -> Option<Finding> {
    let all = all.iter().filter(|exchange| kinds::opened_by_the_server(&exchange.record));
    let changed: Vec<(&Record, Direction, &'static str, Option<u16>)> = all
        .filter_map(|exchange| {
            let record = &exchange.record;
            let notes = record.witness.notes()?;
            let last = record.client.entries.last().map_or(0, |entry| entry.at_ms);
            let judged = around.unfinished(record).is_none() && around.doubt(record, last).is_none();
            let (from, to, farewell, way) = match exchange.asked.part {
                Part::Listen => (&notes.timeline, &record.client, Farewell::SERVER, Direction::ToClient),
                _ => (&record.client, &notes.timeline, Farewell::CLIENT, Direction::ToServer),
            };
            let (what, code) = changed(from, to, farewell)?;
            judged.then_some((record, way, what, code))
        })
        .collect();
    let (record, way, what, code) = *changed.first()?;
    let both = changed.iter().any(|(_, other, ..)| *other != way);
    let direction = if both { Direction::Both } else { way };
    let (sent, where_to) = match way {
        Direction::ToClient => (Farewell::SERVER.code, "the client"),
        _ => (Farewell::CLIENT.code, "the server"),
    };
    let summary = match (what, code) {
        ("code", Some(code)) => format!("A WebSocket was closed with code {sent}; {code} arrived at {where_to}."),
        ("reason", _) => {
            format!("A WebSocket was closed with code {sent} and a reason; at {where_to} the reason was not the same.")
        }
        _ => format!("A WebSocket was closed with code {sent}; no close frame arrived at {where_to}, the connection only ended."),
    };
    let finding = Finding::new(CLOSE_ALTERED, summary).towards(direction).with("changed", what).with("sent_code", sent);
    let finding = code.map_or(finding.clone(), |code| finding.with("arrived_code", code));
    Some(stamp(finding, record).seen_on(changed.iter().map(|(record, ..)| *record)))
}

/// What became of a close frame that one end wrote, as the other end wrote it down: what is not as it was, and the code that arrived.
fn changed(from: &Timeline, to: &Timeline, farewell: Farewell) -> Option<(&'static str, Option<u16>)> {
    let (closed, why) = from.closed()?;
    // Where the other side had ended it before, this is no answer to a farewell.
    if why != Why::Farewell || from.ended().is_some_and(|(ended, _)| ended < closed) || to.closed().is_some() {
        return None;
    }
    let reason = to.entries.iter().find_map(|entry| match &entry.event {
        Event::Reason(reason) => Some(reason.as_str()),
        _ => None,
    });
    match to.ended()? {
        (_, End::CloseFrame(code)) if *code != farewell.code => Some(("code", Some(*code))),
        (_, End::CloseFrame(code)) if reason != Some(farewell.reason) => Some(("reason", Some(*code))),
        (_, End::CloseFrame(_)) => None,
        _ => Some(("frame", None)),
    }
}
