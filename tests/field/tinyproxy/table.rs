//! tinyproxy, an explicit proxy.

use super::{Row, Table, after_five_seconds, proxy};

pub(crate) const TABLE: Table = Table {
    folder: "tinyproxy",
    product: "tinyproxy",
    program: "tinyproxy",
    version: &["-v"],
    config_as: "",
    arguments: &["-d", "-c", "@config@"],
    stops_gently: false,
    rows: &[
        Row {
            codes: &["headers.added", "headers.changed", "headers.product-identified", "long_poll.abort-not-propagated"],
            ..proxy("as shipped", "stock.conf", "http")
        },
        proxy("as shipped", "stock.conf", "https"),
        Row {
            codes: &[
                "headers.added",
                "headers.changed",
                "headers.product-identified",
                "long_poll.abort-not-propagated",
                "reach.proxy-refused-tunnel",
                "upgrade.header-stripped <- reach.proxy-refused-tunnel",
            ],
            ..proxy("`ConnectPort 443`, server on other ports", "connect-port.conf", "http")
        },
        Row {
            idle_s: 12,
            codes: &["idle.closed", "idle.keepalive-ignored", "long_poll.cut"],
            figures: &[after_five_seconds("idle.closed", "websocket"), after_five_seconds("idle.closed", "sse")],
            ..proxy("`Timeout 5`", "timeout.conf", "https")
        },
    ],
};
