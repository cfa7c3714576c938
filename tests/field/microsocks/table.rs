//! microsocks, a SOCKS proxy without a configuration.

use super::{Row, Table, Way, proxy};

const SOCKS: Way = Way::Proxy("socks5://");

pub(crate) const TABLE: Table = Table {
    folder: "microsocks",
    product: "microsocks",
    program: "microsocks",
    version: &[],
    config_as: "",
    arguments: &["-i", "127.0.0.1", "-p", "@port@"],
    stops_gently: false,
    rows: &[
        Row { way: SOCKS, ..proxy("passes everything", "", "http") },
        Row { way: SOCKS, ..proxy("passes everything", "", "https") },
    ],
};
