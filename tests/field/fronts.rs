//! HAProxy in front of the TLS leg: passing TLS on, and ending it.

use crate::harness::{Checked, Dir, Process, Serve, check, free_port, installed};
use std::process::{Command, Stdio};

/// HAProxy on a port of its own; `server` is the one behind.
fn haproxy(dir: Dir, sections: &str, port: u16) -> Option<Process> {
    let program = installed("haproxy")?;
    let defaults = "global\n  log stdout format raw local0\ndefaults\n  log global\n  timeout connect 5s\n  timeout client 60s\n  \
                    timeout server 60s\n  timeout tunnel 60s\n";
    let config = dir.write("haproxy.cfg", &format!("{defaults}{sections}"));
    let mut command = Command::new(program);
    command.arg("-db").arg("-f").arg(config);
    Some(Process::start("haproxy", command, dir).listening(port))
}

fn of_tls(checked: &Checked) -> Vec<&str> {
    let all = checked.findings().filter(|finding| finding["leg"] == "https");
    all.filter_map(|finding| finding["code"].as_str()).filter(|code| code.starts_with("tls.")).collect()
}

#[test]
fn a_front_that_passes_tls_on_is_nobody() {
    if installed("haproxy").is_none() {
        return;
    }
    let port = free_port();
    let server = Serve::start(&["--public-https", &port.to_string()]);
    let sections = format!("listen passes\n  mode tcp\n  bind 127.0.0.1:{port}\n  server one 127.0.0.1:{}\n", server.https);
    let Some(haproxy) = haproxy(Dir::new(), &sections, port) else { return };
    let url = format!("https://127.0.0.1:{port}");
    let checked = check("haproxy passes tls", &[&url, "--pin", &server.pin, "--idle", "2"]);
    checked.expect_works();
    let notes = checked.findings().filter(|finding| finding["leg"] == "https").count();
    assert_eq!(notes, 0, "{}\n{}", checked.summary(), haproxy.log());
}

#[test]
fn a_front_that_ends_tls_is_no_interception() {
    let (Some(openssl), Some(_)) = (installed("openssl"), installed("haproxy")) else { return };
    let (dir, port) = (Dir::new(), free_port());
    let at = dir.path().display().to_string();
    let (certificate, key) = (format!("{at}/cert.pem"), format!("{at}/front.pem.key"));
    let made = Command::new(&openssl)
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=front",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .stderr(Stdio::null())
        .status();
    assert!(made.is_ok_and(|status| status.success()));
    let both = format!("{}{}", std::fs::read_to_string(&certificate).unwrap(), std::fs::read_to_string(&key).unwrap());
    let crt = dir.write("front.pem", &both).display().to_string();
    let shown = Command::new(&openssl).args(["x509", "-noout", "-fingerprint", "-sha256", "-in", &certificate]).output().unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let hex = shown.trim().rsplit('=').next().unwrap().replace(':', "").to_ascii_lowercase();
    let server = Serve::start(&["--public-https", &port.to_string()]);
    let sections = format!(
        "listen ends\n  mode http\n  bind 127.0.0.1:{port} ssl crt {crt} alpn http/1.1\n  option forwardfor\n  server one 127.0.0.1:{}\n",
        server.http
    );
    let Some(haproxy) = haproxy(dir, &sections, port) else { return };
    let url = format!("https://127.0.0.1:{port}");
    let checked = check("haproxy ends tls", &[&url, "--pin", &format!("sha256:{hex}"), "--idle", "2"]);
    checked.expect(0, "works");
    assert_eq!(of_tls(&checked), ["tls.terminated-by-front"], "{}\n{}", checked.summary(), haproxy.log());
    let found = checked.finding("https", "tls.terminated-by-front");
    assert_eq!(found["measured"]["server_saw"], "cleartext", "{found}");
    let added = checked.finding("https", "headers.added");
    assert!(added["measured"]["request"].to_string().to_lowercase().contains("x-forwarded-for"), "{added}");
}
