//! Squid as an explicit proxy.

use crate::harness::{Dir, Process, Serve, check, installed};
use crate::page;
use crate::ports::free_port;
use crate::rows::Stage;
use std::path::PathBuf;
use std::process::Command;

/// Squid with these rules; `None` when it is not installed.
pub(crate) struct Squid {
    pub(crate) process: Process,
    pub(crate) port: u16,
}

impl Squid {
    pub(crate) fn start(rules: &str) -> Option<Self> {
        Self::start_by(rules, Command::new)
    }

    /// Started by a command that ends with the program.
    pub(crate) fn start_by(rules: &str, command: impl FnOnce(PathBuf) -> Command) -> Option<Self> {
        let program = installed("squid")?;
        let (table, port) = (page::table("squid"), free_port());
        let stage = Stage::set(table, "open.conf", port, 0, 0);
        let own = "include @dir@/common.conf\nhttp_port 127.0.0.1:@port@\n";
        stage.dir.write("open.conf", &stage.fill(&format!("{own}{rules}")));
        let command = stage.command(command(program), table);
        Some(Self { process: Process::start("squid", command, stage.dir).stop_gently().listening(port), port })
    }

    /// One that lets everything through.
    pub(crate) fn open() -> Option<Self> {
        Self::start("http_access allow all\n")
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

#[test]
fn the_route_through_squid_is_told() {
    let Some(squid) = Squid::open() else { return };
    let server = Serve::start(&[]);
    for (name, url) in [("squid https", server.https_url()), ("squid http", server.http_url())] {
        let checked = check(name, &[&url, "--pin", &server.pin, "--proxy", &squid.url(), "--quick"]);
        checked.expect_works();
        let route = &checked.report["route"];
        assert_eq!(route["kind"], "http-proxy");
        assert_eq!(route["source"], "flag");
        assert_eq!(route["proxy"], format!("127.0.0.1:{}", squid.port));
    }
}

#[test]
fn squid_asks_for_credentials() {
    let dir = Dir::new();
    let script = "while read -r user password; do\n  [ \"$user $password\" = 'ada open-sesame' ] && echo OK || echo ERR\ndone\n";
    let helper = dir.write("helper.sh", script);
    let rules = format!(
        "auth_param basic program /bin/sh {}\nauth_param basic children 1\nacl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all\n",
        helper.display()
    );
    let Some(squid) = Squid::start(&rules) else { return };
    let server = Serve::start(&[]);
    let mut sentences = Vec::new();
    for (leg, url) in [("https", server.https_url()), ("http", server.http_url())] {
        let with = |name: &str, user: &str, password: &str| {
            let proxy = format!("http://{user}{password}127.0.0.1:{}", squid.port);
            check(&format!("squid {name} {leg}"), &[&url, "--pin", &server.pin, "--proxy", &proxy, "--idle", "2"])
        };
        for (name, user, password) in [("without credentials", "", ""), ("wrong password", "ada:", "wr0ng-sesame@")] {
            let checked = with(name, user, password);
            checked.expect(3, "inconclusive");
            let finding = checked.finding(leg, "reach.proxy-auth-required");
            assert_eq!(finding["outcome"], "inconclusive");
            sentences.push(finding["summary"].as_str().unwrap().to_owned());
            assert!(!checked.output.contains("wr0ng-sesame"), "{}", checked.output);
            // Base64 of `ada:wr0ng-sesame`.
            assert!(!checked.output.contains("YWRhOndyMG5nLXNlc2FtZQ"), "{}", checked.output);
        }
        let checked = with("right password", "ada:", "open-sesame@");
        checked.expect_works();
        assert!(!checked.output.contains("open-sesame"));
        assert!(!checked.output.contains("YWRhOm9wZW4tc2VzYW1l"));
    }
    // Which proxy it is, and what to do next.
    for sentence in sentences {
        assert!(sentence.contains(&format!("127.0.0.1:{}", squid.port)) && sentence.contains("--proxy-user"), "{sentence}");
    }
}

#[test]
fn a_stock_squid_refuses_tunnels_to_other_ports() {
    let Some(squid) = Squid::start("include @dir@/stock.conf\n") else { return };
    let server = Serve::start(&[]);
    let checked = check("squid stock", &[&server.http_url(), "--pin", &server.pin, "--proxy", &squid.url(), "--idle", "5"]);
    checked.expect(1, "broken");
    let refused = checked.finding("http", "reach.proxy-refused-tunnel");
    assert_eq!(refused["decisive"], true);
    assert_eq!(refused["measured"]["transport"], "websocket");
    assert_eq!(checked.blamed("http"), ["reach.proxy-refused-tunnel"], "{}", checked.summary());
    let transports = &checked.report["transports"];
    assert_eq!(transports["websocket"]["verdict"], "broken");
    assert_eq!(transports["websocket"]["because"][0], "reach.proxy-refused-tunnel");
    assert_eq!(transports["sse"]["verdict"], "works");
    assert_eq!(transports["long-polling"]["verdict"], "works");
    assert_eq!(checked.report["recommendation"]["because"][0], "reach.proxy-refused-tunnel");
    let tried = &checked.report["probes"]["upgrade"]["evidence"]["http"][0];
    assert_eq!(tried["record"]["opened"]["via"], "absolute-form", "{tried}");
    for finding in checked.findings().filter(|f| f["measured"]["via"] == "absolute-form" && f["outcome"] != "note") {
        assert_eq!(finding["decisive"], false, "{finding}");
    }
}

#[test]
fn a_stopped_server_behind_squid_is_named() {
    let Some(squid) = Squid::open() else { return };
    let mut server = Serve::start(&[]);
    let (http, https, pin) = (server.http_url(), server.https_url(), server.pin.clone());
    server.process.kill();
    for (leg, url) in [("http", &http), ("https", &https)] {
        let checked = check(&format!("stopped squid {leg}"), &[url, "--pin", &pin, "--proxy", &squid.url(), "--idle", "2"]);
        checked.expect(3, "inconclusive");
        let finding = checked.finding(leg, "reach.server-unavailable");
        let sentence = finding["summary"].as_str().unwrap();
        assert!(sentence.contains("127.0.0.1") && sentence.contains("proxy"), "{sentence}");
    }
}
