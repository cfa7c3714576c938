//! Middleboxes of the lab on sockets of their own, as somebody runs them to see an application fail.

use crate::ports::free_port;
use crate::program::{Ran, Serve, await_line, program, run};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// `lab`, running. It is stopped when dropped.
struct Lab {
    child: Child,
    /// Where it listens.
    address: String,
}

impl Lab {
    fn start(arguments: &[&str]) -> Self {
        let all = [&["lab"], arguments].concat();
        let mut child = program(&all).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let line = await_line(&mut child, " on 127.0.0.1:");
        let address = line.rsplit_once(" on ").unwrap().1.to_owned();
        Self { child, address }
    }

    /// On any port.
    fn run(arguments: &[&str]) -> Self {
        Self::start(&[&["run", "--listen", "127.0.0.1:0"], arguments].concat())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file that is gone when the test is.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("proxyprobe-{}-{name}", std::process::id())))
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn place(url: &str) -> &str {
    url.split("://").nth(1).unwrap()
}

/// A quick check of one leg.
fn quick(leg: &str, arguments: &[&str]) -> Ran {
    crate::program::check(&[&["--leg", leg], arguments].concat())
}

/// On TLS, whoever strips has ended it.
const STRIPPED_ON_BOTH: [&str; 4] = [
    "https:tls.intercepted-trusted-root",
    "http:upgrade.header-stripped",
    "https:upgrade.header-stripped",
    "https:h2.not-negotiated",
];

/// The WebSockets of this leg are harmed, and nothing else.
#[track_caller]
fn is_stripped(ran: &Ran, leg: &str) {
    let expected = STRIPPED_ON_BOTH.iter().filter(|code| code.starts_with(&format!("{leg}:")));
    // Headers that the lab adds are no harm.
    let found = ran.codes().into_iter().filter(|code| !code.contains(":headers."));
    assert_eq!((ran.code, found.collect::<Vec<_>>()), (1, expected.map(|code| (*code).to_owned()).collect()), "{}", ran.stderr);
}

#[test]
fn a_relay_stands_before_a_server() {
    let serve = Serve::start();
    let lab = Lab::run(&["strip-upgrade", "--upstream", place(&serve.http)]);
    let ran = quick("http", &[&format!("http://{}", lab.address)]);
    is_stripped(&ran, "http");
    // What is in TLS it does not see.
    let lab = Lab::run(&["strip-upgrade", "--upstream", place(&serve.https)]);
    let ran = quick("https", &["--pin", &serve.pin, &format!("https://{}", lab.address)]);
    assert_eq!((ran.code, ran.codes()), (0, Vec::new()), "{}", ran.stderr);
}

#[test]
fn a_proxy_is_asked_for_what_is_behind_it() {
    let serve = Serve::start();
    let lab = Lab::run(&["strip-upgrade", "--as", "proxy"]);
    let proxy = format!("http://{}", lab.address);
    let ran = quick("http", &["--proxy", &proxy, &serve.http]);
    is_stripped(&ran, "http");
    let ran = quick("https", &["--proxy", &proxy, "--pin", &serve.pin, &serve.https]);
    assert_eq!((ran.code, ran.codes()), (0, Vec::new()), "{}", ran.stderr);
}

#[test]
fn a_proxy_that_looks_into_tls_has_a_root_for_its_clients() {
    let (own, servers) = (File::new("tls-proxy.pem"), File::new("tls-proxy-server.pem"));
    let serve = Serve::with(&["--ca-out", servers.path()]);
    let lab = Lab::run(&["strip-upgrade", "--as", "tls-proxy", "--ca-out", own.path(), "--ca-file", servers.path()]);
    let proxy = format!("http://{}", lab.address);
    let ran = quick("https", &["--proxy", &proxy, "--ca-file", own.path(), &serve.https]);
    is_stripped(&ran, "https");
    let curl = |roots: &str| {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--output", "/dev/null", "--write-out", "%{http_code}"]);
        curl.args(["--noproxy", "", "--proxy", &proxy, "--cacert", roots, &serve.https]).output()
    };
    // Where there is no curl, the program's own client has said it already.
    let (Ok(trusts), Ok(distrusts)) = (curl(own.path()), curl(servers.path())) else { return };
    let status = String::from_utf8_lossy(&trusts.stdout).into_owned();
    assert!(trusts.status.success() && status != "000", "{status}: {}", String::from_utf8_lossy(&trusts.stderr));
    // 60: the certificate is not to be trusted.
    assert_eq!(distrusts.status.code(), Some(60), "{}", String::from_utf8_lossy(&distrusts.stderr));
}

#[test]
fn what_is_spoken_behind_may_be_something_else_than_before() {
    let root = File::new("gateway.pem");
    let serve = Serve::start();
    // Each of the two looks into TLS for itself.
    let boxes = ["strip-upgrade", "edit-headers:how=add"];
    let lab = Lab::run(&[&boxes, &["--as", "tls-proxy", "--upstream", &serve.http, "--ca-out", root.path()][..]].concat());
    let ran = quick("https", &["--ca-file", root.path(), &format!("https://{}", lab.address)]);
    is_stripped(&ran, "https");
}

