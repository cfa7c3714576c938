//! What the conversations after the 101 tell: which way the bytes died, who noticed, and whether it depends on size.

use super::*;
use crate::circumstances::{Doubt, broken_off};
use crate::exchange::{Proof, Record, Witness};
use crate::finding::{Outcome, seconds};
use crate::timeline::{Event, Timeline, What};
use crate::transport::{Direction, Transport, Via};

/// An end within this time of the 101 is an early kill; what lives longer and is busy has a limited lifetime.
/// Field reports speak of 100 to 500 ms; two seconds leave room for a slow path.
const EARLY_MS: u64 = 2_000;

/// An echo that came within this time before the client gave up says that more were coming.
const COMING_MS: u64 = 1_500;

/// Judges every conversation.
pub(super) fn judge(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
    // A longer conversation of this leg went well: what happened to this one is no rule.
    // Bytes that were put in are a fact all the same.
    let contradicted = |finding: &Finding| {
        finding.outcome == Outcome::Broken && finding.code != FOREIGN_BYTES && around.company.websocket_talked
    };
    let mut findings: Vec<Finding> = evidence
        .iter()
        .filter(|exchange| exchange.asked.part == Part::Beat)
        .filter_map(|exchange| Some((exchange, conversation(exchange, around)?)))
        .map(|(exchange, finding)| {
            let finding = if contradicted(&finding) { inconclusive(Doubt::Contradicted) } else { finding };
            finding.seen_on([&exchange.record])
        })
        .collect();
    // What is wrong at a beat is not said again of sizes.
    let of = |parts: &'static [Part]| evidence.iter().filter(|exchange| parts.contains(&exchange.asked.part));
    for parts in [&[Part::Sizes, Part::Again], &[Part::Large, Part::LargeAgain]] {
        if findings.is_empty() {
            let records = of(parts).map(|exchange| &exchange.record);
            findings.extend(sizes::judge(evidence, *parts, around).map(|finding| finding.seen_on(records)));
        }
    }
    // And what is wrong with sizes is not said again of kinds.
    if findings.is_empty() {
        findings.extend(kinds::judge(&of(&[Part::Kinds, Part::KindsAgain]).collect::<Vec<_>>(), around));
        findings.extend(listen::judge(&of(&[Part::Listen]).collect::<Vec<_>>(), around));
        findings.extend(farewell::judge(&of(&[Part::Kinds, Part::KindsAgain, Part::Listen]).collect::<Vec<_>>(), around));
        one_doubt(&mut findings);
    }
    findings
}

/// One question that stays open is as good as several.
fn one_doubt(findings: &mut Vec<Finding>) {
    let mut doubts = 0;
    findings.retain(|finding| {
        doubts += usize::from(finding.code == INCONCLUSIVE);
        finding.code != INCONCLUSIVE || doubts == 1
    });
}

fn conversation(exchange: &Exchange<Asked>, around: &Circumstances) -> Option<Finding> {
    let record = &exchange.record;
    let opened = record.client.first(|e| *e == Event::Response(101))?;
    if let Some(doubt) = around.unfinished(record) {
        return Some(inconclusive(doubt));
    }
    // A 101 that the server never sent is the handshake's story.
    if record.witness == Witness::Empty && record.proof != Proof::Valid {
        return None;
    }
    let heard = |what| record.client.arrived(what);
    let (greeting, echoes, ticks) = (heard(What::Greeting), heard(What::Echo), heard(What::Tick));
    let sent = record.client.sent(What::Frame);
    let last = record.client.entries.last().map_or(0, |entry| entry.at_ms);
    let ended_after = broken_off(&record.client).map(|(at, _)| at.saturating_sub(opened));
    let all_echoed = sent.len() == exchange.asked.messages as usize && sent.iter().all(|number| echoes.contains(number));
    let finding = if let Some(finding) = foreign(record) {
        finding
    } else if let Some(finding) = early(ended_after) {
        finding
    } else if let Some(finding) = altered(exchange, around).filter(|_| all_echoed || ended_after.is_some()) {
        return Some(finding);
    } else if all_echoed {
        let all_ticks = ticks.len() == exchange.asked.messages as usize;
        if !greeting.is_empty() && all_ticks {
            return None;
        }
        if !greeting.is_empty() || !all_ticks {
            return Some(inconclusive(around.doubt(record, last).unwrap_or(Doubt::Unclear)));
        }
        Finding::new(GREETING_LOST, "The server's first message after the 101 was lost; everything later passed.")
            .towards(Direction::ToClient)
    } else if ended_after.is_some() && !echoes.is_empty() {
        // It carried messages and was ended when it was older: that is a matter of its lifetime, which has a probe of its own.
        return None;
    } else {
        let got_anything = !(greeting.is_empty() && echoes.is_empty() && ticks.is_empty());
        return Some(silence(record, around, got_anything, last));
    };
    Some(match around.doubt(record, last) {
        Some(doubt) => inconclusive(doubt),
        None => stamp(finding, record),
    })
}

