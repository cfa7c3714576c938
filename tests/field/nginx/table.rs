//! nginx, in front of the server.

use super::{FIVE_SECONDS, Figure, Row, Table, Trust, after_five_seconds, front};

pub(crate) const TABLE: Table = Table {
    folder: "nginx",
    product: "nginx",
    program: "nginx",
    version: &["-v"],
    config_as: "",
    arguments: &["-e", "@dir@/error.log", "-c", "@config@", "-p", "@dir@"],
    stops_gently: false,
    rows: &[
        // It asks the server in HTTP/1.0, so that only the connection's end ends a body, and buffers it by memory pages.
        Row {
            codes: &[
                "headers.added",
                "headers.changed",
                "headers.http-version-lowered",
                "headers.product-identified",
                "headers.removed",
                "sse.buffered-by-size",
                "sse.buffered-until-end <- sse.buffered-by-size",
                "upgrade.header-stripped",
            ],
            figures: &[Figure { code: "sse.buffered-by-size", transport: None, name: "bytes", bounds: (4096, 4096) }],
            ..front("as shipped: `proxy_pass` alone", "default.conf")
        },
        Row {
            codes: &[
                "headers.added",
                "headers.changed",
                "headers.product-identified",
                "headers.removed",
                "headers.http-version-lowered",
                "upgrade.header-stripped",
            ],
            ..front("`proxy_buffering off`", "close-delimited-unbuffered.conf")
        },
        Row {
            codes: &[
                "headers.added",
                "headers.changed",
                "headers.product-identified",
                "headers.removed",
                "upgrade.header-stripped",
            ],
            ..front("`proxy_http_version 1.1`", "http-1.1.conf")
        },
        Row {
            codes: &["headers.added", "headers.changed", "headers.product-identified", "headers.removed"],
            ..front("the upgrade snippet", "upgrade.conf")
        },
        Row {
            codes: &["headers.added", "headers.changed", "headers.product-identified", "headers.removed"],
            ..front("the upgrade snippet, `proxy_buffering off`", "upgrade-unbuffered.conf")
        },
        Row {
            idle_s: 12,
            codes: &[
                "headers.added",
                "headers.changed",
                "headers.product-identified",
                "headers.removed",
                "idle.closed",
                "idle.keepalive-ignored",
                "long_poll.answered-by-gateway",
            ],
            figures: &[
                after_five_seconds("idle.closed", "websocket"),
                after_five_seconds("idle.closed", "sse"),
                Figure { code: "long_poll.answered-by-gateway", transport: None, name: "after_ms", bounds: FIVE_SECONDS },
            ],
            ..front("the upgrade snippet, `proxy_read_timeout 5s`", "read-timeout.conf")
        },
        Row {
            codes: &[
                "headers.added",
                "headers.changed",
                "headers.product-identified",
                "headers.removed",
                "sse.buffered-by-size",
                "sse.buffered-until-end <- sse.buffered-by-size",
                "upgrade.header-stripped",
            ],
            ..front("`gzip` for all types", "gzip.conf")
        },
        Row {
            leg: "https",
            trust: Trust::Front,
            codes: &[
                "h2.extended-connect-removed",
                "h2.not-negotiated",
                "h2.streams-limited",
                "headers.added",
                "headers.changed",
                "headers.product-identified",
                "headers.removed",
                "tls.terminated-by-front",
                "tls.version-lowered",
            ],
            figures: &[Figure { code: "h2.streams-limited", transport: None, name: "streams", bounds: (4, 4) }],
            ..front("ends TLS, HTTP/2 to the client, `http2_max_concurrent_streams 4`", "http2.conf")
        },
        Row {
            codes: &[
                "headers.added",
                "headers.changed",
                "headers.product-identified",
                "headers.removed",
                "upgrade.header-stripped",
            ],
            ..front("`gzip` for all types, `proxy_buffering off`", "gzip-unbuffered.conf")
        },
    ],
};
