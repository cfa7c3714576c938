//! What messages of other kinds tell: of one byte at once, binary, in pieces.
//!
//! A kind that fails is sent again on another connection, behind an ordinary message that passes. What fails twice, and the same way,
//! fails by its kind; what passes the second time was no rule. What arrives and is not as it was sent says so the first time.

use super::*;

/// The kinds, in the order in which they are told.
const KINDS: &[What] = &[What::Bytes, What::Pieces, What::Binary];

/// What became of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tried {
    Passed,
    /// In this direction: nothing of it arrived, or something that is not as it was sent.
    Failed(Direction, Arrived),
    Doubtful(Doubt),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrived {
    Nothing,
    /// And so many of the messages of one byte, where it has such, were as they were sent.
    Changed(usize),
}

/// Judges each kind; `all` are the conversations about kinds.
pub(super) fn judge(all: &[&Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
    let talked: Vec<&&Exchange<Asked>> = all.iter().filter(|exchange| opened_by_the_server(&exchange.record)).collect();
    let mut findings: Vec<Finding> = KINDS.iter().filter_map(|what| kind(*what, &talked, around)).collect();
    if findings.is_empty() {
        findings.extend(talked.iter().find_map(|exchange| otherwise(exchange, around)));
    }
    findings
}

/// What does not open, or not by our server, is the handshake's story.
pub(super) fn opened_by_the_server(record: &Record) -> bool {
    record.client.first(|e| *e == Event::Response(101)).is_some()
        && (record.witness != Witness::Empty || record.proof == Proof::Valid)
}

fn kind(what: What, talked: &[&&Exchange<Asked>], around: &Circumstances) -> Option<Finding> {
    let tries = |size: u32| -> Vec<(&Exchange<Asked>, Tried)> {
        let numbers = |exchange: &Exchange<Asked>| {
            (1..=exchange.asked.messages).find(|n| exchange.asked.kind(*n) == what && exchange.asked.size(*n) == Some(size))
        };
        talked.iter().filter_map(|exchange| Some((**exchange, tried(exchange, numbers(exchange)?, around)?))).collect()
    };
    let mut sizes: Vec<u32> = talked
        .iter()
        .flat_map(|exchange| {
            let of_kind = |n: &u32| exchange.asked.kind(*n) == what;
            (1..=exchange.asked.messages).filter(of_kind).filter_map(|n| exchange.asked.size(n)).collect::<Vec<_>>()
        })
        .collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes.into_iter().find_map(|size| verdict(what, size, &tries(size)))
}

fn verdict(what: What, size: u32, tries: &[(&Exchange<Asked>, Tried)]) -> Option<Finding> {
    let failed: Vec<(&Exchange<Asked>, Direction, Arrived)> = tries
        .iter()
        .filter_map(|(exchange, tried)| match tried {
            Tried::Failed(way, arrived) => Some((*exchange, *way, *arrived)),
            _ => None,
        })
        .collect();
    let doubt = tries.iter().find_map(|(_, tried)| if let Tried::Doubtful(doubt) = tried { Some(*doubt) } else { None });
    let changed = failed.iter().find(|(.., arrived)| *arrived != Arrived::Nothing);
    let Some((exchange, way, arrived)) = changed.or(failed.first()) else { return doubt.map(unjudged) };
    let passed = tries.iter().any(|(_, tried)| *tried == Tried::Passed);
    if changed.is_none() && (passed || failed.len() < 2) {
        return Some(unjudged(if passed { Doubt::Contradicted } else { doubt.unwrap_or(Doubt::Unclear) }));
    }
    if changed.is_none() && failed.iter().any(|(_, other, _)| other != way) {
        return Some(unjudged(Doubt::Unclear));
    }
    let record = &exchange.record;
    let finding = told(what, size, *way, *arrived, broken_off(&record.client).is_some());
    Some(stamp(finding.towards(*way), record).seen_on(tries.iter().map(|(exchange, _)| &exchange.record)))
}

fn told(what: What, size: u32, way: Direction, arrived: Arrived, ended: bool) -> Finding {
    let where_to = if way == Direction::ToServer { "the server" } else { "the client" };
    let then = if ended { "and the connection is ended" } else { "and the connection stays open" };
    match (what, arrived) {
        (What::Bytes, Arrived::Changed(arrived)) => {
            let count = What::BYTES;
            let summary =
                format!("Of {count} messages of one byte, sent at once, {arrived} arrived at {where_to} as they were sent.");
            Finding::new(SMALL_FRAMES_ALTERED, summary).with("sent", count).with("arrived", arrived)
        }
        (What::Bytes, Arrived::Nothing) => {
            let count = What::BYTES;
            let summary = format!("With {count} messages of one byte, sent at once, nothing more arrives at {where_to}, {then}.");
            Finding::new(SMALL_FRAMES_ALTERED, summary).with("sent", count)
        }
        (What::Pieces, _) => {
            let summary =
                format!("A message in one frame passes; the same in three frames does not arrive at {where_to}, {then}.");
            Finding::new(FRAGMENTS_LOST, summary).with("bytes", size)
        }
        _ => {
            let summary = format!("Text passes; a binary message of {size} bytes does not arrive as such at {where_to}, {then}.");
            Finding::new(BINARY_LOST, summary).with("bytes", size)
        }
    }
}

/// None where it was never sent.
fn tried(exchange: &Exchange<Asked>, number: u32, around: &Circumstances) -> Option<Tried> {
    let (record, what) = (&exchange.record, exchange.asked.kind(number));
    let echo = what.echo()?;
    if !record.client.sent(what).contains(&number) {
        return None;
    }
    let last = record.client.entries.last().map_or(0, |entry| entry.at_ms);
    let here = whole(&record.client, echo, number);
    let server = record.witness.notes().map(|notes| &notes.timeline);
    let changed_there = server.is_some_and(|server| !of(server, what, number).is_empty());
    // Its echo says that it came; how much of it, only the server's record does.
    let missed_there = matches!(record.witness, Witness::Whole(_))
        && server.is_some_and(|server| server.arrived(what).contains(&number) && !whole(server, what, number));
    if here && !changed_there && !missed_there {
        return Some(Tried::Passed);
    }
    if let Some(doubt) = around.unfinished(record).or_else(|| around.doubt(record, last)) {
        return Some(Tried::Doubtful(doubt));
    }
    let Some(server) = server else { return Some(Tried::Doubtful(Doubt::Unclear)) };
    let arrived = whole(server, what, number);
    let unanswered = arrived && !server.sent(echo).contains(&number);
    if unanswered || late(record, server, what, number, around) || around.under_way(record) {
        return Some(Tried::Doubtful(Doubt::Unclear));
    }
    let (way, line, unit) =
        if arrived { (Direction::ToClient, &record.client, echo) } else { (Direction::ToServer, server, what) };
    // Behind the messages of one byte comes one that says that they are over: without it, how many there were is unknown.
    let came = line.arrived(unit).contains(&number);
    Some(Tried::Failed(way, if came { Arrived::Changed(line.received(What::Byte).len()) } else { Arrived::Nothing }))
}

/// Whether a message arrived as it was sent, with the messages of one byte that belong to it.
fn whole(line: &Timeline, what: What, number: u32) -> bool {
    let bytes = matches!(what, What::Bytes | What::BytesEcho);
    let all = || line.received(What::Byte).into_iter().eq(1..=What::BYTES);
    line.received(what).contains(&number) && (!bytes || all())
}

/// What of it arrived changed.
fn of(line: &Timeline, what: What, number: u32) -> Vec<u32> {
    let ours = |(kind, n, _): &(What, u32, u32)| (*kind == what && *n == number) || (what == What::Bytes && *kind == What::Byte);
    line.altered().into_iter().filter(ours).map(|(_, n, _)| n).collect()
}

/// Whether the message took more than half of the client's patience to the server: its echo takes as long.
fn late(record: &Record, server: &Timeline, what: What, number: u32, around: &Circumstances) -> bool {
    let sent = record.client.first(|e| *e == Event::Sent(what, number));
    let gave_up = record.client.first(|e| *e == Event::GaveUp);
    let arrived =
        server.first(|e| matches!(e, Event::Received(kind, n, _) | Event::Altered(kind, n, _) if *kind == what && *n == number));
    let (Some(sent), Some(gave_up), Some(arrived)) = (sent, gave_up, arrived) else { return false };
    let there = around.on_client_clock(arrived).saturating_add(around.clock_bound_ms).saturating_sub(sent);
    there > gave_up.saturating_sub(sent) / 2
}

/// A conversation that went wrong in none of the ways that say something of a kind.
fn otherwise(exchange: &Exchange<Asked>, around: &Circumstances) -> Option<Finding> {
    let record = &exchange.record;
    let last = record.client.entries.last().map_or(0, |entry| entry.at_ms);
    if let Some(finding) = foreign(record) {
        return Some(around.doubt(record, last).map_or_else(|| stamp(finding, record).seen_on([record]), unjudged));
    }
    let went_wrong = record.client.first(|e| *e == Event::GaveUp).is_some() || broken_off(&record.client).is_some();
    let doubt = around.unfinished(record).or_else(|| {
        let by_the_path = around.doubt(record, last).unwrap_or(Doubt::Unclear);
        went_wrong.then_some(by_the_path)
    });
    doubt.map(unjudged)
}

fn unjudged(doubt: Doubt) -> Finding {
    let summary = format!("Whether messages of every kind pass as they were sent could not be judged: {}.", doubt.because());
    Finding { summary, ..inconclusive(doubt) }
}

#[cfg(test)]
mod tests;
