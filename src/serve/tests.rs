//! What a connection leaves behind: in the counts, and in the records.

use super::routes::{ALL, READS};
use super::runs::Found;
use super::*;
use bytes::Bytes;
use door::Entry;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use proxyprobe_probes::exchange::RequestHead;
use proxyprobe_probes::io::pipe::{Link, pipe};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A server, and the connections that somebody opens to it.
struct Bench {
    server: Server,
    /// Where they come from.
    from: &'static str,
}

impl Bench {
    fn new(limits: Limits) -> Self {
        let options = Options { limits, ..Options::new(Entropy::seeded(1)) };
        Self { server: Server::new(options), from: "192.0.2.1:1" }
    }

    /// The same server, as seen from elsewhere.
    fn from(&self, from: &'static str) -> Self {
        Self { server: self.server.clone(), from }
    }

    /// A connection that counts, with a request on it.
    async fn ask(&self, request: &str) -> Io {
        let (server, mut client) = pipe(Link::default());
        let peer: Option<SocketAddr> = self.from.parse().ok();
        let Entry::In(ticket) = self.server.0.door.connection(peer.map(|peer| peer.ip())) else { panic!("there is room") };
        let serving = self.server.clone();
        let arrival = Arrival { peer, refusal: None };
        tokio::spawn(async move { serving.serve_arrival(server, Leg::Http, arrival, Some(ticket)).await });
        client.write_all(request.as_bytes()).await.unwrap();
        client
    }