#[test]
fn a_mistake_says_what_is_possible() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let upstream = ["--upstream", "127.0.0.1:9"];
    for (arguments, parts) in [
        (vec!["run", "no-such-box", upstream[0], upstream[1]], vec!["no middlebox `no-such-box`", "strip-upgrade"]),
        (vec!["run", "end-when-idle:after=soon", upstream[0], upstream[1]], vec!["`after` must be a time in seconds"]),
        (vec!["run", "end-when-idle:later=3", upstream[0], upstream[1]], vec!["no parameter `later`", "after, tells"]),
        (vec!["run", "strip-upgrade"], vec!["--upstream HOST:PORT"]),
        (vec!["run", "strip-upgrade", "--upstream", "nowhere"], vec!["HOST:PORT"]),
        (vec!["run", "strip-upgrade", "--upstream", "ftp://x:1"], vec!["only http:// and https://"]),
        (vec!["run", "proxy", upstream[0], upstream[1]], vec!["--as proxy"]),
        (vec!["run", "strip-upgrade", "proxy", "--as", "proxy"], vec!["must be the first in the row"]),
        (vec!["run", "strip-upgrade", "--listen", &address, upstream[0], upstream[1]], vec!["cannot listen on", &address]),
        (vec!["run", "strip-upgrade", "--as", "tls-proxy", "--ca-out", "/nonexistent/x"], vec!["/nonexistent/x"]),
        (vec!["replay", "/nonexistent"], vec!["cannot be read"]),
    ] {
        let ran = run(&[&["lab"], arguments.as_slice()].concat());
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.stderr);
        for part in parts {
            assert!(ran.stderr.contains(part), "{arguments:?}: {part}: {}", ran.stderr);
        }
        assert!(ran.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_report_without_a_finding_cannot_be_played() {
    let clean = File::new("clean.json");
    run(&["check", "--quick", "--quiet", "--save", &format!("json={}", clean.path())]);
    let ran = run(&["lab", "replay", clean.path()]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("nothing in this report"), "{}", ran.stderr);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it() {
    let mut lab = Lab::run(&["strip-upgrade", "--as", "proxy"]);
    assert!(Command::new("kill").args(["-INT", &lab.child.id().to_string()]).status().unwrap().success());
    assert_eq!(lab.child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_a_report_measured_is_measured_again_where_it_is_replayed() {
    let report = File::new("replayed.json");
    let save = format!("json={}", report.path());
    let flags = ["check", "--idle", "6", "--quiet", "--format", "json"];
    let first = run(&[&flags, &["--lab", "end-when-idle:after=3,tells=resets-client", "--save", &save][..]].concat());
    let of_leg = |leg: &str| ["idle.reset", "idle.reset", "long_poll.cut"].map(|code| format!("{leg}:{code}"));
    let mut expected = first.codes();
    expected.sort_unstable();
    assert_eq!(expected, [of_leg("http"), of_leg("https")].concat(), "{}", first.stderr);
    let [http, https] = [free_port(), free_port()].map(|port| port.to_string());
    let serve = Serve::with(&["--public-http", &http, "--public-https", &https]);
    let play = |port: &str, upstream: &str| {
        Lab::start(&["replay", report.path(), "--listen", &format!("127.0.0.1:{port}"), "--upstream", place(upstream)])
    };
    let _boxes = [play(&http, &serve.http), play(&https, &serve.https)];
    let url = format!("https://127.0.0.1:{https}");
    let again = run(&[&flags, &["--pin", serve.pin.as_str(), &url][..]].concat());
    let mut found = again.codes();
    found.sort_unstable();
    assert_eq!(found, expected, "{}", again.stderr);
    assert_eq!(again.code, first.code);
}

#[test]
fn a_replay_is_a_proxy_that_looks_into_tls_where_it_must() {
    let (report, own, servers) = (File::new("inside.json"), File::new("inside.pem"), File::new("inside-server.pem"));
    let first = crate::program::check(&["--lab", "strip-upgrade", "--save", &format!("json={}", report.path())]);
    assert_eq!(first.codes(), STRIPPED_ON_BOTH, "{}", first.stderr);
    let serve = Serve::with(&["--ca-out", servers.path()]);
    let files = ["--ca-out", own.path(), "--ca-file", servers.path()];
    let boxes = Lab::start(&[&["replay", report.path(), "--listen", "127.0.0.1:0"], &files[..]].concat());
    let proxy = format!("http://{}", boxes.address);
    let again = crate::program::check(&["--proxy", &proxy, "--ca-file", own.path(), &serve.https]);
    assert_eq!((again.code, again.codes()), (first.code, first.codes()), "{}", again.stderr);
}

#[test]
fn the_list_has_a_line_for_each_middlebox() {
    let list = run(&["lab", "list"]);
    assert_eq!(list.code, 0);
    let names: Vec<&str> = list.stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, proxyprobe::lab::ALL.iter().map(|entry| entry.name).collect::<Vec<_>>());
    assert!(list.stdout.lines().all(|line| line.split_whitespace().count() > 1), "{}", list.stdout);
    let verbose = run(&["lab", "list", "--verbose"]);
    assert_eq!(verbose.code, 0);
    let parameters = proxyprobe::lab::ALL.iter().flat_map(|entry| entry.parameters);
    for name in parameters.map(|parameter| parameter.name) {
        assert!(verbose.stdout.contains(&format!("\n  {name} (")), "{name}");
    }
}

#[test]
fn selftest_tries_the_rows_that_are_named() {
    let ran = run(&["selftest", "--only", "strip-upgrade"]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert!(ran.stdout.contains("strip-upgrade:unless=mixed-case"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("forge-101"), "{}", ran.stdout);
    let none = run(&["selftest", "--only", "no-such-box"]);
    assert_eq!(none.code, 2);
    assert!(none.stderr.contains("lab list"), "{}", none.stderr);
}
