//! Apache httpd with mod_proxy, in front of the server.

use super::{FIVE_SECONDS, Figure, Row, Table, after_five_seconds, front};

pub(crate) const TABLE: Table = Table {
    folder: "apache",
    product: "Apache httpd",
    program: "apache2",
    version: &["-v"],
    config_as: "",
    arguments: &["-DFOREGROUND", "-f", "@config@"],
    stops_gently: true,
    rows: &[
        Row {
            codes: &[
                "headers.added",
                "headers.changed",
                "headers.product-identified",
                "long_poll.abort-not-propagated",
                "upgrade.header-stripped",
            ],
            ..front("as shipped: `ProxyPass` alone", "default.conf")
        },
        Row {
            codes: &["headers.added", "headers.changed", "headers.product-identified", "long_poll.abort-not-propagated"],
            ..front("`upgrade=websocket`", "upgrade.conf")
        },
        Row {
            idle_s: 12,
            codes: &[
                "headers.added",
                "headers.changed",
                "headers.product-identified",
                "long_poll.abort-not-propagated",
                "idle.closed",
                "long_poll.answered-by-gateway",
            ],
            figures: &[
                after_five_seconds("idle.closed", "sse"),
                Figure { code: "long_poll.answered-by-gateway", transport: None, name: "after_ms", bounds: FIVE_SECONDS },
            ],
            ..front("`upgrade=websocket`, `ProxyTimeout 5`", "proxy-timeout.conf")
        },
        // A WebSocket has the longer one of the two timeouts.
        Row {
            idle_s: 12,
            codes: &[
                "headers.added",
                "headers.changed",
                "headers.product-identified",
                "long_poll.abort-not-propagated",
                "idle.closed",
                "idle.keepalive-ignored",
                "long_poll.answered-by-gateway",
            ],
            figures: &[after_five_seconds("idle.closed", "websocket"), after_five_seconds("idle.closed", "sse")],
            ..front("`upgrade=websocket`, `Timeout 5`", "timeout.conf")
        },
        Row {
            codes: &["headers.added", "headers.changed", "headers.product-identified", "long_poll.abort-not-propagated"],
            ..front("`DEFLATE` for event streams", "deflate.conf")
        },
        Row {
            codes: &["headers.added", "headers.changed", "headers.product-identified", "long_poll.abort-not-propagated"],
            ..front("`DEFLATE` for event streams, `flushpackets=on`", "deflate-flush.conf")
        },
    ],
};
