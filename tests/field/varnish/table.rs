//! Varnish, in front of the server.

use super::{FIVE_SECONDS, Figure, Row, Table, after_five_seconds, front};

pub(crate) const TABLE: Table = Table {
    folder: "varnish",
    product: "Varnish",
    program: "varnishd",
    version: &["-V"],
    config_as: "",
    arguments: &[
        "-F",
        "-n",
        "@dir@/work",
        "-a",
        "127.0.0.1:@port@",
        "-f",
        "@config@",
        "-s",
        "malloc,16m",
        "-p",
        "pipe_timeout=60",
    ],
    stops_gently: true,
    rows: &[
        Row {
            codes: &[
                "headers.added",
                "headers.product-identified",
                "headers.removed",
                "long_poll.abort-not-propagated",
                "upgrade.header-stripped",
            ],
            ..front("the builtin program", "builtin.vcl")
        },
        Row {
            codes: &["headers.added", "headers.product-identified", "headers.removed", "long_poll.abort-not-propagated"],
            ..front("a rule that pipes upgrades", "pipe.vcl")
        },
        Row {
            codes: &[
                "headers.added",
                "headers.product-identified",
                "headers.removed",
                "long_poll.abort-not-propagated",
                "sse.buffered-until-end",
                "upgrade.header-stripped",
            ],
            recommends: "long-polling",
            ..front("`do_stream = false`", "unstreamed.vcl")
        },
        Row {
            idle_s: 12,
            codes: &[
                "headers.added",
                "headers.product-identified",
                "headers.removed",
                "long_poll.abort-not-propagated",
                "idle.closed",
                "long_poll.answered-by-gateway",
            ],
            figures: &[
                after_five_seconds("idle.closed", "sse"),
                Figure { code: "long_poll.answered-by-gateway", transport: None, name: "after_ms", bounds: FIVE_SECONDS },
            ],
            ..front("the pipe rule, `first_byte_timeout` and `between_bytes_timeout` 5 s", "timeouts.vcl")
        },
    ],
};
