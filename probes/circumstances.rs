//! What was going on around a run, and when it forbids to blame the path.

use crate::company::{Company, TOGETHER_MS};
use crate::exchange::{Proof, Record, Witness};
use crate::plan::{ANSWERS_A_ROUND_TRIP, Plan};
use crate::timeline::{End, Event, Timeline, Why};
use crate::tls::ServerTls;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is known of the run as a whole: facts of the observer, no conclusions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Circumstances {
    /// The server's clock minus the client's, both in milliseconds since the run's start.
    pub clock_offset_ms: i64,
    /// How wrong that can be: half the round trip of the request that started the run.
    pub clock_bound_ms: u64,
    /// The round trip of that request, in milliseconds.
    pub round_trip_ms: u64,
    /// The most that a timer of this machine was late, in milliseconds.
    pub client_lag_ms: u64,
    /// The same of the server, when it could be asked.
    pub server_lag_ms: Option<u64>,
    /// How many connections the server closed unread during the run, by a limit: whoever they came from.
    #[serde(default, skip_serializing_if = "is_none")]
    pub server_turned_away: u64,
    /// How far the wall clock and the monotonic clock parted, in milliseconds: a machine that slept.
    pub slept_ms: u64,
    /// Whether the local address towards the server changed.
    pub local_address_changed: bool,
    /// Whether connections were still being opened when the beat was measured.
    #[serde(default)]
    pub opening_overlapped: bool,
    /// When the run was stopped before its end.
    pub cut_short_at_ms: Option<u64>,
    /// When the witness was asked for, and whether it could be read to its last page.
    pub witness_reads: Vec<WitnessRead>,
    /// What the connections of the leg that is judged did together; derived from the evidence.
    #[serde(skip)]
    pub company: Company,
    /// Whether a POST was answered before anything else was open on the leg that is judged; none where none was sent. Derived from
    /// the evidence.
    #[serde(skip)]
    pub post_at_first: Option<bool>,
    /// What is known of TLS to the paired server; derived from the evidence.
    #[serde(skip)]
    pub server_tls: ServerTls,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields so")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// One attempt to read the witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WitnessRead {
    /// When, in milliseconds since the run's start.
    pub at_ms: u64,
    /// Whether all of it arrived.
    pub complete: bool,
}

/// Why the path is not blamed for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    /// The run was stopped before this was over.
    CutShort,
    /// The server ended it itself, by a limit or because it shut down.
    OwnEnd,
    /// This machine slept.
    Slept,
    /// The local address changed: a roam, a VPN that came or went.
    AddressChanged,
    /// Three or more connections of different ages ended within half a second.
    ManyEndedTogether,
    /// The server's record could not be read.
    WitnessAbsent,
    /// The server's record is incomplete where it matters.
    WitnessPartial,
    /// Timers were late, here or at the server.
    TimersLate,
    /// The connections that are compared went to different addresses.
    DifferentRemotes,
    /// This machine had more connections open at once than something allows.
    ConnectionsLimited,
    /// Nothing passed for a while on connections that have only the path in common.
    PathStalled,
    /// Answers take longer than any application waits.
    PathTooSlow,
    /// This run's own connections kept the path busy.
    OwnLoad,
    /// Another connection of the same kind did what this one did not.
    Contradicted,
    /// What was seen fits none of the known patterns.
    Unclear,
}

