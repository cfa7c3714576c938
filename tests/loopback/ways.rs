//! The way out that a script or a SOCKS proxy gives.

use crate::program::{Ran, Serve, answering, check, read_head, server};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

/// A file that is gone when the test is.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("proxyprobe-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn name(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn closed() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// What is noted of every proxy here, where the server is somewhere else.
const HERE: &str = "http:reach.proxy-on-this-machine";

/// The summary of the first finding.
fn summary(ran: &Ran) -> String {
    ran.json()["findings"][0]["summary"].as_str().unwrap().to_owned()
}

#[test]
fn the_ways_of_a_script_are_tried_in_order() {
    let serve = Serve::start();
    let (one, two) = (closed(), closed());
    let script =
        File::new("in-order.pac", &format!("function FindProxyForURL() {{ return 'PROXY {one}; SOCKS {two}; DIRECT' }}"));
    let ran = check(&["--leg", "http", "--pac", script.name(), &serve.http]);
    assert_eq!((ran.code, ran.codes()), (0, Vec::new()), "{}", ran.stdout);
    let route = ran.json()["route"].clone();
    assert_eq!((&route["kind"], &route["source"], &route["script_source"]), (&"direct".into(), &"pac".into(), &"flag".into()));
    assert_eq!(route["script"], script.name());
    assert_eq!(route["script_said"], format!("PROXY {one}; SOCKS {two}; DIRECT"));
    let passed_over = route["passed_over"].as_array().unwrap();
    assert!(passed_over[0].as_str().unwrap().starts_with(&format!("http-proxy {one}: ")), "{passed_over:?}");
    assert!(passed_over[1].as_str().unwrap().starts_with(&format!("socks4a-proxy {two}: ")), "{passed_over:?}");
    assert_eq!(passed_over.len(), 2);
}