/// An end within two seconds of the 101.
fn early(ended_after: Option<u64>) -> Option<Finding> {
    let after = ended_after.filter(|after| *after <= EARLY_MS)?;
    let summary = format!("The WebSocket opened and was ended {} later; the server did not end it.", seconds(after));
    Some(Finding::new(CLOSED_EARLY, summary).with("after_ms", after))
}

/// Messages that arrived changed, at either end. The other end must have sent each of them.
fn altered(exchange: &Exchange<Asked>, around: &Circumstances) -> Option<Finding> {
    let record = &exchange.record;
    let server = record.witness.notes().map(|notes| &notes.timeline);
    let (here, there) = (record.client.altered(), server.map(Timeline::altered).unwrap_or_default());
    let changed = here.len().saturating_add(there.len());
    let size = |(_, number, arrived): &(What, u32, u32)| exchange.asked.size(*number).unwrap_or(*arrived);
    let smallest = here.iter().chain(&there).map(size).min()?;
    let largest = here.iter().chain(&there).map(size).max()?;
    let last = record.client.entries.last().map_or(0, |entry| entry.at_ms);
    if let Some(doubt) = around.doubt(record, last) {
        return Some(inconclusive(doubt));
    }
    let sent_by = |line: Option<&Timeline>, all: &[(What, u32, u32)]| {
        all.iter().all(|(what, number, _)| line.is_some_and(|line| line.sent(*what).contains(number)))
    };
    if !sent_by(server, &here) || !sent_by(Some(&record.client), &there) {
        return Some(inconclusive(Doubt::Unclear));
    }
    let (direction, where_to) = match (here.is_empty(), there.is_empty()) {
        (false, true) => (Direction::ToClient, "the client"),
        (true, false) => (Direction::ToServer, "the server"),
        _ => (Direction::Both, "both ends"),
    };
    let summary = match changed {
        1 => format!("A message of {smallest} bytes arrived changed at {where_to}."),
        _ => format!("{changed} messages arrived changed at {where_to}, the smallest of {smallest} bytes."),
    };
    let finding = Finding::new(FRAMES_ALTERED, summary)
        .towards(direction)
        .with("bytes", smallest)
        .with("largest_bytes", largest)
        .with("changed", changed);
    Some(stamp(finding, record))
}

