//! mitmproxy, an explicit proxy that looks into TLS.

use super::{Row, Table, Trust, proxy};

const TRUSTED: Trust = Trust::Root("mitmproxy-ca-cert.pem");

pub(crate) const TABLE: Table = Table {
    folder: "mitmproxy",
    product: "mitmproxy",
    program: "mitmdump",
    version: &["--version"],
    config_as: "config.yaml",
    arguments: &["--listen-host", "127.0.0.1", "--listen-port", "@port@", "--set", "confdir=@dir@"],
    stops_gently: false,
    rows: &[
        Row { codes: &["sse.buffered-until-end"], recommends: "long-polling", ..proxy("as shipped", "default.yaml", "http") },
        Row {
            trust: TRUSTED,
            codes: &["h2.extended-connect-removed", "sse.buffered-until-end", "tls.intercepted-trusted-root"],
            recommends: "long-polling",
            ..proxy("as shipped, root trusted", "default.yaml", "https")
        },
        Row {
            codes: &["reach.certificate-untrusted <- tls.intercepted-untrusted-root", "tls.intercepted-untrusted-root"],
            recommends: "none",
            ..proxy("as shipped, root unknown", "default.yaml", "https")
        },
        Row {
            trust: TRUSTED,
            codes: &["h2.extended-connect-removed", "tls.intercepted-trusted-root"],
            ..proxy("`stream_large_bodies` 1 byte, root trusted", "stream.yaml", "https")
        },
        proxy("`ignore_hosts`", "ignore.yaml", "https"),
    ],
};
