//! How late this machine's timers are: times that are measured on a busy machine mean nothing, so clients ask.

use super::Server;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often timers are tested.
const TICK: Duration = Duration::from_millis(50);

/// The worst delays, each with its time: only those that no later one exceeds are kept.
#[derive(Debug, Default)]
pub(super) struct Lag(Vec<(Instant, u64)>);

impl Lag {
    /// The worst since a moment, in milliseconds.
    pub(super) fn since(&self, moment: Instant) -> u64 {
        self.0.iter().find(|(at, _)| *at >= moment).map_or(0, |(_, late)| *late)
    }

    fn note(&mut self, at: Instant, late: u64, kept: Duration) {
        self.0.retain(|(noted, worse)| *worse > late && noted.elapsed() < kept);
        self.0.push((at, late));
    }
}

/// Tests timers until the server stops.
pub(super) async fn measure(server: Server) {
    let stop = server.stopping();
    while !stop.is_cancelled() {
        let before = Instant::now();
        sleep(TICK).await;
        let late = before.elapsed().saturating_sub(TICK);
        let late = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
        let mut lag = server.0.lag.lock().unwrap_or_else(PoisonError::into_inner);
        lag.note(before, late, server.0.limits.kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_run_hears_of_the_worst_delay_since_it_began() {
        let (mut lag, kept) = (Lag::default(), Duration::from_secs(60));
        let start = Instant::now();
        for (second, late) in [(1, 300), (2, 50), (3, 120), (4, 10)] {
            lag.note(start + Duration::from_secs(second), late, kept);
        }
        assert_eq!(lag.since(start), 300);
        assert_eq!(lag.since(start + Duration::from_secs(2)), 120);
        assert_eq!(lag.since(start + Duration::from_secs(4)), 10);
        assert_eq!(lag.since(start + Duration::from_secs(5)), 0);
    }
}