impl Doubt {
    /// The reason in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Doubt::CutShort => "cut-short",
            Doubt::OwnEnd => "own-end",
            Doubt::Slept => "slept",
            Doubt::AddressChanged => "address-changed",
            Doubt::ManyEndedTogether => "many-ended-together",
            Doubt::WitnessAbsent => "witness-absent",
            Doubt::WitnessPartial => "witness-partial",
            Doubt::TimersLate => "timers-late",
            Doubt::DifferentRemotes => "different-remotes",
            Doubt::ConnectionsLimited => "connections-limited",
            Doubt::PathStalled => "path-stalled",
            Doubt::PathTooSlow => "path-too-slow",
            Doubt::OwnLoad => "own-load",
            Doubt::Contradicted => "contradicted",
            Doubt::Unclear => "unclear",
        }
    }

    /// The reason as the end of a sentence that begins with what could not be judged.
    pub fn because(self) -> &'static str {
        match self {
            Doubt::CutShort => "the run was stopped before this was over",
            Doubt::OwnEnd => "the server ended the connection itself (a limit, or it was shutting down)",
            Doubt::Slept => "this machine slept during the run",
            Doubt::AddressChanged => "this machine's address changed during the run (another network, or a VPN)",
            Doubt::ManyEndedTogether => {
                "connections of different ages ended at the same moment, as when the server or a proxy restarts"
            }
            Doubt::WitnessAbsent => "the server's own record could not be read, so only one side of the story is known",
            Doubt::WitnessPartial => "the server's own record is incomplete here",
            Doubt::TimersLate => "this machine or the server was too busy to measure times",
            Doubt::DifferentRemotes => "the connections that would be compared went to different addresses",
            Doubt::ConnectionsLimited => "something allows fewer connections at once than this run needs",
            Doubt::PathStalled => "for a while nothing at all passed on this path, as when a link goes down",
            Doubt::PathTooSlow => "round trips on this path take more than a second",
            Doubt::OwnLoad => "this path is so slow that this run's own connections kept it busy",
            Doubt::Contradicted => "another connection of the same kind did what this one did not, so it is no rule",
            Doubt::Unclear => "what the two ends saw fits no known pattern",
        }
    }
}

/// Timers later than this make times unreliable.
pub const LATE_MS: u64 = 100;
/// Timers later than this say that a machine stood still: then no silence and no delay is the path's.
const STOOD_STILL_MS: u64 = 1_000;
/// So long after a stall its traces still show: retransmissions back off to several seconds, and streams catch up.
const RECOVERY_MS: u64 = 5_000;
/// The wall clock and the monotonic clock may part by this much (time synchronisation steps); more is a sleep.
const SLEPT_MS: u64 = 1_000;

impl Circumstances {
    /// Why nothing that happened to this connection at `at_ms` may be laid at the path's door, if there is a reason.
    pub fn doubt(&self, record: &Record, at_ms: u64) -> Option<Doubt> {
        // A server that does not know the run: it was started anew, or is another one behind the same name.
        let unknown_run = record.proof == Proof::Wrong && record.response.as_ref().is_some_and(|head| head.status == 404);
        if unknown_run {
            return Some(Doubt::OwnEnd);
        }
        let own_end = record.witness.notes().and_then(|notes| notes.timeline.closed());
        if own_end.is_some_and(|(_, why)| matches!(why, Why::Limit | Why::Shutdown)) {
            return Some(Doubt::OwnEnd);
        }
        // The server closed connections unread: this may be one of them.
        if self.server_turned_away > 0 && record.witness.notes().is_none() && record.proof != Proof::Valid {
            return Some(Doubt::OwnEnd);
        }
        if self.slept_ms > SLEPT_MS {
            return Some(Doubt::Slept);
        }
        if self.local_address_changed {
            return Some(Doubt::AddressChanged);
        }
        if self.client_lag_ms > STOOD_STILL_MS || self.server_lag_ms.is_some_and(|lag| lag > STOOD_STILL_MS) {
            return Some(Doubt::TimersLate);
        }
        if self.company.mass_ends_ms.iter().any(|end| end.abs_diff(at_ms) <= TOGETHER_MS) {
            return Some(Doubt::ManyEndedTogether);
        }
        let began = record.client.entries.first().map_or(0, |entry| entry.at_ms);
        let touches = |(from, to): &(u64, u64)| {
            *from <= at_ms.saturating_add(Plan::ANSWER_MS) && at_ms <= to.saturating_add(RECOVERY_MS) && began <= *to
        };
        if self.company.stalls_ms.iter().any(touches) {
            return Some(Doubt::PathStalled);
        }
        if self.company.connections_limited && (refused_at_the_door(record) || turned_down(record)) {
            return Some(Doubt::ConnectionsLimited);
        }
        let gave_up = record.client.first(|e| *e == Event::GaveUp).is_some();
        if gave_up && self.round_trip_ms.saturating_mul(ANSWERS_A_ROUND_TRIP) > Plan::ANSWER_MAX_MS {
            return Some(Doubt::PathTooSlow);
        }
        match record.witness {
            Witness::Absent => Some(Doubt::WitnessAbsent),
            Witness::Partial(_) => Some(Doubt::WitnessPartial),
            // The server proved itself on this connection, so a record without it is not whole.
            Witness::Empty if record.proof == Proof::Valid => Some(Doubt::WitnessPartial),
            Witness::Empty | Witness::Whole(_) => None,
        }
    }

