//! Requests whose answers take their time.

use crate::bench::Bench;
use crate::bytes::{EVENTS, GET, PAGE, POST, STREAM, UPGRADE, event};
use crate::passing::{frames_pass, requests_pass, streams_pass, websockets_pass};
use crate::peer::End;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};

pub(crate) async fn give_up_on_answers() {
    for (with, status) in
        [("504", "504 Gateway Timeout"), ("502", "502 Bad Gateway"), ("503", "503 Service Unavailable"), ("nothing", "")]
    {
        for after in [2_000_u64, 20_000] {
            let boxes = format!("give-up-on-answers:after={after}ms,with={with}");
            for request in [GET, POST, UPGRADE] {
                let mut bench = Bench::new(&boxes);
                let start = Instant::now();
                let (mut client, mut server) = bench.asks(request).await;
                server.gets(request).await;
                // An interim answer passes and is none.
                sleep(Duration::from_millis(after / 2)).await;
                let hints = "HTTP/1.1 103 Early Hints\r\nX-Own: 2\r\n\r\n";
                server.sends(hints).await;
                client.gets(hints).await;
                if with != "nothing" {
                    let fields = "Content-Length: 7\r\nConnection: close";
                    client.gets(format!("HTTP/1.1 {status}\r\n{fields}\r\n\r\ntimeout")).await;
                }
                assert_eq!(client.end_since(start).await, (after.into(), End::Fin));
                assert_eq!(server.end_since(start).await, (after.into(), End::Fin));
                // In the last moment it begins, and then it may take for ever.
                let (mut client, mut server) = bench.asks(request).await;
                server.gets(request).await;
                sleep(Duration::from_millis(after - 1)).await;
                server.sends(STREAM).await;
                client.gets(STREAM).await;
                client.hears_nothing(60).await;
                server.sends(event("1")).await;
                client.gets(event("1")).await;
            }
            requests_pass(&boxes).await;
            streams_pass(&boxes).await;
            websockets_pass(&boxes).await;
        }
    }
}

pub(crate) async fn cache_answers() {
    for (word, other) in [("poll", "run"), ("run", "sse"), ("sse", "poll")] {
        let boxes = format!("cache-answers:path={word}");
        let mut bench = Bench::new(&boxes);
        let asked = |path: &str| GET.replace("/a/b", path);
        let answer = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        // What comes first is kept: for whoever waits at the same time, and for whoever comes later.
        let (mut first, mut server) = bench.asks(asked(&format!("/{word}/1"))).await;
        server.gets(asked(&format!("/{word}/1"))).await;
        let (mut second, mut held) = bench.asks(asked(&format!("/x/{word}?2"))).await;
        held.gets(asked(&format!("/x/{word}?2"))).await;
        first.hears_nothing(3).await;
        server.sends(answer("first")).await;
        first.gets(answer("first")).await;
        assert_eq!(first.end().await, End::Fin);
        let start = Instant::now();
        second.gets(answer("first")).await;
        assert_eq!(second.end().await, End::Fin);
        assert!(start.elapsed() <= Duration::from_millis(150), "{:?}", start.elapsed());
        for path in [format!("/{word}/1"), format!("/{word}/3"), format!("/?{word}")] {
            let mut client = bench.connects();
            let start = Instant::now();
            client.sends(asked(&path)).await;
            client.gets(answer("first")).await;
            assert_eq!(client.end_since(start).await, (0, End::Fin), "{path}");
            bench.nobody_arrived();
        }
        // Paths without the word.
        for number in 0..2 {
            let (mut client, mut server) = bench.asks(asked(&format!("/{other}"))).await;
            server.gets(asked(&format!("/{other}"))).await;
            server.sends(answer(&number.to_string())).await;
            client.gets(answer(&number.to_string())).await;
        }
        requests_pass(&boxes).await;
        streams_pass(&boxes).await;
        websockets_pass(&boxes).await;
    }
}

