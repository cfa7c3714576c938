//! What messages in quick succession and messages of growing size tell.
//!
//! A message that fails is sent again on another connection, behind as many bytes in messages of a size that passed. What fails
//! there too, and not before, fails by its size; what ends earlier counts bytes or messages; what passes was no rule.

use super::*;

/// What became of one conversation.
enum Went {
    /// All that was sent was answered, as it was sent.
    Well,
    /// It says something by itself.
    Says(Finding),
    /// It went no further than this message, which died in this direction.
    Stopped { number: u32, way: Direction },
}

/// Judges the ladder, and what followed it.
pub(super) fn judge(evidence: &[Exchange<Asked>], parts: [Part; 2], around: &Circumstances) -> Option<Finding> {
    let of = |part| evidence.iter().find(|exchange| exchange.asked.part == part);
    let [first, second] = parts;
    let ladder = of(first)?;
    let (number, way) = match went(ladder, around)? {
        Went::Well => return None,
        Went::Says(finding) => return Some(finding),
        Went::Stopped { number, way } => (number, way),
    };
    let again = of(second).and_then(|again| Some((&again.asked, went(again, around)?)));
    let (at_the_same, same_way) = match again {
        None => return Some(unjudged(Doubt::Unclear)),
        Some((_, Went::Well)) => return Some(unjudged(Doubt::Contradicted)),
        Some((_, Went::Says(finding))) => return Some(finding),
        Some((asked, Went::Stopped { number, way: again })) => (number == asked.messages, way == again),
    };
    let in_the_burst = number <= ladder.asked.at_once;
    Some(match () {
        () if in_the_burst || !at_the_same => died(&ladder.record, around),
        () if same_way => limited(ladder, number, way),
        () => unjudged(Doubt::Unclear),
    })
}

/// None when it never opened, or the 101 was not the server's: the handshake has findings of its own.
fn went(exchange: &Exchange<Asked>, around: &Circumstances) -> Option<Went> {
    let record = &exchange.record;
    record.client.first(|e| *e == Event::Response(101))?;
    if let Some(doubt) = around.unfinished(record) {
        return Some(Went::Says(unjudged(doubt)));
    }
    if record.witness == Witness::Empty && record.proof != Proof::Valid {
        return None;
    }
    let (sent, answered) = (record.client.sent(What::Frame), record.client.arrived(What::Echo));
    let ended = broken_off(&record.client).is_some();
    // An end between two messages fails the one that was never sent.
    let first = sent.iter().copied().find(|number| !answered.contains(number)).or_else(|| {
        let next = u32::try_from(sent.len()).unwrap_or(u32::MAX).saturating_add(1);
        (ended && next <= exchange.asked.messages).then_some(next)
    });
    let last = record.client.entries.last().map_or(0, |entry| entry.at_ms);
    let doubted = |finding: Finding| around.doubt(record, last).map_or_else(|| stamp(finding, record), unjudged);
    if let Some(finding) = foreign(record) {
        return Some(Went::Says(doubted(finding)));
    }
    if let Some(finding) = altered(exchange, around) {
        return Some(Went::Says(finding));
    }
    let Some(number) = first else { return Some(Went::Well) };
    if let Some(doubt) = around.doubt(record, last) {
        return Some(Went::Says(unjudged(doubt)));
    }
    let unclear = Some(Went::Says(unjudged(Doubt::Unclear)));
    let Some(notes) = record.witness.notes() else { return unclear };
    let server = &notes.timeline;
    // What the server could not read it did not answer.
    let unread = server.first(|e| matches!(e, Event::Foreign(_))).is_some();
    let arrived = server.received(What::Frame).contains(&number);
    let unanswered = arrived && !server.sent(What::Echo).contains(&number);
    if unread || unanswered || still_coming(record, server, around) || slow_there(record, server, number, around) {
        return unclear;
    }
    Some(Went::Stopped { number, way: if arrived { Direction::ToClient } else { Direction::ToServer } })
}

/// Whether the message took more than half of the client's patience to the server: its echo takes as long.
fn slow_there(record: &Record, server: &Timeline, number: u32, around: &Circumstances) -> bool {
    let sent = record.client.first(|e| *e == Event::Sent(What::Frame, number));
    let gave_up = record.client.first(|e| *e == Event::GaveUp);
    let arrived = server.first(|e| matches!(e, Event::Received(What::Frame, n, _) if *n == number));
    let (Some(sent), Some(gave_up), Some(arrived)) = (sent, gave_up, arrived) else { return false };
    let there = around.on_client_clock(arrived).saturating_add(around.clock_bound_ms).saturating_sub(sent);
    there > gave_up.saturating_sub(sent) / 2
}

fn limited(ladder: &Exchange<Asked>, number: u32, way: Direction) -> Finding {
    let record = &ladder.record;
    let echoes = record.client.received(What::Echo);
    let passed = echoes.iter().filter_map(|echo| ladder.asked.size(*echo)).max();
    let (Some(passed), Some(lost)) = (passed, ladder.asked.size(number)) else { return unjudged(Doubt::Unclear) };
    if passed >= lost {
        return unjudged(Doubt::Unclear);
    }
    let where_to = if way == Direction::ToServer { "the server" } else { "the client" };
    let then = if broken_off(&record.client).is_some() { "the connection is ended" } else { "nothing more passes that way" };
    let summary = format!(
        "Messages of {passed} bytes pass and messages of {lost} bytes do not arrive at {where_to}: with the first of them {then}."
    );
    let finding = Finding::new(SIZE_LIMITED, summary).towards(way).with("bytes", passed).with("lost_bytes", lost);
    stamp(finding, record)
}

/// It died twice and not by the size of a message: what is said of conversations at a beat is true of it, too.
fn died(record: &Record, around: &Circumstances) -> Finding {
    let opened = record.client.first(|e| *e == Event::Response(101)).unwrap_or(0);
    let last = record.client.entries.last().map_or(0, |entry| entry.at_ms);
    let echoes = record.client.arrived(What::Echo).len();
    let ended_after = broken_off(&record.client).map(|(at, _)| at.saturating_sub(opened));
    match (early(ended_after), ended_after) {
        (Some(finding), Some(after)) => {
            let summary = format!(
                "A WebSocket was ended {} after it opened, when it had carried {echoes} messages and their answers in quick succession; the server did not end it.",
                seconds(after)
            );
            Finding { summary, ..stamp(finding, record).with("after_messages", echoes) }
        }
        // It fits no lifetime either: the conversations at a beat had no such end.
        (None, Some(_)) => unjudged(Doubt::Unclear),
        _ if in_order(record) => {
            let finding = silence(record, around, true, last);
            let beside = if finding.blames() {
                " That was in quick succession; in a conversation at four a second all passed."
            } else {
                ""
            };
            Finding { summary: format!("{}{beside}", finding.summary), ..finding }
        }
        _ => unjudged(Doubt::Unclear),
    }
}

/// Whether what arrived at either end is the beginning of what was sent: then nothing more came after it.
fn in_order(record: &Record) -> bool {
    let beginning = |numbers: Vec<u32>| (1..).zip(&numbers).all(|(expected, number)| expected == *number);
    let there = record.witness.notes().is_some_and(|notes| beginning(notes.timeline.arrived(What::Frame)));
    there && beginning(record.client.arrived(What::Echo))
}

fn unjudged(doubt: Doubt) -> Finding {
    let summary =
        format!("Whether larger messages, and many at once, pass as they were sent could not be judged: {}.", doubt.because());
    Finding { summary, ..inconclusive(doubt) }
}
