//! The kernel's own firewall and address translation, between network namespaces.

use super::{Figure, Row, Table, path};

/// More than the timer of five seconds: the next rung.
const LOST: Figure =
    Figure { code: "idle.dropped-silently", transport: Some("websocket"), name: "lost_ms", bounds: (9_000, 9_000) };
const SURVIVED: Figure = Figure { name: "survived_ms", bounds: (4_000, 4_000), ..LOST };

pub(crate) const TABLE: Table = Table {
    folder: "kernel",
    product: "Linux netfilter",
    program: "uname",
    version: &["-r"],
    config_as: "",
    arguments: &[],
    stops_gently: false,
    rows: &[
        Row { idle_s: 12, ..path("forgets nobody", "patient.nft", "http") },
        Row {
            idle_s: 12,
            codes: &["idle.dropped-silently", "long_poll.cut"],
            figures: &[SURVIVED, LOST],
            ..path("forgets after 5 s, drops", "drop.nft", "http")
        },
        // The second ladder, between four and nine seconds. Which side of the timer its rung of five seconds lies on, a delayed
        // acknowledgement decides.
        Row {
            idle_s: 9,
            deep: true,
            codes: &["idle.dropped-silently", "long_poll.cut"],
            figures: &[Figure { bounds: (4_000, 5_000), ..SURVIVED }, Figure { bounds: (5_000, 6_000), ..LOST }],
            ..path("forgets after 5 s, a deep run", "drop.nft", "http")
        },
        Row {
            idle_s: 24,
            deep: true,
            codes: &["idle.dropped-silently", "long_poll.cut"],
            figures: &[Figure { bounds: (19_000, 20_000), ..SURVIVED }, Figure { bounds: (20_000, 21_000), ..LOST }],
            ..path("forgets after 20 s, a deep run", "drop-20.nft", "http")
        },
        Row {
            idle_s: 12,
            codes: &["idle.dropped-silently", "long_poll.cut"],
            figures: &[SURVIVED, LOST],
            ..path("forgets after 5 s, resets", "reset.nft", "https")
        },
        Row { idle_s: 12, ..path("loses 5 % of packets", "loss.nft", "http") },
        // The client's next packet makes a new mapping, to the same port; the server's finds none.
        Row {
            idle_s: 32,
            codes: &["idle.dropped-silently", "long_poll.cut"],
            figures: &[Figure { bounds: (32_000, 32_000), ..LOST }],
            ..path("translates, mapping expires after 5 s", "nat.nft", "http")
        },
        Row { idle_s: 12, ..path("translates, mapping lasts", "nat-patient.nft", "http") },
    ],
};
