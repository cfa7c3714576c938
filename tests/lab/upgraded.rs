//! WebSockets after their 101.

use crate::bench::Bench;
use crate::bytes::{PING, PONG, SWITCHED, TEXT, UPGRADE, frame, masked};
use crate::passing::{frames_pass, ping, requests_pass, streams_pass};
use crate::peer::End;
use std::time::Duration;
use tokio::time::{Instant, sleep};

pub(crate) async fn swallow_after_101() {
    for (way, up_passes, down_passes) in [("both", false, false), ("to-server", false, true), ("to-client", true, false)] {
        let boxes = format!("swallow-after-101:way={way}");
        let mut bench = Bench::new(&boxes);
        let (mut client, mut server) = bench.asks(UPGRADE).await;
        server.gets(UPGRADE).await;
        // A greeting in the same breath is swallowed with the rest.
        server.sends([SWITCHED.as_bytes(), &frame(TEXT, b"hello")].concat()).await;
        client.gets(SWITCHED).await;
        if down_passes {
            client.gets(frame(TEXT, b"hello")).await;
        }
        for _ in 0..30 {
            client.sends(masked(PING, b"?")).await;
            server.sends(frame(PONG, b"?")).await;
            if up_passes {
                server.gets(masked(PING, b"?")).await;
            }
            if down_passes {
                client.gets(frame(PONG, b"?")).await;
            }
            client.hears_nothing(1).await;
            server.hears_nothing(1).await;
        }
        requests_pass(&boxes).await;
        streams_pass(&boxes).await;
    }
}

pub(crate) async fn close_after_101() {
    for (by, end) in [("fin", End::Fin), ("rst", End::Reset)] {
        for after in [50, 200, 1_900] {
            let boxes = format!("close-after-101:after={after}ms,by={by}");
            let (mut client, mut server) = Bench::new(&boxes).asks(UPGRADE).await;
            // The answer may take its time: it is the 101 that counts.
            sleep(Duration::from_secs(3)).await;
            server.gets(UPGRADE).await;
            server.sends(SWITCHED).await;
            client.gets(SWITCHED).await;
            let start = Instant::now();
            for _ in 0..after / 50 {
                ping(&mut client, &mut server).await;
                sleep(Duration::from_millis(49)).await;
            }
            assert_eq!(client.end_since(start).await, (after, end), "{boxes}");
            assert_eq!(server.end_since(start).await, (after, end), "{boxes}");
            requests_pass(&boxes).await;
            streams_pass(&boxes).await;
        }
    }
}

pub(crate) async fn write_page_after_101() {
    let page = "HTTP/1.1 504 Connection timeout\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>timeout</html>";
    let boxes = "write-page-after-101:after=3";
    let (mut client, mut server) = Bench::new(boxes).asks(UPGRADE).await;
    server.gets(UPGRADE).await;
    server.sends([SWITCHED.as_bytes(), &frame(TEXT, b"hello")].concat()).await;
    client.gets(SWITCHED).await;
    let start = Instant::now();
    for _ in 0..2 {
        client.sends(masked(PING, b"?")).await;
        server.sends(frame(PONG, b"?")).await;
        server.hears_nothing(1).await;
    }
    client.gets(page).await;
    assert_eq!(client.end_since(start).await, (3_000, End::Fin));
    assert_eq!(server.end_since(start).await, (3_000, End::Fin));
    requests_pass(boxes).await;
    streams_pass(boxes).await;
}

pub(crate) async fn lose_greeting() {
    for within in [20, 500] {
        let boxes = format!("lose-greeting:within={within}ms");
        for (behind, after) in [(true, 0), (false, within - 1)] {
            let (mut client, mut server) = Bench::new(&boxes).asks(UPGRADE).await;
            server.gets(UPGRADE).await;
            let start = Instant::now();
            let greeting = frame(TEXT, b"hello");
            if behind {
                server.sends([SWITCHED.as_bytes(), &greeting].concat()).await;
            } else {
                server.sends(SWITCHED).await;
                sleep(Duration::from_millis(after)).await;
                server.sends(greeting).await;
            }
            client.gets(SWITCHED).await;
            assert_eq!(start.elapsed().as_millis(), u128::from(within));
            frames_pass(client, server).await;
        }
        requests_pass(&boxes).await;
        streams_pass(&boxes).await;
    }
}

pub(crate) async fn wait_for_client() {
    let boxes = "wait-for-client";
    for behind in [true, false] {
        let (mut client, mut server) = Bench::new(boxes).asks(UPGRADE).await;
        server.gets(UPGRADE).await;
        let greeting = frame(TEXT, b"hello");
        if behind {
            server.sends([SWITCHED.as_bytes(), &greeting].concat()).await;
        } else {
            server.sends(SWITCHED).await;
            server.sends(&greeting).await;
        }
        client.gets(SWITCHED).await;
        client.hears_nothing(60).await;
        client.sends(masked(TEXT, b"me first")).await;
        client.gets(&greeting).await;
        server.gets(masked(TEXT, b"me first")).await;
        frames_pass(client, server).await;
    }
    // A client that leaves without a word takes the server's side with it.
    let (client, mut server) = Bench::new(boxes).switches().await;
    drop(client);
    assert_eq!(server.end().await, End::Fin);
    requests_pass(boxes).await;
    streams_pass(boxes).await;
}
