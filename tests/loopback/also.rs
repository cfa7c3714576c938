//! The application's own endpoint: what is met, what is sent to it and what is not, and what a hostile one can do.

use crate::application::{header, request, serve, switched};
use crate::program::{Ran, Serve, check, program, run, server};
use crate::signing_in::{PASSWORD, accepting, refusing};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;
use tokio::time::Instant;

/// The visits on a leg.
fn visits(ran: &Ran, leg: &str) -> Vec<Value> {
    ran.json()["probes"]["also"]["evidence"][leg].as_array().cloned().unwrap_or_default()
}

/// The findings of a code.
fn found(ran: &Ran, code: &str) -> Vec<Value> {
    ran.json()["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == code).cloned().collect()
}

fn closed() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn an_endpoint_is_visited_and_decides_nothing() {
    let paired = Serve::start();
    let application = server(serve);
    let gone = closed();
    let urls = [
        format!("ws://{application}/socket?token=s3cretquery"),
        format!("http://{application}/events"),
        format!("wss://{gone}/"),
    ];
    let flags = ["--pin", &paired.pin, "--also", &urls[0], "--also", &urls[1], "--also", &urls[2], &paired.https];
    let ran = check(&flags);
    assert_eq!((ran.code, ran.json()["verdict"].as_str()), (0, Some("works")), "{}", ran.stdout);
    assert_eq!(ran.codes(), ["https:also.not-reached"], "{}", ran.stdout);
    assert_eq!(ran.json()["findings"][0]["decisive"], false);
    let [socket, stream] = visits(&ran, "http").try_into().unwrap();
    let events = socket["record"]["client"]["entries"].to_string();
    assert!(events.contains("{\"received\":[\"pong\",0,null]}") && events.contains("{\"closed\":\"done\"}"), "{events}");
    assert_eq!((&socket["asked"]["heard"]["pieces"], &socket["record"]["accept_key_matches"]), (&1.into(), &true.into()));
    assert!(stream["asked"]["heard"]["event_ends"].as_u64() >= Some(3), "{stream}");
    assert_eq!(socket["record"]["witness"], "absent");
    // What the application says is not kept, nor what stands in a query.
    for word in ["hej-du", "pulsar", "s3cretquery"] {
        assert!(!ran.stdout.contains(word) && !ran.stderr.contains(word), "{word}");
    }
    let text = run(&[&["check", "--quick", "--only", "upgrade"], &flags[..]].concat());
    assert!(text.stdout.contains("\nYour application's own endpoint\n- ws://"), "{}", text.stdout);
    // Who does not ask for it hears nothing of it.
    assert!(check(&["--only", "upgrade", "--pin", &paired.pin, &paired.https]).json()["probes"]["also"].is_null());
}

#[test]
fn a_header_for_the_application_is_sent_there_alone_and_shown_nowhere() {
    const CANARY: &str = "sid=c4nary-s3cret";
    let (seen, heads) = mpsc::channel();
    let (look, looked) = mpsc::channel::<()>();
    let looked = std::sync::Mutex::new(looked);
    let application = server(move |mut stream| {
        let head = request(&mut stream);
        let cookie = header(&head, "cookie").unwrap_or_default();
        seen.send(head).unwrap();
        // It answers when the list of processes has been looked at.
        looked.lock().unwrap().recv().unwrap();
        // It says it all again, as some do.
        let page = format!("<p>not with {cookie}</p>");
        let _ = write!(
            stream,
            "HTTP/1.1 401 {cookie}\r\nX-You-Sent: {cookie}\r\nX-Part: {}\r\nContent-Length: {}\r\n\r\n{page}",
            cookie.split('=').nth(1).unwrap_or_default(),
            page.len()
        );
    });
    let url = format!("ws://{application}/");
    let line = format!("Cookie: {CANARY}");
    let mut command =
        program(&["check", "--quick", "--format", "json", "--header", "X-Probe: 1", "--origin", "https://probe.test"]);
    command.args(["--only", "upgrade", "--also", &url, "--also-header", &line, "--also-header", "X-Own: 2"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let head = heads.recv().unwrap();
    if cfg!(target_os = "linux") {
        let arguments = std::fs::read_to_string(format!("/proc/{}/cmdline", child.id())).unwrap();
        assert!(arguments.contains("--also-header") && !arguments.contains("s3cret"), "{arguments}");
    }
    look.send(()).unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(header(&head, "cookie").as_deref(), Some(CANARY), "{head}");
    assert_eq!((header(&head, "x-own").as_deref(), header(&head, "x-probe")), (Some("2"), None), "{head}");
    assert_eq!(header(&head, "origin"), Some(format!("http://{application}")), "{head}");
    assert!(!ran.stdout.contains("s3cret") && !ran.stderr.contains("s3cret"), "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(found(&ran, "also.refused")[0]["measured"]["status"], 401);
}

#[test]
fn headers_for_the_application_may_come_from_a_file() {
    let (seen, heads) = mpsc::channel();
    let application = server(move |mut stream| seen.send(request(&mut stream)).unwrap());
    let file = std::env::temp_dir().join(format!("proxyprobe-also-{}", std::process::id()));
    std::fs::write(&file, "Cookie: a=1\nAuthorization: Bearer s3cret\n").unwrap();
    let given = format!("@{}", file.display());
    let (url, address) =
        (format!("http://app.test:{}/", application.port()), format!("app.test:{}:127.0.0.1", application.port()));
    let ran = check(&["--only", "upgrade", "--also", &url, "--also-header", &given, "--resolve", &address]);
    std::fs::remove_file(&file).unwrap();
    let head = heads.recv().unwrap();
    assert_eq!(header(&head, "authorization").as_deref(), Some("Bearer s3cret"), "{head}");
    assert_eq!(header(&head, "accept").as_deref(), Some("text/event-stream"), "{head}");
    assert_eq!(header(&head, "host"), Some(format!("app.test:{}", application.port())), "{head}");
    assert!(!ran.stdout.contains("s3cret"), "{}", ran.stdout);
}

#[test]
fn a_mistake_says_what_to_write() {
    for (flags, says) in [
        (&["--also", "app.example/socket"][..], "wss://HOST/PATH"),
        (&["--also", "ftp://app.example"], "wss://HOST/PATH"),
        (&["--also", "wss://u:s3cret@app.example"], "--also-header"),
        (&["--also", "wss://app.example", "--also-header", "s3cret"], "`Name: value`"),
        (&["--also", "wss://app.example", "--also-header", "Host: s3cret"], "sets this header itself"),
        (&["--also", "wss://app.example", "--skip", "also"], "--skip also"),
        (&["--only", "also"], "--also wss://HOST/PATH"),
    ] {
        let ran = run(&[&["check"], flags].concat());
        assert_eq!(ran.code, 2, "{flags:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(says) && !ran.stderr.contains("s3cret"), "{flags:?}: {}", ran.stderr);
    }
}

#[test]
fn the_way_is_that_of_the_applications_own_host() {
    let paired = Serve::start();
    let application = server(serve);
    let (dead, url) = (closed(), format!("ws://localhost:{}/", application.port()));
    let with = |no_proxy: &str| {
        let mut command =
            program(&["check", "--quick", "--format", "json", "--only", "upgrade", "--also", &url, "-4", &paired.http]);
        command.env("HTTP_PROXY", format!("http://{dead}")).env("NO_PROXY", no_proxy);
        Ran::of(command.output().unwrap())
    };
    let through = with("127.0.0.1");
    let [visit] = visits(&through, "http").try_into().unwrap();
    assert_eq!((&visit["asked"]["proxy"], &visit["asked"]["chosen_by"]), (&dead.clone().into(), &"environment".into()));
    assert_eq!(found(&through, "also.not-reached").len(), 1, "{}", through.stdout);
    let direct = with("localhost");
    let [visit] = visits(&direct, "http").try_into().unwrap();
    assert!(visit["asked"]["proxy"].is_null() && visit["record"]["response"]["status"] == 101, "{visit}");
    // The paired server cannot be reached, and the application can.
    assert_eq!((direct.code, found(&direct, "reach.proxy-unreachable").len()), (3, 1), "{}", direct.stdout);
}

#[test]
fn a_proxy_before_the_application_alone_is_signed_in_at() {
    let paired = Serve::start();
    let application = server(serve);
    let (proxy, seen) = accepting(&application.to_string());
    let host = format!("localhost:{}", application.port());
    let mut command =
        program(&["check", "--quick", "--format", "json", "--only", "upgrade", "--leg", "http", "--proxy-user", "ada", "-4"]);
    command.args(["--also", &format!("ws://{host}/"), "--also", &format!("http://{host}/"), &paired.http]);
    command.env("HTTP_PROXY", proxy.to_string()).env("NO_PROXY", "127.0.0.1").env("PROXYPROBE_PROXY_PASSWORD", PASSWORD);
    let ran = Ran::of(command.output().unwrap());
    let visits = visits(&ran, "http");
    let met: Vec<_> =
        visits.iter().map(|visit| (&visit["record"]["response"]["status"], &visit["record"]["opened"]["via"])).collect();
    let expected = [(&101.into(), &"connect".into()), (&200.into(), &"absolute-form".into())];
    assert_eq!(met, expected, "{}", ran.stdout);
    assert!(ran.codes().is_empty() && ran.json()["route"]["kind"] == "direct", "{}", ran.stdout);
    let heads = seen.lock().unwrap();
    assert!(heads.iter().any(|head| header(head, "proxy-authorization").is_some()), "{heads:?}");
    assert!(!ran.stdout.contains("w%rd"), "{}", ran.stdout);
}

#[test]
fn a_password_that_one_proxy_refused_is_offered_to_no_other() {
    let offers = "Proxy-Authenticate: Basic realm=\"x\"\r\n";
    let ((one, tried_at_one), (two, tried_at_two)) = (refusing(offers, |_| true), refusing(offers, |_| true));
    let script = std::env::temp_dir().join(format!("proxyprobe-also-{}.pac", std::process::id()));
    let text = format!("function FindProxyForURL(url, host) {{ return host == 'app.test' ? 'PROXY {two}' : 'PROXY {one}' }}");
    std::fs::write(&script, text).unwrap();
    let pac = script.display().to_string();
    let mut command = program(&["check", "--quick", "--format", "json", "--pac", &pac, "--proxy-user", "ada"]);
    command.args(["--also", "wss://app.test/", "--also", "ws://app.test/", "https://probe.test"]);
    command.env("KRB5CCNAME", "FILE:/nonexistent").env("PROXYPROBE_PROXY_PASSWORD", PASSWORD);
    let ran = Ran::of(command.output().unwrap());
    std::fs::remove_file(&script).unwrap();
    let tried = [&tried_at_one, &tried_at_two].map(|tried| tried.load(Ordering::Relaxed));
    assert_eq!(tried, [1, 0], "{}", ran.stdout);
    let all = found(&ran, "also.not-reached");
    let words = format!("the proxy {one} refused the same password in this run");
    assert!(all.len() == 2 && all.iter().all(|finding| finding["summary"].as_str().unwrap().contains(&words)), "{all:?}");
}

/// What every output must be free of.
fn is_clean(text: &str) -> bool {
    text.chars().all(|c| c == '\n' || !(c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')))
}

/// A WebSocket that is opened, and what the endpoint does then.
fn opening(then: impl Fn(std::net::TcpStream) + Send + Sync + 'static) -> String {
    let address = server(move |mut stream| {
        let head = request(&mut stream);
        let nasty = "X-Nasty: \u{9b}31m\u{202e}<script>\r\n";
        if stream.write_all(switched(&head, nasty).as_bytes()).is_ok() {
            then(stream);
        }
    });
    format!("ws://{address}/")
}

fn flood(mut stream: std::net::TcpStream, bytes: &[u8]) {
    while stream.write_all(bytes).is_ok() {}
}

#[test]
fn a_hostile_endpoint_ends_in_time_and_reaches_no_terminal() {
    let plain = |then: fn(std::net::TcpStream)| {
        format!(
            "http://{}/",
            server(move |mut stream| {
                request(&mut stream);
                then(stream);
            })
        )
    };
    let endless_head = plain(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        flood(stream, b"X-More: and more and more\r\n");
    });
    let endless_stream = plain(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
        flood(stream, &[b'\n'; 4096]);
    });
    let redirect = plain(|mut stream| {
        let _ = stream.write_all(
            b"HTTP/1.1 302 Found\r\nLocation: https://login.test/\xc2\x9b31m\xff\xfe?next=x\r\nContent-Length: 4\r\n\r\n\x1b[2J",
        );
    });
    let escapes = plain(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 \x1b[2J\r\nX-Nasty: \x1b]0;owned\x07\r\n\r\n");
    });
    let dripping = plain(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100000\r\n\r\n");
        while stream.write_all(b"\x1b").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let nothing = plain(|mut stream| {
        let _ = stream.read(&mut [0]);
    });
    let huge = opening(|mut stream| {
        let _ = stream.write_all(&[0x82, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
        flood(stream, &[0xFF; 4096]);
    });
    let pings = opening(|stream| flood(stream, &[0x89, 4, 0xFF, 0xFE, 0x1B, b'[']));
    let not_text = opening(|mut stream| {
        let _ = stream.write_all(&[0x81, 4, 0xFF, 0xFE, 0x1B, b'[', 0x88, 6, 0x03, 0xF0, 0x1B, b'[', b'2', b'J']);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let no_frames = opening(|mut stream| {
        let _ = stream.write_all(b"\x1b[2J<html>");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let urls = [endless_head, endless_stream, redirect, dripping, nothing, huge, pings, not_text, no_frames, escapes];
    let also = urls.iter().flat_map(|url| ["--also", url.as_str()]).collect::<Vec<_>>();
    for format in ["json", "text"] {
        let start = Instant::now();
        let mut command = program(&[&["check", "--quick", "--only", "upgrade", "--format", format], &also[..]].concat());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let id = child.id();
        let memory = std::thread::spawn(move || most_memory(id));
        let ran = Ran::of(child.wait_with_output().unwrap());
        // Five seconds for the way and the head, two to listen, and what a run takes besides on a busy machine.
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
        assert!(is_clean(&ran.stdout) && is_clean(&ran.stderr), "{:?}\n{:?}", ran.stdout, ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        let kilobytes = memory.join().unwrap();
        assert!(kilobytes < 200_000, "{kilobytes}");
        if format == "text" {
            continue;
        }
        let of = |code: &str| -> Vec<String> {
            found(&ran, code).iter().map(|finding| finding["measured"]["url"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(of("also.not-reached"), [urls[0].clone(), urls[4].clone(), urls[9].clone()], "{}", ran.stdout);
        assert_eq!(of("also.refused"), [urls[2].clone(), urls[3].clone()], "{}", ran.stdout);
        assert_eq!(of("also.closed-early"), [urls[7].clone(), urls[8].clone()], "{}", ran.stdout);
        assert!(of("also.silent").is_empty(), "{}", ran.stdout);
        for visit in visits(&ran, "http") {
            assert!(visit["asked"]["heard"]["bytes"].as_u64() < Some(200_000), "{}", visit["asked"]);
            assert!(visit["record"]["client"]["entries"].as_array().unwrap().len() < 400);
        }
        assert!(ran.stdout.len() < 2_000_000, "{}", ran.stdout.len());
    }
}

/// The most memory that a process had until it ended, in kilobytes; 0 where that is not told.
fn most_memory(id: u32) -> u64 {
    let mut most = 0;
    let peak = || {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?.to_owned();
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    // A process that has ended has none.
    while let Some(now) = peak() {
        most = most.max(now);
        std::thread::sleep(Duration::from_millis(20));
    }
    most
}