/// Something is missing and nothing says why: the witness tells which way it died.
fn silence(record: &Record, around: &Circumstances, got_anything: bool, last: u64) -> Finding {
    if let Some(doubt) = around.doubt(record, last) {
        return inconclusive(doubt);
    }
    // Without a trace at the server, the 101 was not the server's: the handshake's own finding says so.
    let Some(notes) = record.witness.notes() else { return inconclusive(Doubt::Unclear) };
    let sent = record.client.sent(What::Frame);
    let arrived = notes.timeline.arrived(What::Frame);
    let echoes = record.client.arrived(What::Echo);
    if still_coming(record, &notes.timeline, around) {
        return inconclusive(Doubt::Unclear);
    }
    let all_arrived = sent.iter().all(|number| arrived.contains(number));
    let finding = match (got_anything, arrived.is_empty(), all_arrived) {
        (false, true, _) => Finding::new(
            SILENT_BOTH_WAYS,
            "The WebSocket opened, and then nothing passed: the server got none of the client's messages, nor the client any of the server's.",
        )
        .towards(Direction::Both),
        (true, true, _) => Finding::new(
            SILENT_TO_SERVER,
            "The WebSocket opened and the server's messages arrive, but none of the client's messages ever reached the server.",
        )
        .towards(Direction::ToServer),
        (false, false, _) => Finding::new(
            SILENT_TO_CLIENT,
            "The WebSocket opened and the server got the client's messages and answered, but nothing of it arrived.",
        )
        .towards(Direction::ToClient),
        (true, false, false) => Finding::new(
            SILENT_TO_SERVER,
            format!("After {} messages the server got nothing more of what the client sent.", arrived.len()),
        )
        .towards(Direction::ToServer)
        .with("after_messages", arrived.len()),
        (true, false, true) => Finding::new(
            SILENT_TO_CLIENT,
            format!("After {} answers nothing more of the server's arrived, although it got every message and answered.", echoes.len()),
        )
        .towards(Direction::ToClient)
        .with("after_messages", echoes.len()),
    };
    stamp(finding, record)
}

/// Whether messages were late and still coming when the client gave up: slow is not dead.
fn still_coming(record: &Record, server: &Timeline, around: &Circumstances) -> bool {
    let Some(gave_up) = record.client.first(|e| *e == Event::GaveUp) else { return false };
    let heard = record.client.last(|e| matches!(e, Event::Received(What::Echo, ..) | Event::Altered(What::Echo, ..)));
    let arrived = server
        .last(|e| matches!(e, Event::Received(What::Frame, ..) | Event::Altered(What::Frame, ..)))
        .map(|at| around.on_client_clock(at));
    let late = |at: Option<u64>, grace: u64| at.is_some_and(|at| at.saturating_add(grace) >= gave_up);
    // Ticks that arrive while echoes do not say that the way back is open.
    let ticks_go_on = record.client.arrived(What::Tick).len() > record.client.arrived(What::Echo).len();
    let all_arrived = record.client.sent(What::Frame).iter().all(|number| server.arrived(What::Frame).contains(number));
    late(heard, COMING_MS) || late(arrived, 0) || (ticks_go_on && all_arrived) || around.under_way(record)
}

fn stamp(finding: Finding, record: &Record) -> Finding {
    let mut finding = finding.on(Transport::WebSocket).with("via", record.via());
    if let Some(kernel) = &record.kernel {
        // Unacknowledged bytes mean a dead path, acknowledged and unanswered ones that something in between took them.
        finding = finding.with("acknowledged", kernel.unacked == 0);
    }
    let absolute = record.opened.as_ref().is_some_and(|opened| opened.via == Via::AbsoluteForm);
    if absolute { finding.not_decisive() } else { finding }
}

/// The first bytes that were not ours.
fn foreign(record: &Record) -> Option<Finding> {
    let text = record.client.entries.iter().find_map(|entry| match &entry.event {
        Event::Foreign(text) => Some(text.as_str().to_owned()),
        _ => None,
    })?;
    let summary = format!("Bytes that the server never sent arrived on the WebSocket: {text}.");
    Some(Finding::new(FOREIGN_BYTES, summary).with("excerpt", text))
}

fn inconclusive(doubt: Doubt) -> Finding {
    Finding::new(INCONCLUSIVE, format!("Whether messages pass after the 101 could not be judged: {}.", doubt.because()))
        .on(Transport::WebSocket)
        .with("reason", doubt.as_str())
}

mod farewell;
mod kinds;
mod listen;
mod sizes;
#[cfg(test)]
mod tests;
