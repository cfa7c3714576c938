#![doc = include_str!("README.md")]

#[cfg(feature = "io")]
mod client;
#[cfg(feature = "io")]
mod server;
mod verdict;

use crate::circumstances::Circumstances;
use crate::code;
use crate::exchange::Exchange;
use crate::finding::{Code, Finding};
use crate::plan::Cost;
use crate::plan::Plan;
use crate::probe::Probe;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits below this many milliseconds degrade, longer ones are noted: 60 s is the longest default of the common gateways, and
/// an application that answers a poll after 25 s is safe above it.
const HARMLESS_FROM_MS: u64 = 60_000;

/// Something in between answers in place of the server, at once.
pub const REFUSED: Code = code!("long_poll.refused", Broken);
/// A held request is ended without an answer.
pub const CUT: Code = code!("long_poll.cut", degraded below HARMLESS_FROM_MS);
/// A held request is answered by something in between.
pub const ANSWERED_BY_GATEWAY: Code = code!("long_poll.answered-by-gateway", degraded below HARMLESS_FROM_MS);
/// An answer to another request arrived.
pub const CACHED: Code = code!("long_poll.cached", Degraded);
/// The server does not learn that a client gave up.
pub const ABORT_NOT_PROPAGATED: Code = code!("long_poll.abort-not-propagated", Note);
/// It could not be judged.
pub const INCONCLUSIVE: Code = code!("long_poll.inconclusive", Inconclusive);

/// For how long may a request be held, and is the answer ours?
pub struct LongPoll;

/// One held request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// After how long the server answers, in milliseconds.
    pub hold_ms: u64,
    /// After how long the client gives up, if it does so by plan.
    pub abort_ms: Option<u64>,
}

/// The requests that are held in parallel, in seconds; see the rungs of the idle probe for why these.
const HOLDS_S: &[u64] = &[2, 9, 19, 29, 32, 57, 66, 88, 115, 130, 175, 235, 290, 330, 590];
/// When the client gives up on the request that tests whether the server learns of it.
const ABORT_MS: u64 = 1_000;
/// How long the server would have held that one.
const ABORTED_HOLD_MS: u64 = 3_000;

/// The requests of a run.
pub fn holds(plan: &Plan) -> Vec<Asked> {
    let longest = plan.longest_idle_ms;
    let mut holds: Vec<u64> = HOLDS_S.iter().map(|s| s * 1000).filter(|ms| *ms + 1000 <= longest).collect();
    holds.push(longest);
    let mut asked: Vec<Asked> = holds.into_iter().map(|hold_ms| Asked { hold_ms, abort_ms: None }).collect();
    asked.push(Asked { hold_ms: ABORTED_HOLD_MS, abort_ms: Some(ABORT_MS) });
    asked
}

impl Probe for LongPoll {
    const ID: &'static str = "long_poll";
    const QUESTION: &'static str = "For how long may a request be held, and is the answer ours?";
    const CODES: &'static [Code] = &[REFUSED, CUT, ANSWERED_BY_GATEWAY, CACHED, ABORT_NOT_PROPAGATED, INCONCLUSIVE];
    const COST: Cost = Cost::Quiet;
    type Asked = Asked;

    fn judge(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
        verdict::judge(evidence, around)
    }
}

crate::halves!(LongPoll);
