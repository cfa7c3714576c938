//! Event streams that come late, or in other pieces.

use crate::bench::Bench;
use crate::bytes::{EVENTS, GET, STREAM, chunk, unchunked};
use crate::passing::{requests_pass, streams_pass, websockets_pass};
use crate::peer::{End, Peer};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep, timeout};

/// The last chunk, with no trailers.
pub(crate) const LAST: &str = "0\r\n\r\n";
/// A stream with all that is allowed in one.
pub(crate) const BODY: &str = ": hello\n\nid: 1\nevent: x\ndata: a\n\n\r\ndata: b\r\ndata: c\r\n\r\nretry: 5\n\ndata: d\n\n";

/// Both ends of an event stream whose head passed unchanged.
pub(crate) async fn begun(boxes: &str) -> (Peer, Peer) {
    let (mut client, mut server) = Bench::new(boxes).asks(EVENTS).await;
    server.gets(EVENTS).await;
    server.sends(STREAM).await;
    client.gets(STREAM).await;
    (client, server)
}

/// The last chunk passes, and the end behind it.
pub(crate) async fn finishes(mut client: Peer, mut server: Peer) {
    server.sends(LAST).await;
    drop(server);
    client.gets(LAST).await;
    assert_eq!(client.end().await, End::Fin);
}

/// All that comes, and the end.
async fn everything(client: &mut Peer) -> (Vec<u8>, End) {
    let mut all = Vec::new();
    let read = timeout(Duration::from_secs(3_600), client.0.read_to_end(&mut all)).await.expect("no end comes");
    (all, if read.is_ok() { End::Fin } else { End::Reset })
}

/// Whatever tells the end of a body, and however its bytes are cut, it becomes `becomes`; one that ends too early does not
/// look whole, a reset is one, and a client that leaves takes the server's side with it.
pub(crate) async fn bodies_become(
    boxes: &str,
    asked: &str,
    becomes: impl Fn(&[u8]) -> Vec<u8>,
    read: impl Fn(Vec<u8>) -> Vec<u8>,
) {
    let mut bench = Bench::new(boxes);
    let whole = becomes(BODY.as_bytes());
    let altered = whole != BODY.as_bytes() || asked != EVENTS;
    let chunks: Vec<u8> = BODY.as_bytes().chunks(11).flat_map(chunk).collect();
    let extended = [&b"3;x=\"y\"\r\n: h\r\n"[..], &chunk(&BODY.as_bytes()[3..]), b"0\r\nX-Trailer: 1\r\n\r\n"].concat();
    let length = format!("Content-Length: {}", BODY.len());
    for (fields, wire) in [
        ("Transfer-Encoding: chunked", [&chunks, LAST.as_bytes()].concat()),
        ("Transfer-Encoding: chunked", extended),
        (&length, BODY.into()),
        ("X-Own: 2", BODY.into()),
    ] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{fields}\r\n\r\n");
        for cut in [1, 2, 7, wire.len()] {
            for missing in [0, 25] {
                for resets in [false, true] {
                    if resets && missing == 0 {
                        continue;
                    }
                    let (mut client, mut server) = bench.asks(asked).await;
                    server.gets(asked).await;
                    server.sends(&head).await;
                    for piece in wire[..wire.len() - missing].chunks(cut) {
                        server.sends(piece).await;
                        sleep(Duration::from_millis(1)).await;
                    }
                    let what = format!("{boxes} {fields} {cut} {missing} {resets}");
                    if resets {
                        server.reset();
                        assert_eq!(everything(&mut client).await.1, End::Reset, "{what}");
                        continue;
                    }
                    drop(server);
                    let (all, end) = everything(&mut client).await;
                    let text = String::from_utf8_lossy(&all).into_owned();
                    if end == End::Reset {
                        assert!(altered && missing > 0 && fields == length, "{what}");
                        continue;
                    }
                    let (got_head, _) = text.split_once("\r\n\r\n").unwrap();
                    let got = &all[got_head.len() + 4..];
                    let (body, last) = if fields.ends_with("chunked") { unchunked(got) } else { (got.to_vec(), missing == 0) };
                    assert_eq!(last, missing == 0, "{what}");
                    // The length stands there as long as it is right.
                    assert_eq!(got_head.contains(&length), fields == length && !altered, "{what}");
                    if missing == 0 {
                        assert_eq!(read(body).escape_ascii().to_string(), whole.escape_ascii().to_string(), "{what}");
                    }
                }
            }
        }
    }
    // What has no body passes as it is.
    let start = Instant::now();
    for (request, answer) in [
        (asked.to_owned(), "HTTP/1.1 204 No Content\r\nX-Own: 2\r\n\r\n"),
        (asked.replace("GET", "HEAD"), "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 5\r\n\r\n"),
    ] {
        let (mut client, mut server) = bench.asks(&request).await;
        server.gets(&request).await;
        server.sends(answer).await;
        client.gets(answer).await;
        drop(server);
        assert_eq!(client.end_since(start).await, (0, End::Fin), "{boxes}");
    }
    for (resets, end) in [(false, End::Fin), (true, End::Reset)] {
        for events in [0, 2] {
            let (client, mut server) = bench.asks(asked).await;
            server.gets(asked).await;
            server.sends(STREAM).await;
            for _ in 0..events {
                sleep(Duration::from_millis(10)).await;
                server.sends(chunk(BODY)).await;
            }
            sleep(Duration::from_millis(10)).await;
            let start = Instant::now();
            if resets {
                client.reset();
            } else {
                drop(client);
            }
            assert_eq!(server.end_since(start).await, (0, end), "{boxes} after {events}");
        }
    }
}

