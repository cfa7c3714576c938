//! What a ladder of silences tells.

mod kept;

use super::*;
use crate::circumstances::{Doubt, broken_off};
use crate::exchange::{Proof, Record};
use crate::finding::seconds;
use crate::timeline::{End, Event, What, Why};

/// Loud ends of one limit agree within this much, or within 5 %: a limit is checked by timers of a second or so in some products.
const AGREE_MS: u64 = 1_500;
/// A FIN that comes within this time of the first words after the silence cannot be the answer to them: whoever closes in order
/// has read them first.
const CROSSING_MS: u64 = 2;
/// "Still open" means that the server had heard nothing this long after the client was told (design: 3 s).
const STILL_OPEN_MS: u64 = 3_000;

/// Judges each ladder: one transport, one first speaker.
pub(super) fn judge(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
    let silent = || evidence.iter().filter(|exchange| exchange.asked.kept.is_none());
    let mut ladders: Vec<(Transport, Speaker)> =
        silent().map(|exchange| (exchange.asked.transport, exchange.asked.first_speaker)).collect();
    ladders.sort_unstable();
    ladders.dedup();
    let rungs_of = |(transport, speaker)| {
        let mut rungs: Vec<&Exchange<Asked>> = silent()
            .filter(|exchange| exchange.asked.transport == transport && exchange.asked.first_speaker == speaker)
            // What was given up because a shorter silence had ended says nothing.
            .filter(|exchange| exchange.record.client.closed().is_none_or(|(_, why)| why != Why::Abort))
            .collect();
        rungs.sort_by_key(|rung| rung.asked.silent_ms);
        rungs
    };
    let mut findings = Vec::new();
    for kind in ladders {
        let rungs = rungs_of(kind);
        let via = rungs.first().map_or("none", |rung| rung.record.via());
        let more = ladder(&rungs, around).into_iter();
        findings.extend(more.map(|f| f.on(kind.0).with("first_speaker", kind.1.as_str()).with("via", via)));
    }
    kept::weigh(one_limit_once(findings), evidence, around)
}

/// The ladder on which the server speaks first has few rungs. Where the other one found a limit that is no longer, it only says
/// the same less well; and its doubts add nothing to the other's.
fn one_limit_once(findings: Vec<Finding>) -> Vec<Finding> {
    let limit = |f: &Finding| f.number("after_ms").or(f.number("lost_ms"));
    let others: Vec<(Option<String>, Option<u64>)> = findings
        .iter()
        .filter(|f| f.word("first_speaker") == Some("client") && f.code != LADDER_LIMITED)
        .map(|f| (f.word("transport").map(str::to_owned), limit(f)))
        .collect();
    let repeats = |f: &Finding| {
        f.word("first_speaker") == Some("server")
            && f.code != LADDER_LIMITED
            && others.iter().any(|(transport, other)| {
                let same = transport.as_deref() == f.word("transport");
                same && match (other, limit(f)) {
                    (Some(other), Some(own)) => *other <= own.saturating_add(AGREE_MS),
                    (_, own) => own.is_none(),
                }
            })
    };
    findings.into_iter().filter(|f| !repeats(f)).collect()
}

/// Whether the connection got as far as its silence.
pub(super) fn began(record: &Record) -> bool {
    warmed(record).is_some()
}

/// When the silence began in the middle of the path: a box starts its timer when the last byte before the silence comes to it,
/// which is when the server sent it, however long the box then holds it back.
fn silent_from(record: &Record, around: &Circumstances) -> Option<u64> {
    let heard = warmed(record)?;
    let last_words = |e: &Event| matches!(e, Event::Sent(What::Echo, 1) | Event::Sent(What::Comment, _));
    let sent = record.witness.notes().and_then(|notes| notes.timeline.first(last_words));
    Some(sent.map_or(heard, |sent| around.on_client_clock(sent).min(heard)))
}

/// When the last words before the silence arrived.
fn warmed(record: &Record) -> Option<u64> {
    let warm = |e: &Event| {
        matches!(e, Event::Received(What::Echo, 1, _) | Event::Altered(What::Echo, 1, _) | Event::Received(What::Comment, ..))
    };
    record.client.first(warm).filter(|_| record.proof == Proof::Valid)
}

