//! e2guardian, an explicit proxy that reads pages for words.

use super::{Row, Table, proxy};

pub(crate) const TABLE: Table = Table {
    folder: "e2guardian",
    product: "e2guardian",
    program: "e2guardian",
    version: &["-v"],
    config_as: "",
    arguments: &["-N", "-c", "@config@"],
    stops_gently: true,
    rows: &[
        Row {
            codes: &["headers.changed", "long_poll.abort-not-propagated", "sse.buffered-until-end"],
            recommends: "long-polling",
            ..proxy("as shipped", "stock.conf", "http")
        },
        Row {
            codes: &["headers.changed", "long_poll.abort-not-propagated", "sse.buffered-until-end"],
            recommends: "long-polling",
            ..proxy("a scanner that finds everything clean", "scanning.conf", "http")
        },
        proxy("as shipped", "stock.conf", "https"),
        Row {
            codes: &["headers.changed", "long_poll.abort-not-propagated"],
            ..proxy("the host is an exception", "exempt.conf", "http")
        },
    ],
};