/// The same for a box that changes nothing but the time.
async fn bodies_stay(boxes: &str) {
    bodies_become(boxes, EVENTS, <[u8]>::to_vec, |body| body).await;
    requests_pass(boxes).await;
    websockets_pass(boxes).await;
}

/// Bytes that come together, at exactly this many milliseconds after a moment.
pub(crate) async fn gets_at(client: &mut Peer, start: Instant, at: u128, bytes: impl AsRef<[u8]>) {
    client.gets(bytes).await;
    assert_eq!(start.elapsed().as_millis(), at);
}

pub(crate) async fn hold_stream() {
    for which in ["event-streams", "always", "text", "not-asked-for", "close-delimited"] {
        for hint in ["ignored", "obeyed"] {
            for head in ["held", "passed"] {
                let boxes = format!("hold-stream:which={which},hint={hint},head={head}");
                let mut bench = Bench::new(&boxes);
                for request in [EVENTS, GET] {
                    for of in ["text/event-stream", "text/event-stream; charset=utf-8", "Text/Event-Stream", "text/plain"] {
                        for says in ["X-Own: 2", "X-Accel-Buffering: no", "X-Accel-Buffering: No", "X-Accel-Buffering: yes"] {
                            for framing in ["Transfer-Encoding: chunked", "Content-Length: 10", "X-Own: 3"] {
                                let chosen = match which {
                                    "event-streams" => of != "text/plain",
                                    "text" => of == "text/plain",
                                    "not-asked-for" => request == GET,
                                    "close-delimited" => framing == "X-Own: 3",
                                    _ => true,
                                };
                                let holds = chosen && !(hint == "obeyed" && says.to_lowercase().ends_with("no"));
                                let answer = format!("HTTP/1.1 200 OK\r\nContent-Type: {of}\r\n{says}\r\n{framing}\r\n\r\n");
                                let framed = |text: &str| {
                                    if framing.ends_with("chunked") { chunk(text) } else { text.into() }
                                };
                                let last = if framing.ends_with("chunked") { LAST } else { "" };
                                held(&mut bench, request, &answer, framed, last, holds.then_some(head)).await;
                            }
                        }
                    }
                }
                websockets_pass(&boxes).await;
                if ["not-asked-for", "close-delimited"].contains(&which) {
                    streams_pass(&boxes).await;
                }
                if ["event-streams", "close-delimited"].contains(&which) {
                    requests_pass(&boxes).await;
                }
            }
        }
    }
    bodies_stay("hold-stream").await;
    bodies_stay("hold-stream:head=passed").await;
}

/// One answer in two pieces, a minute apart: held to its end, with its head or without, or not at all.
async fn held(bench: &mut Bench, request: &str, head: &str, framed: impl Fn(&str) -> Vec<u8>, last: &str, holds: Option<&str>) {
    let (mut client, mut server) = bench.asks(request).await;
    let start = Instant::now();
    server.gets(request).await;
    server.sends(head).await;
    server.sends(framed("hello")).await;
    if holds != Some("held") {
        gets_at(&mut client, start, 0, head).await;
    }
    if holds.is_none() {
        gets_at(&mut client, start, 0, framed("hello")).await;
    }
    client.hears_nothing(60).await;
    server.sends([&framed("world"), last.as_bytes()].concat()).await;
    drop(server);
    if holds == Some("held") {
        client.gets(head).await;
    }
    let rest = if holds.is_some() { framed("helloworld") } else { framed("world") };
    client.gets([&rest, last.as_bytes()].concat()).await;
    assert_eq!(client.end_since(start).await, (60_000, End::Fin), "{head}");
}

