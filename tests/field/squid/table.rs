//! Squid: an explicit proxy, an accelerator in front of the server, and a device on the path that nobody is told of.

use super::{Figure, Row, Table, Trust, Way, after_five_seconds, front, path, proxy};

/// Squid counts in whole seconds and looks once a second.
const SEVEN_SECONDS: (u64, u64) = (6_000, 8_200);

const WITH_PASSWORD: Way = Way::Proxy("http://ada:open-sesame@");

pub(crate) const TABLE: Table = Table {
    folder: "squid",
    product: "Squid",
    program: "squid",
    version: &["-v"],
    config_as: "",
    // A name of its own keeps its shared memory apart from that of others.
    arguments: &["-N", "-n", "field@port@", "-f", "@config@"],
    stops_gently: true,
    rows: &[
        Row {
            codes: &["headers.added", "headers.changed", "headers.product-identified"],
            ..proxy("lets everything through", "open.conf", "http")
        },
        proxy("lets everything through", "open.conf", "https"),
        Row {
            codes: &[
                "headers.added",
                "headers.changed",
                "headers.product-identified",
                "reach.proxy-refused-tunnel",
                "upgrade.header-stripped <- reach.proxy-refused-tunnel",
            ],
            ..proxy("stock rules, server on other ports", "stock-loopback.conf", "http")
        },
        Row {
            codes: &["reach.proxy-refused-tunnel"],
            recommends: "none",
            ..proxy("stock rules, server on other ports", "stock-loopback.conf", "https")
        },
        Row {
            codes: &["headers.added", "headers.changed", "headers.product-identified"],
            ..proxy("stock rules, those ports in `SSL_ports`", "stock-ports.conf", "http")
        },
        proxy("stock rules, those ports in `SSL_ports`", "stock-ports.conf", "https"),
        Row {
            way: Way::Path("http://10.213.1.1:3128"),
            codes: &[
                "headers.added",
                "headers.changed",
                "headers.product-identified",
                "reach.proxy-refused-tunnel",
                "upgrade.header-stripped <- reach.proxy-refused-tunnel",
            ],
            ..path("stock rules, server on 80 and 443", "stock-path.conf", "http")
        },
        Row { way: Way::Path("http://10.213.1.1:3128"), ..path("stock rules, server on 80 and 443", "stock-path.conf", "https") },
        Row {
            codes: &[
                "headers.added",
                "headers.changed",
                "headers.product-identified",
                "reach.proxy-refused-tunnel",
                "upgrade.header-stripped <- reach.proxy-refused-tunnel",
            ],
            ..proxy("refuses all tunnels", "no-connect.conf", "http")
        },
        Row {
            codes: &["reach.proxy-refused-tunnel"],
            recommends: "none",
            ..proxy("refuses all tunnels", "no-connect.conf", "https")
        },
        Row {
            idle_s: 12,
            codes: &[
                "headers.added",
                "headers.changed",
                "headers.product-identified",
                "idle.closed",
                "idle.keepalive-ignored",
                "long_poll.answered-by-gateway",
            ],
            figures: &[
                Figure { bounds: SEVEN_SECONDS, ..after_five_seconds("idle.closed", "websocket") },
                Figure { bounds: SEVEN_SECONDS, ..after_five_seconds("idle.closed", "sse") },
                Figure { code: "long_poll.answered-by-gateway", transport: None, name: "after_ms", bounds: SEVEN_SECONDS },
            ],
            ..proxy("`read_timeout 7 seconds`", "read-timeout.conf", "http")
        },
        Row { codes: &["reach.proxy-auth-required"], recommends: "none", ..proxy("Basic, no password", "basic.conf", "https") },
        Row { way: WITH_PASSWORD, ..proxy("Basic, the password", "basic.conf", "https") },
        Row { codes: &["reach.proxy-auth-required"], recommends: "none", ..proxy("Digest, no password", "digest.conf", "https") },
        Row { way: WITH_PASSWORD, ..proxy("Digest, the password", "digest.conf", "https") },
        Row {
            trust: Trust::Root("ca.pem"),
            codes: &[
                "h2.not-negotiated",
                "headers.added",
                "headers.changed",
                "headers.product-identified",
                "tls.alpn-changed",
                "tls.intercepted-trusted-root",
                "upgrade.header-stripped",
            ],
            ..proxy("`ssl_bump bump`, root trusted", "bump.conf", "https")
        },
        Row {
            codes: &["reach.certificate-untrusted <- tls.intercepted-untrusted-root", "tls.intercepted-untrusted-root"],
            recommends: "none",
            ..proxy("`ssl_bump bump`, root unknown", "bump.conf", "https")
        },
        Row {
            trust: Trust::Root("ca.pem"),
            codes: &[
                "h2.not-negotiated",
                "headers.added",
                "headers.changed",
                "headers.product-identified",
                "tls.alpn-changed",
                "tls.intercepted-trusted-root",
            ],
            ..proxy("`ssl_bump bump`, `http_upgrade_request_protocols websocket allow all`", "bump-websocket.conf", "https")
        },
        Row {
            trust: Trust::Root("ca.pem"),
            codes: &[
                "h2.not-negotiated",
                "headers.added",
                "headers.changed",
                "headers.product-identified",
                "tls.alpn-changed",
                "tls.intercepted-trusted-root",
                "upgrade.token-case-sensitive",
            ],
            ..proxy(
                "`ssl_bump bump`, `http_upgrade_request_protocols WebSocket allow all`, in mixed case",
                "bump-mixed-case.conf",
                "https",
            )
        },
        proxy("`ssl_bump splice`", "splice.conf", "https"),
        Row {
            codes: &["headers.added", "headers.changed", "headers.product-identified", "upgrade.header-stripped"],
            ..front("accelerator", "accelerator.conf")
        },
        Row {
            codes: &["headers.added", "headers.changed", "headers.product-identified"],
            ..front("accelerator, `http_upgrade_request_protocols websocket allow all`", "accelerator-websocket.conf")
        },
        Row {
            codes: &["headers.added", "headers.changed", "headers.product-identified", "upgrade.token-case-sensitive"],
            ..front(
                "accelerator, `http_upgrade_request_protocols WebSocket allow all`, in mixed case",
                "accelerator-mixed-case.conf",
            )
        },
        Row {
            codes: &["headers.added", "headers.changed", "headers.product-identified", "upgrade.header-stripped"],
            ..path("transparent: 80 intercepted, 443 spliced", "intercept-splice.conf", "http")
        },
        path("transparent: 80 intercepted, 443 spliced", "intercept-splice.conf", "https"),
        Row {
            trust: Trust::Root("ca.pem"),
            codes: &[
                "h2.not-negotiated",
                "headers.added",
                "headers.changed",
                "headers.product-identified",
                "tls.alpn-changed",
                "tls.intercepted-trusted-root",
                "upgrade.header-stripped",
            ],
            ..path("transparent: 443 bumped, root trusted", "intercept-bump.conf", "https")
        },
        Row {
            codes: &["reach.answered-by-middlebox <- tls.intercepted-untrusted-root", "tls.intercepted-untrusted-root"],
            recommends: "none",
            ..path("transparent: 443 bumped, root unknown", "intercept-bump.conf", "https")
        },
        Row {
            codes: &["headers.added", "headers.changed", "headers.product-identified"],
            ..path("transparent, `http_upgrade_request_protocols websocket allow all`", "intercept-websocket.conf", "http")
        },
        Row {
            trust: Trust::Root("ca.pem"),
            codes: &[
                "h2.not-negotiated",
                "headers.added",
                "headers.changed",
                "headers.product-identified",
                "tls.alpn-changed",
                "tls.intercepted-trusted-root",
            ],
            ..path("transparent, `http_upgrade_request_protocols websocket allow all`", "intercept-websocket.conf", "https")
        },
    ],
};
