//! The clock that the nodes of a fleet share: the store's, as each of them knows it.
//!
//! A node asks the store for the time again and again. The answer was made between question and arrival, so it is known to half
//! that time; the quickest of the last answers is gone by. The store's own clock may be set anew meanwhile, which is noticed.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// So many answers are compared: two seconds of them.
const SAMPLES: usize = 40;
/// Clocks of computers part by less than this many millionths: quartz is good for 50, and time synchronisation adds some.
const DRIFT_PPM: u64 = 100;
/// Differences below this are a matter of rounding.
const ROUNDING_US: u64 = 2_000;

/// The fleet's clock at one node.
pub(super) struct FleetClock {
    base: Instant,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    samples: VecDeque<Sample>,
    /// When the store's clock was last seen to have been set anew.
    set: Option<Instant>,
}

/// One answer of the store.
#[derive(Clone, Copy)]
struct Sample {
    at: Instant,
    /// The store's clock minus the time since `base`, in microseconds.
    offset_us: i64,
    /// How wrong that may be.
    bound_us: u64,
}

/// The time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Now {
    /// Milliseconds since 1970.
    pub(super) ms: u64,
    /// How wrong that may be, in milliseconds; none where the store was never asked: then it is this machine's own clock.
    pub(super) bound_ms: Option<u64>,
}

impl FleetClock {
    pub(super) fn new() -> Self {
        Self { base: Instant::now(), known: Mutex::default() }
    }

    /// Takes an answer of the store: its time in microseconds since 1970, and when it was asked. It arrived now.
    pub(super) fn hear(&self, store_us: u64, asked: Instant) {
        let took = asked.elapsed();
        let middle = micros(asked.saturating_duration_since(self.base) + took / 2);
        let sample = Sample {
            at: Instant::now(),
            offset_us: i64::try_from(store_us).unwrap_or(i64::MAX).saturating_sub_unsigned(middle),
            bound_us: micros(took) / 2,
        };
        let mut known = self.known();
        if let Some((offset_us, bound_us)) = known.best() {
            let apart = sample.offset_us.abs_diff(offset_us);
            if apart > bound_us.saturating_add(sample.bound_us).saturating_add(ROUNDING_US) {
                known.samples.clear();
                known.set = Some(sample.at);
            }
        }
        if known.samples.len() >= SAMPLES {
            known.samples.pop_front();
        }
        known.samples.push_back(sample);
    }

    /// The time.
    pub(super) fn now(&self) -> Now {
        match self.known().best() {
            Some((offset_us, bound_us)) => {
                let since = i64::try_from(micros(self.base.elapsed())).unwrap_or(i64::MAX);
                let ms = u64::try_from(since.saturating_add(offset_us)).unwrap_or(0) / 1_000;
                // One more for what is cut off behind the milliseconds.
                Now { ms, bound_ms: Some(bound_us.div_ceil(1_000).saturating_add(1)) }
            }
            None => Now { ms: u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0), bound_ms: None },
        }
    }

    /// Whether the store's clock was set anew within this time: what was read of it before is not comparable.
    pub(super) fn was_set_within(&self, time: Duration) -> bool {
        self.known().set.is_some_and(|set| set.elapsed() <= time)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// The offset that is known best, and how wrong it may be by now.
    fn best(&self) -> Option<(i64, u64)> {
        let aged = |sample: &Sample| sample.bound_us.saturating_add(micros(sample.at.elapsed()) / 1_000_000 * DRIFT_PPM);
        self.samples.iter().min_by_key(|sample| aged(sample)).map(|sample| (sample.offset_us, aged(sample)))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const MS: Duration = Duration::from_millis(1);

    /// An answer that took so long, on a store whose clock shows this.
    async fn hear(clock: &FleetClock, store_ms: u64, took_ms: u32) {
        let asked = Instant::now();
        advance(MS * took_ms).await;
        clock.hear(store_ms * 1_000, asked);
    }

    #[tokio::test(start_paused = true)]
    async fn the_quickest_answer_is_gone_by_and_ages() {
        let clock = FleetClock::new();
        assert_eq!(clock.now().bound_ms, None);
        // The store shows 1,000,000 when this begins; the answer is made when half of the time has passed.
        hear(&clock, 1_000_005, 10).await;
        assert_eq!(clock.now(), Now { ms: 1_000_010, bound_ms: Some(6) });
        // This one is made at its very end, and is quick.
        hear(&clock, 1_000_012, 2).await;
        assert_eq!(clock.now(), Now { ms: 1_000_013, bound_ms: Some(2) });
        advance(Duration::from_secs(600)).await;
        assert_eq!(clock.now().bound_ms, Some(62));
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_whose_clock_is_set_anew_is_noticed() {
        let clock = FleetClock::new();
        hear(&clock, 1_000_001, 2).await;
        assert!(!clock.was_set_within(Duration::MAX));
        hear(&clock, 1_003_003, 2).await;
        assert_eq!(clock.now().ms, 1_003_004);
        advance(MS * 500).await;
        assert!(clock.was_set_within(MS * 500) && !clock.was_set_within(MS * 499));
    }
}