/// What became of one rung.
#[derive(Debug, PartialEq)]
enum Fate {
    /// It was used after its silence.
    Lived,
    /// It was ended during the silence: after so long, by FIN or RST, and what the server saw of it.
    Ended { after_ms: u64, reset: bool, server: ServerEnd },
    /// Nothing happened, and afterwards it was dead.
    /// The kernel says whether the words after the silence were acknowledged by the next hop that speaks TCP.
    Silent { on_next_send: &'static str, server: ServerEnd, acknowledged: Option<bool> },
    /// It never opened.
    Unopened,
    /// It cannot be laid at the path's door.
    Doubted(Doubt),
}

/// What the server saw of an end that was not its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ServerEnd {
    Fin,
    Reset,
    StillOpen,
    /// The witness was read too early to tell.
    Unknown,
}

impl ServerEnd {
    fn as_str(self) -> &'static str {
        match self {
            ServerEnd::Fin => "fin",
            ServerEnd::Reset => "reset",
            ServerEnd::StillOpen => "still-open",
            ServerEnd::Unknown => "unknown",
        }
    }

    fn told(self) -> bool {
        matches!(self, ServerEnd::Fin | ServerEnd::Reset)
    }
}

fn fate(rung: &Exchange<Asked>, around: &Circumstances) -> Fate {
    let record = &rung.record;
    if let Some(doubt) = around.unfinished(record) {
        return Fate::Doubted(doubt);
    }
    let Some(start) = silent_from(record, around) else {
        // Our own refusal, by a limit: no more than that.
        let ours = record.proof == Proof::Valid && record.response.as_ref().is_some_and(|head| head.status == 503);
        return if ours { Fate::Doubted(Doubt::OwnEnd) } else { Fate::Unopened };
    };
    let spoken = |e: &Event| match (rung.asked.transport, rung.asked.first_speaker) {
        (Transport::Sse, _) => matches!(e, Event::Received(What::Event, 1, _)),
        // A changed message is a sign of life.
        (_, Speaker::Server) => matches!(e, Event::Received(What::Tick, 1, _) | Event::Altered(What::Tick, 1, _)),
        (_, Speaker::Client) => matches!(e, Event::Received(What::Echo, 2, _) | Event::Altered(What::Echo, 2, _)),
    };
    if record.client.first(spoken).is_some() {
        return Fate::Lived;
    }
    // There was no silence.
    if record.client.flooded() {
        return Fate::Doubted(Doubt::Unclear);
    }
    let over = record.client.first(|e| *e == Event::SilenceOver).unwrap_or(start.saturating_add(rung.asked.silent_ms));
    let ended = broken_off(&record.client).or_else(|| record.client.ended());
    let at = ended.map_or(over, |(at, _)| at);
    if let Some(doubt) = around.doubt(record, at) {
        return Fate::Doubted(doubt);
    }
    let acknowledged =
        record.kernel.as_ref().filter(|_| rung.asked.first_speaker == Speaker::Client).map(|kernel| kernel.unacked == 0);
    match ended {
        // An end that comes with the first words after the silence is the answer to them.
        // A FIN that crossed them on the way is not; a firewall next door answers them with RST in no time.
        Some((at, end)) if at < over || (at < over.saturating_add(CROSSING_MS) && *end != End::Reset) => {
            let earlier = told_meanwhile(record, at.saturating_sub(STILL_OPEN_MS), around);
            if earlier.told() {
                // The server had been told long before, and what came here at last is its farewell.
                return Fate::Silent { on_next_send: "silence", server: earlier, acknowledged: None };
            }
            Fate::Ended { after_ms: at.saturating_sub(start), reset: *end == End::Reset, server: server_end(record, at, around) }
        }
        Some((_, End::Reset)) => {
            Fate::Silent { on_next_send: "reset", server: told_meanwhile(record, over, around), acknowledged }
        }
        Some(_) => Fate::Silent { on_next_send: "closed", server: told_meanwhile(record, over, around), acknowledged },
        None => Fate::Silent { on_next_send: "silence", server: told_meanwhile(record, over, around), acknowledged },
    }
}

/// What the server saw during the silence: what comes with the first words after it is the answer to them.
fn told_meanwhile(record: &Record, over: u64, around: &Circumstances) -> ServerEnd {
    match record.witness.notes().and_then(|notes| notes.timeline.ended()) {
        Some((ended, end)) if around.on_client_clock(ended).saturating_add(around.same_moment_ms()) < over => match end {
            End::Reset => ServerEnd::Reset,
            _ => ServerEnd::Fin,
        },
        _ => ServerEnd::StillOpen,
    }
}

