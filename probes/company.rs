//! What several connections of one run did together: a restart, a stall of the whole path, a connection that did what another
//! one of its kind did not. None of it is the doing of a limit or of a filter.

use crate::circumstances::broken_off;
use crate::exchange::{Proof, Record};
use crate::failure::{Kind, Operation};
use crate::timeline::{Event, What};
use crate::transport::{Leg, Via};

/// One connection of the run.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// Its leg.
    pub leg: Leg,
    /// Whether something was meant to pass all the time.
    pub busy: bool,
    /// What was seen of it.
    pub record: &'a Record,
}

/// What the connections of one leg did together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Company {
    /// Times at which connections ended together that no limit ends together.
    pub mass_ends_ms: Vec<u64>,
    /// Times from and to which nothing passed on connections that have nothing but the path in common.
    pub stalls_ms: Vec<(u64, u64)>,
    /// Some connections of a ladder were refused at the door while others opened.
    pub connections_limited: bool,
    /// How many WebSockets of the leg opened, with proof.
    pub websockets_opened: usize,
    /// A WebSocket of the leg carried messages both ways for longer than a zombie is given.
    pub websocket_talked: bool,
    /// The longest time in which an event stream of the leg brought event after event, in milliseconds.
    pub events_flowed_ms: u64,
    /// The age of the oldest WebSocket of the leg when it last heard something, in milliseconds.
    pub oldest_websocket_ms: u64,
    /// The same of event streams; a held request is none.
    pub oldest_stream_ms: u64,
    /// From when to when each connection of the leg was open.
    pub open_ms: Vec<(u64, u64)>,
}

/// Connections that end within this window ended together: a reload or a death takes them all in one scheduling round of the
/// machine that dies, and half a second leaves room for loss of one segment.
pub const TOGETHER_MS: u64 = 500;
/// Ages that differ by more than this are different: limits of idle time or lifetime end connections at one age.
const DIFFERENT_AGE_MS: u64 = 1_000;
/// A busy connection on which nothing arrives for so long has stalled: the slowest beat is one message a second.
const STALL_MS: u64 = 1_700;
/// Connections that stall within this time of each other stall together: one beat of the slowest, and a little.
const STALL_TOGETHER_MS: u64 = 1_200;
/// So long after an end or a silence a refused connection still belongs to it: a restart takes a second or two.
const REFUSED_MS: u64 = 2_000;
/// More than a zombie's whole conversation: messages that passed after it would have been over.
const TALKED: usize = 14;
/// Events that show that streams flow.
const FLOWED: usize = 5;

