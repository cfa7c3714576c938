//! Which signs of life keep a connection up where silence ends it.

use super::*;
use crate::idle::{Kept, Sign};

/// Adds to each limit the signs that keep a connection beyond it, and a finding for those that do not.
pub(super) fn weigh(mut findings: Vec<Finding>, evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
    let mut ignored: Vec<Finding> = Vec::new();
    for limit in &mut findings {
        let (Some(transport), Some(bounds)) = (limit.transport(), Bounds::of(limit)) else { continue };
        let all: Vec<&Exchange<Asked>> = evidence.iter().filter(|one| one.asked.transport == transport).collect();
        if different_remotes(&all) {
            continue;
        }
        let fates: Vec<(Sign, Fate, &Record)> = all
            .iter()
            .filter_map(|one| Some((one.asked.kept?.by, fate(one, one.asked.kept?, &bounds, around), &one.record)))
            .collect();
        let of = |wanted: fn(&Fate) -> bool| fates.iter().filter(move |(_, fate, _)| wanted(fate));
        let enough: Vec<&str> = of(|fate| *fate == Fate::Lived).map(|(sign, ..)| sign.as_str()).collect();
        if !enough.is_empty() {
            *limit = limit.clone().with("enough", enough.clone());
        }
        // A busy one beside it must have grown older: otherwise it was the age.
        let twin_lived = match transport {
            Transport::WebSocket => enough.contains(&Sign::AnsweredMessages.as_str()),
            _ => around.company.oldest_stream_ms > bounds.latest_age(&fates),
        };
        let died: Vec<&(Sign, Fate, &Record)> = of(|fate| matches!(fate, Fate::Died { .. })).collect();
        let known = ignored.iter().any(|other| other.transport() == Some(transport));
        if died.is_empty() || known || !twin_lived {
            continue;
        }
        let signs: Vec<Sign> = died.iter().map(|(sign, ..)| *sign).collect();
        let on_the_way: Vec<Sign> = died
            .iter()
            .filter(|(_, fate, _)| matches!(fate, Fate::Died { answered: true, .. }))
            .map(|(sign, ..)| *sign)
            .collect();
        let every_ms = all.iter().filter_map(|one| one.asked.kept).map(|kept| kept.every_ms).max().unwrap_or(0);
        let mut finding = Finding::new(KEEPALIVE_IGNORED, sentence(transport, &signs, &on_the_way, every_ms))
            .on(transport)
            .with("kinds", names(&signs))
            .with("enough", enough)
            .with("every_ms", every_ms)
            .seen_on(died.iter().map(|(.., record)| *record));
        if !on_the_way.is_empty() {
            finding = finding.with("answered_on_the_way", names(&on_the_way));
        }
        for name in ["after_ms", "survived_ms", "lost_ms", "via"] {
            if let Some(value) = limit.measured.get(name) {
                finding = finding.with(name, value.clone());
            }
        }
        ignored.push(finding);
    }
    findings.extend(ignored);
    findings
}

fn names(signs: &[Sign]) -> Vec<&'static str> {
    signs.iter().map(|sign| sign.as_str()).collect()
}

fn sentence(transport: Transport, signs: &[Sign], on_the_way: &[Sign], every_ms: u64) -> String {
    let listed = |signs: &[Sign], word: &str| signs.iter().map(|sign| sign.in_sentence()).collect::<Vec<_>>().join(word);
    let twin = if transport == Transport::WebSocket { Sign::AnsweredMessages.in_sentence() } else { "events" };
    let answered = match on_the_way {
        [] => String::new(),
        some => format!(" On the way, somebody else answers {}.", listed(some, " and ")),
    };
    let (every, signs) = (seconds(every_ms), listed(signs, " or "));
    format!("With nothing but {signs} every {every}, a connection is lost as a silent one is; with {twin} it lives.{answered}")
}

/// Where a limit lies, in milliseconds of silence.
struct Bounds {
    /// It is at least this long.
    least: u64,
    /// What it ends without a word from the other side ends from here on, …
    low: u64,
    /// … and until here.
    high: u64,
    /// Whether the client is not told.
    silent: bool,
}

impl Bounds {
    fn of(limit: &Finding) -> Option<Self> {
        if ![CLOSED, RESET, ONE_SIDE_TOLD, DROPPED_SILENTLY].contains(&limit.code) {
            return None;
        }
        if let Some(after) = limit.number("after_ms") {
            let agree = AGREE_MS.max(after / 20);
            return Some(Self {
                least: after,
                low: after.saturating_sub(agree),
                high: after.saturating_add(agree),
                silent: false,
            });
        }
        let (survived, lost) = (limit.number("survived_ms")?, limit.number("lost_ms")?);
        Some(Self { least: survived, low: survived, high: lost, silent: true })
    }

    /// Signs further apart than this say nothing: they, too, are a silence, and a limit is known to a second or so.
    fn calm(&self) -> u64 {
        self.least / 4 * 3
    }

    /// The age of the oldest connection of these that died, when it did.
    fn latest_age(&self, fates: &[(Sign, Fate, &Record)]) -> u64 {
        let ages = fates.iter().filter_map(|(_, fate, record)| match fate {
            Fate::Died { at, .. } => Some(at.saturating_sub(record.client.first(|e| *e == Event::Opened)?)),
            Fate::Lived | Fate::Open => None,
        });
        ages.max().unwrap_or(u64::MAX)
    }
}

