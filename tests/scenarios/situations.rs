//! What happens to a run besides the table's: deaths, stops, limits, and what the application's own endpoint meets.

use proxyprobe::selftest::Scenario;
use proxyprobe::serve::limits::Limits;
use proxyprobe_probes::transport::Leg;

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
/// The same, while streams of HTTP/2 were open.
const DIED_MIDWAY: &[&str] = &[
    "http:idle.inconclusive",
    "http:lifetime.inconclusive",
    "http:long_poll.inconclusive",
    "https:h2.inconclusive",
    "https:idle.inconclusive",
    "https:lifetime.inconclusive",
    "https:long_poll.inconclusive",
];
/// The same, while the http leg, which has no HTTP/2 to try, measured times.
const STOPPED_MIDWAY: &[&str] = &[
    "http:idle.inconclusive",
    "http:latency.inconclusive",
    "http:lifetime.inconclusive",
    "http:long_poll.inconclusive",
    "https:h2.inconclusive",
    "https:idle.inconclusive",
    "https:lifetime.inconclusive",
    "https:long_poll.inconclusive",
];
const DIED_EARLY: &[&str] = &[
    "http:idle.inconclusive",
    "http:long_poll.inconclusive",
    "http:sse.inconclusive",
    "https:h2.inconclusive",
    "https:idle.inconclusive",
    "https:long_poll.inconclusive",
    "https:sse.inconclusive",
];

/// All rows.
pub(crate) fn situations() -> Vec<Situation> {
    let row = |name, scenario, findings, recommends| Situation { name, scenario, findings, recommends };
    let dies = |ms| Scenario { server_dies_ms: Some(ms), ..Scenario::default() };
    let limits = |limits| Scenario { limits, ..Scenario::default() };
    // Where cleartext decides the middleboxes see cleartext alone.
    let visited = |leg, boxes: &[&str]| {
        let boxes = boxes.iter().map(|text| text.parse().unwrap()).collect();
        let on = if leg == Leg::Http { vec![Leg::Http] } else { Leg::ALL.to_vec() };
        Scenario { boxes, on, leg, application: true, ..Scenario::default() }
    };
    let cleartext = |boxes| visited(Leg::Http, &[boxes]);
    let tls = |boxes| visited(Leg::Https, &[boxes]);
    vec![
        row("server-dies-at-3-s", dies(3_000), DIED_EARLY, "none"),
        row("server-dies-at-15-s", dies(15_000), DIED_MIDWAY, "none"),
        row("server-dies-at-31-s", dies(31_000), DIED_LATE, "none"),
        row("server-stops-at-15-s", Scenario { server_stops_ms: Some(15_000), ..Scenario::default() }, STOPPED_MIDWAY, "none"),
        row("run-is-stopped-at-10-s", Scenario { stopped_ms: Some(10_000), ..Scenario::default() }, DIED_MIDWAY, "none"),
        row(
            "server-takes-no-run",
            limits(Limits { runs: 0, ..Limits::default() }),
            &["http:reach.server-unavailable", "https:reach.server-unavailable"],
            "none",
        ),
        row(
            "server-writes-down-40",
            limits(Limits { notes: 40, ..Limits::default() }),
            &[
                "http:latency.inconclusive",
                "http:sse.inconclusive",
                "https:idle.inconclusive",
                "https:long_poll.inconclusive",
                "https:sse.inconclusive",
            ],
            "long-polling",
        ),
        row("application-is-well-http", visited(Leg::Http, &[]), &[], "sse"),
        row("application-is-well-https", visited(Leg::Https, &[]), &[], "sse"),
        row("application-behind-proxy", tls("proxy"), &[], "sse"),
        row("application-inspected-alone", tls("inspect-tls:except=probe.test"), &["https:also.intercepted"], "sse"),
        row(
            "application-inspected-alike",
            tls("inspect-tls"),
            &["https:also.intercepted", "https:h2.not-negotiated", "https:tls.intercepted-trusted-root"],
            "sse",
        ),
        row(
            "application-exempted",
            tls("inspect-tls:except=app.test"),
            &["https:also.exempted", "https:h2.not-negotiated", "https:tls.intercepted-trusted-root"],
            "sse",
        ),
        row(
            "application-inspected-by-nobody-known",
            tls("inspect-tls:except=probe.test,root=untrusted"),
            &["https:also.intercepted"],
            "sse",
        ),
        row("application-ended-at-its-name", tls("end-client-hello:name=app.test"), &["https:also.not-reached"], "sse"),
        row(
            "application-refused",
            cleartext("answer-requests:only=websockets,status=403"),
            &["http:also.refused", "http:upgrade.refused"],
            "sse",
        ),
        row(
            "application-silent",
            cleartext("swallow-after-101:way=both"),
            &["http:also.silent", "http:zombie.silent-both-ways"],
            "sse",
        ),
        row(
            "application-stream-held",
            cleartext("hold-stream"),
            &["http:also.not-reached", "http:sse.buffered-until-end"],
            "long-polling",
        ),
        row(
            "application-closed-early",
            cleartext("close-after-101:after=0.5"),
            &["http:also.closed-early", "http:idle.closed", "http:zombie.closed-early"],
            "sse",
        ),
    ]
}
