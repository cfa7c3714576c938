//! What held requests tell: who answered, when, and was it our answer?

use super::*;
use crate::circumstances::Doubt;
use crate::exchange::{Proof, Record};
use crate::finding::seconds;
use crate::timeline::{Event, Timeline, What, Why};
use crate::transport::Transport;

/// An answer within this time has nothing to do with holding: the shortest hold is two seconds.
const AT_ONCE_MS: u64 = 1_500;

/// An answer may be lost and sent again: a retransmission or two of it are no silence.
const GRACE_MS: u64 = 1_000;

/// Judges the ladder of held requests, and the one that was given up.
pub(super) fn judge(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
    let (aborted, held): (Vec<_>, Vec<_>) = evidence.iter().partition(|exchange| exchange.asked.abort_ms.is_some());
    let mut findings = ladder(&held, around);
    findings.extend(aborted.into_iter().filter_map(|one| Some(abort(&one.record, around)?.seen_on([&one.record]))));
    findings.into_iter().map(|finding| finding.on(Transport::LongPolling)).collect()
}

/// What the server saw of a request that was never answered here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Saw {
    Nothing,
    Asked,
    Answered,
}

/// What became of one held request.
enum Fate {
    Answered,
    /// Our answer to another request.
    Stale,
    /// An answer that is not ours, after so many milliseconds.
    Foreign {
        after_ms: u64,
        status: u16,
    },
    /// An end without an answer, after so many milliseconds.
    Ended {
        after_ms: u64,
    },
    /// Nothing, and how far it got.
    Silent {
        saw: Saw,
    },
    Doubted(Doubt),
    Unopened,
}

fn fate(exchange: &Exchange<Asked>, around: &Circumstances) -> Fate {
    let record = &exchange.record;
    if record.client.first(|e| matches!(e, Event::Received(What::Body, ..))).is_some() && record.proof == Proof::Valid {
        return match record.response.as_ref().map(|head| head.status) {
            Some(200) => Fate::Answered,
            // Our own refusal, by a limit or at a shutdown.
            _ => Fate::Doubted(Doubt::OwnEnd),
        };
    }
    if let Some(doubt) = around.unfinished(record) {
        return Fate::Doubted(doubt);
    }
    let Some(asked) = record.client.first(|e| *e == Event::Request) else { return Fate::Unopened };
    let over = record.client.entries.last().map_or(asked, |entry| entry.at_ms);
    if let Some(doubt) = around.doubt(record, over) {
        return Fate::Doubted(doubt);
    }
    let answered = record.client.first(|e| matches!(e, Event::Response(_)));
    match (&record.response, record.proof) {
        (Some(_), Proof::Stale) => Fate::Stale,
        // Our answer began and broke off.
        (Some(_), Proof::Valid) => Fate::Ended { after_ms: over.saturating_sub(asked) },
        (Some(head), _) => Fate::Foreign { after_ms: answered.unwrap_or(over).saturating_sub(asked), status: head.status },
        (None, _) if record.client.first(|e| *e == Event::GaveUp).is_some() => {
            let answered = |timeline: &Timeline| timeline.first(|e| matches!(e, Event::Sent(What::Body, _))).is_some();
            let saw = match record.witness.notes() {
                None => Saw::Nothing,
                Some(notes) if answered(&notes.timeline) => Saw::Answered,
                Some(_) => Saw::Asked,
            };
            if was_coming(record, exchange.asked.hold_ms, over, around) {
                Fate::Doubted(Doubt::Unclear)
            } else {
                Fate::Silent { saw }
            }
        }
        (None, _) => Fate::Ended { after_ms: over.saturating_sub(asked) },
    }
}