/// What became of a connection that was kept up by one sign.
#[derive(Debug, PartialEq)]
enum Fate {
    /// Its signs passed to the last, and then it was used.
    Lived,
    /// Its signs passed, and it ended when a silent one would have: at this time at the latest.
    /// Or they were answered, and never came to the other end.
    Died { at: u64, answered: bool },
    /// It was not tried, or something else happened to it.
    Open,
}

fn fate(one: &Exchange<Asked>, kept: Kept, bounds: &Bounds, around: &Circumstances) -> Fate {
    let record = &one.record;
    let given_up = record.client.closed().is_some_and(|(_, why)| why == Why::Abort);
    let Some(start) = silent_from(record, around).filter(|_| !given_up && around.unfinished(record).is_none()) else {
        return Fate::Open;
    };
    let over = record.client.first(|e| *e == Event::SilenceOver).unwrap_or(start.saturating_add(one.asked.silent_ms));
    let ended = broken_off(&record.client).or_else(|| record.client.ended()).filter(|(at, _)| *at < over);
    let at = ended.map_or(over, |(at, _)| at);
    if kept.every_ms.saturating_mul(2) > bounds.least || around.doubt(record, at).is_some() {
        return Fate::Open;
    }
    let asked_last = record.client.sent(What::Frame).last().copied();
    let used = |entry: &crate::timeline::Entry| match one.asked.transport {
        Transport::Sse => matches!(entry.event, Event::Received(What::Event, 1, _)),
        _ => match entry.event {
            Event::Received(What::Echo, number, _) | Event::Altered(What::Echo, number, _) => {
                entry.at_ms >= over && Some(number) == asked_last
            }
            _ => false,
        },
    };
    let signs = Signs::of(kept.by, record, around);
    let until = |to: u64| signs.passed(start, to, bounds.calm());
    if record.client.entries.iter().any(used) {
        return if until(over) == Some(Passed::Through) { Fate::Lived } else { Fate::Open };
    }
    let last = signs.last().map_or(start, |last| last.max(start));
    let silence = at.saturating_sub(start);
    let (as_silent, watched_until) = if bounds.silent {
        // Somewhere between two rungs, and told by nobody, or by the answer to the next sign.
        let within = bounds.low..=bounds.high.saturating_add(kept.every_ms).saturating_add(AGREE_MS);
        let outlived = last.saturating_sub(start) > bounds.high;
        (!outlived && ended.is_none_or(|_| within.contains(&silence)), start.saturating_add(bounds.low))
    } else {
        (ended.is_some() && (bounds.low..=bounds.high).contains(&silence), at)
    };
    let died_at = if ended.is_some() { at } else { last.saturating_add(kept.every_ms) };
    match until(watched_until).filter(|_| as_silent) {
        Some(passed) => Fate::Died { at: died_at, answered: passed == Passed::Answered },
        None => Fate::Open,
    }
}

/// How far signs came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Passed {
    /// To the other end.
    Through,
    /// They were answered by somebody, and the other end heard none.
    Answered,
}

/// When signs arrived, by the client's clock.
struct Signs {
    /// At the other end; none where nobody can see them.
    arrived: Option<Vec<u64>>,
    /// Their answers, at the end that gave them.
    answered: Vec<u64>,
}

impl Signs {
    fn of(sign: Sign, record: &Record, around: &Circumstances) -> Self {
        let heard = |timeline: &crate::timeline::Timeline, what: What| -> Vec<u64> {
            let heard = |e: &Event| matches!(e, Event::Received(found, ..) | Event::Altered(found, ..) if *found == what);
            timeline.entries.iter().filter(|entry| heard(&entry.event)).map(|entry| entry.at_ms).collect()
        };
        let here = |what| heard(&record.client, what);
        let there = |what| {
            let heard = record.witness.notes().map(|notes| heard(&notes.timeline, what)).unwrap_or_default();
            heard.into_iter().map(|at| around.on_client_clock(at)).collect::<Vec<u64>>()
        };
        let (arrived, answered) = match sign {
            Sign::AnsweredMessages => (Some(there(What::Frame)), Vec::new()),
            Sign::ClientBytes => (Some(there(What::Tick)), Vec::new()),
            Sign::ServerBytes => (Some(here(What::Tick)), Vec::new()),
            Sign::ClientPings => (Some(there(What::Ping)), here(What::Pong)),
            Sign::ServerPings => (Some(here(What::Ping)), there(What::Pong)),
            Sign::Comments => (Some(here(What::Comment)), Vec::new()),
            Sign::TcpKeepAlive => (None, Vec::new()),
        };
        Self { arrived, answered }
    }

    /// When the last one came to the other end.
    fn last(&self) -> Option<u64> {
        self.arrived.iter().flatten().max().copied()
    }

    /// Whether they passed all the time, never further apart than `calm`.
    fn passed(&self, from: u64, to: u64, calm: u64) -> Option<Passed> {
        let Some(arrived) = &self.arrived else { return Some(Passed::Through) };
        let steady = |times: &[u64]| {
            let within = times.iter().copied().filter(|at| (from..=to).contains(at));
            let all: Vec<u64> = std::iter::once(from).chain(within).chain([to]).collect();
            all.windows(2).all(|pair| matches!(pair, [one, next] if next.saturating_sub(*one) <= calm))
        };
        if steady(arrived) {
            return Some(Passed::Through);
        }
        // A comment of the opening is no sign.
        let none = arrived.iter().all(|at| *at <= from);
        (none && steady(&self.answered)).then_some(Passed::Answered)
    }
}

#[cfg(test)]
mod tests;
