//! HAProxy, in front of the server.

use super::{FIVE_SECONDS, Figure, Row, Table, Trust, after_five_seconds, front};

/// More than the timer of five seconds: the next rung.
const LOST: Figure = Figure { code: "idle.one-side-told", transport: Some("websocket"), name: "lost_ms", bounds: (9_000, 9_000) };

pub(crate) const TABLE: Table = Table {
    folder: "haproxy",
    product: "HAProxy",
    program: "haproxy",
    version: &["-v"],
    config_as: "",
    arguments: &["-db", "-f", "@config@"],
    stops_gently: false,
    rows: &[
        Row {
            codes: &["headers.changed", "long_poll.abort-not-propagated"],
            ..front("patient: all timeouts 60 s", "patient.cfg")
        },
        Row {
            codes: &["headers.changed", "long_poll.abort-not-propagated"],
            ..front("patient, `option http-no-delay`", "no-delay.cfg")
        },
        Row { codes: &["headers.changed"], ..front("patient, `option abortonclose`", "abort.cfg") },
        Row {
            idle_s: 12,
            codes: &[
                "headers.changed",
                "idle.closed",
                "idle.keepalive-ignored",
                "long_poll.abort-not-propagated",
                "long_poll.answered-by-gateway",
            ],
            figures: &[
                after_five_seconds("idle.closed", "websocket"),
                after_five_seconds("idle.closed", "sse"),
                Figure { code: "long_poll.answered-by-gateway", transport: None, name: "after_ms", bounds: FIVE_SECONDS },
            ],
            ..front("all timeouts 5 s", "five-seconds.cfg")
        },
        Row {
            idle_s: 12,
            codes: &["headers.changed", "idle.closed", "idle.keepalive-ignored", "long_poll.abort-not-propagated"],
            figures: &[after_five_seconds("idle.closed", "websocket")],
            ..front("`timeout tunnel 5s`, the others 60 s", "tunnel-five-seconds.cfg")
        },
        Row {
            idle_s: 12,
            codes: &["headers.changed", "idle.closed", "long_poll.abort-not-propagated", "long_poll.answered-by-gateway"],
            figures: &[after_five_seconds("idle.closed", "sse")],
            ..front("`timeout server 5s`, the others 60 s", "server-five-seconds.cfg")
        },
        // It ends its way to the server alone; the client's ends when the server leaves.
        Row {
            idle_s: 12,
            codes: &["headers.changed", "idle.keepalive-ignored", "idle.one-side-told", "long_poll.abort-not-propagated"],
            figures: &[LOST],
            ..front("`timeout client 5s`, the others 60 s", "client-five-seconds.cfg")
        },
        Row {
            idle_s: 12,
            codes: &["headers.changed", "idle.keepalive-ignored", "idle.one-side-told", "long_poll.abort-not-propagated"],
            figures: &[LOST],
            ..front("`timeout client 5s`, `option independent-streams`", "independent-streams.cfg")
        },
        Row {
            codes: &["headers.changed", "long_poll.abort-not-propagated"],
            ..front("`compression` for event streams", "compression.cfg")
        },
        Row { leg: "https", ..front("passes TLS on", "passes-tls.cfg") },
        Row {
            leg: "https",
            trust: Trust::Front,
            codes: &[
                "h2.not-negotiated",
                "headers.added",
                "headers.changed",
                "long_poll.abort-not-propagated",
                "tls.terminated-by-front",
            ],
            ..front("ends TLS", "ends-tls.cfg")
        },
        Row {
            leg: "https",
            trust: Trust::Front,
            codes: &[
                "h2.not-negotiated",
                "headers.added",
                "headers.changed",
                "long_poll.abort-not-propagated",
                "tls.terminated-by-front",
            ],
            ..front("ends TLS, HTTP/2 to the client", "http2.cfg")
        },
        Row {
            leg: "https",
            trust: Trust::Front,
            codes: &["headers.added", "long_poll.abort-not-propagated", "tls.alpn-changed", "tls.terminated-by-front"],
            ..front("ends TLS, HTTP/2 on both sides, `tune.bufsize 65536`", "http2-both.cfg")
        },
    ],
};
