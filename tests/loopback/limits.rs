//! Over a limit, the server says so, and nobody else is blamed.

use crate::program::{Ran, Serve, check};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Sends a request on a connection of its own and reads the answer to its end.
fn ask(url: &str, request: &str) -> String {
    let mut stream = connect(url);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is no answer less.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[expect(clippy::disallowed_methods, reason = "a peer that is not the program")]
fn connect(url: &str) -> TcpStream {
    let stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    // A server that never answers fails the test instead of stopping it.
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

fn get(url: &str, path: &str) -> String {
    ask(url, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
}

/// The id and the key of a new run.
fn begin(url: &str) -> (String, String) {
    let answer = get(url, "/v1/run/aa");
    let start: Value = serde_json::from_str(answer.lines().last().unwrap()).unwrap();
    (start["run"].as_str().unwrap().to_owned(), start["key"].as_str().unwrap().to_owned())
}

/// The findings that blame somebody.
fn blamed(ran: &Ran) -> Vec<Value> {
    let found = ran.json()["findings"].as_array().unwrap().clone();
    found.into_iter().filter(|f| f["outcome"] == "broken" || f["outcome"] == "degraded").collect()
}

#[test]
fn whoever_begins_too_many_runs_is_told_so() {
    for (flags, limit, status, before) in [
        (["--max-runs-per-minute", "1"], "runs-per-address", 429, 1),
        (["--max-memory-bytes", "1"], "memory", 503, 0),
        (["--max-runs", "1"], "runs", 503, 1),
    ] {
        let serve = Serve::with(&flags);
        (0..before).for_each(|_| drop(begin(&serve.http)));
        let ran = check(&["--leg", "http", &serve.http]);
        assert_eq!(ran.code, 3, "{limit}: {}", ran.stderr);
        assert_eq!(ran.codes(), ["http:reach.server-unavailable"], "{limit}");
        let finding = &ran.json()["findings"][0];
        assert_eq!(finding["measured"]["limit"], limit);
        assert_eq!(finding["measured"]["status"], status);
        assert!(finding["summary"].as_str().unwrap().contains("Try again in 60 s"), "{finding}");
    }
}

#[test]
fn a_limit_that_a_run_meets_in_its_middle_blames_nobody() {
    // Whether the code has to be 3: what works needs no record to be believed, so a run whose record is short or gone may be none
    // the worse.
    let cases = [
        (["--max-connections", "16"], true),
        (["--max-connections-per-address", "8"], true),
        (["--max-requests-per-run", "7"], true),
        (["--max-record-bytes", "30000"], false),
        (["--max-sent-bytes", "3000"], true),
        (["--max-message-bytes", "128"], true),
        (["--connection-seconds", "2"], true),
        (["--run-seconds", "3"], false),
    ];
    std::thread::scope(|all| {
        for (flags, doubts) in cases {
            all.spawn(move || {
                let serve = Serve::with(&flags);
                let ran = check(&["--pin", &serve.pin, &serve.https]);
                assert_eq!(blamed(&ran), Vec::<Value>::new(), "{flags:?}");
                assert!(ran.code == 3 || (!doubts && ran.code == 0), "{flags:?}: {} {:?}", ran.code, ran.codes());
            });
        }
    });
}

#[test]
fn a_record_is_read_with_the_key_of_its_run_alone() {
    let serve = Serve::start();
    let (run, key) = begin(&serve.http);
    let (other, other_key) = begin(&serve.http);
    let proof = |run: &str, key: &str| proxyprobe_probes::io::proof::Prover::new(run, key).token("bb", "witness");
    let status = |query: &str| get(&serve.http, &format!("/v1/{run}/bb/witness{query}")).split(' ').nth(1).unwrap().to_owned();
    assert_eq!(status(&format!("?page=0&proof={}", proof(&run, &key))), "200");
    assert_eq!(status("?page=0"), "403");
    assert_eq!(status("?page=0&proof="), "403");
    assert_eq!(status(&format!("?page=0&proof={}", proof(&other, &other_key))), "403");
    assert_eq!(status(&format!("?page=0&proof={}", proof(&run, &other_key))), "403");
    let replayed = get(&serve.http, &format!("/v1/{run}/cc/witness?page=0&proof={}", proof(&run, &key)));
    assert!(replayed.starts_with("HTTP/1.1 403"), "{replayed}");
    assert_ne!(run, other);
    assert_eq!(run.len(), 32);
}

#[test]
fn no_answer_is_ever_a_page() {
    let serve = Serve::start();
    let (run, _) = begin(&serve.http);
    let script = "<script>alert(1)</script>";
    for path in [
        "/".to_owned(),
        "/nothing".to_owned(),
        "/v1/run/aa".to_owned(),
        format!("/v1/run/{script}"),
        format!("/v1/{run}/aa/witness?{script}"),
        format!("/v1/{run}/aa/report?{script}"),
        format!("/v1/{run}/aa/hello?{script}"),
        format!("/v1/{run}/aa/tls?{script}"),
        format!("/v1/{run}/aa/headers?unusual&{script}"),
        format!("/v1/{run}/aa/upgrade?{script}"),
        format!("/v1/{run}/aa/sse?count=1&{script}"),
        format!("/v1/{run}/aa/long-poll?{script}"),
        format!("/v1/{}/aa/hello", "0".repeat(32)),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {script}\r\nX-Own: {script}\r\nConnection: close\r\n\r\n");
        let answer = ask(&serve.http, &request);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let head = head.to_ascii_lowercase();
        if head.starts_with("http/1.1 400") {
            assert!(body.is_empty(), "{path}: {body}");
            continue;
        }
        assert!(head.contains("x-content-type-options: nosniff"), "{path}: {head}");
        assert!(head.contains("content-security-policy: default-src 'none'; sandbox"), "{path}: {head}");
        assert!(head.contains("cache-control: no-"), "{path}: {head}");
        let kinds = ["content-type: text/plain", "content-type: text/event-stream"];
        assert!(kinds.iter().any(|kind| head.contains(kind)), "{path}: {head}");
        assert!(!head.contains("<script>"), "{path}: {head}");
    }
}

#[test]
fn a_head_that_is_too_large_or_too_slow_ends() {
    let serve = Serve::with(&["--max-head-bytes", "8192", "--head-seconds", "1"]);
    let large = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(9_000));
    assert!(ask(&serve.http, &large).starts_with("HTTP/1.1 431"));
    for begun in ["", "GET / HTTP/1.1\r\nHost: x\r\n"] {
        let mut stream = connect(&serve.http);
        stream.write_all(begun.as_bytes()).unwrap();
        // The end of the stream, or a reset: not the end of patience.
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        assert!(!ended.is_err_and(|why| why.kind() == std::io::ErrorKind::WouldBlock), "{begun:?}");
    }
}

#[test]
fn a_websocket_counts_as_a_connection_until_it_ends() {
    // An address has at most as many as are free: the half.
    let serve = Serve::with(&["--max-connections", "16"]);
    let (run, _) = begin(&serve.http);
    let upgrade =
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    let mut all: Vec<_> = (0..16).map(|_| connect(&serve.http)).collect();
    let mut open = 0;
    for (number, stream) in all.iter_mut().enumerate() {
        write!(stream, "GET /v1/{run}/{number:x}/upgrade HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n\r\n").unwrap();
        open += usize::from(crate::program::read_head(stream).starts_with("HTTP/1.1 101"));
    }
    assert!((1..=8).contains(&open), "{open}");
}