fn ladder(held: &[&Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
    let mut held = held.to_vec();
    held.sort_by_key(|exchange| exchange.asked.hold_ms);
    let fates: Vec<(u64, Fate)> = held.iter().map(|exchange| (exchange.asked.hold_ms, fate(exchange, around))).collect();
    let of = |wanted: fn(&Fate) -> bool| {
        held.iter().zip(&fates).filter(move |(_, (_, fate))| wanted(fate)).map(|(exchange, _)| &exchange.record)
    };
    let dead = |fate: &Fate| matches!(fate, Fate::Foreign { .. } | Fate::Ended { .. } | Fate::Silent { .. });
    let survived = fates.iter().filter(|(_, fate)| matches!(fate, Fate::Answered)).map(|(hold, _)| *hold).max().unwrap_or(0);
    let mut findings = Vec::new();
    if fates.iter().any(|(_, fate)| matches!(fate, Fate::Stale)) {
        let summary = "A held request got an answer that the server had made for another one: something in between caches.";
        findings.push(Finding::new(CACHED, summary).seen_on(of(|fate| matches!(fate, Fate::Stale))));
    }
    let died = fates.iter().find_map(|(hold, fate)| match fate {
        _ if survived == 0
            && let Some(how) = at_once(fate, around) =>
        {
            let refused = Finding::new(REFUSED, format!("No request for updates gets the server's answer: {how}."));
            let refused = refused.with("survived_ms", 0);
            Some((*hold, if let Fate::Foreign { status, .. } = fate { refused.with("status", *status) } else { refused }))
        }
        Fate::Foreign { after_ms, status } => Some((
            *after_ms,
            Finding::at(
                ANSWERED_BY_GATEWAY,
                *after_ms,
                format!("A held request is answered with HTTP {status} by something in between after {}.", seconds(*after_ms)),
            )
            .with("after_ms", *after_ms)
            .with("status", *status),
        )),
        Fate::Ended { after_ms } => Some((
            *after_ms,
            Finding::at(CUT, *after_ms, format!("A held request is ended without an answer after {}.", seconds(*after_ms)))
                .with("after_ms", *after_ms),
        )),
        Fate::Silent { saw } => {
            let fault = match saw {
                Saw::Answered => "never arrives, although the server sent it",
                Saw::Asked => "never comes",
                Saw::Nothing => "never comes: the server did not see the request",
            };
            let summary = format!("The answer to a request that is held for {} {fault}.", seconds(*hold));
            Some((*hold, Finding::at(CUT, *hold, summary).with("lost_ms", *hold)))
        }
        _ => None,
    });
    let doubt = fates.iter().find_map(|(hold, fate)| if let Fate::Doubted(doubt) = fate { Some((*hold, *doubt)) } else { None });
    match (died, doubt) {
        // A longer hold that was answered says that this is no limit of time.
        (Some((after, _)), _) if survived > after => {
            let finding = inconclusive(Doubt::Unclear).with("survived_ms", survived).with("lost_ms", after);
            findings.push(finding.seen_on(of(dead)));
        }
        (Some((_, finding)), _) => findings.push(finding.with("survived_ms", survived).seen_on(of(dead))),
        (None, Some((hold, doubt))) => {
            let finding = inconclusive(doubt).with("hold_ms", hold).with("survived_ms", survived);
            findings.push(finding.seen_on(of(|fate| matches!(fate, Fate::Doubted(_)))));
        }
        (None, None) => {}
    }
    findings
}

/// Whether the answer was still due, or just under way, when the client gave up: the request took its time to arrive.
fn was_coming(record: &Record, hold_ms: u64, gave_up: u64, around: &Circumstances) -> bool {
    let Some(notes) = record.witness.notes() else { return false };
    let asked = notes.timeline.first(|e| *e == Event::Request).map(|at| around.on_client_clock(at));
    let grace = around.round_trip_ms.saturating_add(GRACE_MS);
    asked.is_some_and(|at| at.saturating_add(hold_ms).saturating_add(grace) >= gave_up)
}

/// How a request failed that failed at once, or before the server saw it: then it is not the holding.
fn at_once(fate: &Fate, around: &Circumstances) -> Option<String> {
    let soon = |after: u64| after < AT_ONCE_MS.saturating_add(around.round_trip_ms);
    match fate {
        Fate::Foreign { after_ms, status } if soon(*after_ms) => {
            Some(format!("something in between answers with HTTP {status}, at once"))
        }
        Fate::Ended { after_ms } if soon(*after_ms) => Some("the connection is ended at once".to_owned()),
        Fate::Silent { saw: Saw::Nothing } => Some("the requests never reach it".to_owned()),
        _ => None,
    }
}

/// Whether the server learnt that the client gave up.
fn abort(record: &Record, around: &Circumstances) -> Option<Finding> {
    let (at, _) = record.client.closed().filter(|(_, why)| *why == Why::Abort)?;
    if around.doubt(record, at).is_some() {
        return None;
    }
    let (_, why) = record.witness.notes()?.timeline.closed()?;
    (why == Why::Done).then(|| {
        Finding::new(
            ABORT_NOT_PROPAGATED,
            "When a client gives up a held request, the server is not told and answers into the void.",
        )
    })
}

fn inconclusive(doubt: Doubt) -> Finding {
    Finding::new(INCONCLUSIVE, format!("Held requests could not be judged: {}.", doubt.because())).with("reason", doubt.as_str())
}

#[cfg(test)]
mod tests;
