//! Squid as an explicit proxy.

use crate::harness::{Dir, Process, Serve, check, free_port, installed};
use std::path::PathBuf;
use std::process::Command;

/// Anything goes.
const OPEN: &str = "http_access allow all\n";
/// The rules that Squid comes with: tunnels to port 443 alone.
const STOCK: &str = "acl SSL_ports port 443
acl Safe_ports port 80 443 1025-65535
acl CONNECT method CONNECT
http_access deny !Safe_ports
http_access deny CONNECT !SSL_ports
http_access allow localhost
http_access deny all
";

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
        let (dir, port) = (Dir::new(), free_port());
        let at = dir.path().display();
        let own = format!(
            "http_port 127.0.0.1:{port}
cache deny all
pid_filename none
access_log stdio:{at}/access.log
cache_log {at}/cache.log
coredump_dir {at}
netdb_filename none
pinger_enable off
visible_hostname squid.field
shutdown_lifetime 0 seconds
sslproxy_session_cache_size 0
"
        );
        let config = dir.write("squid.conf", &format!("{own}{rules}"));
        let mut command = command(program);
        // A name of its own keeps its shared memory apart from that of others.
        command.args(["-N", "-n", &format!("field{port}"), "-f"]).arg(config);
        Some(Self { process: Process::start("squid", command, dir).stop_gently().listening(port), port })
    }

    /// One that lets everything through.
    pub(crate) fn open() -> Option<Self> {
        Self::start(OPEN)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

#[test]
fn through_squid_everything_works() {
    let Some(squid) = Squid::open() else { return };
    let server = Serve::start(&[]);
    for (name, url) in [("squid https", server.https_url()), ("squid http", server.http_url())] {
        let checked = check(name, &[&url, "--pin", &server.pin, "--proxy", &squid.url(), "--idle", "5"]);
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
    let Some(squid) = Squid::start(STOCK) else { return };
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
