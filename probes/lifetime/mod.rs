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
use crate::probe::Probe;
use crate::transport::Transport;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Lifetimes below this many milliseconds degrade, longer ones are noted: reconnecting every five minutes is what robust
/// applications do anyway.
const HARMLESS_FROM_MS: u64 = 300_000;

/// A busy connection is ended at a certain age.
pub const CAPPED: Code = code!("lifetime.capped", degraded below HARMLESS_FROM_MS);
/// It could not be judged.
pub const INCONCLUSIVE: Code = code!("lifetime.inconclusive", Inconclusive);

/// Does a busy connection live on?
pub struct Lifetime;

/// One busy twin of the silent ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// What kind of connection.
    pub transport: Transport,
    /// For how long it is kept busy, in milliseconds.
    pub busy_ms: u64,
    /// Milliseconds between messages.
    pub every_ms: u64,
}

impl Asked {
    /// How many events a stream brings so that the last one comes when it has been busy for as long as it should be.
    ///
    /// The first comes after half a beat, and the gaps are half and one and a half beats in turn: an odd one comes half a beat
    /// before as many beats as its number.
    pub fn events(&self) -> u32 {
        let count = self.busy_ms.saturating_add(self.every_ms / 2).div_ceil(self.every_ms.max(1));
        u32::try_from(count | 1).unwrap_or(u32::MAX)
    }
}

impl Probe for Lifetime {
    const ID: &'static str = "lifetime";
    const QUESTION: &'static str = "Does a busy connection live on?";
    const CODES: &'static [Code] = &[CAPPED, INCONCLUSIVE];
    const COST: Cost = Cost::Steady;
    type Asked = Asked;

    fn asked(evidence: &[Exchange<Asked>]) -> bool {
        evidence.iter().any(|exchange| verdict::began(&exchange.record))
    }

    fn judge(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
        verdict::judge(evidence, around)
    }
}

crate::halves!(Lifetime);