/// What the server saw by `at` (client's clock) and the grace after it.
fn server_end(record: &Record, at: u64, around: &Circumstances) -> ServerEnd {
    let Some(notes) = record.witness.notes() else { return ServerEnd::Unknown };
    match notes.timeline.ended() {
        Some((ended, end)) if around.on_client_clock(ended) <= at.saturating_add(STILL_OPEN_MS) => match end {
            End::Reset => ServerEnd::Reset,
            _ => ServerEnd::Fin,
        },
        _ => {
            let asked_later =
                around.witness_reads.iter().any(|read| read.complete && read.at_ms >= at.saturating_add(STILL_OPEN_MS));
            if asked_later { ServerEnd::StillOpen } else { ServerEnd::Unknown }
        }
    }
}

fn ladder(rungs: &[&Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
    let fates: Vec<(u64, Fate)> = rungs.iter().map(|rung| (rung.asked.silent_ms, fate(rung, around))).collect();
    let of = |wanted: fn(&Fate) -> bool| {
        rungs.iter().zip(&fates).filter(move |(_, (_, fate))| wanted(fate)).map(|(rung, _)| &rung.record)
    };
    let opened = fates.iter().filter(|(_, fate)| *fate != Fate::Unopened).count();
    // Nothing opened at all: whatever kept it from opening has a finding of its own.
    if opened == 0 {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if opened < fates.len() {
        let refused = fates.len() - opened;
        findings.push(
            Finding::new(
                LADDER_LIMITED,
                format!("{refused} of {} connections at once did not come about; their silences were not tried.", fates.len()),
            )
            .with("opened", opened)
            .with("refused", refused)
            .seen_on(of(|fate| *fate == Fate::Unopened)),
        );
    }
    let dead = |fate: &Fate| matches!(fate, Fate::Ended { .. } | Fate::Silent { .. });
    let died = fates.iter().any(|(_, fate)| dead(fate));
    let doubt =
        fates.iter().find_map(|(silent, fate)| if let Fate::Doubted(doubt) = fate { Some((*silent, *doubt)) } else { None });
    match (died, doubt) {
        (true, _) if different_remotes(rungs) => {
            findings.push(inconclusive(Doubt::DifferentRemotes).seen_on(rungs.iter().map(|rung| &rung.record)));
        }
        (true, _) => {
            let first_speaker = rungs.first().map_or(Speaker::Client, |rung| rung.asked.first_speaker);
            let finding = match twice(rungs, &fates) {
                false => limit(&fates, first_speaker, around),
                true => Finding::new(
                    UNSTEADY,
                    "Silent connections died without a word at first, and were ended the second time: this is no steady limit.",
                )
                .with("survived_ms", survived(&fates)),
            };
            findings.push(finding.seen_on(of(dead)));
        }
        (false, Some((silent, doubt))) => {
            let finding = inconclusive(doubt).with("silence_ms", silent).with("survived_ms", survived(&fates));
            findings.push(finding.seen_on(of(|fate| matches!(fate, Fate::Doubted(_)))));
        }
        (false, None) => {}
    }
    findings
}

/// Whether the second ladder met another end than the first one.
fn twice(rungs: &[&Exchange<Asked>], fates: &[(u64, Fate)]) -> bool {
    let any = |finer: bool, wanted: fn(&Fate) -> bool| {
        rungs.iter().zip(fates).any(|(rung, (_, fate))| rung.asked.finer == finer && wanted(fate))
    };
    let ended: fn(&Fate) -> bool = |fate| matches!(fate, Fate::Ended { .. });
    any(true, ended) && !any(false, ended)
}

/// The longest silence that was survived.
fn survived(fates: &[(u64, Fate)]) -> u64 {
    fates.iter().filter(|(_, fate)| *fate == Fate::Lived).map(|(silent, _)| *silent).max().unwrap_or(0)
}

fn limit(fates: &[(u64, Fate)], first_speaker: Speaker, around: &Circumstances) -> Finding {
    let survived = survived(fates);
    let mut loud: Vec<(u64, bool, ServerEnd)> = fates
        .iter()
        .filter_map(|(_, fate)| match fate {
            Fate::Ended { after_ms, reset, server } => Some((*after_ms, *reset, *server)),
            _ => None,
        })
        .collect();
    loud.sort_unstable_by_key(|(after, ..)| *after);
    let silent = fates.iter().find_map(|(silence, fate)| match fate {
        Fate::Silent { on_next_send, server, acknowledged } => Some((*silence, *on_next_send, *server, *acknowledged)),
        _ => None,
    });
    let shortest_loud = loud.first().map(|(after, ..)| *after);
    let agree = AGREE_MS.saturating_add(around.client_lag_ms);
    // A limit ends everything beyond it. A survivor above a death says that it was no limit.
    let beyond = [silent.map(|(silence, ..)| silence), shortest_loud.map(|after| after.saturating_add(agree))];
    if let Some(died) = beyond.into_iter().flatten().min().filter(|died| *died <= survived) {
        return Finding::new(
            UNSTEADY,
            format!(
                "A silence of {} was survived although one of {} was not: this is no steady limit.",
                seconds(survived),
                seconds(died)
            ),
        )
        .with("survived_ms", survived)
        .with("lost_ms", died);
    }
    if let Some((lost, on_next_send, server, acknowledged)) =
        silent.filter(|(lost, ..)| shortest_loud.is_none_or(|after| *lost <= after))
    {
        if server.told() {
            return Finding::new(
                ONE_SIDE_TOLD,
                format!(
                    "After a silence between {} and {} the server was told that the connection is over, the client was not.",
                    seconds(survived),
                    seconds(lost)
                ),
            )
            .with("told", "server")
            .with("survived_ms", survived)
            .with("lost_ms", lost)
            .with("server_end", server.as_str());
        }
        let finding = Finding::at(
            DROPPED_SILENTLY,
            lost,
            match survived {
                0 if first_speaker == Speaker::Server => {
                    format!(
                        "Where the server speaks first after a silence of {}, its words are lost, and neither side is told.",
                        seconds(lost)
                    )
                }
                0 => {
                    format!("No silence that was tried is survived, the shortest of {}, and neither side is told.", seconds(lost))
                }
                _ => format!(
                    "A silence of {} is survived, one of {} is not, and neither side is told.",
                    seconds(survived),
                    seconds(lost)
                ),
            },
        )
        .with("survived_ms", survived)
        .with("lost_ms", lost)
        .with("on_next_send", on_next_send);
        // Unacknowledged: the path is dead. Acknowledged and unanswered: something in between took the words.
        return match acknowledged {
            Some(acknowledged) => finding.with("acknowledged", acknowledged),
            None => finding,
        };
    }
    let Some(&(after, reset, server)) = loud.get(loud.len() / 2) else { return inconclusive(Doubt::Unclear) };
    let spread = loud.last().map_or(0, |(last, ..)| *last) - shortest_loud.unwrap_or(0);
    if spread > agree.max(after / 20) {
        return Finding::new(
            UNSTEADY,
            format!("Silent connections were ended after different times, {} apart.", seconds(spread)),
        )
        .with("spread_ms", spread)
        .with("survived_ms", survived);
    }
    let told_too = server.told() || loud.iter().any(|(_, _, server)| server.told());
    let finding = if !told_too && server == ServerEnd::StillOpen {
        Finding::new(
            ONE_SIDE_TOLD,
            format!("A silent connection is ended at the client after {}; the server is not told.", seconds(after)),
        )
        .with("told", "client")
    } else if reset {
        Finding::at(RESET, after, format!("A silent connection is reset after {}.", seconds(after)))
    } else {
        Finding::at(CLOSED, after, format!("A silent connection is closed after {}.", seconds(after)))
    };
    finding.with("after_ms", after).with("survived_ms", survived).with("server_end", server.as_str())
}

fn different_remotes(rungs: &[&Exchange<Asked>]) -> bool {
    let mut remotes = rungs.iter().filter_map(|rung| rung.record.opened.as_ref()).map(|opened| &opened.remote);
    let first = remotes.next();
    remotes.any(|remote| Some(remote) != first)
}

fn inconclusive(doubt: Doubt) -> Finding {
    Finding::new(INCONCLUSIVE, format!("The idle limit could not be judged: {}.", doubt.because())).with("reason", doubt.as_str())
}

#[cfg(test)]
mod tests;
