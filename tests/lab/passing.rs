//! What a middlebox leaves alone: byte for byte, and at once.

use crate::bench::Bench;
use crate::bytes::{CLOSE, EVENTS, GET, PAGE, PING, PONG, POST, STREAM, TEXT, event, every_byte, frame, masked};
use crate::peer::{End, Peer};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// One request and its answer pass unchanged, and so does the end of the connection.
pub(crate) async fn passes(bench: &mut Bench, request: &str) {
    let start = Instant::now();
    let (mut client, mut server) = bench.asks(request).await;
    server.gets(request).await;
    server.sends(PAGE).await;
    client.gets(PAGE).await;
    drop(server);
    assert_eq!(client.end_since(start).await, (0, End::Fin), "{request}");
}

/// Requests without and with a body.
pub(crate) async fn requests_pass(boxes: &str) {
    let mut bench = Bench::new(boxes);
    for request in [GET, POST] {
        passes(&mut bench, request).await;
    }
}

/// An event stream whose events come ten seconds apart.
pub(crate) async fn streams_pass(boxes: &str) {
    let mut bench = Bench::new(boxes);
    let (mut client, mut server) = bench.asks(EVENTS).await;
    server.gets(EVENTS).await;
    server.sends(STREAM).await;
    client.gets(STREAM).await;
    for number in 0..3 {
        sleep(Duration::from_secs(10)).await;
        let start = Instant::now();
        let event = event(&number.to_string());
        server.sends(&event).await;
        client.gets(&event).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
    drop(client);
    assert_eq!(server.end().await, End::Fin);
}

/// A ping and its pong, now.
pub(crate) async fn ping(client: &mut Peer, server: &mut Peer) {
    let start = Instant::now();
    client.sends(masked(PING, b"?")).await;
    server.gets(masked(PING, b"?")).await;
    server.sends(frame(PONG, b"?")).await;
    client.gets(frame(PONG, b"?")).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
}

/// Frames pass both ways for a minute, and the closing handshake with its ends.
pub(crate) async fn frames_pass(mut client: Peer, mut server: Peer) {
    for second in 0..60_usize {
        ping(&mut client, &mut server).await;
        let words = vec![b'w'; second * 40];
        server.sends(frame(TEXT, &words)).await;
        client.gets(frame(TEXT, &words)).await;
        client.sends(masked(TEXT, &words)).await;
        server.gets(masked(TEXT, &words)).await;
        sleep(Duration::from_secs(1)).await;
    }
    client.sends(masked(CLOSE, &[3, 232])).await;
    server.gets(masked(CLOSE, &[3, 232])).await;
    server.sends(frame(CLOSE, &[3, 232])).await;
    drop(server);
    client.gets(frame(CLOSE, &[3, 232])).await;
    assert_eq!(client.end().await, End::Fin);
}

/// A whole WebSocket, its handshake included.
pub(crate) async fn websockets_pass(boxes: &str) {
    let (client, server) = Bench::new(boxes).switches().await;
    frames_pass(client, server).await;
}

/// Both ends of a connection whose client has said nothing yet.
pub(crate) async fn opened(bench: &mut Bench) -> (Peer, Peer) {
    let client = bench.connects();
    (client, bench.arrives().await)
}

/// Bytes of no protocol pass both ways, and each end passes as what it is.
pub(crate) async fn bytes_pass(boxes: &str) {
    let mut bench = Bench::new(boxes);
    let bytes = every_byte();
    for ends in [End::Fin, End::Reset] {
        for client_ends in [true, false] {
            let start = Instant::now();
            let (mut client, mut server) = opened(&mut bench).await;
            for _ in 0..3 {
                client.sends(&bytes).await;
                server.gets(&bytes).await;
                server.sends(&bytes).await;
                client.gets(&bytes).await;
            }
            let (mut one, mut other) = if client_ends { (client, server) } else { (server, client) };
            match ends {
                End::Fin => {
                    // Half of it stays open.
                    one.fin().await;
                    assert_eq!(other.end_since(start).await, (0, End::Fin));
                    other.sends(&bytes).await;
                    one.gets(&bytes).await;
                    drop(other);
                    assert_eq!(one.end_since(start).await, (0, End::Fin));
                }
                End::Reset => {
                    one.reset();
                    assert_eq!(other.end_since(start).await, (0, End::Reset));
                }
            }
        }
    }
}

/// A server that echoes while it reads, and a client that sends more than fits on the way: nobody may wait for anybody.
pub(crate) async fn a_flood_passes(client: Peer, server: Peer) {
    a_flood_of(client, server, (0..1 << 20).map(|at: u32| (at % 251) as u8).collect()).await;
}

/// The same with bytes that mean something.
pub(crate) async fn a_flood_of(client: Peer, mut server: Peer, bytes: Vec<u8>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, split};
    let echo = tokio::spawn(async move {
        let mut bytes = vec![0; 4_096];
        while let Ok(size) = server.0.read(&mut bytes).await
            && size > 0
        {
            server.0.write_all(&bytes[..size]).await.unwrap();
            server.0.flush().await.unwrap();
        }
    });
    let (mut from, mut to) = split(client.0);
    let flood = bytes.clone();
    let sent = tokio::spawn(async move {
        to.write_all(&flood).await.unwrap();
        to.shutdown().await.unwrap();
    });
    let mut back = Vec::new();
    tokio::time::timeout(Duration::from_secs(600), from.read_to_end(&mut back)).await.expect("the flood stands still").unwrap();
    assert!(back == bytes);
    sent.await.unwrap();
    echo.await.unwrap();
}
