//! What happens to a run without any middlebox: deaths, stops, limits.

use proxyprobe::selftest::Scenario;
use proxyprobe::serve::limits::Limits;

/// One row.
pub(crate) struct Situation {
    /// Its name, and that of its report.
    pub(crate) name: &'static str,
    /// What happens.
    pub(crate) scenario: Scenario,
    /// All findings, as `leg:code`, in their order.
    pub(crate) findings: &'static [&'static str],
    /// The transport that is recommended.
    pub(crate) recommends: &'static str,
}

/// What the sse probe had proven before stays proven.
const DIED_LATE: &[&str] = &[
    "http:idle.inconclusive",
    "http:lifetime.inconclusive",
    "http:long_poll.inconclusive",
    "https:idle.inconclusive",
    "https:lifetime.inconclusive",
    "https:long_poll.inconclusive",
];
const DIED_EARLY: &[&str] = &[
    "http:idle.inconclusive",
    "http:long_poll.inconclusive",
    "http:sse.inconclusive",
    "https:idle.inconclusive",
    "https:long_poll.inconclusive",
    "https:sse.inconclusive",
];

/// All rows.
pub(crate) fn situations() -> Vec<Situation> {
    let row = |name, scenario, findings, recommends| Situation { name, scenario, findings, recommends };
    let dies = |ms| Scenario { server_dies_ms: Some(ms), ..Scenario::default() };
    let limits = |limits| Scenario { limits, ..Scenario::default() };
    vec![
        row("server-dies-at-3-s", dies(3_000), DIED_EARLY, "none"),
        row("server-dies-at-15-s", dies(15_000), DIED_LATE, "none"),
        row("server-dies-at-31-s", dies(31_000), DIED_LATE, "none"),
        row("server-stops-at-15-s", Scenario { server_stops_ms: Some(15_000), ..Scenario::default() }, DIED_LATE, "none"),
        row("run-is-stopped-at-10-s", Scenario { stopped_ms: Some(10_000), ..Scenario::default() }, DIED_LATE, "none"),
        row(
            "server-takes-no-run",
            limits(Limits { runs: 0, ..Limits::default() }),
            &["http:reach.server-unavailable", "https:reach.server-unavailable"],
            "none",
        ),
        row(
            "server-writes-down-40",
            limits(Limits { notes: 40, ..Limits::default() }),
            &["http:sse.inconclusive", "https:idle.inconclusive", "https:sse.inconclusive"],
            "long-polling",
        ),
    ]
}
