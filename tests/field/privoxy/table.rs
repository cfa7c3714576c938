//! Privoxy, an explicit proxy.

use super::{Row, Table, Trust, after_five_seconds, proxy};

pub(crate) const TABLE: Table = Table {
    folder: "privoxy",
    product: "Privoxy",
    program: "privoxy",
    version: &["--version"],
    config_as: "",
    arguments: &["--no-daemon", "@config@"],
    stops_gently: false,
    rows: &[
        proxy("no actions", "plain.conf", "http"),
        proxy("no actions", "plain.conf", "https"),
        Row { codes: &["sse.buffered-until-end"], recommends: "long-polling", ..proxy("as shipped", "stock.conf", "http") },
        Row { codes: &["sse.buffered-until-end"], recommends: "long-polling", ..proxy("a filter", "filter.conf", "http") },
        Row { codes: &["sse.buffered-by-size"], ..proxy("a filter, `buffer-limit 8`", "filter-small.conf", "http") },
        Row {
            idle_s: 12,
            codes: &["idle.closed", "idle.keepalive-ignored", "long_poll.answered-by-gateway"],
            figures: &[after_five_seconds("idle.closed", "sse")],
            ..proxy("`socket-timeout 5`", "timeout.conf", "http")
        },
        Row {
            trust: Trust::Root("ca.pem"),
            // For an address it makes a certificate that names none.
            host: "localhost",
            codes: &["h2.not-negotiated", "tls.alpn-changed", "tls.intercepted-trusted-root", "tls.version-lowered"],
            ..proxy("`+https-inspection`, root trusted", "inspect.conf", "https")
        },
        Row {
            trust: Trust::Root("ca.pem"),
            // For an address it makes a certificate that names none.
            host: "localhost",
            codes: &[
                "h2.not-negotiated",
                "sse.buffered-until-end",
                "tls.alpn-changed",
                "tls.intercepted-trusted-root",
                "tls.version-lowered",
            ],
            recommends: "long-polling",
            ..proxy("`+https-inspection` and a filter, root trusted", "inspect-filter.conf", "https")
        },
        Row {
            codes: &["reach.certificate-untrusted <- tls.intercepted-untrusted-root", "tls.intercepted-untrusted-root"],
            recommends: "none",
            ..proxy("`+https-inspection`, root unknown", "inspect.conf", "https")
        },
    ],
};
