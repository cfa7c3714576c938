//! Operating a server: tokens, certificates that change, logs, metrics, a front, an end in order.

use crate::ports::free_port;
use crate::program::{BINARY, Ran, Serve, check, program, run, without_proxies};
use crate::reports::Folder;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A server that says nothing for so long fails the test instead of stopping it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server whose lines are read.
struct Talking {
    child: Child,
    lines: Receiver<String>,
}

impl Talking {
    fn start(flags: &[&str]) -> Self {
        Self::of(program(&[&["serve", "--http", "127.0.0.1:0"], flags].concat()))
    }

    fn of(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let (say, lines) = channel();
        let stderr = child.stderr.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = say.send(line);
            }
        });
        Self { child, lines }
    }

    /// The next line with this in it.
    fn line(&self, mark: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("the server never said {mark}"));
            if line.contains(mark) {
                return line;
            }
        }
    }

    /// What stands behind a mark.
    fn after(&self, mark: &str) -> String {
        self.line(mark).split(mark).nth(1).unwrap().trim().to_owned()
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Talking {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends bytes on a connection of its own and reads the answer to its end.
#[expect(clippy::disallowed_methods, reason = "a peer that is not the program")]
fn exchange(url: &str, bytes: &str) -> String {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(url: &str, path: &str) -> String {
    exchange(url, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
}

const TOKEN: &str = "c4naryc4naryc4nary";

#[test]
fn a_token_admits_and_is_seen_nowhere() {
    let folder = Folder::new("tokens");
    let (all, own) = (folder.file("all"), folder.file("own"));
    std::fs::write(&all, format!("other=0123456789abcdef\nacme={TOKEN}\n")).unwrap();
    std::fs::write(&own, format!("{TOKEN}\n")).unwrap();
    let serve = Talking::start(&["--token-file", &all, "--admin", "127.0.0.1:0"]);
    let url = serve.after("cleartext leg on ");
    let admin = serve.after("admin on ");
    let base = ["check", "--quick", "--only", "sse", "--format", "json", "--leg", "http", url.as_str()];
    let with = |flags: &[&str], variable: Option<&str>| {
        let mut command = program(&[&base, flags].concat());
        command.envs(variable.map(|value| ("PROXYPROBE_TOKEN", value)));
        Ran::of(command.output().unwrap())
    };
    for refused in [with(&[], None), with(&["--token", "wrongwrongwrongwrong"], None), with(&[], Some("x"))] {
        assert_eq!((refused.code, refused.codes()), (3, vec!["http:reach.token-required".to_owned()]));
    }
    for admitted in [with(&["--token-file", &own], None), with(&["--token", TOKEN], None), with(&[], Some(TOKEN))] {
        assert_eq!(admitted.code, 0, "{}", admitted.stderr);
        assert!(!admitted.stdout.contains(TOKEN) && !admitted.stderr.contains(TOKEN), "{}", admitted.stderr);
    }
    let metrics = get(&admin, "/metrics");
    assert!(metrics.contains("proxyprobe_runs_total{token=\"acme\"} 3"), "{metrics}");
    assert!(metrics.contains("proxyprobe_refusals_total{limit=\"token\"} 3"), "{metrics}");
    assert!(!metrics.contains(TOKEN));
}

#[test]
fn a_head_that_does_not_come_in_time_is_counted() {
    let serve = Talking::start(&["--admin", "127.0.0.1:0", "--head-seconds", "1"]);
    let url = serve.after("cleartext leg on ");
    let admin = serve.after("admin on ");
    for slow in ["", "PRI", "GET / HTTP/1.1\r\nHost: x\r\n"] {
        assert!(!exchange(&url, slow).starts_with("HTTP/1.1 200"));
    }
    let metrics = get(&admin, "/metrics");
    assert!(metrics.contains("proxyprobe_refusals_total{limit=\"slow-head\"} 3"), "{metrics}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_token_on_the_command_line_is_taken_out_of_the_process_list() {
    let mut serve = Serve::with(&["--token", &format!("acme={TOKEN}")]);
    let seen = |pid: u32| String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/cmdline")).unwrap()).into_owned();
    assert!(!seen(serve.child.id()).contains(TOKEN));
    let mut client = program(&["check", "--leg", "http", "--token", TOKEN, &serve.http]);
    let mut client = client.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    crate::program::await_line(&mut client, "testing all transports");
    assert!(!seen(client.id()).contains(TOKEN));
    for child in [&mut client, &mut serve.child] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// A certificate and its key, in PEM, and the fingerprint of the certificate.
fn pair() -> (String, String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let sha256 = proxyprobe_probes::io::proof::sha256_hex(certificate.der());
    (certificate.pem(), key.serialize_pem(), sha256)
}

#[cfg(unix)]
#[test]
fn a_certificate_that_changes_is_served_and_a_wrong_one_is_not() {
    let folder = Folder::new("certificates");
    let (cert, key) = (folder.file("cert.pem"), folder.file("key.pem"));
    let write = |pair: &(String, String, String)| {
        std::fs::write(&cert, &pair.0).unwrap();
        std::fs::write(&key, &pair.1).unwrap();
    };
    let (old, new) = (pair(), pair());
    write(&old);
    let serve = Talking::start(&["--https", "127.0.0.1:0", "--cert", &cert, "--key", &key]);
    let url = serve.after("TLS leg on ");
    let code = |sha256: &str| check(&["--only", "sse", "--leg", "https", "--pin", &format!("sha256:{sha256}"), &url]).code;
    assert_eq!(code(&old.2), 0);
    std::fs::write(&key, "no key").unwrap();
    serve.signal("-HUP");
    serve.line("certificate-kept");
    assert_eq!(code(&old.2), 0);
    write(&new);
    serve.signal("-HUP");
    assert!(serve.line("certificate-read").contains(&new.2));
    assert_eq!(code(&new.2), 0);
    assert_eq!(code(&old.2), 3);
}

#[test]
fn every_line_of_a_log_is_an_object_and_holds_nothing_of_a_request() {
    let serve = Talking::start(&["--log-format", "json", "--max-runs-per-minute", "1", "--token", &format!("acme={TOKEN}")]);
    let listening: Value = serde_json::from_str(&serve.line("listening")).unwrap();
    let url = listening["address"].as_str().unwrap().to_owned();
    let admitted = format!("/v1/run/aa?token={}", proxyprobe_probes::io::proof::admission(TOKEN, "aa"));
    let nasty = "\u{9b}31m\",\"event\":\"forged";
    let ask = |path: &str| {
        exchange(
            &url,
            &format!("GET {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: {nasty}\r\nCookie: {nasty}\r\nConnection: close\r\n\r\n"),
        )
    };
    let begun = ask(&admitted);
    let run: Value = serde_json::from_str(begun.lines().last().unwrap()).unwrap();
    ask(&admitted);
    ask("/v1/run/aa?token=forged");
    for (event, name, value) in [
        ("run-begun", "run", run["run"].as_str().unwrap()),
        ("refused", "limit", "runs-per-address"),
        ("refused", "limit", "token"),
    ] {
        let line = serve.line("\"event\"");
        assert!(!line.contains("forged") && !line.contains(TOKEN) && !line.contains("31m"), "{line}");
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((read["event"].as_str(), read[name].as_str()), (Some(event), Some(value)), "{line}");
        assert_eq!(read["from"], "127.0.0.1");
    }
}

#[test]
fn an_operator_is_told_what_is_going_on() {
    let serve = Talking::start(&["--admin", "127.0.0.1:0"]);
    let url = serve.after("cleartext leg on ");
    let admin = serve.after("admin on ");
    assert!(get(&admin, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(get(&admin, "/readyz").starts_with("HTTP/1.1 200"));
    assert!(get(&admin, "/v1/run/aa").starts_with("HTTP/1.1 404"));
    assert!(get(&url, "/metrics").starts_with("HTTP/1.1 404"), "the metrics are the operator's");
    assert_eq!(check(&["--only", "upgrade,sse", "--leg", "http", &url]).code, 0);
    let metrics = get(&admin, "/metrics");
    for line in [
        "proxyprobe_runs_total{token=\"\"} 1",
        "proxyprobe_requests_total{route=\"upgrade\"} 1",
        "proxyprobe_requests_open{route=\"upgrade\"} 0",
        "proxyprobe_runs_kept 1",
        "# EOF",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[cfg(unix)]
#[test]
fn a_server_that_drains_lets_a_run_end_and_takes_no_new_one() {
    let mut serve = Talking::start(&["--admin", "127.0.0.1:0", "--drain-seconds", "300"]);
    let url = serve.after("cleartext leg on ");
    let admin = serve.after("admin on ");
    let mut client = program(&["check", "--format", "json", "--idle", "6", "--leg", "http", &url]);
    let mut client = client.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    crate::program::await_line(&mut client, "testing all transports");
    serve.signal("-TERM");
    serve.line("waiting for runs");
    let late = check(&["--leg", "http", &url]);
    assert_eq!(late.codes(), ["http:reach.server-unavailable"]);
    assert_eq!(late.json()["findings"][0]["measured"]["limit"], "draining");
    assert!(get(&admin, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(get(&admin, "/readyz").starts_with("HTTP/1.1 503"));
    let ran = Ran::of(client.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert_eq!(serve.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_front_says_whose_connection_it_is() {
    let serve = Talking::start(&["--proxy-protocol", "--max-runs-per-minute", "1"]);
    let url = serve.after("cleartext leg on ");
    let begin =
        |header: &str| exchange(&url, &format!("{header}GET /v1/run/aa HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    let first = "PROXY TCP4 198.51.100.7 192.0.2.1 40000 80\r\n";
    assert!(begin(first).starts_with("HTTP/1.1 200"));
    assert!(serve.line("run-begun").contains("from=198.51.100.7"));
    assert!(begin(first).starts_with("HTTP/1.1 429"));
    assert!(begin("PROXY TCP6 2001:db8::1 2001:db8::2 40000 80\r\n").starts_with("HTTP/1.1 200"));
    assert!(begin("PROXY TCP6 2001:db8::ff 2001:db8::2 40000 80\r\n").starts_with("HTTP/1.1 429"), "the same /64");
    assert!(begin("PROXY UNKNOWN\r\n").starts_with("HTTP/1.1 200"));
    assert_eq!(begin(""), "", "without a header there is no answer");
    serve.line("proxy-protocol");
}

/// The last of them listens where nobody looks for it.
#[cfg(target_os = "linux")]
#[test]
fn other_ports_are_compared_with_the_one_of_the_url() {
    let [passes, differs] = [free_port(), free_port()];
    let serve = Serve::with(&["--also-https", &format!("127.0.0.1:{passes}"), "--also-https", &format!("127.0.0.2:{differs}")]);
    let of = |depth: &[&str]| {
        let flags = ["check", &serve.https, "--pin", &serve.pin, "--only", "upgrade", "--format", "json"];
        let ran = run(&[&flags, depth].concat());
        let report = ran.json();
        let found = report["findings"].as_array().unwrap().iter().filter(|found| found["code"] == "upgrade.port-differs");
        found.map(|found| found["measured"].clone()).collect::<Vec<_>>()
    };
    let found = of(&["--idle", "2"]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["port"], &found[0]["passes"]), (&differs.into(), &"url".into()));
    assert!(of(&["--quick"]).is_empty());
    let alone = Ran::of(program(&["serve", "--also-https", "127.0.0.1:0"]).output().unwrap());
    assert!(alone.code == 2 && alone.stderr.contains("--also-https is for the TLS leg"), "{}", alone.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn a_socket_that_systemd_passes_on_is_served() {
    const ACTIVATE: &str = "systemd-socket-activate";
    if Command::new(ACTIVATE).arg("--version").output().is_err() {
        return;
    }
    let free = format!("127.0.0.1:{}", free_port());
    let command = Command::new(ACTIVATE);
    let activated =
        Talking::of(without_proxies(command, &["-l", &free, "--fdname=http", BINARY, "serve", "--http", "127.0.0.1:1"]));
    activated.line("Listening on");
    assert!(get(&free, "/").contains("This is a proxyprobe server"));
    assert!(activated.line("cleartext leg").contains(&free));
}

/// The test server of Let's Encrypt's makers, where it is installed (Debian: pebble).
#[cfg(target_os = "linux")]
#[test]
fn an_authority_gives_a_certificate_and_it_is_kept() {
    if Command::new("pebble").arg("-version").output().is_err() {
        return;
    }
    let folder = Folder::new("acme");
    let (api, dns, tls) = (free_port(), free_port(), free_port());
    let (cert, key, _) = pair();
    std::fs::write(folder.file("ca.pem"), &cert).unwrap();
    std::fs::write(folder.file("ca.key"), &key).unwrap();
    let config = serde_json::json!({"pebble": {
        "listenAddress": format!("127.0.0.1:{api}"), "managementListenAddress": "127.0.0.1:0",
        "certificate": folder.file("ca.pem"), "privateKey": folder.file("ca.key"), "httpPort": free_port(), "tlsPort": tls,
    }});
    std::fs::write(folder.file("pebble.json"), config.to_string()).unwrap();
    let quiet = |name: &str, arguments: &[&str]| {
        let mut command = Command::new(name);
        command.args(arguments).env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_WFE_NONCEREJECT", "0").stdout(Stdio::null());
        Talking::of(command)
    };
    let resolver = format!("127.0.0.1:{dns}");
    let off = ["-http01", "", "-https01", "", "-tlsalpn01", "", "-management", ""];
    let _names = quiet(
        "pebble-challtestsrv",
        &[&off[..], &["-dns01", &resolver, "-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""]].concat(),
    );
    let _authority = quiet("pebble", &["-config", &folder.file("pebble.json"), "-dnsserver", &resolver, "-strict"]);
    let (directory, kept) = (format!("https://127.0.0.1:{api}/dir"), folder.file("kept"));
    let (https, ca) = (format!("127.0.0.1:{tls}"), folder.file("ca.pem"));
    let acme = ["--acme", "probe.test", "--acme-folder", &kept, "--acme-directory", &directory, "--acme-ca-file", &ca];
    let served = || {
        let serve = Talking::start(&[&acme[..], &["--https", &https]].concat());
        let sha256 = serve.after("certificate-read sha256=");
        let pin = format!("sha256:{sha256}");
        assert_eq!(check(&["--only", "sse", "--leg", "https", "--pin", &pin, &format!("https://{https}")]).code, 0);
        sha256
    };
    let first = served();
    assert_eq!(served(), first, "the second time it comes from the folder");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&kept).unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "the key is nobody else's");
}

/// One that had other work may be about to end; each part of what is asked over HTTP/2 has a connection to itself.
#[test]
fn a_websocket_over_http2_has_a_connection_of_its_own() {
    let serve = Serve::start();
    let ran = check(&["--leg", "https", "--only", "h2", "--pin", &serve.pin, &serve.https]);
    let report = ran.json();
    let all = report["probes"]["h2"]["evidence"]["https"].as_array().unwrap();
    let of = |part: &str| -> Vec<&Value> {
        let of = all.iter().filter(|one| one["asked"]["part"] == part);
        of.map(|one| &one["record"]["opened"]["local"]).collect()
    };
    let (crowd, before, websocket) = (of("crowd"), of("before"), of("web-socket"));
    assert_eq!((crowd.len(), before.len()), (8, 1), "{}", ran.stdout);
    assert!(crowd.iter().all(|local| *local == crowd[0]), "{}", ran.stdout);
    assert_eq!(websocket, before, "{}", ran.stdout);
    assert_ne!(websocket[0], crowd[0], "{}", ran.stdout);
    assert_eq!(all.last().unwrap()["asked"]["settings"]["websockets"], true, "{}", ran.stdout);
}
