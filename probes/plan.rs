//! How deep a run goes: the figures that observing and judging share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much time a run may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// About five seconds; long silences are not tested.
    Quick,
    /// About forty seconds; includes silences past 30 s.
    Standard,
    /// Several minutes.
    Deep,
}

/// What a run will do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// How deep.
    pub depth: Depth,
    /// The longest silence that is tried, in milliseconds.
    pub longest_idle_ms: u64,
    /// How long an answer may take before it counts as missing, in milliseconds.
    pub answer_ms: u64,
    /// The most silent connections at once on a leg; none for as many as the depth has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ladder: Option<u8>,
    /// The time between two things that the application's client sends, in milliseconds, where it was told; see
    /// [`crate::recommend::Demand`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_every_ms: Option<u64>,
}

/// What a probe costs the path while it runs, and so what it may run beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Opens connections and then keeps still.
    Quiet,
    /// Keeps a slow beat for the whole run.
    Steady,
    /// Measures a beat: wants the path to itself but for quiet ones.
    Cadence,
    /// Measures times: comes after what measures a beat, with the path to itself but for quiet and steady ones.
    Timing,
}

/// An answer may take this many round trips: connection, TLS and three retransmissions.
pub const ANSWERS_A_ROUND_TRIP: u64 = 8;

impl Plan {
    /// An answer after a silence may be lost and retransmitted. With the kernel's smallest timeout of 200 ms and doubling, or with
    /// 300 ms of round trip and a timeout near 500 ms, this leaves room for three retransmissions (RFC 6298 section 5.5).
    pub const ANSWER_MS: u64 = 3_500;
    /// The most that a slow path may stretch an answer: beyond ten seconds an application has given up.
    pub const ANSWER_MAX_MS: u64 = 10_000;

    /// A plan of that depth; `idle_ms` overrides the longest silence.
    pub fn new(depth: Depth, idle_ms: Option<u64>) -> Self {
        let default = match depth {
            Depth::Quick => 3_000,
            // Past the 30 s at which many appliances end a silent connection.
            Depth::Standard => 32_000,
            // Past the 60 s that is the default of the common load balancers, with the 5 s by which busy connections may be younger.
            Depth::Deep => 65_300,
        };
        Self { depth, longest_idle_ms: idle_ms.unwrap_or(default), answer_ms: Self::ANSWER_MS, ladder: None, send_every_ms: None }
    }

    /// The same plan on a path with this round trip: slow is not broken.
    #[must_use]
    pub fn on_path(self, round_trip_ms: u64) -> Self {
        let answer_ms = round_trip_ms.saturating_mul(ANSWERS_A_ROUND_TRIP).clamp(Self::ANSWER_MS, Self::ANSWER_MAX_MS);
        Self { answer_ms, ..self }
    }

    /// The most that a run may take, in milliseconds, before it is cut short: three times the longest silence, as a deep run climbs its
    /// ladder twice and every answer may be late, and a minute for reaching the server. An ordinary run takes a third of it.
    pub fn most_ms(&self) -> u64 {
        self.longest_idle_ms.saturating_mul(3).saturating_add(60_000)
    }

    /// Whether silences as long as appliances' 30 s are part of it.
    pub fn covers_30_s(&self) -> bool {
        self.longest_idle_ms > 30_000
    }
}
