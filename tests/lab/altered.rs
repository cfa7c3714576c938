//! Event streams that become something else.

use crate::bench::Bench;
use crate::bytes::{EVENTS, GET, STREAM, chunk, event};
use crate::passing::{passes, requests_pass, streams_pass, websockets_pass};
use crate::peer::{End, Peer};
use crate::streams::{BODY, LAST, begun, bodies_become, finishes, gets_at};
use flate2::write::GzDecoder;
use std::io::Write;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep, timeout};

/// What was compressed, as far as it can be read.
fn unzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzDecoder::new(Vec::new());
    gzip.write_all(bytes).unwrap();
    gzip.flush().unwrap();
    gzip.get_ref().clone()
}

/// One chunk, without its frame.
async fn one_chunk(client: &mut Peer) -> Vec<u8> {
    use tokio::io::AsyncReadExt;
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(client.0.read_u8().await.unwrap());
    }
    let size = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim_end(), 16).unwrap();
    let mut data = vec![0; size];
    client.0.read_exact(&mut data).await.unwrap();
    client.gets("\r\n").await;
    data
}

fn offering(offer: &str) -> String {
    EVENTS.replace("Connection: close", &format!("Accept-Encoding: {offer}\r\nConnection: close"))
}

pub(crate) async fn compress_stream() {
    let zipped = STREAM.replace("\r\n\r\n", "\r\nContent-Encoding: gzip\r\n\r\n");
    for flushes in ["never", "always"] {
        let boxes = format!("compress-stream:flushes={flushes}");
        for offer in ["gzip", "gzip, deflate, br", "br;q=1, GZIP;q=0.5"] {
            let (mut client, mut server) = Bench::new(&boxes).asks(offering(offer)).await;
            server.gets(offering(offer)).await;
            server.sends(STREAM).await;
            client.gets(&zipped).await;
            let (mut came, mut whole) = (Vec::new(), Vec::<u8>::new());
            for number in 0..3 {
                let text = format!("data: {number}{}\n\n", "x".repeat(3_000));
                whole.extend(text.as_bytes());
                let start = Instant::now();
                server.sends(chunk(text)).await;
                if flushes == "always" {
                    came.extend(one_chunk(&mut client).await);
                    assert_eq!(start.elapsed(), Duration::ZERO);
                    assert_eq!(unzipped(&came), whole);
                }
                client.hears_nothing(60).await;
            }
            server.sends(LAST).await;
            came.extend(one_chunk(&mut client).await);
            assert_eq!(unzipped(&came), whole);
            assert!(came.len() < 500, "{}", came.len());
            client.gets(LAST).await;
            assert_eq!(client.end().await, End::Fin);
        }
        // Without an offer, and where the server forbids it or has done something of the kind itself.
        let fields = |field: &str| STREAM.replace("Cache-Control: no-store", field);
        for (request, head) in [
            (EVENTS.to_owned(), STREAM.to_owned()),
            (offering("br"), STREAM.to_owned()),
            (offering("gzip;q=0, br"), STREAM.to_owned()),
            (offering("gzip; q=0.000"), STREAM.to_owned()),
            (offering("gzip"), fields("Cache-Control: no-store, no-transform")),
            (offering("gzip"), fields("Cache-Control: no-store\r\nCache-Control: No-Transform")),
            (offering("gzip"), fields("Content-Encoding: br")),
        ] {
            let (mut client, mut server) = Bench::new(&boxes).asks(&request).await;
            server.gets(&request).await;
            for bytes in [head, event("1"), event("2")] {
                let start = Instant::now();
                server.sends(&bytes).await;
                gets_at(&mut client, start, 0, bytes).await;
            }
            finishes(client, server).await;
        }
        bodies_become(&boxes, &offering("gzip"), <[u8]>::to_vec, |body| unzipped(&body)).await;
        streams_pass(&boxes).await;
        requests_pass(&boxes).await;
        websockets_pass(&boxes).await;
        passes(&mut Bench::new(&boxes), &GET.replace("X-Own: 1", "Accept-Encoding: gzip")).await;
    }
}