    /// Why this connection says nothing at all: it was still under way when the run was stopped.
    pub fn unfinished(&self, record: &Record) -> Option<Doubt> {
        let over = |e: &Event| matches!(e, Event::Ended(_) | Event::Closed(_) | Event::Failed(_) | Event::GaveUp);
        (self.cut_short_at_ms.is_some() && record.client.first(over).is_none()).then_some(Doubt::CutShort)
    }

    /// Whether the kernel was still trying when the client gave up: fewer than three retransmissions prove no dead path (RFC 6298
    /// doubles the wait each time, and a lost SYN makes it begin at three seconds).
    pub fn under_way(&self, record: &Record) -> bool {
        record.kernel.as_ref().is_some_and(|kernel| kernel.unacked > 0 && kernel.retransmits < 3)
    }

    /// Whether times below a few hundred milliseconds mean anything.
    pub fn timers_late(&self) -> bool {
        self.client_lag_ms > LATE_MS || self.server_lag_ms.is_some_and(|lag| lag > LATE_MS)
    }

    /// A time of the server's clock on the client's.
    pub fn on_client_clock(&self, server_ms: u64) -> u64 {
        server_ms.saturating_add_signed(self.clock_offset_ms.saturating_neg())
    }

    /// How much two times of different ends may differ and still be the same moment.
    pub fn same_moment_ms(&self) -> u64 {
        [self.round_trip_ms, self.client_lag_ms, self.server_lag_ms.unwrap_or(0), 250]
            .into_iter()
            .fold(self.clock_bound_ms, u64::saturating_add)
    }
}

/// Whether a connection did not come about, or ended before an answer, and the server never saw the request.
pub fn refused_at_the_door(record: &Record) -> bool {
    record.response.is_none() && record.witness.notes().is_none() && record.client.first(|e| matches!(e, Event::GaveUp)).is_none()
}

/// Whether somebody else answered a request with an error, and the server never saw it.
pub fn turned_down(record: &Record) -> bool {
    let error = record.response.as_ref().is_some_and(|head| head.status >= 400);
    error && record.proof == Proof::None && record.witness.notes().is_none()
}

