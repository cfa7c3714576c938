//! Reports that were saved: of real products, of a real firewall, of servers that were killed, and of earlier versions. Each is read
//! and judged as it was judged then. A wrong verdict from the wild becomes one file here, and one row.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "how products are started is the part of the tables that the field ring reads")]
#[path = "field/tables.rs"]
mod tables;

use proxyprobe::report::{Format, Redaction, Report, read};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tables::TABLES;

/// The file, its verdict, what is recommended, and the codes that nothing else explains.
const KEPT: &[(&str, &str, &str, &[&str])] = &[
    ("firewall-that-drops", "degraded", "sse", &["idle.dropped-silently", "long_poll.cut"]),
    ("firewall-that-resets", "degraded", "sse", &["idle.dropped-silently", "long_poll.cut"]),
    ("haproxy-5-s", "degraded", "sse", &["idle.closed", "long_poll.abort-not-propagated", "long_poll.answered-by-gateway"]),
    ("haproxy-patient", "works", "sse", &["long_poll.abort-not-propagated"]),
    ("lab-inspects-and-adds", "works", "sse", &["headers.added", "tls.intercepted-trusted-root"]),
    ("nginx-as-shipped", "broken", "sse", &["sse.buffered-until-end", "upgrade.header-stripped"]),
    ("privoxy-filtering", "broken", "long-polling", &["sse.buffered-until-end"]),
    ("relay", "works", "sse", &[]),
    ("relay-silent-both-ways", "broken", "sse", &["zombie.silent-both-ways"]),
    ("relay-silent-to-client", "broken", "sse", &["zombie.silent-to-client"]),
    ("relay-silent-to-server", "broken", "sse", &["zombie.silent-to-server"]),
    (
        "server-killed-behind-haproxy",
        "inconclusive",
        "none",
        &["idle.inconclusive", "lifetime.inconclusive", "long_poll.abort-not-propagated", "long_poll.inconclusive"],
    ),
    ("server-killed-behind-squid", "inconclusive", "none", &["idle.inconclusive", "long_poll.inconclusive", "sse.inconclusive"]),
    ("server-stopped-behind-haproxy", "inconclusive", "none", &["reach.server-unavailable"]),
    ("squid-as-shipped", "broken", "sse", &["reach.proxy-refused-tunnel"]),
    ("squid-https", "works", "sse", &[]),
    ("squid-wrong-password", "inconclusive", "none", &["reach.proxy-auth-required"]),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/evidence")
}

/// The names of the reports in a folder.
fn files(folder: &Path) -> BTreeSet<String> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    paths.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

fn kept(name: &str) -> Report {
    let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
    read(&text).unwrap_or_else(|why| panic!("{name}: {why}"))
}

fn roots(report: &Report) -> BTreeSet<&'static str> {
    report.judgement.findings.iter().filter(|finding| finding.caused_by.is_none()).map(|finding| finding.code.id).collect()
}

#[test]
fn what_was_saved_is_judged_as_it_was_judged_then() {
    assert_eq!(files(&folder()), KEPT.iter().map(|(name, ..)| (*name).to_owned()).collect());
    for (name, verdict, recommended, codes) in KEPT {
        let report = kept(name);
        assert_eq!(report.judgement.verdict.as_str(), *verdict, "{name}");
        assert_eq!(report.judgement.recommendation.transport, *recommended, "{name}");
        assert_eq!(roots(&report), codes.iter().copied().collect(), "{name}");
        assert_eq!(report.changed, [""; 0], "{name}");
    }
}

/// What the field ring kept of its runs, judged by the tables that it runs.
#[test]
fn what_real_products_did_is_judged_as_their_tables_say() {
    let rows = || TABLES.iter().flat_map(|table| table.rows.iter().map(move |row| (row.slug(table), row)));
    assert_eq!(files(&folder().join("field")), rows().map(|(name, _)| name).collect());
    for (name, row) in rows() {
        let report = kept(&format!("field/{name}"));
        assert_eq!(report.changed, [""; 0], "{name}");
        let json = serde_json::from_str(&report.render(Format::Json, false)).unwrap();
        assert_eq!(row.wrong(&json), [""; 0], "{name}");
    }
}

#[test]
fn what_was_saved_is_shared_without_its_addresses() {
    for (name, ..) in KEPT {
        let codes = roots(&kept(name));
        let shared = kept(name).redacted(Redaction::Share).unwrap();
        assert_eq!(roots(&shared), codes, "{name}");
        for format in [Format::Text, Format::Markdown, Format::Html, Format::Json] {
            let text = shared.render(format, false);
            assert!(!text.contains("10.213."), "{name}: {text}");
        }
    }
}
