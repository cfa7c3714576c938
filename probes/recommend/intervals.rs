//! How often something must be sent, and for how long a request may be held.

use super::Situation;
use crate::finding::{Finding, Outcome};
use crate::transport::Transport;
use crate::{h2, idle};

/// Intervals that people use, in seconds.
const USUAL_S: &[u64] = &[1, 2, 3, 5, 10, 15, 20, 25, 30, 45, 60, 90, 120, 240, 300, 600];
/// Without a limit below it, this interval is safe against the 60 s of the common load balancers and the 30 s of the strict ones.
const DEFAULT_HEARTBEAT_S: u64 = 25;
/// Holds beyond this gain nothing: each answer costs one request in half a minute.
const DEFAULT_HOLD_S: u64 = 25;

fn usual(at_most_ms: u64) -> u64 {
    USUAL_S.iter().copied().rev().find(|s| s * 1000 <= at_most_ms).unwrap_or(1)
}

/// Half of the shortest limit of this transport, rounded down; the default when silences past 30 s were survived.
pub(super) fn heartbeat(s: &Situation, transport: Option<Transport>) -> Option<u64> {
    let transport = transport?;
    let of_silence = |f: &&Finding| f.code.probe() == "idle" || f.code == h2::SILENT_STREAM_ENDED;
    let limits = s.findings.iter().filter(of_silence).filter(|f| f.word("transport") == Some(transport.as_str()));
    let shortest = limits
        .filter_map(|f| match (f.number("after_ms"), f.number("survived_ms"), f.number("lost_ms")) {
            (Some(after), ..) => Some(after),
            (None, Some(survived), _) if survived > 0 => Some(survived),
            // Not even the first rung lived: half of it is a guess, a quarter leaves room.
            (None, _, lost) => lost.map(|lost| lost / 2),
        })
        .min();
    // Of silences that were not tried, or not judged, nothing is known.
    let unknown = |f: &Finding| {
        let of_transport = f.code.probe() == "idle" && f.word("transport") == Some(transport.as_str());
        of_transport && (f.outcome == Outcome::Inconclusive || f.code == idle::LADDER_LIMITED)
    };
    if shortest.is_none() && s.findings.iter().any(unknown) {
        return None;
    }
    match shortest {
        Some(limit) => Some(usual(limit / 2).min(DEFAULT_HEARTBEAT_S)),
        None => (transport != Transport::LongPolling && s.longest_idle_ms > 30_000).then_some(DEFAULT_HEARTBEAT_S),
    }
}

/// Four fifths of the shortest limit on held requests, rounded down; where the limit lies between two holds, the one that was
/// survived.
pub(super) fn hold(s: &Situation) -> Option<u64> {
    if !s.usable(Transport::LongPolling) {
        return None;
    }
    let limits = s.findings.iter().filter(|f| f.code.probe() == "long_poll").filter_map(|f| {
        let silent = || match (f.number("survived_ms"), f.number("lost_ms")) {
            (Some(survived), Some(_)) if survived > 0 => Some(survived),
            (_, lost) => lost.map(|lost| lost / 2),
        };
        f.number("after_ms").map(|after| after * 4 / 5).or_else(silent)
    });
    Some(match limits.min() {
        Some(limit) => usual(limit).min(DEFAULT_HOLD_S),
        None => usual(s.longest_idle_ms).min(DEFAULT_HOLD_S),
    })
}
