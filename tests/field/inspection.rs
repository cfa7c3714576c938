//! Products that look into TLS: Squid with ssl_bump, and mitmproxy.

use crate::harness::{Checked, Dir, Process, Serve, check, free_port, installed};
use crate::squid::Squid;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Squid that looks into TLS, or only at its beginning.
pub(crate) struct Bumping {
    pub(crate) squid: Squid,
    pub(crate) url: String,
    pub(crate) ca: PathBuf,
    _dir: Dir,
}

/// Where Debian has Squid's helper that makes certificates.
const CERTGEN: &str = "/usr/lib/squid/security_file_certgen";

impl Bumping {
    /// `action` is what it does with sessions, and may name those of the `application`.
    pub(crate) fn start(action: &str) -> Option<Self> {
        installed("squid")?;
        let openssl = installed("openssl")?;
        let (dir, port) = (Dir::new(), free_port());
        let at = dir.path().display().to_string();
        let quietly = |program: &Path, arguments: &[&str]| {
            let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
            assert!(status.is_ok_and(|status| status.success()), "{} {arguments:?}", program.display());
        };
        let (ca, key) = (format!("{at}/ca.pem"), format!("{at}/ca.key"));
        quietly(
            &openssl,
            &[
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=field inspection/O=Field",
                "-keyout",
                &key,
                "-out",
                &ca,
            ],
        );
        let database = format!("{at}/certificates");
        quietly(Path::new(CERTGEN), &["-c", "-s", &database, "-M", "4MB"]);
        // Squid gives up root before it uses them.
        quietly(Path::new("chmod"), &["-R", "a+rwX", &at]);
        let rules = format!(
            "http_port 127.0.0.1:{port} ssl-bump tls-cert={ca} tls-key={key} generate-host-certificates=on\n\
             sslcrtd_program {CERTGEN} -s {database} -M 4MB\nsslcrtd_children 1\n\
             tls_outgoing_options flags=DONT_VERIFY_PEER\nsslproxy_cert_error allow all\nsslproxy_cert_sign signTrusted all\nacl hello at_step SslBump1\nacl application ssl::server_name localhost\nssl_bump peek hello\nssl_bump {action} all\nhttp_access allow all\n\
             http_upgrade_request_protocols websocket allow all\n"
        );
        let squid = Squid::start(&rules)?;
        Some(Self { squid, url: format!("http://127.0.0.1:{port}"), ca: ca.into(), _dir: dir })
    }
}

/// mitmproxy with a root of its own.
pub(crate) struct Mitmproxy {
    pub(crate) process: Process,
    pub(crate) url: String,
    pub(crate) ca: PathBuf,
    _dir: Dir,
}

impl Mitmproxy {
    pub(crate) fn start(settings: &[&str]) -> Option<Self> {
        let program = installed("mitmdump")?;
        let (dir, port) = (Dir::new(), free_port());
        let mut command = Command::new(program);
        command.args(["--listen-host", "127.0.0.1", "--listen-port", &port.to_string(), "--ssl-insecure", "--set"]);
        command.arg(format!("confdir={}", dir.path().display())).args(settings);
        let process = Process::start("mitmproxy", command, Dir::new()).listening(port);
        let ca = dir.path().join("mitmproxy-ca-cert.pem");
        Some(Self { process, url: format!("http://127.0.0.1:{port}"), ca, _dir: dir })
    }
}

/// The findings of the tls probe, on the https leg.
fn of_tls(checked: &Checked) -> Vec<&str> {
    let all = checked.findings().filter(|finding| finding["leg"] == "https");
    all.filter_map(|finding| finding["code"].as_str()).filter(|code| code.starts_with("tls.")).collect()
}

fn trusting(name: &str, server: &Serve, proxy: &str, ca: &Path) -> Checked {
    let ca = ca.display().to_string();
    check(name, &[&server.https_url(), "--ca-file", &ca, "--proxy", proxy, "--idle", "2"])
}

