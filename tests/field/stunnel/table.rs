//! stunnel, which ends TLS in front of the server.

use super::{Row, Table, Trust, after_five_seconds, front};

pub(crate) const TABLE: Table = Table {
    folder: "stunnel",
    product: "stunnel",
    program: "stunnel",
    version: &["-version"],
    config_as: "",
    arguments: &["@config@"],
    stops_gently: false,
    rows: &[
        Row {
            leg: "https",
            trust: Trust::Front,
            codes: &["h2.not-negotiated", "tls.terminated-by-front"],
            ..front("ends TLS", "front.conf")
        },
        Row {
            leg: "https",
            trust: Trust::Front,
            idle_s: 12,
            codes: &["h2.not-negotiated", "idle.keepalive-ignored", "idle.reset", "long_poll.cut", "tls.terminated-by-front"],
            figures: &[after_five_seconds("idle.reset", "websocket"), after_five_seconds("idle.reset", "sse")],
            ..front("ends TLS, `TIMEOUTidle = 5`", "idle.conf")
        },
    ],
};
