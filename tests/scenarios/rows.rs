//! The table: middlebox, findings, recommendation.

use crate::hearing::Scenario;
use proxyprobe::lab::frames::Way;
use proxyprobe::lab::*;
use proxyprobe::serve::limits::Limits;
use proxyprobe_probes::transport::Leg;
use std::sync::Arc;
use std::time::Duration;

/// One row.
pub(crate) struct Row {
    /// Its name, and that of its report.
    pub(crate) name: &'static str,
    /// What happens.
    pub(crate) scenario: Scenario,
    /// `leg:code`, and ` <- cause` where another finding explains it.
    pub(crate) findings: &'static [&'static str],
    /// The transport that is recommended.
    pub(crate) recommends: &'static str,
    /// Whether its JSON is also saved and judged again.
    pub(crate) saved: bool,
}

/// A middlebox on the cleartext leg, which decides.
fn on_http(
    name: &'static str,
    middlebox: impl Middlebox + 'static,
    findings: &'static [&'static str],
    recommends: &'static str,
) -> Row {
    let scenario = Scenario { middlebox: Some((Leg::Http, Arc::new(middlebox))), ..Scenario::default() };
    Row { name, scenario, findings, recommends, saved: true }
}

fn s(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Something else than a middlebox happens.
fn happens(name: &'static str, scenario: Scenario, findings: &'static [&'static str], recommends: &'static str) -> Row {
    Row { name, scenario, findings, recommends, saved: true }
}

/// All rows.
pub(crate) fn rows() -> Vec<Row> {
    [reach(), upgrade(), zombie(), frames(), idle(), sse(), long_poll(), doubts()].into_iter().flatten().collect()
}

fn reach() -> Vec<Row> {
    let all = |status, fields: &[(&str, &str)], body| Answer::new(Which::All, status, fields, body);
    vec![
        happens("healthy", Scenario::default(), &[], "sse"),
        on_http(
            "portal-redirect",
            all("302 Found", &[("Location", "http://login.hotel.test/")], ""),
            &["http:reach.answered-by-middlebox"],
            "none",
        ),
        on_http(
            "portal-511",
            all("511 Network Authentication Required", &[], "<html>"),
            &["http:reach.answered-by-middlebox"],
            "none",
        ),
        on_http(
            "block-page",
            all("403 Forbidden", &[], "<p>Powered By Fortinet</p>"),
            &["http:reach.answered-by-middlebox"],
            "none",
        ),
        on_http(
            "redirect-to-https",
            all("301 Moved", &[("Location", "https://probe.test/")], ""),
            &["http:reach.redirected-to-https"],
            "none",
        ),
        on_http(
            "gateway-without-server",
            all("503 Service Unavailable", &[], "no server"),
            &["http:reach.server-unavailable"],
            "none",
        ),
        on_http("mute-server", Answer::silence(Which::All), &["http:reach.connect-timed-out"], "none"),
    ]
}

fn upgrade() -> Vec<Row> {
    let refused = Answer::new(Which::WebSockets, "403 Forbidden", &[("Server", "gate")], "no sockets here");
    let bad_gateway = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n".to_owned();
    vec![
        on_http("upgrade-stripped", RewriteRequest::StripUpgrade, &["http:upgrade.header-stripped"], "sse"),
        on_http("connection-rewritten", RewriteRequest::RewriteConnection, &["http:upgrade.connection-rewritten"], "sse"),
        on_http("token-case-sensitive", RewriteRequest::TokenCaseSensitive, &["http:upgrade.token-case-sensitive"], "sse"),
        on_http("upgrade-refused", refused, &["http:upgrade.refused"], "sse"),
        on_http("upgrade-unanswered", Answer::silence(Which::WebSockets), &["http:upgrade.no-answer"], "sse"),
        on_http("swallows-101", Swallow101::default(), &["http:upgrade.lost-101"], "sse"),
        on_http("replaces-101", Swallow101 { instead: bad_gateway }, &["http:upgrade.lost-101"], "sse"),
        on_http("forges-101", Forge101, &["http:upgrade.forged"], "sse"),
        on_http("alters-accept-key", Alter101::AcceptKey, &["http:upgrade.altered"], "sse"),
        on_http("invents-extension", Alter101::Extension, &["http:upgrade.altered"], "sse"),
        // A missing header alone decides nothing: the greeting proves the 101.
        on_http("removes-unknown-headers", Alter101::UnknownHeaders, &[], "sse"),
    ]
}

fn zombie() -> Vec<Row> {
    let close = |after, resets| CloseAfter101 { after: s(after), resets };
    vec![
        on_http("zombie-both-ways", SwallowAfter101::BothWays, &["http:zombie.silent-both-ways"], "sse"),
        on_http("zombie-to-server", SwallowAfter101::ToServer, &["http:zombie.silent-to-server"], "sse"),
        on_http("zombie-to-client", SwallowAfter101::ToClient, &["http:zombie.silent-to-client"], "sse"),
        on_http(
            "closes-after-50-ms",
            close(0.05, false),
            &["http:zombie.closed-early", "http:idle.closed <- zombie.closed-early"],
            "sse",
        ),
        on_http(
            "closes-after-500-ms",
            close(0.5, false),
            &["http:zombie.closed-early", "http:idle.closed <- zombie.closed-early"],
            "sse",
        ),
        on_http(
            "resets-after-1500-ms",
            close(1.5, true),
            &["http:zombie.closed-early", "http:idle.reset <- zombie.closed-early"],
            "sse",
        ),
        on_http("writes-a-page", WritePageAfter101 { after: s(1.0) }, &["http:zombie.foreign-bytes"], "sse"),
        on_http("loses-the-greeting", Alter101::LoseWhatFollows, &["http:zombie.greeting-lost"], "sse"),
    ]
}

fn frames() -> Vec<Row> {
    let loses = |way, within: Option<f64>| LoseLastByte { below: 125, way, within: within.map(s) };
    let stalls = |above, way| StallLargeFrames { above, way };
    vec![
        on_http("loses-last-bytes-to-client", loses(Way::ToClient, None), &["http:zombie.frames-altered"], "sse"),
        on_http("loses-last-bytes-to-server", loses(Way::ToServer, None), &["http:zombie.frames-altered"], "sse"),
        on_http("loses-last-bytes-of-a-burst", loses(Way::ToServer, Some(0.01)), &["http:zombie.frames-altered"], "sse"),
        on_http("stalls-frames-above-125", stalls(125, None), &["http:zombie.size-limited"], "sse"),
        on_http("stalls-frames-above-1000-to-client", stalls(1_000, Some(Way::ToClient)), &["http:zombie.size-limited"], "sse"),
        on_http("stalls-frames-above-16000", stalls(16_000, Some(Way::ToServer)), &["http:zombie.size-limited"], "sse"),
        // No probe sends a ping yet: nothing is said of them, and nothing else is harmed.
        on_http("answers-pings", AnswerPings, &[], "sse"),
        on_http(
            "invents-a-close-after-500-ms",
            InventClose { after: s(0.5), code: 1000 },
            &["http:zombie.closed-early", "http:idle.closed <- zombie.closed-early"],
            "sse",
        ),
        on_http(
            "invents-a-close-after-8-s",
            InventClose { after: s(8.0), code: 1000 },
            &["http:lifetime.capped", "http:idle.closed <- lifetime.capped"],
            "sse",
        ),
        on_http(
            "closes-after-12-frames",
            CloseAfterFrames { frames: 12 },
            &["http:zombie.closed-early", "http:lifetime.inconclusive <- zombie.closed-early"],
            "sse",
        ),
        on_http(
            "closes-after-45-frames",
            CloseAfterFrames { frames: 45 },
            &["http:zombie.closed-early", "http:lifetime.inconclusive <- zombie.closed-early"],
            "sse",
        ),
        on_http("closes-after-8000-bytes", CloseAfterBytes { bytes: 8_000 }, &["http:zombie.closed-early"], "sse"),
    ]
}

fn idle() -> Vec<Row> {
    let ends = |after, tells| EndWhenIdle { after: s(after), tells };
    vec![
        on_http("closes-when-idle", ends(5.0, Tells::Both), &["http:idle.closed", "http:long_poll.cut"], "sse"),
        on_http("closes-when-idle-30-s", ends(30.0, Tells::ResetsServer), &["http:idle.closed", "http:long_poll.cut"], "sse"),
        on_http("resets-when-idle", ends(5.0, Tells::ResetsClient), &["http:idle.reset", "http:long_poll.cut"], "sse"),
        on_http(
            "tells-the-client-alone",
            ends(5.0, Tells::ClientOnly),
            &["http:idle.one-side-told", "http:long_poll.cut"],
            "sse",
        ),
        on_http(
            "tells-the-server-alone",
            ends(5.0, Tells::ServerOnly),
            &["http:idle.one-side-told", "http:long_poll.cut"],
            "sse",
        ),
        on_http(
            "forgets-silently",
            ForgetWhenIdle { after: s(5.0), resets: false },
            &["http:idle.dropped-silently", "http:long_poll.cut"],
            "sse",
        ),
        on_http(
            "forgets-and-resets",
            ForgetWhenIdle { after: s(5.0), resets: true },
            &["http:idle.dropped-silently", "http:long_poll.cut"],
            "sse",
        ),
        on_http(
            "limits-connections",
            LimitConnections::new(12),
            &["http:idle.ladder-limited", "http:sse.inconclusive"],
            "websocket",
        ),
        on_http(
            "caps-lifetimes",
            CapLifetime { age: s(8.0) },
            &["http:lifetime.capped", "http:idle.closed <- lifetime.capped", "http:long_poll.cut"],
            "sse",
        ),
    ]
}

fn sse() -> Vec<Row> {
    let refused = Answer::new(Which::Events, "403 Forbidden", &[], "no streams here");
    vec![
        on_http("holds-streams", HoldStream { obeys_hint: false }, &["http:sse.buffered-until-end"], "long-polling"),
        on_http("holds-streams-obeys-hint", HoldStream { obeys_hint: true }, &["http:sse.buffered-until-end"], "sse"),
        on_http("delays-events", DelayEvents::By(s(0.8)), &["http:sse.delayed"], "sse"),
        on_http("delays-events-a-little", DelayEvents::By(s(0.25)), &[], "sse"),
        on_http("one-event-behind", DelayEvents::OneBehind, &["http:sse.one-event-behind"], "sse"),
        on_http("changes-content-type", EditEvents::ContentType, &["http:sse.content-type-changed"], "sse"),
        on_http("injects-text", EditEvents::Inject, &["http:sse.content-altered"], "sse"),
        on_http("repeats-events", EditEvents::Twice, &["http:sse.duplicated"], "sse"),
        on_http("cuts-streams", EditEvents::CutAfter(s(1.0)), &["http:sse.cut", "http:idle.closed <- sse.cut"], "long-polling"),
        on_http("withholds-heads", WithholdHead { lasts: s(0.8) }, &["http:sse.headers-withheld"], "sse"),
        on_http("drops-last-event-id", RewriteRequest::DropLastEventId, &["http:sse.last-event-id-removed"], "sse"),
        on_http("refuses-streams", refused, &["http:sse.refused"], "long-polling"),
    ]
}

fn long_poll() -> Vec<Row> {
    vec![
        on_http(
            "gateway-answers",
            GatewayTimeout { after: s(10.0), answers: true },
            &["http:long_poll.answered-by-gateway"],
            "sse",
        ),
        on_http("gateway-closes", GatewayTimeout { after: s(10.0), answers: false }, &["http:long_poll.cut"], "sse"),
        on_http("caches-answers", Cache::new("long-poll"), &["http:long_poll.cached"], "sse"),
    ]
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

/// What must not be laid at the path's door.
fn doubts() -> Vec<Row> {
    let dies = |ms| Scenario { server_dies_ms: Some(ms), ..Scenario::default() };
    vec![
        happens("server-dies-at-3-s", dies(3_000), DIED_EARLY, "none"),
        happens("server-dies-at-15-s", dies(15_000), DIED_LATE, "none"),
        happens("server-dies-at-31-s", dies(31_000), DIED_LATE, "none"),
        happens("server-stops-at-15-s", Scenario { server_stops_ms: Some(15_000), ..Scenario::default() }, DIED_LATE, "none"),
        happens("run-is-stopped-at-10-s", Scenario { stopped_ms: Some(10_000), ..Scenario::default() }, DIED_LATE, "none"),
        happens(
            "server-takes-no-run",
            Scenario { limits: Limits { runs: 0, ..Limits::default() }, ..Scenario::default() },
            &["http:reach.server-unavailable", "https:reach.server-unavailable"],
            "none",
        ),
        happens(
            "server-writes-down-40",
            Scenario { limits: Limits { notes: 40, ..Limits::default() }, ..Scenario::default() },
            &["http:sse.inconclusive", "https:idle.inconclusive", "https:sse.inconclusive"],
            "long-polling",
        ),
    ]
}