#[test]
fn a_proxy_that_answers_is_kept_whatever_it_answers() {
    let serve = Serve::start();
    let refuses = answering("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    let script =
        format!("function FindProxyForURL(url) {{ return url.slice(0, 6) === 'https:' ? 'PROXY {refuses}; DIRECT' : 'DIRECT' }}");
    let host = answering(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{script}", script.len()));
    let ran = check(&["--leg", "https", "--pin", &serve.pin, "--pac", &format!("http://{host}/a.pac?key=s3cret"), &serve.https]);
    assert_eq!((ran.code, ran.codes()), (1, vec!["https:reach.proxy-refused-tunnel".to_owned()]), "{}", ran.stdout);
    let report = ran.json();
    assert_eq!((&report["route"]["kind"], &report["route"]["proxy"]), (&"http-proxy".into(), &refuses.to_string().into()));
    assert_eq!(report["route"]["script"], format!("http://{host}/a.pac"));
    assert!(!ran.stdout.contains("s3cret"));
}

#[test]
fn a_script_without_an_answer_is_told_with_the_reason() {
    let serve = Serve::start();
    let fails = |place: &str| {
        let ran = check(&["--pac", place, &serve.http]);
        assert_eq!((ran.code, ran.codes().as_slice()), (3, &["http:reach.pac-failed".to_owned()][..]), "{}", ran.stdout);
        assert!(summary(&ran).contains(place), "{}", summary(&ran));
        summary(&ran)
    };
    let text = |name: &str, script: &str| {
        let file = File::new(name, script);
        fails(file.name())
    };
    assert!(text("endless.pac", "function FindProxyForURL() { for (;;) {} }").contains("did not come to an end within 5 s"));
    assert!(text("mistake.pac", "function FindProxyForURL() {\n return nothing }").contains("nothing is not defined, line 2"));
    assert!(text("strange.pac", "function FindProxyForURL() { return 'CARRIER PIGEON' }").contains("CARRIER PIGEON"));
    assert!(text("large.pac", &" ".repeat(1024 * 1024 + 1)).contains("1 MiB"));
    assert!(fails("/nonexistent/proxy.pac").contains("No such file"));
    let missing = answering("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    assert!(fails(&format!("http://{missing}/proxy.pac")).contains("HTTP status 404"));
    let circle = answering("HTTP/1.1 302 Found\r\nLocation: /proxy.pac\r\nContent-Length: 0\r\n\r\n");
    assert!(fails(&format!("http://{circle}/proxy.pac")).contains("again and again"));
    assert!(fails(&format!("http://{}/proxy.pac", closed())).contains("connection refused"));
}

/// A SOCKS proxy that reads `request` bytes after its `hello` and answers both; it hands out what it read.
fn socks(hello: &'static [u8], reply: &'static [u8], request: usize) -> (String, mpsc::Receiver<Vec<u8>>) {
    let (seen, requests) = mpsc::channel();
    let address = server(move |mut stream| {
        if !hello.is_empty() {
            let mut methods = [0; 3];
            let _ = stream.read_exact(&mut methods);
            let _ = stream.write_all(hello);
        }
        let mut bytes = vec![0; request];
        if stream.read_exact(&mut bytes).is_ok() {
            let _ = seen.send(bytes);
        }
        let _ = stream.write_all(reply);
        read_head(&mut stream);
    });
    (address.to_string(), requests)
}

#[test]
fn names_are_resolved_by_the_proxy() {
    // Connection refused (RFC 1928 section 6), after a request by name (address type 3).
    let (five, requests) = socks(&[5, 0], &[5, 5, 0, 1, 0, 0, 0, 0, 0, 0], 20);
    let ran = check(&["--proxy", &format!("socks5://{five}"), "http://probe.invalid:8080"]);
    assert_eq!(requests.recv_timeout(Duration::from_secs(20)).unwrap(), b"\x05\x01\x00\x03\x0dprobe.invalid\x1f\x90");
    assert_eq!(
        (ran.code, ran.codes()),
        (3, ["http:reach.server-unavailable", HERE].map(str::to_owned).to_vec()),
        "{}",
        ran.stdout
    );
    assert_eq!(ran.json()["route"]["kind"], "socks5-proxy");
    // Request rejected, after 0.0.0.1 and the name.
    let (four, requests) = socks(&[], &[0, 91, 0, 0, 0, 0, 0, 0], 23);
    let ran = check(&["--proxy", &format!("socks4://{four}"), "http://probe.invalid:8080"]);
    assert_eq!(requests.recv_timeout(Duration::from_secs(20)).unwrap(), b"\x04\x01\x1f\x90\x00\x00\x00\x01\x00probe.invalid\x00");
    assert_eq!(
        (ran.code, ran.codes()),
        (3, ["http:reach.server-unavailable", HERE].map(str::to_owned).to_vec()),
        "{}",
        ran.stdout
    );
    assert_eq!(ran.json()["route"]["kind"], "socks4a-proxy");
}

#[test]
fn what_a_socks_proxy_says_is_told_apart() {
    // Not allowed by rule.
    let (address, _requests) = socks(&[5, 0], &[5, 2, 0, 1, 0, 0, 0, 0, 0, 0], 20);
    let ran = check(&["--proxy", &format!("socks5://{address}"), "http://probe.invalid:8080"]);
    assert_eq!(
        (ran.code, ran.codes()),
        (1, ["http:reach.proxy-refused-tunnel", HERE].map(str::to_owned).to_vec()),
        "{}",
        ran.stdout
    );
    // A user is wanted.
    let (address, _requests) = socks(&[5, 255], &[], 0);
    let ran = check(&["--proxy", &format!("socks5://{address}"), "http://probe.invalid:8080"]);
    assert_eq!(
        (ran.code, ran.codes()),
        (3, ["http:reach.proxy-auth-required", HERE].map(str::to_owned).to_vec()),
        "{}",
        ran.stdout
    );
    // It speaks something else.
    let spoken = server(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        read_head(&mut stream);
    });
    let ran = check(&["--proxy", &format!("socks5://{spoken}"), "http://probe.invalid:8080"]);
    assert_eq!(
        (ran.code, ran.codes()),
        (3, ["http:reach.proxy-unreachable", HERE].map(str::to_owned).to_vec()),
        "{}",
        ran.stdout
    );
    assert!(summary(&ran).contains("does not speak SOCKS"), "{}", summary(&ran));
}
