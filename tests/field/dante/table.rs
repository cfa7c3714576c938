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
        // No row with `timeout.io`: it ends what has been silent only while nothing else passes in the same process, and which
        // connections share one differs from run to run.
    ],
};
