#![doc = include_str!("README.md")]

#[cfg(feature = "io")]
mod client;
#[cfg(feature = "io")]
mod server;
mod signs;
mod verdict;

pub use signs::{Kept, Sign, kept};

use crate::circumstances::Circumstances;
use crate::code;
use crate::exchange::Exchange;
use crate::finding::{Code, Finding};
use crate::plan::Cost;
use crate::plan::Plan;
use crate::probe::Probe;
use crate::transport::Transport;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Idle limits below this many milliseconds degrade, longer ones are noted: 60 s is the longest default of the common load
/// balancers, and an application with a heartbeat every 25 s is safe above it.
const HARMLESS_FROM_MS: u64 = 60_000;

/// A silent connection is forgotten, and nobody is told.
pub const DROPPED_SILENTLY: Code = code!("idle.dropped-silently", degraded below HARMLESS_FROM_MS);
/// A silent connection is closed (FIN at the client).
pub const CLOSED: Code = code!("idle.closed", degraded below HARMLESS_FROM_MS);
/// A silent connection is reset (RST at the client).
pub const RESET: Code = code!("idle.reset", degraded below HARMLESS_FROM_MS);
/// A silent connection is ended at one side only.
pub const ONE_SIDE_TOLD: Code = code!("idle.one-side-told", Degraded);
/// More connections than so many are refused, so that not every silence could be tried.
pub const LADDER_LIMITED: Code = code!("idle.ladder-limited", Note);
/// Shorter silences ended and longer ones did not.
pub const UNSTEADY: Code = code!("idle.unsteady", Inconclusive);
/// Connections end as silent ones do although something passes on them.
pub const KEEPALIVE_IGNORED: Code = code!("idle.keepalive-ignored", Note);
/// It could not be judged.
pub const INCONCLUSIVE: Code = code!("idle.inconclusive", Inconclusive);

/// For how long may a connection be silent, and how does it end?
pub struct Idle;

/// One rung: a connection that is silent for a set time, or kept up by one sign of life alone, and is then used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// What kind of connection.
    pub transport: Transport,
    /// For how long it is silent, in milliseconds.
    pub silent_ms: u64,
    /// Who speaks first afterwards: that decides what an address translator does.
    pub first_speaker: Speaker,
    /// Whether it is of the second ladder, between two rungs of the first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub finer: bool,
    /// What it carries all the time, where it is not silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

/// An end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Speaker {
    /// This machine.
    Client,
    /// The paired server.
    Server,
}

impl Speaker {
    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Speaker::Client => "client",
            Speaker::Server => "server",
        }
    }
}

/// The silences that are tried, in seconds. They keep clear of the limits that people configure (5, 10, 15, 20, 30, 60 s …), so
/// that each such limit lies well between two rungs.
const RUNGS_S: &[u64] = &[4, 9, 14, 19, 24, 29, 32, 44, 57, 66, 88, 115, 130, 175, 235, 290, 330, 365, 440, 590, 660, 890, 960];

/// The rungs of a run.
pub fn rungs(plan: &Plan) -> Vec<Asked> {
    let longest = plan.longest_idle_ms;
    let mut silences: Vec<u64> = RUNGS_S.iter().map(|s| s * 1000).filter(|ms| *ms + 1000 <= longest).collect();
    if silences.is_empty() {
        silences.push(longest / 3);
    }
    if let Some(most) = plan.ladder {
        // The longest silence takes up to three connections, any other one two; those between the ends are spread evenly.
        let wanted = usize::from(most).saturating_sub(3) / 2;
        let all = silences.len();
        silences = (0..wanted.min(all)).filter_map(|n| silences.get(n * all / wanted.min(all)).copied()).collect();
    }
    silences.push(longest);
    let mut rungs = Vec::new();
    for silent_ms in silences {
        let rung = |transport, first_speaker| Asked { transport, silent_ms, first_speaker, finer: false, kept: None };
        rungs.push(rung(Transport::WebSocket, Speaker::Client));
        rungs.push(rung(Transport::Sse, Speaker::Server));
        if silent_ms > 30_000 {
            rungs.push(rung(Transport::WebSocket, Speaker::Server));
        }
    }
    rungs
}

/// Rungs of the second ladder are this far apart, so that a limit is known to half of it.
const STEP_MS: u64 = 1_000;
/// And from 50 s on by one part in so many: to 1 %.
const STEP_PART: u64 = 50;

/// The second ladder of one kind, where the first one left a silent limit between these two silences.
pub fn finer(transport: Transport, first_speaker: Speaker, survived_ms: u64, lost_ms: u64) -> Vec<Asked> {
    let step = STEP_MS.max(lost_ms / STEP_PART);
    let between = (1..).map(|number| survived_ms + number * step).take_while(|silent_ms| *silent_ms < lost_ms);
    // The one that died, too: where it lives now, a moment's trouble and no limit had ended it.
    between.chain([lost_ms]).map(|silent_ms| Asked { transport, silent_ms, first_speaker, finer: true, kept: None }).collect()
}

impl Probe for Idle {
    const ID: &'static str = "idle";
    const QUESTION: &'static str = "For how long may a connection be silent, and how does it end?";
    const CODES: &'static [Code] =
        &[DROPPED_SILENTLY, CLOSED, RESET, ONE_SIDE_TOLD, KEEPALIVE_IGNORED, LADDER_LIMITED, UNSTEADY, INCONCLUSIVE];
    const COST: Cost = Cost::Quiet;
    type Asked = Asked;

    fn asked(evidence: &[Exchange<Asked>]) -> bool {
        evidence.iter().any(|exchange| verdict::began(&exchange.record))
    }

    fn judge(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
        verdict::judge(evidence, around)
    }
}

crate::halves!(Idle);