    async fn get(&self, path: &str) -> String {
        let mut client = self.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// The id of a new run.
    async fn begin(&self) -> String {
        let start: Value = serde_json::from_str(self.get("/v1/run/aa").await.lines().last().unwrap()).unwrap();
        start["run"].as_str().unwrap().to_owned()
    }

    /// A figure of the metrics; zero where there is none yet.
    fn figure(&self, name: &str) -> u64 {
        let text = self.server.metrics();
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or(0)
    }
}

async fn read_head(client: &mut Io) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_held_after_its_peer_left_counts_until_it_is_closed() {
    let open = "proxyprobe_connections_open{leg=\"http\"}";
    for (route, ends, answers) in [
        ("sse?count=99&every_ms=1000", "keep-alive", true),
        ("sse?count=99&every_ms=1000", "close", true),
        ("long-poll?hold_ms=60000", "keep-alive", false),
    ] {
        let bench = Bench::new(Limits::default());
        let run = bench.begin().await;
        let request = format!("GET /v1/{run}/ab/{route} HTTP/1.1\r\nHost: x\r\nConnection: {ends}\r\n\r\n");
        let mut client = bench.ask(&request).await;
        if answers {
            assert!(read_head(&mut client).await.starts_with("HTTP/1.1 200"));
        } else {
            sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(bench.figure(open), 1, "{route}, {ends}");
        client.shutdown().await.unwrap();
        let closed = async { while !matches!(client.read(&mut [0; 4096]).await, Ok(0) | Err(_)) {} };
        tokio::pin!(closed);
        assert!(timeout(Duration::from_secs(3), &mut closed).await.is_err(), "{route}, {ends}: it is not held");
        assert_eq!(bench.figure(open), 1, "{route}, {ends}: held, and not counted");
        closed.await;
        sleep(Duration::from_millis(1)).await;
        assert_eq!(bench.figure(open), 0, "{route}, {ends}");
    }
}

const UPGRADE: &str =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

/// Asks for a conversation of large messages; whether there is one.
async fn large(bench: &Bench, run: &str) -> Option<Io> {
    let mut client = bench.ask(&format!("GET /v1/{run}/ab/zombie-large HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n\r\n")).await;
    let head = read_head(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 101") || head.starts_with("HTTP/1.1 503"), "{head}");
    head.starts_with("HTTP/1.1 101").then_some(client)
}

#[tokio::test(start_paused = true)]
async fn an_address_has_half_of_the_large_conversations_and_gives_them_back_at_once() {
    let here = Bench::new(Limits { large: 4, ..Limits::default() });
    let (one, two) = (here.begin().await, here.begin().await);
    let first = large(&here, &one).await.unwrap();
    let _second = large(&here, &two).await.unwrap();
    assert!(large(&here, &one).await.is_none() && large(&here, &two).await.is_none(), "it has its half");
    let elsewhere = here.from("192.0.2.2:1");
    let run = elsewhere.begin().await;
    let _third = large(&elsewhere, &run).await.unwrap();
    // Its connection stays open for a while, and nothing large is said there any more.
    drop(first);
    let _again = large(&here, &one).await.unwrap();
    let unknown = here.from("");
    let (one, two) = (unknown.begin().await, unknown.begin().await);
    let _fourth = large(&unknown, &one).await.unwrap();
    assert!(large(&unknown, &two).await.is_none(), "all have theirs");
}

#[tokio::test(start_paused = true)]
async fn only_a_head_that_is_slow_is_a_slow_head() {
    let slow = "proxyprobe_refusals_total{limit=\"slow-head\"}";
    let limits = Limits { longest: Duration::from_secs(40), ..Limits::default() };
    let stream = |query: &str| format!("GET /v1/RUN/ab/sse?{query} HTTP/1.1\r\nHost: x\r\n\r\n");
    let (long, short) = (stream("count=99&every_ms=1000"), stream("count=2&every_ms=20"));
    let post = "POST /v1/RUN/ab/latency-post HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n";
    let root = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let cases: [(&str, &[&str], u64); 9] = [
        ("nothing", &[""], 1),
        ("a part of one", &["GET /v1/RUN/ab/hello HTTP/1.1\r\nHost: x\r\n"], 1),
        ("a part of the second", &[root, "GET / HT"], 1),
        ("silence behind one", &[root], 0),
        ("silence behind a body", &[post, "hello"], 0),
        ("a part of one behind a body", &[post, "hello", "GET / HT"], 1),
        ("a stream that lasts too long", &[&long], 0),
        ("silence behind a stream", &[&short], 0),
        ("a part of one behind a stream", &[&short, "GET / HT"], 1),
    ];
    // Chance decides which of two timers that are due together is seen first.
    for (what, parts, counts) in cases.iter().cycle().take(8 * cases.len()) {
        let bench = Bench::new(limits);
        let run = bench.begin().await;
        let mut client = bench.ask("").await;
        for part in *parts {
            client.write_all(part.replace("RUN", &run).as_bytes()).await.unwrap();
            sleep(Duration::from_secs(1)).await;
        }
        let mut answer = Vec::new();
        let _ = client.read_to_end(&mut answer).await;
        assert_eq!(bench.figure(slow), *counts, "{what}: {}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_on_its_way_takes_from_what_records_may_have() {
    let bench = Bench::new(Limits::default());
    let id = bench.begin().await;
    let Found::Run(run) = bench.server.0.runs.find(&id, None) else { panic!("it has begun") };
    let headers = vec![(Untrusted::new("x"), Untrusted::new(&"y".repeat(1_500))); 100];
    run.note("ab", RequestHead { headers, ..RequestHead::default() }, None, false).unwrap();
    let path = format!("/v1/{id}/ab/witness?page=0&proof={}", run.prover.token("ab", "witness"));
    let ask = async || bench.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
    let left = run.memory.left();
    let mut client = ask().await;
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 200"));
    assert!(left - run.memory.left() > 150_000);
    let rest = run.memory.left();
    assert!(run.memory.take(rest));
    assert!(read_head(&mut ask().await).await.starts_with("HTTP/1.1 503"));
}

#[tokio::test(start_paused = true)]
async fn every_method_and_form_of_a_target_is_answered_for_what_it_is() {
    let bench = Bench::new(Limits::default());
    let run = bench.begin().await;
    for (line, status, allow) in [
        ("CONNECT example.com:443", "405", Some(ALL)),
        ("TRACE /", "405", Some(ALL)),
        ("TRACE /v1/RUN/ab/hello", "405", Some(ALL)),
        ("OPTIONS *", "204", Some(READS)),
        ("OPTIONS /", "204", Some(READS)),
        ("DELETE /", "405", Some(READS)),
        ("POST /", "405", Some(READS)),
        ("GET /", "200", None),
        ("HEAD /", "200", None),
        ("GET http://example.com/", "200", None),
        ("GET http://example.com/v1/RUN/ab/hello", "200", None),
        ("GET http://example.com/nothing", "404", None),
    ] {
        let line = line.replace("RUN", &run);
        let mut client = bench.ask(&format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(head.split(' ').nth(1), Some(status), "{line}: {head}");
        assert_eq!(head.lines().find_map(|line| line.strip_prefix("allow: ")), allow, "{line}: {head}");
        assert!(status != "405" || body.starts_with("This is a proxyprobe server, and no proxy"), "{line}: {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_has_one_page_of_a_record_at_a_time_and_a_run_four() {
    const BEFORE_ITS_TIME: Duration = Duration::from_secs(2);
    let bench = Bench::new(Limits::default());
    let id = bench.begin().await;
    let Found::Run(run) = bench.server.0.runs.find(&id, None) else { panic!("it has begun") };
    for number in 0..20 {
        let headers = vec![(Untrusted::new("x"), Untrusted::new(&"y".repeat(1_500))); 10];
        run.note(&number.to_string(), RequestHead { headers, ..RequestHead::default() }, None, false).unwrap();
    }
    let path = format!("/v1/{id}/ab/witness?page=0&proof={}", run.prover.token("ab", "witness"));
    let request = || Request::get(format!("http://x{path}")).body(Empty::<Bytes>::new()).unwrap();
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(1_000);
    let (mut sender, speaking) = builder.handshake(TokioIo::new(bench.ask("").await)).await.unwrap();
    tokio::spawn(speaking);
    let first = sender.send_request(request()).await.unwrap();
    let second = sender.send_request(request());
    tokio::pin!(second);
    assert!(timeout(BEFORE_ITS_TIME, &mut second).await.is_err(), "the first was not read");
    assert!(first.into_body().collect().await.unwrap().to_bytes().len() > 200_000);
    let second = second.await.unwrap();
    assert_eq!(second.status(), 200);
    assert_eq!(sender.send_request(request()).await.unwrap().status(), 503, "the second was not read in time");
    // More than are under way in memory, so that each of them waits for its reader.
    let mut others = Vec::new();
    for _ in 0..3 {
        let mut client = bench.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        assert!(read_head(&mut client).await.starts_with("HTTP/1.1 200"));
        others.push(client);
    }
    let mut last = bench.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
    assert!(timeout(BEFORE_ITS_TIME, last.read_u8()).await.is_err(), "the run has four");
    others.pop();
    assert!(read_head(&mut last).await.starts_with("HTTP/1.1 200"));
    let mut late = bench.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
    assert!(read_head(&mut late).await.starts_with("HTTP/1.1 503"));
    drop((second, others));
}
