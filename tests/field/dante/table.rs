//! Dante, a SOCKS proxy.

use super::{Row, Table, Way, proxy};

const SOCKS: Way = Way::Proxy("socks5://");

pub(crate) const TABLE: Table = Table {
    folder: "dante",
    product: "Dante",
    program: "danted",
    version: &["-v"],
    config_as: "",
    arguments: &["-f", "@config@"],
    stops_gently: true,
    rows: &[
        Row { way: SOCKS, ..proxy("passes everything", "pass.conf", "http") },
        Row { way: SOCKS, ..proxy("passes everything", "pass.conf", "https") },
        // It ends what has been silent for five seconds only while nothing else passes in the same process.
        Row { way: SOCKS, idle_s: 12, ..proxy("`timeout.io: 5`, while others speak", "timeout.conf", "http") },
    ],
};