pub(crate) async fn withhold_head() {
    for lasts in [20, 800, 30_000] {
        let boxes = format!("withhold-head:for={lasts}ms");
        for events in [0, 3] {
            let (mut client, mut server) = Bench::new(&boxes).asks(EVENTS).await;
            server.gets(EVENTS).await;
            client.hears_nothing(3).await;
            let start = Instant::now();
            server.sends(STREAM).await;
            server.sends(event("x").repeat(events)).await;
            gets_at(&mut client, start, lasts, [STREAM, &event("x").repeat(events)].concat()).await;
            for number in 0..3 {
                sleep(Duration::from_secs(1)).await;
                let start = Instant::now();
                server.sends(event(&number.to_string())).await;
                gets_at(&mut client, start, 0, event(&number.to_string())).await;
            }
            finishes(client, server).await;
        }
        requests_pass(&boxes).await;
        websockets_pass(&boxes).await;
    }
}

pub(crate) async fn change_content_type() {
    for to in ["text/plain", "application/octet-stream", "text/html"] {
        let boxes = format!("change-content-type:to={to}");
        for head in [STREAM, &STREAM.replace("text/event-stream", "text/event-stream; charset=utf-8")] {
            let (mut client, mut server) = Bench::new(&boxes).asks(EVENTS).await;
            server.gets(EVENTS).await;
            server.sends([head, &event("1")].concat()).await;
            let fields = "Cache-Control: no-store\r\nTransfer-Encoding: chunked";
            client.gets(format!("HTTP/1.1 200 OK\r\n{fields}\r\nContent-Type: {to}\r\n\r\n{}", event("1"))).await;
            // The body passes as it came, trailers and all.
            for bytes in [&event("2"), "3;x=y\r\n: \n\r\n", "0\r\nX-Trailer: 1\r\n\r\n"] {
                let start = Instant::now();
                server.sends(bytes).await;
                gets_at(&mut client, start, 0, bytes).await;
            }
            drop(server);
            assert_eq!(client.end().await, End::Fin);
        }
        requests_pass(&boxes).await;
        websockets_pass(&boxes).await;
    }
}

pub(crate) async fn show_progress_page() {
    let page = "<html><title>Please wait</title><p>The download is being scanned.</p></html>\n";
    let page = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{page}", page.len());
    let browser = EVENTS.replace("Accept:", "User-Agent: Mozilla/5.0 (X11)\r\nAccept:");
    let other = EVENTS.replace("Accept:", "User-Agent: ring/1\r\nAccept:");
    for (agents, concerns) in [("all", &[EVENTS, &browser, &other][..]), ("mozilla", &[browser.as_str()])] {
        for after in [0, 500, 7_000] {
            let boxes = format!("show-progress-page:agents={agents},after={after}ms");
            for request in concerns {
                let (mut client, mut server) = Bench::new(&boxes).asks(request).await;
                server.gets(request).await;
                client.hears_nothing(3).await;
                let start = Instant::now();
                server.sends([STREAM, &event("1")].concat()).await;
                gets_at(&mut client, start, after, &page).await;
                // Nothing of the stream follows, and it is scanned to its end.
                for _ in 0..100 {
                    server.sends(chunk([b'x'; 4_096])).await;
                }
                client.hears_nothing(60).await;
                let start = Instant::now();
                server.sends(LAST).await;
                assert_eq!(client.end_since(start).await, (0, End::Fin));
            }
            requests_pass(&boxes).await;
            websockets_pass(&boxes).await;
            passes(&mut Bench::new(&boxes), &GET.replace("ring", "Mozilla/5.0")).await;
        }
    }
    streams_pass("show-progress-page:agents=mozilla").await;
    passes(&mut Bench::new("show-progress-page:agents=mozilla"), &other).await;
}

/// What becomes of pieces of a stream, at once; those without data behind them pass as they are.
async fn pieces_become(boxes: &str, steps: &[(&str, &[&str])]) {
    let (mut client, mut server) = begun(boxes).await;
    for (piece, becomes) in steps {
        let start = Instant::now();
        server.sends(chunk(piece)).await;
        for piece in *becomes {
            gets_at(&mut client, start, 0, chunk(piece)).await;
        }
        client.hears_nothing(10).await;
    }
    finishes(client, server).await;
}

