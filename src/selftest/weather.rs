//! The weather of a path, by a seed: delay, jitter, the sizes of segments, the order in which tasks get their turn.

use super::Scenario;
use proxyprobe_probes::io::pen::Entropy;
use proxyprobe_probes::io::pipe::Link;
use std::time::Duration;

/// How the pipes of a run behave, by chance.
#[derive(Clone, Copy, Debug)]
pub struct Weather(Link);

/// The longest delay one way.
const LATENCY_MS: u64 = 400;
/// The largest segment, as an exponent of two: 16 KiB, the largest record of TLS (RFC 8446 section 5.1).
const SEGMENT: u64 = 14;

impl Weather {
    /// The same for the same seed.
    pub fn of(seed: u64) -> Self {
        let chance = Entropy::seeded(seed);
        let number = || u64::from_le_bytes(chance.bytes());
        let latency = Duration::from_millis(number() % (LATENCY_MS + 1));
        // What a queue adds is at most what the path takes, or 50 ms on a short one.
        let jitter = Duration::from_millis(number() % (u64::try_from(latency.as_millis()).unwrap_or(0).max(50) + 1));
        let segment = 1 << (number() % (SEGMENT + 1));
        Self(Link { latency, jitter, segment, shuffle: true, seed, ..Link::default() })
    }

    /// Puts it over a scenario.
    pub fn over(self, scenario: Scenario) -> Scenario {
        Scenario { link: self.0, ..scenario }
    }
}

impl std::fmt::Display for Weather {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let link = self.0;
        let (latency, jitter) = (link.latency.as_millis(), link.jitter.as_millis());
        write!(f, "{latency} ms each way, up to {jitter} ms more, segments of up to {} bytes", link.segment)
    }
}
