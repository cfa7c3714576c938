//! Apache Traffic Server: in front of the server, and an explicit proxy.

use super::{Figure, Row, Table, after_five_seconds, front, proxy};

/// It looks for silent ones once a second.
const FIVE_SECONDS: (u64, u64) = (4_900, 7_000);

pub(crate) const TABLE: Table = Table {
    folder: "traffic_server",
    product: "Apache Traffic Server",
    program: "traffic_server",
    version: &["-V"],
    config_as: "records.config",
    arguments: &["--run-root=@dir@/runroot.yaml"],
    stops_gently: true,
    rows: &[
        Row {
            codes: &[
                "headers.added",
                "headers.changed",
                "headers.product-identified",
                "long_poll.abort-not-propagated",
                "upgrade.refused",
            ],
            ..front("`map http://`", "reverse.records")
        },
        Row {
            codes: &["headers.added", "headers.changed", "headers.product-identified", "long_poll.abort-not-propagated"],
            ..front("`map http://` and `map ws://`", "websocket.records")
        },
        Row {
            idle_s: 12,
            codes: &[
                "headers.added",
                "headers.changed",
                "headers.product-identified",
                "idle.closed",
                "long_poll.abort-not-propagated",
                "long_poll.cut",
            ],
            figures: &[Figure { bounds: FIVE_SECONDS, ..after_five_seconds("idle.closed", "sse") }],
            ..front("`map ws://`, `transaction_no_activity_timeout` 5 s", "timeout.records")
        },
        Row {
            idle_s: 12,
            codes: &[
                "headers.added",
                "headers.changed",
                "headers.product-identified",
                "idle.closed",
                "idle.keepalive-ignored",
                "long_poll.abort-not-propagated",
            ],
            figures: &[Figure { bounds: FIVE_SECONDS, ..after_five_seconds("idle.closed", "websocket") }],
            ..front("`map ws://`, `websocket.no_activity_timeout` 5 s", "websocket-timeout.records")
        },
        Row {
            codes: &[
                "headers.added",
                "headers.product-identified",
                "long_poll.abort-not-propagated",
                "reach.proxy-refused-tunnel",
            ],
            ..proxy("`connect_ports 443`, server on other ports", "forward.records", "http")
        },
        Row {
            codes: &["headers.added", "headers.product-identified", "long_poll.abort-not-propagated"],
            ..proxy("`connect_ports *`", "forward-all-ports.records", "http")
        },
        proxy("`connect_ports *`", "forward-all-ports.records", "https"),
    ],
};