/// The end of a connection that no WebSocket close frame and no HTTP framing announced.
pub fn broken_off(timeline: &Timeline) -> Option<(u64, &End)> {
    timeline.ended().filter(|(at, end)| {
        let first_ours = timeline.closed().is_none_or(|(closed, _)| closed >= *at);
        first_ours && !matches!(end, End::Complete)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::ServerNotes;

    fn ended(opened: u64, at: u64) -> Record {
        let mut record = Record { witness: Witness::Empty, ..Record::default() };
        record.client.push(opened, Event::Opened);
        record.client.push(at, Event::Ended(End::Fin));
        record
    }

    #[test]
    fn each_circumstance_forbids_to_blame() {
        let record = ended(0, 5000);
        let doubt = |around: Circumstances| around.doubt(&record, 5000);
        assert_eq!(doubt(Circumstances::default()), None);
        assert_eq!(doubt(Circumstances { slept_ms: 1001, ..Default::default() }), Some(Doubt::Slept));
        assert_eq!(doubt(Circumstances { local_address_changed: true, ..Default::default() }), Some(Doubt::AddressChanged));
        let company = |company| Circumstances { company, ..Default::default() };
        assert_eq!(doubt(company(Company { mass_ends_ms: vec![5200], ..Default::default() })), Some(Doubt::ManyEndedTogether));
        assert_eq!(doubt(company(Company { stalls_ms: vec![(3000, 6000)], ..Default::default() })), Some(Doubt::PathStalled));
        assert_eq!(doubt(company(Company { stalls_ms: vec![(9000, 12_000)], ..Default::default() })), None);
        assert_eq!(doubt(Circumstances { client_lag_ms: 1001, ..Default::default() }), Some(Doubt::TimersLate));
        assert_eq!(doubt(Circumstances { server_lag_ms: Some(1001), ..Default::default() }), Some(Doubt::TimersLate));
        let slow = Circumstances { round_trip_ms: 1300, ..Default::default() };
        assert_eq!(doubt(slow.clone()), None);
        let mut silent = record.clone();
        silent.client.push(9000, Event::GaveUp);
        assert_eq!(slow.doubt(&silent, 9000), Some(Doubt::PathTooSlow));
        let absent = Record { witness: Witness::Absent, ..record.clone() };
        assert_eq!(Circumstances::default().doubt(&absent, 5000), Some(Doubt::WitnessAbsent));
        let partial = Record { witness: Witness::Partial(ServerNotes::default()), ..record.clone() };
        assert_eq!(Circumstances::default().doubt(&partial, 5000), Some(Doubt::WitnessPartial));
    }

    #[test]
    fn the_servers_own_reason_outranks_everything() {
        for why in [Why::Limit, Why::Shutdown] {
            let mut notes = ServerNotes::default();
            notes.timeline.push(4990, Event::Closed(why));
            let record = Record { witness: Witness::Whole(notes), ..ended(0, 5000) };
            let around = Circumstances { slept_ms: 9000, ..Default::default() };
            assert_eq!(around.doubt(&record, 5000), Some(Doubt::OwnEnd));
        }
    }

    #[test]
    fn a_connection_that_the_server_may_have_turned_away_blames_nobody() {
        let around = Circumstances { server_turned_away: 1, ..Default::default() };
        assert_eq!(around.doubt(&ended(0, 5000), 5000), Some(Doubt::OwnEnd));
        let known = Record { witness: Witness::Whole(ServerNotes::default()), ..ended(0, 5000) };
        assert_eq!(around.doubt(&known, 5000), None, "the server has a record of it");
    }

    /// Where a ladder was turned down beyond a number, another connection's refusal may be the same one.
    #[test]
    fn a_refusal_by_status_is_that_of_the_limit_where_there_is_one() {
        let limited = Company { connections_limited: true, ..Default::default() };
        let around = Circumstances { company: limited, ..Default::default() };
        let doubt = |client: &str, server: &str| around.doubt(&crate::testing::record(client, server), 30);
        let forbidden = "unproven opened@0 request@0 503@20 foreign@21 done@21";
        assert_eq!(doubt(forbidden, "empty"), Some(Doubt::ConnectionsLimited));
        assert_eq!(doubt(forbidden, "request@10 200@10"), None, "the server saw it");
        assert_eq!(doubt("unproven opened@0 request@0 200@20 foreign@21 done@21", "empty"), None, "a page is no refusal");
        assert_eq!(Circumstances::default().doubt(&crate::testing::record(forbidden, "empty"), 30), None);
    }

    #[test]
    fn what_was_under_way_when_the_run_was_stopped_says_nothing() {
        let mut record = Record::default();
        record.client.push(0, Event::Opened);
        let around = Circumstances { cut_short_at_ms: Some(4000), ..Default::default() };
        assert_eq!(around.unfinished(&record), Some(Doubt::CutShort));
        assert_eq!(around.unfinished(&ended(0, 3000)), None);
    }
}
