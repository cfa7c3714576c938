//! Products that look into TLS, by a root that the client does not trust: how the server's own certificate is known.

use crate::harness::{Checked, Process, Serve, check, installed};
use crate::page;
use crate::ports::free_port;
use crate::rows::{Stage, certificates_of_squid};
use std::process::Command;

/// The findings of the tls probe, on the https leg.
fn of_tls(checked: &Checked) -> Vec<&str> {
    let all = checked.findings().filter(|finding| finding["leg"] == "https");
    all.filter_map(|finding| finding["code"].as_str()).filter(|code| code.starts_with("tls.")).collect()
}

/// It is known by the cleartext leg, or by a pin.
fn not_trusted(folder: &str, config: &str, prepare: impl Fn(&Stage)) {
    let table = page::table(folder);
    let Some(program) = installed(table.program) else { return };
    let (server, port) = (Serve::start(&[]), free_port());
    let stage = Stage::set(table, config, port, server.http, server.https);
    prepare(&stage);
    let command = stage.command(Command::new(program), table);
    let product = Process::start(table.program, command, stage.dir).stop_gently().listening(port);
    let proxy = format!("http://127.0.0.1:{port}");
    let told = check(&format!("{folder} untrusted"), &[&server.http_url(), "--proxy", &proxy, "--idle", "2"]);
    let flags = [&server.https_url(), "--pin", &server.pin, "--proxy", &proxy, "--idle", "2"];
    let pinned = check(&format!("{folder} untrusted pinned"), &flags);
    pinned.expect(1, "broken");
    for (checked, known_by, own) in [(told, "server", "served_sha256"), (pinned, "pin", "pinned_sha256")] {
        assert_eq!(of_tls(&checked), ["tls.intercepted-untrusted-root"], "{}\n{}", checked.summary(), product.log());
        let measured = &checked.finding("https", "tls.intercepted-untrusted-root")["measured"];
        let sha256 = server.pin.strip_prefix("sha256:").unwrap();
        assert_eq!(measured["known_by"], known_by, "{measured}");
        assert_eq!(measured[own], sha256, "{measured}");
        assert_ne!(measured["certificate_sha256"], sha256, "{measured}");
        let explained = checked.findings().filter(|finding| finding["caused_by"] == "tls.intercepted-untrusted-root");
        assert!(explained.count() > 0, "{}", checked.summary());
    }
}

#[test]
fn squid_that_bumps_with_an_unknown_root_is_seen() {
    not_trusted("squid", "bump.conf", certificates_of_squid);
}

#[test]
fn mitmproxy_with_an_unknown_root_is_seen() {
    not_trusted("mitmproxy", "default.yaml", |_| {});
}