pub(crate) async fn keep_aborted_requests() {
    let boxes = "keep-aborted-requests";
    for resets in [false, true] {
        for request in [GET, POST] {
            let mut bench = Bench::new(boxes);
            let (client, mut server) = bench.asks(request).await;
            server.gets(request).await;
            if resets {
                client.reset();
            } else {
                drop(client);
            }
            server.hears_nothing(60).await;
            // However long the answer is, it is read to its end.
            server.sends(STREAM).await;
            for _ in 0..100 {
                server.sends(event(&"x".repeat(4_096))).await;
            }
            server.fin().await;
            assert_eq!(server.end().await, End::Fin);
            // Who stays gets it.
            let (mut client, mut server) = bench.asks(request).await;
            server.gets(request).await;
            client.hears_nothing(60).await;
            server.sends(PAGE).await;
            drop(server);
            client.gets(PAGE).await;
            assert_eq!(client.end().await, End::Fin);
        }
    }
    // WebSockets are let go.
    let (client, mut server) = Bench::new(boxes).switches().await;
    client.reset();
    assert_eq!(server.end().await, End::Reset);
    let (client, server) = Bench::new(boxes).switches().await;
    frames_pass(client, server).await;
    requests_pass(boxes).await;
}

pub(crate) async fn retry_requests() {
    let with_body = POST.replace("POST", "GET");
    for after in [500, 5_000] {
        let boxes = format!("retry-requests:after={after}ms");
        for request in [GET, EVENTS] {
            let mut bench = Bench::new(&boxes);
            let (mut client, mut first) = bench.asks(request).await;
            let start = Instant::now();
            first.gets(request).await;
            assert_eq!(first.end_since(start).await, (after, End::Fin));
            let mut second = bench.arrives().await;
            assert_eq!(start.elapsed().as_millis(), after);
            second.gets(request).await;
            // Once more and never again; the first answer is not heard any more.
            client.hears_nothing(60).await;
            let _ = first.0.write_all(PAGE.as_bytes()).await;
            client.hears_nothing(60).await;
            bench.nobody_arrived();
            second.sends(STREAM).await;
            client.gets(STREAM).await;
            client.hears_nothing(60).await;
            second.sends(event("1")).await;
            client.gets(event("1")).await;
            drop(second);
            assert_eq!(client.end().await, End::Fin);
            // In the last moment a first byte comes: the rest may take its time.
            let (mut client, mut first) = bench.asks(request).await;
            first.gets(request).await;
            sleep(Duration::from_millis(after as u64 - 1)).await;
            first.sends("H").await;
            client.gets("H").await;
            client.hears_nothing(60).await;
            first.sends(&PAGE.as_bytes()[1..]).await;
            client.gets(&PAGE.as_bytes()[1..]).await;
            bench.nobody_arrived();
            // Nobody asks again for a client that has left, however it did.
            for resets in [false, true] {
                let (client, mut first) = bench.asks(request).await;
                first.gets(request).await;
                if resets {
                    client.reset();
                } else {
                    drop(client);
                }
                assert_eq!(first.end().await, if resets { End::Reset } else { End::Fin });
                sleep(Duration::from_secs(60)).await;
                bench.nobody_arrived();
            }
        }
        for request in [POST, UPGRADE, &with_body, &GET.replace("GET", "DELETE")] {
            let mut bench = Bench::new(&boxes);
            let (mut client, mut server) = bench.asks(request).await;
            server.gets(request).await;
            client.hears_nothing(60).await;
            bench.nobody_arrived();
            server.sends(PAGE).await;
            client.gets(PAGE).await;
        }
        let mut bench = Bench::new(&boxes);
        let head = with_body.strip_suffix("01234").unwrap();
        let (mut client, mut server) = bench.asks(head).await;
        server.gets(head).await;
        client.sends("01234").await;
        server.gets("01234").await;
        requests_pass(&boxes).await;
        streams_pass(&boxes).await;
        websockets_pass(&boxes).await;
    }
}
