//! Caddy, in front of the server.

use super::{Row, Table, front};

pub(crate) const TABLE: Table = Table {
    folder: "caddy",
    product: "Caddy",
    program: "caddy",
    version: &["version"],
    config_as: "",
    arguments: &["run", "--adapter", "caddyfile", "--config", "@config@"],
    stops_gently: false,
    rows: &[
        Row { codes: &["headers.added", "headers.changed"], ..front("`reverse_proxy`", "default.caddyfile") },
        Row { codes: &["headers.added", "headers.changed"], ..front("`encode gzip`", "encode.caddyfile") },
        Row {
            codes: &[
                "headers.added",
                "headers.changed",
                "sse.buffered-by-size",
                "sse.buffered-until-end <- sse.buffered-by-size",
            ],
            recommends: "long-polling",
            ..front("`encode gzip` for event streams, `minimum_length 1`", "encode-small.caddyfile")
        },
        Row {
            idle_s: 12,
            codes: &["headers.added", "headers.changed", "long_poll.answered-by-gateway"],
            ..front("`response_header_timeout 5s`", "read-timeout.caddyfile")
        },
    ],
};
