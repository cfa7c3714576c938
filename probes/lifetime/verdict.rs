//! What the busy twins tell: an end at a certain age although there was no silence.

use super::*;
use crate::circumstances::{Doubt, broken_off};
use crate::exchange::{Proof, Record};
use crate::finding::seconds;
use crate::timeline::{End, Event, What, Why};

/// What ends within this time is the business of the zombie probe.
const EARLY_MS: u64 = 2_000;

/// Judges every twin.
pub(super) fn judge(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
    evidence
        .iter()
        .filter_map(|twin| {
            let finding = life(twin, around)?.on(twin.asked.transport).with("via", twin.record.via());
            Some(finding.seen_on([&twin.record]))
        })
        .collect()
}

/// Whether the connection ever carried anything of ours.
pub(super) fn began(record: &Record) -> bool {
    record.proof == Proof::Valid && record.client.first(|e| matches!(e, Event::Received(..) | Event::Altered(..))).is_some()
}

fn life(twin: &Exchange<Asked>, around: &Circumstances) -> Option<Finding> {
    let record = &twin.record;
    if !began(record) {
        return None;
    }
    if let Some(doubt) = around.unfinished(record) {
        return Some(inconclusive(doubt));
    }
    // A stream that brought its last event has lived, however its end is framed.
    if twin.asked.transport == Transport::Sse && record.client.received(What::Event).contains(&twin.asked.events()) {
        return None;
    }
    let opened = record.client.first(|e| matches!(e, Event::Response(_)))?;
    // A proxy may end a stream as HTTP frames it; the server's own record says whether that was the plan.
    let notes = record.witness.notes();
    let planned = notes.is_some_and(|notes| notes.timeline.closed().is_some_and(|(_, why)| why == Why::Done));
    let neatly = record.client.ended().filter(|_| notes.is_some());
    let ended = broken_off(&record.client).or(neatly).filter(|_| !planned);
    let (at, end) = match ended {
        Some((at, End::Reset)) => (at, "reset"),
        Some((at, _)) => (at, "closed"),
        None => (record.client.first(|e| *e == Event::GaveUp)?, "silence"),
    };
    // Streams are held back by some middleboxes; then it is the buffering that has a finding, not the lifetime.
    let last_heard =
        record.client.last(|e| matches!(e, Event::Received(What::Echo | What::Event, ..) | Event::Altered(What::Echo, ..)))?;
    let dead_from = if end == "silence" { last_heard } else { at };
    let age = dead_from.saturating_sub(opened);
    let quiet_before = at.saturating_sub(last_heard);
    if age <= EARLY_MS {
        return None;
    }
    if end != "silence"
        && quiet_before > twin.asked.every_ms.saturating_mul(2).saturating_add(around.round_trip_ms.saturating_add(1_000))
    {
        return Some(inconclusive(around.doubt(record, at).unwrap_or(Doubt::Unclear)));
    }
    let oldest = match twin.asked.transport {
        Transport::WebSocket => around.company.oldest_websocket_ms,
        Transport::Sse | Transport::LongPolling => around.company.oldest_stream_ms,
    };
    Some(match around.doubt(record, at) {
        Some(doubt) => inconclusive(doubt),
        // Another one of the kind grew older: age is not what ends them.
        None if oldest > age.saturating_add(EARLY_MS) => inconclusive(Doubt::Contradicted),
        None => Finding::at(
            CAPPED,
            age,
            format!("A busy connection is ended {} after it opened, although it was never silent.", seconds(age)),
        )
        .with("age_ms", age)
        .with("end", end),
    })
}

fn inconclusive(doubt: Doubt) -> Finding {
    Finding::new(INCONCLUSIVE, format!("How long a busy connection lives could not be judged: {}.", doubt.because()))
        .with("reason", doubt.as_str())
}

#[cfg(test)]
mod tests;