pub(crate) async fn inject_text() {
    let ad = "<!-- ad -->\n";
    let steps: &[(&str, &[&str])] = &[
        ("data: 1\n\n", &["data: 1\n\n", ad]),
        (": heartbeat\n\n", &[": heartbeat\n\n"]),
        ("retry: 3\n\nid: data:\n\n", &["retry: 3\n\nid: data:\n\n"]),
        ("data: 2\n\n: x\n\ndata: 3\n\n: y", &["data: 2\n\n", ad, ": x\n\ndata: 3\n\n", ad, ": y"]),
        ("\n\nid: 4\nda", &["\n\nid: 4\nda"]),
        ("ta: 4\nda", &["ta: 4\nda"]),
        ("ta: 5\n", &["ta: 5\n"]),
        ("\n", &["\n", ad]),
        ("data: 6\r\n\r\n", &["data: 6\r\n\r\n", ad]),
    ];
    pieces_become("inject-text", steps).await;
    let becomes = |_: &[u8]| {
        let whole = BODY.replace("a\n\n", &format!("a\n\n{ad}")).replace("c\r\n\r\n", &format!("c\r\n\r\n{ad}"));
        whole.replace("d\n\n", &format!("d\n\n{ad}")).into_bytes()
    };
    bodies_become("inject-text", EVENTS, becomes, |body| body).await;
    requests_pass("inject-text").await;
    websockets_pass("inject-text").await;
}

pub(crate) async fn repeat_events() {
    let steps: &[(&str, &[&str])] = &[
        ("data: 1\n\n", &["data: 1\n\n", "data: 1\n\n"]),
        (": heartbeat\n\n", &[": heartbeat\n\n"]),
        ("data: 2\n\ndata: 3\n\nid: 4\n", &["data: 2\n\n", "data: 2\n\n", "data: 3\n\n", "data: 3\n\n", "id: 4\n"]),
        ("data: 4\n", &["data: 4\n"]),
        ("\n", &["\n", "id: 4\ndata: 4\n\n"]),
        ("data: 5\r\n\r\n", &["data: 5\r\n\r\n", "data: 5\r\n\r\n"]),
    ];
    pieces_become("repeat-events", steps).await;
    let becomes = |_: &[u8]| {
        let one = "id: 1\nevent: x\ndata: a\n\n";
        let two = "data: b\r\ndata: c\r\n\r\n";
        let whole = BODY.replace(one, &one.repeat(2)).replace(two, &two.repeat(2));
        whole.replace("data: d\n\n", &"data: d\n\n".repeat(2)).into_bytes()
    };
    bodies_become("repeat-events", EVENTS, becomes, |body| body).await;
    requests_pass("repeat-events").await;
    websockets_pass("repeat-events").await;
}

pub(crate) async fn cut_streams() {
    for after in [1_000_u64, 15_000] {
        let boxes = format!("cut-streams:after={after}ms");
        for silent in [false, true] {
            let (mut client, mut server) = Bench::new(&boxes).asks(EVENTS).await;
            server.gets(EVENTS).await;
            client.hears_nothing(3).await;
            server.sends(STREAM).await;
            client.gets(STREAM).await;
            let start = Instant::now();
            for number in 0..after / 100 {
                sleep(Duration::from_millis(if silent { 0 } else { 99 })).await;
                let now = Instant::now();
                server.sends(event(&number.to_string())).await;
                gets_at(&mut client, now, 0, event(&number.to_string())).await;
            }
            // No last chunk.
            assert_eq!(client.end_since(start).await, (after.into(), End::Fin));
            assert_eq!(server.end_since(start).await, (after.into(), End::Fin));
        }
        // One that ends before it is whole.
        let (mut client, mut server) = begun(&boxes).await;
        server.sends(event("1")).await;
        client.gets(event("1")).await;
        finishes(client, server).await;
        requests_pass(&boxes).await;
        websockets_pass(&boxes).await;
    }
    // A client that reads nothing keeps nobody waiting.
    let (_client, mut server) = begun("cut-streams").await;
    let start = Instant::now();
    let flood = timeout(Duration::from_secs(60), server.0.write_all(&event("x").repeat(100_000).into_bytes())).await;
    assert_eq!((matches!(flood, Ok(Err(_))), start.elapsed().as_millis()), (true, 1_000));
    bodies_become("cut-streams:after=100", EVENTS, <[u8]>::to_vec, |body| body).await;
}