/// The server's own certificate is known by the cleartext leg, or by a pin.
fn not_trusted(name: &str, server: &Serve, proxy: &str, log: &dyn Fn() -> String) {
    let told = check(name, &[&server.http_url(), "--proxy", proxy, "--idle", "2"]);
    let pinned = check(&format!("{name} pinned"), &[&server.https_url(), "--pin", &server.pin, "--proxy", proxy, "--idle", "2"]);
    pinned.expect(1, "broken");
    for (checked, known_by, own) in [(told, "server", "served_sha256"), (pinned, "pin", "pinned_sha256")] {
        assert_eq!(of_tls(&checked), ["tls.intercepted-untrusted-root"], "{}\n{}", checked.summary(), log());
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
fn squid_that_bumps_with_a_trusted_root_is_seen() {
    let Some(squid) = Bumping::start("bump") else { return };
    let server = Serve::start(&[]);
    let checked = trusting("squid bump", &server, &squid.url, &squid.ca);
    let found = checked.finding("https", "tls.intercepted-trusted-root");
    assert_eq!(found["outcome"], "note");
    assert!(found["measured"]["issuer"].as_str().unwrap().contains("CN=field inspection"), "{found}");
    // Squid offers and accepts no protocol.
    let alpn = checked.finding("https", "tls.alpn-changed");
    assert_eq!(alpn["measured"]["alpn_client"], "none", "{alpn}");
    assert_eq!(of_tls(&checked), ["tls.intercepted-trusted-root", "tls.alpn-changed"], "{}", checked.summary());
    for leg in ["http", "https"] {
        let product = checked.finding(leg, "headers.product-identified");
        assert_eq!(product["measured"]["looks_like"], "Squid", "{product}");
        let added = checked.finding(leg, "headers.added");
        assert!(added["measured"]["request"].to_string().contains("Via"), "{added}");
    }
}

#[test]
fn squid_that_bumps_with_an_unknown_root_is_seen() {
    let Some(squid) = Bumping::start("bump") else { return };
    let server = Serve::start(&[]);
    not_trusted("squid bump untrusted", &server, &squid.url, &|| squid.squid.process.log());
}

#[test]
fn squid_that_splices_is_nobody() {
    let Some(squid) = Bumping::start("splice") else { return };
    let server = Serve::start(&[]);
    let checked = check("squid splice", &[&server.https_url(), "--pin", &server.pin, "--proxy", &squid.url, "--idle", "2"]);
    checked.expect(0, "works");
    assert_eq!(of_tls(&checked), [""; 0], "{}", checked.summary());
    // Whoever does not look into TLS cannot touch what is inside.
    let inside =
        checked.findings().filter(|finding| finding["leg"] == "https" && finding["code"].to_string().contains("headers."));
    assert_eq!(inside.count(), 0, "{}", checked.summary());
}

#[test]
fn mitmproxy_with_a_trusted_root_is_seen() {
    let Some(proxy) = Mitmproxy::start(&[]) else { return };
    let server = Serve::start(&[]);
    let checked = trusting("mitmproxy", &server, &proxy.url, &proxy.ca);
    let found = checked.finding("https", "tls.intercepted-trusted-root");
    assert_eq!(found["measured"]["looks_like"], "mitmproxy", "{found}\n{}", proxy.process.log());
    assert!(!of_tls(&checked).contains(&"tls.terminated-by-front"), "{}", checked.summary());
}

#[test]
fn mitmproxy_with_an_unknown_root_is_seen() {
    let Some(proxy) = Mitmproxy::start(&[]) else { return };
    let server = Serve::start(&[]);
    not_trusted("mitmproxy untrusted", &server, &proxy.url, &|| proxy.process.log());
}

#[test]
fn mitmproxy_that_is_told_to_ignore_hosts_is_nobody() {
    let Some(proxy) = Mitmproxy::start(&["--ignore-hosts", ".*"]) else { return };
    let server = Serve::start(&[]);
    let checked = check("mitmproxy ignores", &[&server.https_url(), "--pin", &server.pin, "--proxy", &proxy.url, "--idle", "2"]);
    assert_eq!(of_tls(&checked), [""; 0], "{}\n{}", checked.summary(), proxy.process.log());
}
