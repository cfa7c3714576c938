//! What cannot be reached, and what is not our server: the address, the reason, the next step, and code 3.

use crate::program::{Serve, answering, check, run, server};
use std::net::TcpListener;

fn summary(url: &str, more: &[&str]) -> (i32, Vec<String>, String) {
    let ran = check(&[more, &[url]].concat());
    let report = ran.json();
    let texts = report["findings"].as_array().unwrap().iter().map(|finding| finding["summary"].as_str().unwrap().to_owned());
    (ran.code, ran.codes(), texts.collect::<Vec<_>>().join("\n"))
}

#[test]
fn an_unreachable_name_is_named() {
    let (code, codes, text) = summary("http://no-such-host.invalid:8080", &[]);
    assert_eq!((code, codes), (3, vec!["http:reach.dns-failed".to_owned()]));
    assert!(text.contains("no-such-host.invalid"), "{text}");
}

#[test]
fn a_closed_port_says_who_refused() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, codes, text) = summary(&format!("http://{closed}"), &[]);
    assert_eq!((code, codes), (3, vec!["http:reach.connect-refused".to_owned()]));
    assert!(text.contains(&closed.to_string()) && text.contains("proxyprobe serve"), "{text}");
}

#[test]
fn a_plain_web_server_is_not_ours_and_a_portal_is_a_middlebox() {
    let plain = answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let (code, codes, text) = summary(&format!("http://{plain}"), &[]);
    assert_eq!((code, codes), (3, vec!["http:reach.not-our-server".to_owned()]));
    assert!(text.contains("is not a proxyprobe server"), "{text}");
    let portal = answering("HTTP/1.1 302 Found\r\nLocation: http://login.hotel.example/\r\nContent-Length: 0\r\n\r\n");
    let (code, codes, text) = summary(&format!("http://{portal}"), &[]);
    assert_eq!((code, codes), (1, vec!["http:reach.answered-by-middlebox".to_owned()]));
    assert!(text.contains("login.hotel.example"), "{text}");
}

#[test]
fn what_speaks_no_http_is_shown_harmlessly() {
    let ssh = server(|mut stream| {
        use std::io::{Read, Write};
        let _ = stream.write_all(b"SSH-2.0-x\x1b[31m\r\n");
        let _ = stream.read(&mut [0; 1024]);
    });
    let (code, codes, text) = summary(&format!("http://{ssh}"), &[]);
    assert_eq!((code, codes), (3, vec!["http:reach.not-our-server".to_owned()]));
    assert!(text.contains("SSH-2.0-x\\x1b[31m"), "{text}");
}

/// A certificate of which nothing says whose it is.
const UNTRUSTED: [&str; 2] = ["https:tls.certificate-invalid", "https:reach.certificate-untrusted"];

#[test]
fn a_self_signed_certificate_is_told_with_its_fingerprint() {
    let serve = Serve::start();
    let (code, codes, text) = summary(&serve.https, &[]);
    assert_eq!((code, codes), (3, UNTRUSTED.map(str::to_owned).to_vec()));
    assert!(text.contains(&format!("--pin {}", serve.pin)), "{text}");
    // Told by the server over its other leg, the same certificate is its own and nobody's interception.
    let (code, codes, text) = summary(&serve.http, &[]);
    assert_eq!((code, codes), (0, vec!["https:reach.self-signed-server".to_owned()]));
    assert!(text.contains(&serve.pin), "{text}");
    let wrong = format!("sha256:{}", "0".repeat(64));
    assert_eq!(summary(&serve.https, &["--pin", &wrong]).1, UNTRUSTED);
}