pub(crate) async fn hold_until_bytes() {
    // Pieces of the body, and what passes with each.
    for (then, steps) in [
        ("holds-again", [(99, 0), (1, 100), (60, 0), (60, 120), (100, 100), (1, 0), (250, 251)]),
        ("keeps-the-rest", [(99, 0), (1, 100), (60, 0), (60, 100), (100, 100), (1, 0), (250, 200)]),
        ("flows", [(99, 0), (1, 100), (60, 60), (1, 1), (100, 100), (1, 1), (250, 250)]),
    ] {
        let boxes = format!("hold-until-bytes:bytes=100,then={then}");
        let (mut client, mut server) = begun(&boxes).await;
        let (mut sent, mut passed) = (Vec::new(), 0);
        for (comes, passes) in steps {
            let piece = vec![b'a' + comes as u8 % 26; comes];
            sent.extend(&piece);
            let start = Instant::now();
            server.sends(chunk(piece)).await;
            if passes > 0 {
                gets_at(&mut client, start, 0, chunk(&sent[passed..passed + passes])).await;
            }
            passed += passes;
            client.hears_nothing(60).await;
        }
        if passed < sent.len() {
            server.sends(LAST).await;
            client.gets(chunk(&sent[passed..])).await;
            client.gets(LAST).await;
            assert_eq!(client.end().await, End::Fin);
        } else {
            finishes(client, server).await;
        }
        bodies_stay(&boxes).await;
    }
    let (mut client, mut server) = begun("hold-until-bytes").await;
    server.sends(chunk([b'x'; 4_095])).await;
    client.hears_nothing(60).await;
    server.sends(chunk("y")).await;
    client.gets(chunk([&[b'x'; 4_095][..], b"y"].concat())).await;
}

pub(crate) async fn batch_events() {
    for every in [250, 1_000] {
        let boxes = format!("batch-events:every={every}ms");
        let (mut client, mut server) = begun(&boxes).await;
        let start = Instant::now();
        let quarter = Duration::from_millis(every / 4);
        for round in 1..5 {
            for word in ["data: a\n\n", "data: b\n", "\n"] {
                sleep(quarter).await;
                server.sends(chunk(word)).await;
            }
            gets_at(&mut client, start, u128::from(every * round), chunk("data: a\n\ndata: b\n\n")).await;
        }
        // When nothing has come, nothing passes.
        client.hears_nothing(60).await;
        sleep(quarter).await;
        let start = Instant::now();
        server.sends([chunk("data: c\n\n"), LAST.into()].concat()).await;
        gets_at(&mut client, start, 0, [chunk("data: c\n\n"), LAST.into()].concat()).await;
        assert_eq!(client.end_since(start).await, (0, End::Fin));
        bodies_stay(&boxes).await;
    }
}

pub(crate) async fn trickle_stream() {
    for (bytes, every) in [(1, 100), (3, 50), (1_000, 2_000)] {
        let boxes = format!("trickle-stream:bytes={bytes},every={every}ms");
        let (mut client, mut server) = begun(&boxes).await;
        let start = Instant::now();
        let text = [b"data: 0123456789\n\n".repeat(3), b"data: and what comes meanwhile\n\n".to_vec()].concat();
        let (first, second) = text.split_at(20);
        server.sends(chunk(first)).await;
        server.sends(chunk(second)).await;
        server.sends(LAST).await;
        let mut at = 0;
        for drop in text.chunks(bytes) {
            at += every;
            gets_at(&mut client, start, at, chunk(drop)).await;
        }
        client.gets(LAST).await;
        assert_eq!(client.end_since(start).await, (at, End::Fin));
        bodies_stay(&boxes).await;
    }
    let (mut client, mut server) = begun("trickle-stream:every=1").await;
    let start = Instant::now();
    client.hears_nothing(60).await;
    sleep(Duration::from_millis(300)).await;
    server.sends(chunk(":")).await;
    gets_at(&mut client, start, 61_000, chunk(":")).await;
    finishes(client, server).await;
}

pub(crate) async fn delay_events() {
    for by in [0_u64, 200, 5_000] {
        let boxes = format!("delay-events:by={by}ms");
        let (mut client, mut server) = begun(&boxes).await;
        let start = Instant::now();
        let waits = [0, 1, 70, 129, 1_000, 1];
        let sends = async {
            for (number, wait) in waits.iter().enumerate() {
                sleep(Duration::from_millis(*wait)).await;
                server.sends(chunk(format!("data: {number}\n\n"))).await;
            }
            server.sends(LAST).await;
        };
        let gets = async {
            let mut due = u128::from(by);
            for (number, wait) in waits.iter().enumerate() {
                due += u128::from(*wait);
                gets_at(&mut client, start, due, chunk(format!("data: {number}\n\n"))).await;
            }
            client.gets(LAST).await;
            assert_eq!(client.end_since(start).await, (due, End::Fin));
        };
        tokio::join!(sends, gets);
        bodies_stay(&boxes).await;
    }
}

pub(crate) async fn keep_one_event() {
    let (mut client, mut server) = begun("keep-one-event").await;
    let pieces = ["data: 1\n\n", ": comment\n\n", "data: 2", "\n\n", "data: 3\n\ndata: 4\n\n"];
    for (at, piece) in pieces.iter().enumerate() {
        let start = Instant::now();
        server.sends(chunk(piece)).await;
        if at > 0 {
            gets_at(&mut client, start, 0, chunk(pieces[at - 1])).await;
        }
        client.hears_nothing(60).await;
    }
    // The end is the next one of the last.
    server.sends(LAST).await;
    client.gets([chunk(pieces[4]), LAST.into()].concat()).await;
    assert_eq!(client.end().await, End::Fin);
    bodies_stay("keep-one-event").await;
}
