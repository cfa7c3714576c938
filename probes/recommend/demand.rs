//! The first question as figures: what the application's client needs, and whether requests meet it on this path.

use crate::latency::{Series, Times};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How often the application's client sends something, and how long its answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Demand {
    /// Milliseconds from one thing that it sends to the next; none where only the time matters.
    pub send_every_ms: Option<u64>,
    /// What nineteen of twenty answers have to stay within, in milliseconds.
    pub budget_ms: u64,
}

impl Demand {
    /// Up to a tenth of a second an answer feels immediate (Miller 1968; Nielsen, Usability Engineering, 1993, section 5.5).
    pub const BUDGET_MS: u64 = 100;

    /// Rarer than once a second, the rate makes no difference to what each takes.
    const SLOWEST_MS: u64 = 1_000;

    /// The beat at which it is tried, in milliseconds.
    pub fn beat_ms(&self) -> Option<u64> {
        self.send_every_ms.map(|every| every.min(Self::SLOWEST_MS))
    }

    /// Whether requests beside an open stream meet it, and what all but one of twenty took; none where that was not measured.
    pub(super) fn met(&self, times: &Times) -> Option<(bool, u64)> {
        let took = slowest(&times.requests)?;
        // At another beat, or at none, it is another question.
        let at_this_beat = self.send_every_ms.is_none() || times.every_ms == self.beat_ms();
        let all = times.requests.count() == times.sent;
        at_this_beat.then_some((all && took <= self.budget_ms, took))
    }
}

/// What all but one of twenty stay within, or the slowest where they are fewer.
pub(super) fn slowest(series: &Series) -> Option<u64> {
    series.p95_ms().or(series.p50_ms().and(series.worst_ms()))
}