#[test]
fn datagrams_that_are_answered_are_told_from_those_that_get_lost() {
    let serve = Serve::with(&["--udp", "127.0.0.1:0"]);
    let ran = check(&["--pin", &serve.pin, &serve.https]);
    assert_eq!((ran.code, ran.codes()), (0, vec!["https:reach.udp-reachable".to_owned()]));
    // At the port that this one declares, nobody answers.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    let serve = Serve::with(&["--udp", "127.0.0.1:0", "--public-udp", &port]);
    let ran = check(&["--pin", &serve.pin, &serve.https]);
    assert_eq!((ran.code, ran.codes()), (0, vec!["https:reach.udp-blocked".to_owned()]));
    let report = ran.json();
    let found = report["findings"].as_array().unwrap();
    assert!(found.iter().any(|finding| finding["measured"]["direction"] == "to-server"), "{found:?}");
    // What was asked has the form that the server takes, and came more than once.
    silent.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    let heard = || {
        let mut bytes = [0; 512];
        let size = silent.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..size].to_vec()).unwrap()
    };
    let question = heard();
    assert!(question.starts_with("proxyprobe-udp-1 "), "{question}");
    assert_eq!(question, heard());
}

#[test]
fn a_certificate_authority_of_the_users_own_is_trusted() {
    let folder = std::env::temp_dir().join(format!("proxyprobe-ca-{}", std::process::id()));
    let ca = format!("{}.pem", folder.display());
    let mut child = crate::program::program(&["serve", "--self-signed", "--no-http", "--https", "127.0.0.1:0", "--ca-out", &ca])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stderr.take().unwrap()), &mut line).unwrap();
    let url = line.split("TLS leg on ").nth(1).unwrap().trim().to_owned();
    let trusted = check(&["--ca-file", &ca, &url]);
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_file(&ca).unwrap();
    assert_eq!((trusted.code, trusted.codes()), (0, Vec::new()));
}

#[test]
fn a_proxy_that_is_none_is_told_from_the_server() {
    let serve = Serve::start();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, codes, text) = summary(&serve.http, &["--proxy", &format!("http://{closed}")]);
    assert_eq!((code, codes), (3, vec!["http:reach.proxy-unreachable".to_owned()]));
    assert!(text.contains(&closed.to_string()), "{text}");
    let (code, codes, _) = summary(&serve.http, &["--proxy", "http://no-such-proxy.invalid:3128"]);
    assert_eq!((code, codes), (3, vec!["http:reach.proxy-unreachable".to_owned()]));
    let nonsense = answering("\x00\x01nonsense\r\n\r\n");
    let (code, codes, text) = summary(&serve.https, &["--pin", &serve.pin, "--proxy", &format!("http://{nonsense}")]);
    assert_eq!((code, codes), (3, vec!["https:reach.proxy-unreachable".to_owned()]));
    assert!(text.contains("does not speak HTTP"), "{text}");
}

#[test]
fn the_environment_chooses_the_proxy_and_the_report_says_so() {
    let serve = Serve::start();
    let proxy =
        answering("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n");
    let mut command = crate::program::program(&["check", "--quick", "--format", "json", &serve.http]);
    let ran = crate::program::Ran::of(command.env("http_proxy", format!("http://{proxy}")).output().unwrap());
    let report = ran.json();
    assert_eq!((ran.code, ran.codes()), (3, vec!["http:reach.proxy-auth-required".to_owned()]));
    assert_eq!(report["route"]["source"], "environment");
    assert_eq!(report["route"]["proxy"], proxy.to_string());
    let mut direct = crate::program::program(&["check", "--quick", "--format", "json", "--leg", "http", &serve.http]);
    direct.env("http_proxy", format!("http://{proxy}")).env("no_proxy", "127.0.0.0/8");
    assert_eq!(crate::program::Ran::of(direct.output().unwrap()).code, 0);
}

#[test]
fn a_name_can_be_given_an_address() {
    let serve = Serve::start();
    let port = serve.http.rsplit_once(':').unwrap().1;
    let ran = run(&[
        "check",
        "--quick",
        "--leg",
        "http",
        "--resolve",
        &format!("probe.invalid:{port}:127.0.0.1"),
        &format!("http://probe.invalid:{port}"),
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
}
