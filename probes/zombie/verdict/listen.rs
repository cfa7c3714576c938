//! What a server is heard of that speaks first.

use super::*;

/// What became of one conversation in which the client kept silent.
enum Heard {
    /// Something arrived before the client spoke.
    Before,
    /// All of it arrived when the client had spoken, which was so many milliseconds after the 101.
    After(u64),
    Doubtful(Doubt),
}

/// Judges the conversations in which the client only listens.
pub(super) fn judge(all: &[&Exchange<Asked>], around: &Circumstances) -> Option<Finding> {
    let opened = all.iter().filter(|exchange| kinds::opened_by_the_server(&exchange.record));
    let heard: Vec<(&Record, Heard)> = opened.map(|one| (&one.record, heard(&one.record, around))).collect();
    let mut withheld = heard.iter().filter_map(|(record, heard)| match heard {
        Heard::After(waited) => Some((*record, *waited)),
        _ => None,
    });
    let Some((record, waited)) = withheld.next() else {
        return heard
            .iter()
            .find_map(|(_, heard)| if let Heard::Doubtful(doubt) = heard { Some(unjudged(*doubt)) } else { None });
    };
    if withheld.next().is_none() {
        let passed = heard.iter().any(|(_, heard)| matches!(heard, Heard::Before));
        return Some(unjudged(if passed { Doubt::Contradicted } else { Doubt::Unclear }));
    }
    let summary =
        format!("The server spoke first, and for {} nothing of it arrived; it came when the client had spoken.", seconds(waited));
    let finding = Finding::new(GREETING_WITHHELD, summary).towards(Direction::ToClient).with("waited_ms", waited);
    Some(stamp(finding, record).seen_on(heard.iter().map(|(record, _)| *record)))
}

fn heard(record: &Record, around: &Circumstances) -> Heard {
    if let Some(doubt) = around.unfinished(record) {
        return Heard::Doubtful(doubt);
    }
    let line = &record.client;
    let from_the_server = |e: &Event| {
        matches!(e, Event::Received(What::Greeting | What::Tick, ..) | Event::Altered(What::Greeting | What::Tick, ..))
    };
    let last = line.entries.last().map_or(0, |entry| entry.at_ms);
    // By their order: on a short path both happen in one millisecond.
    let spoke = line.entries.iter().position(|entry| entry.event == Event::Sent(What::Frame, 1));
    let first = line.entries.iter().position(|entry| from_the_server(&entry.event));
    match (first, spoke) {
        // An end before all of it is told by the conversations at a beat.
        (Some(first), Some(spoke)) if first > spoke => {}
        (Some(_), _) => return Heard::Before,
        _ => return Heard::Doubtful(around.doubt(record, last).unwrap_or(Doubt::Unclear)),
    }
    if let Some(doubt) = around.doubt(record, last) {
        return Heard::Doubtful(doubt);
    }
    let opened = line.first(|e| *e == Event::Response(101)).unwrap_or(0);
    let spoke = line.first(|e| *e == Event::Sent(What::Frame, 1)).unwrap_or(0);
    // The server had said it when more than half of the client's patience was still to come.
    let said = record.witness.notes().and_then(|notes| notes.timeline.first(|e| *e == Event::Sent(What::Tick, 1)));
    let in_time = said.is_some_and(|said| {
        let said = around.on_client_clock(said).saturating_add(around.clock_bound_ms);
        said.saturating_sub(opened) < spoke.saturating_sub(opened) / 2
    });
    if in_time { Heard::After(spoke.saturating_sub(opened)) } else { Heard::Doubtful(Doubt::Unclear) }
}

fn unjudged(doubt: Doubt) -> Finding {
    let summary = format!("Whether a server that speaks first is heard could not be judged: {}.", doubt.because());
    Finding { summary, ..inconclusive(doubt) }
}
