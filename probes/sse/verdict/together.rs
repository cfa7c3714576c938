//! Several streams at once: did all of them run, and what became of the others?

use super::*;

/// Fewer that were not answered, or came late, are an accident: a lost segment, sent again and lost again.
const RULE: usize = 2;

/// What became of one of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The server had it open while the others were.
    Ran,
    /// Something in between answered in the server's place.
    Refused(u16),
    /// It came to the server only when another one had ended.
    Queued,
    /// No answer, and the server never saw it.
    Dropped,
    /// Anything else: nothing is concluded from it.
    Unknown,
}

/// Says how many streams ran at once, where those were not all.
pub(super) fn limited(evidence: &[Exchange<Asked>], around: &Circumstances) -> Option<Finding> {
    let all: Vec<&Exchange<Asked>> = evidence.iter().filter(|exchange| exchange.asked.kind == Kind::Together).collect();
    let over = |record: &Record| {
        let notes = record.witness.notes()?;
        notes.timeline.first(|e| matches!(e, Event::Closed(_) | Event::Ended(_)))
    };
    let first_over = all.iter().filter_map(|one| over(&one.record)).min()?;
    let fates: Vec<(&Record, Fate)> = all.iter().map(|one| (&one.record, fate(&one.record, first_over))).collect();
    let ran: Vec<&Record> = fates.iter().filter(|(_, fate)| *fate == Fate::Ran).map(|(record, _)| *record).collect();
    let rest: Vec<&Record> = fates.iter().filter(|(_, fate)| *fate != Fate::Ran).map(|(record, _)| *record).collect();
    let last_at = |record: &Record| record.client.entries.last().map_or(0, |entry| entry.at_ms);
    let doubted = |record: &&Record| around.unfinished(record).is_some() || around.doubt(record, last_at(record)).is_some();
    if ran.is_empty() || rest.iter().any(doubted) || around.timers_late() {
        return None;
    }
    let count = |wanted: fn(&Fate) -> bool| fates.iter().filter(|(_, fate)| wanted(fate)).count();
    let queued = count(|fate| *fate == Fate::Queued);
    let dropped = count(|fate| *fate == Fate::Dropped);
    let status = fates.iter().find_map(|(_, fate)| if let Fate::Refused(status) = fate { Some(*status) } else { None });
    let (how, words) = match status {
        Some(status) => ("refused", format!("something in between answered the others with HTTP {status}")),
        None if queued >= RULE => ("queued", "the others reached the server only when one of these had ended".to_owned()),
        None if dropped >= RULE => ("dropped", "the others got no answer and never reached the server".to_owned()),
        None => return None,
    };
    let open = ran.iter().filter_map(|record| record.client.first(|e| matches!(e, Event::Response(_)))).max().unwrap_or(0);
    let beside = around.company.open_at(open);
    let summary = format!(
        "Of {} event streams opened at once, beside {beside} other connections of this run, {} ran; {words}.",
        all.len(),
        ran.len()
    );
    let finding = Finding::new(STREAMS_LIMITED, summary)
        .with("streams", ran.len())
        .with("opened", all.len())
        .with("beside", beside)
        .with("how", how);
    let finding = status.into_iter().fold(finding, |finding, status| finding.with("status", status));
    Some(finding.seen_on(rest))
}

fn fate(record: &Record, first_over: u64) -> Fate {
    let asked = record.witness.notes().and_then(|notes| notes.timeline.first(|e| *e == Event::Request));
    match (&record.response, asked) {
        (_, Some(asked)) if asked >= first_over => Fate::Queued,
        (Some(head), Some(_)) if head.status == 200 => Fate::Ran,
        // Our own refusal, by a limit, blames nobody.
        (Some(head), _) if head.status >= 400 && record.proof == Proof::None => Fate::Refused(head.status),
        (None, None) if record.client.first(|e| matches!(e, Event::Opened | Event::Failed(_))).is_some() => Fate::Dropped,
        _ => Fate::Unknown,
    }
}

#[cfg(test)]
mod tests;