impl Company {
    /// What the connections of `leg` did, among all of the run.
    pub fn of(leg: Leg, members: &[Member<'_>]) -> Self {
        let own = || members.iter().filter(move |member| member.leg == leg).map(|member| member.record);
        let websockets = || own().filter(|record| is_websocket(record) && record.proof == Proof::Valid);
        Self {
            mass_ends_ms: mass_ends(members),
            stalls_ms: stalls(members),
            connections_limited: false,
            websockets_opened: websockets().count(),
            websocket_talked: websockets().any(|record| record.client.received(What::Echo).len() >= TALKED),
            oldest_websocket_ms: own().filter(|record| is_websocket(record)).filter_map(life).max().unwrap_or(0),
            open_ms: own().filter_map(open).collect(),
            oldest_stream_ms: own().filter(|record| is_stream(record)).filter_map(life).max().unwrap_or(0),
            events_flowed_ms: own().filter(|record| record.proof == Proof::Valid).map(flow).max().unwrap_or(0),
        }
    }

    /// How many connections of the leg were open at a time.
    pub fn open_at(&self, at_ms: u64) -> usize {
        self.open_ms.iter().filter(|(from, to)| (*from..*to).contains(&at_ms)).count()
    }
}

/// From when to when a connection was open, as far as its client tells.
fn open(record: &Record) -> Option<(u64, u64)> {
    Some((record.client.first(|e| matches!(e, Event::Opened))?, record.client.entries.last()?.at_ms))
}

fn is_websocket(record: &Record) -> bool {
    record.response.as_ref().is_some_and(|head| head.status == 101)
}

fn is_stream(record: &Record) -> bool {
    !is_websocket(record) && record.client.first(|e| matches!(e, Event::Received(What::Event | What::Comment, ..))).is_some()
}

/// For how long events came one by one: a burst at the end of a stream is no flow.
fn flow(record: &Record) -> u64 {
    let events = record.client.entries.iter().filter(|entry| matches!(entry.event, Event::Received(What::Event, ..)));
    let times: Vec<u64> = events.map(|entry| entry.at_ms).collect();
    let apart = |pair: &&[u64]| matches!(pair, [a, b] if b.saturating_sub(*a) >= 100);
    let lasted = times.last().zip(times.first()).map_or(0, |(last, first)| last.saturating_sub(*first));
    if times.windows(2).filter(apart).count() >= FLOWED { lasted } else { 0 }
}

/// When connections were refused on legs that had answered before: something that was there is not there any more.
fn refusals(members: &[Member<'_>]) -> Vec<u64> {
    let refused = |record: &Record| {
        let (at, failure) = record.client.failed()?;
        let dialling = matches!(failure.operation, Operation::Connect | Operation::ConnectProxy);
        (dialling && matches!(failure.kind, Kind::Refused | Kind::Unreachable)).then_some(at)
    };
    let answered = |leg: Leg| members.iter().any(|member| member.leg == leg && member.record.proof == Proof::Valid);
    members.iter().filter(|member| answered(member.leg)).filter_map(|member| refused(member.record)).collect()
}

/// Whether one of these times lies in a stretch and what follows it.
fn refused_in(refusals: &[u64], from: u64, to: u64) -> bool {
    refusals.iter().any(|at| *at >= from && *at <= to.saturating_add(REFUSED_MS))
}

fn mass_ends(members: &[Member<'_>]) -> Vec<u64> {
    let refusals = refusals(members);
    let mut ends: Vec<Ended<'_>> = members.iter().filter_map(|member| unplanned_end(member)).collect();
    ends.sort_unstable_by_key(|end| (end.at, end.age));
    let group = |at: u64| ends.iter().filter(move |end| end.at.abs_diff(at) <= TOGETHER_MS);
    let is_mass = |at: u64| {
        // Of one that has heard nothing, nobody knows when it reached whoever ended it.
        let answered = || group(at).filter(|end| end.member.record.response.is_some());
        let differ = |time: fn(&Ended<'_>) -> u64| {
            let (oldest, youngest) = (answered().map(time).max().unwrap_or(0), answered().map(time).min().unwrap_or(0));
            oldest - youngest > DIFFERENT_AGE_MS
        };
        // Busy and silent ones at once: no silence ended the busy one, and no lifetime did if another busy one grew older.
        let busy_ended_young =
            group(at).any(|end| end.member.busy && members.iter().any(|other| outlived(other, end.member, end.age)));
        // Busy and silent ones at once, and nobody answers there for a moment: a restart.
        let kinds = |busy| group(at).any(|end| end.member.busy == busy);
        let gone = kinds(true) && kinds(false) && refused_in(&refusals, at, at);
        // No limit of lifetime, and none of silence: those end what is equally old, or has been silent for equally long.
        let by_no_limit = differ(|end| end.age) && differ(|end| end.silent);
        group(at).count() >= 3 && (by_no_limit || busy_ended_young || gone)
    };
    let mut times: Vec<u64> = ends.iter().map(|end| end.at).filter(|at| is_mass(*at)).collect();
    times.dedup();
    times
}

/// Whether `other` is a busy connection of the same kind as `member` that lived clearly longer than `age`.
fn outlived(other: &Member<'_>, member: &Member<'_>, age: u64) -> bool {
    other.busy
        && other.leg == member.leg
        && is_websocket(other.record) == is_websocket(member.record)
        && via(other.record) == via(member.record)
        && life(other.record).is_some_and(|life| life > age.saturating_add(DIFFERENT_AGE_MS))
}

/// What a proxy does to tunnels says nothing of the requests that it forwards.
fn via(record: &Record) -> Option<Via> {
    record.opened.as_ref().map(|opened| opened.via)
}

/// How old a connection was when it last heard something.
fn life(record: &Record) -> Option<u64> {
    let opened = record.client.first(|e| matches!(e, Event::Opened))?;
    Some(record.client.last(|e| matches!(e, Event::Received(..)))?.saturating_sub(opened))
}

/// A connection that was ended by something other than its two ends' own plans.
struct Ended<'a> {
    at: u64,
    /// How old it was then.
    age: u64,
    /// For how long nothing had passed.
    silent: u64,
    member: &'a Member<'a>,
}

fn unplanned_end<'a>(member: &'a Member<'a>) -> Option<Ended<'a>> {
    let client = &member.record.client;
    let opened = client.first(|e| matches!(e, Event::Opened))?;
    let (at, _) = broken_off(client)?;
    let passed = client.last(|e| matches!(e, Event::Received(..) | Event::Response(..) | Event::Sent(..))).unwrap_or(opened);
    Some(Ended { at, age: at.saturating_sub(opened), silent: at.saturating_sub(passed), member })
}

/// A time in which nothing arrived on a busy connection.
struct Gap<'a> {
    from: u64,
    to: u64,
    age: u64,
    /// How much had arrived before.
    before: usize,
    /// Whether something arrived afterwards.
    resumed: bool,
    member: &'a Member<'a>,
}

fn stalls(members: &[Member<'_>]) -> Vec<(u64, u64)> {
    let gaps: Vec<Gap<'_>> = members.iter().filter(|member| member.busy).flat_map(gaps).collect();
    let refusals = refusals(members);
    // Silent for good, and meanwhile nobody answers at all: the path is down.
    let down = gaps.iter().filter(|gap| !gap.resumed && refused_in(&refusals, gap.from, gap.to));
    let mut found: Vec<(u64, u64)> = down.map(|gap| (gap.from, gap.to)).collect();
    for (index, a) in gaps.iter().enumerate() {
        for b in gaps.iter().skip(index + 1) {
            let same_kind = is_websocket(a.member.record) == is_websocket(b.member.record);
            // No filter holds WebSockets and streams back and lets both go on; no limit silences connections of different ages.
            let both_went_on = a.resumed && b.resumed && !same_kind;
            let ages_differ = a.age.abs_diff(b.age) > DIFFERENT_AGE_MS && a.before >= 2 && b.before >= 2;
            if a.from.abs_diff(b.from) <= STALL_TOGETHER_MS && (both_went_on || ages_differ) {
                found.push((a.from.min(b.from), a.to.max(b.to)));
            }
        }
    }
    found
}

fn gaps<'a>(member: &'a Member<'a>) -> Vec<Gap<'a>> {
    let client = &member.record.client;
    let opened = client.first(|e| matches!(e, Event::Opened)).unwrap_or(0);
    let heard: Vec<u64> = client.entries.iter().filter(|e| matches!(e.event, Event::Received(..))).map(|e| e.at_ms).collect();
    let gave_up = client.first(|e| matches!(e, Event::GaveUp));
    let mut gaps = Vec::new();
    for (index, from) in heard.iter().enumerate() {
        let next = heard.get(index + 1).copied();
        if let Some(to) = next.or(gave_up).filter(|to| to.saturating_sub(*from) >= STALL_MS) {
            let age = from.saturating_sub(opened);
            gaps.push(Gap { from: *from, to, age, before: index + 1, resumed: next.is_some(), member });
        }
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::ResponseHead;
    use crate::failure::Failure;
    use crate::timeline::End;

    fn record(status: u16, opened: u64, heard: &[u64], last: (u64, Event)) -> Record {
        let response = ResponseHead { status, version: "1.1".into(), headers: Vec::new(), raw: Default::default() };
        let mut record = Record { response: Some(response), proof: Proof::Valid, ..Record::default() };
        record.client.push(opened, Event::Opened);
        let what = if status == 101 { What::Echo } else { What::Event };
        for (number, at) in (1..).zip(heard) {
            record.client.push(*at, Event::Received(what, number, None));
        }
        record.client.push(last.0, last.1);
        record
    }

    fn company(records: &[(bool, Record)]) -> Company {
        let members: Vec<_> = records.iter().map(|(busy, record)| Member { leg: Leg::Http, busy: *busy, record }).collect();
        Company::of(Leg::Http, &members)
    }

    fn beat(from: u64, to: u64) -> Vec<u64> {
        (from..to).step_by(1_000).collect()
    }

    #[test]
    fn an_idle_limit_is_no_mass_end_but_a_restart_is() {
        let silent = |opened, at| (false, record(101, opened, &[opened + 10], (at, Event::Ended(End::Fin))));
        let limit = [silent(0, 5000), silent(100, 5100), silent(200, 5200), silent(300, 5300)];
        assert_eq!(company(&limit).mass_ends_ms, Vec::<u64>::new());
        let restart = [silent(0, 5000), silent(100, 5010), silent(1600, 5020)];
        assert_eq!(company(&restart).mass_ends_ms, [5000, 5010, 5020]);
        assert_eq!(company(&restart[1..]).mass_ends_ms, Vec::<u64>::new());
    }

    #[test]
    fn what_was_silent_for_equally_long_ended_by_a_limit() {
        // Tunnels through a proxy: three reached the server a second later than the others, and the answer to the last never came.
        let silent = |opened, heard| (false, record(200, opened, &[heard], (6_280, Event::Ended(End::Fin))));
        let mut held = record(200, 110, &[], (6_290, Event::Ended(End::Fin)));
        held.response = None;
        let all = [silent(110, 1_261), silent(110, 1_270), silent(1_231, 1_233), (false, held)];
        assert_eq!(company(&all).mass_ends_ms, Vec::<u64>::new());
        let busy = (true, record(101, 1_600, &beat(1_700, 6_300), (6_290, Event::Ended(End::Fin))));
        let restart: Vec<_> = all.into_iter().chain([busy]).collect();
        assert_eq!(company(&restart).mass_ends_ms, [6_280, 6_290]);
    }

    #[test]
    fn an_early_restart_is_told_from_an_early_kill_by_what_lives_on() {
        let young = |opened| (opened > 200, record(101, opened, &[opened + 10], (1300, Event::Ended(End::Fin))));
        let all = [young(100), young(150), young(300)];
        assert_eq!(company(&all).mass_ends_ms, Vec::<u64>::new());
        let twin = (true, record(101, 1600, &beat(1700, 12_000), (12_000, Event::Closed(crate::timeline::Why::Done))));
        let with_twin: Vec<_> = all.into_iter().chain([twin]).collect();
        assert_eq!(company(&with_twin).mass_ends_ms, [1300]);
    }

    #[test]
    fn a_path_that_stalls_stalls_everything() {
        let socket = |from: u64, to: u64| [beat(1700, from), beat(to, 12_000)].concat();
        let done = (12_000, Event::Closed(crate::timeline::Why::Done));
        let stalled = [
            (true, record(101, 1600, &socket(5_000, 8_000), done.clone())),
            (true, record(200, 4000, &socket(5_000, 8_200), done.clone())),
        ];
        assert_eq!(company(&stalled).stalls_ms, [(4_700, 8_200)]);
        // One of them alone: that is no stall of the path.
        assert_eq!(company(&stalled[..1]).stalls_ms, []);
        // Fallen silent for good, at different ages.
        let gone = [
            (true, record(101, 1600, &beat(1700, 9_000), (13_000, Event::GaveUp))),
            (true, record(200, 4000, &beat(4_100, 9_000), (14_000, Event::GaveUp))),
        ];
        assert_eq!(company(&gone).stalls_ms, [(8_100, 14_000)]);
        // At one age: a lifetime.
        let capped = [
            (true, record(101, 1600, &beat(1700, 9_000), (13_000, Event::GaveUp))),
            (true, record(200, 1700, &beat(1_800, 9_000), (14_000, Event::GaveUp))),
        ];
        assert_eq!(company(&capped).stalls_ms, []);
    }

    #[test]
    fn a_restart_that_refuses_for_a_moment_is_told_from_an_early_kill() {
        let ended = |busy| (busy, record(101, 100, &[120], (1000, Event::Ended(End::Fin))));
        let mut refused = Record::default();
        let failure =
            Failure { operation: Operation::Connect, kind: Kind::Refused, peer: Default::default(), detail: Default::default() };
        refused.client.push(1600, Event::Failed(Box::new(failure)));
        let killed = [ended(true), ended(false), ended(false)];
        assert_eq!(company(&killed).mass_ends_ms, Vec::<u64>::new());
        let restarted: Vec<_> = killed.into_iter().chain([(true, refused)]).collect();
        assert_eq!(company(&restarted).mass_ends_ms, [1000]);
    }

    #[test]
    fn a_burst_at_the_end_is_no_flow() {
        let done = (9_000, Event::Ended(End::Complete));
        assert_eq!(company(&[(true, record(200, 0, &beat(100, 8_000), done.clone()))]).events_flowed_ms, 7_000);
        assert_eq!(company(&[(true, record(200, 0, &[8_000; 9], done))]).events_flowed_ms, 0);
    }
}
