//! The upgrade, up to its 101.

use crate::bench::Bench;
use crate::bytes::{GET, PAGE, PING, SWITCHED, TEXT, UPGRADE, frame, masked};
use crate::passing::{frames_pass, requests_pass, streams_pass};
use crate::peer::End;
use tokio::time::Instant;

/// What stands in `UPGRADE` without the two headers that ask for it.
fn without_upgrade() -> String {
    UPGRADE.replace("Upgrade: websocket\r\nConnection: Upgrade\r\n", "")
}

/// An upgrade of another kind passes as well.
async fn other_upgrades_pass(boxes: &str) {
    let other = GET.replace("Connection: close", "Upgrade: h2c\r\nConnection: Upgrade");
    crate::passing::passes(&mut Bench::new(boxes), &other).await;
}

/// A server that declines is heard.
async fn refusals_pass(boxes: &str) {
    let (mut client, mut server) = Bench::new(boxes).asks(UPGRADE).await;
    server.gets(UPGRADE).await;
    server.sends(PAGE).await;
    client.gets(PAGE).await;
    drop(server);
    assert_eq!(client.end().await, End::Fin);
}

pub(crate) async fn strip_upgrade() {
    for (unless, passes) in [("never", ""), ("mixed-case", "WebSocket"), ("lower-case", "websocket")] {
        let boxes = format!("strip-upgrade:unless={unless}");
        for token in ["websocket", "WebSocket", "WEBSOCKET"] {
            let asked = UPGRADE.replace("Upgrade: websocket", &format!("Upgrade: {token}"));
            let (mut client, mut server) = Bench::new(&boxes).asks(&asked).await;
            if token == passes {
                server.gets(asked).await;
                server.sends(SWITCHED).await;
                client.gets(SWITCHED).await;
                frames_pass(client, server).await;
            } else {
                // One request a connection: the next one is met at its head again.
                server.gets(without_upgrade().replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).await;
                server.sends(PAGE).await;
                client.gets(PAGE).await;
                drop(server);
                assert_eq!(client.end().await, End::Fin);
            }
        }
        requests_pass(&boxes).await;
        streams_pass(&boxes).await;
        other_upgrades_pass(&boxes).await;
    }
}

pub(crate) async fn rewrite_connection() {
    for to in ["close", "keep-alive"] {
        let boxes = format!("rewrite-connection:to={to}");
        let (mut client, mut server) = Bench::new(&boxes).asks(UPGRADE).await;
        let rest = UPGRADE.replace("Connection: Upgrade\r\n", "");
        server.gets(rest.replace("\r\n\r\n", &format!("\r\nConnection: {to}\r\n\r\n"))).await;
        server.sends(SWITCHED).await;
        client.gets(SWITCHED).await;
        frames_pass(client, server).await;
        requests_pass(&boxes).await;
        streams_pass(&boxes).await;
        other_upgrades_pass(&boxes).await;
    }
}

pub(crate) async fn swallow_101() {
    for (then, says) in [("silence", ""), ("502", "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")] {
        let boxes = format!("swallow-101:then={then}");
        let (mut client, mut server) = Bench::new(&boxes).asks(UPGRADE).await;
        server.gets(UPGRADE).await;
        server.sends(SWITCHED).await;
        let start = Instant::now();
        client.gets(says).await;
        assert_eq!(start.elapsed().as_millis(), 0);
        // Nothing more, either way; and the server is told nothing.
        client.sends(masked(PING, b"?")).await;
        server.sends(frame(TEXT, b"hello")).await;
        client.hears_nothing(60).await;
        server.hears_nothing(60).await;
        drop(client);
        assert_eq!(server.end().await, End::Fin);
        requests_pass(&boxes).await;
        streams_pass(&boxes).await;
        other_upgrades_pass(&boxes).await;
        refusals_pass(&boxes).await;
    }
}

pub(crate) async fn forge_101() {
    let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    for (word, field) in [("valid", accept), ("none", "")] {
        let boxes = format!("forge-101:accept={word}");
        let mut bench = Bench::new(&boxes);
        let mut client = bench.connects();
        client.sends(UPGRADE).await;
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
        client.gets(format!("{head}{field}\r\n")).await;
        client.sends(masked(PING, b"?")).await;
        client.hears_nothing(60).await;
        bench.nobody_arrived();
        requests_pass(&boxes).await;
        streams_pass(&boxes).await;
        other_upgrades_pass(&boxes).await;
    }
}

pub(crate) async fn alter_101() {
    let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let (protocol, extension) = ("Sec-WebSocket-Protocol: lab\r\n", "Sec-WebSocket-Extensions: x-own\r\n");
    for (what, gone, new) in [
        ("accept-key", accept, "Sec-WebSocket-Accept: bm90IHRoZSByaWdodCBvbmU=\r\n"),
        ("no-accept-key", accept, ""),
        ("add-extension", extension, "Sec-WebSocket-Extensions: permessage-deflate\r\n"),
        ("drop-extension", extension, ""),
        ("drop-subprotocol", protocol, ""),
    ] {
        let boxes = format!("alter-101:what={what}");
        let (mut client, mut server) = Bench::new(&boxes).asks(UPGRADE).await;
        server.gets(UPGRADE).await;
        server.sends([SWITCHED.as_bytes(), &frame(TEXT, b"hello")].concat()).await;
        let altered = SWITCHED.replace(gone, "").replace("\r\n\r\n", &format!("\r\n{new}\r\n"));
        client.gets(altered).await;
        client.gets(frame(TEXT, b"hello")).await;
        frames_pass(client, server).await;
        requests_pass(&boxes).await;
        streams_pass(&boxes).await;
        other_upgrades_pass(&boxes).await;
        refusals_pass(&boxes).await;
    }
    // Where the server says nothing of it, there is nothing to drop.
    for what in ["drop-extension", "drop-subprotocol"] {
        let plain = SWITCHED.replace(protocol, "").replace(extension, "");
        let (mut client, mut server) = Bench::new(&format!("alter-101:what={what}")).asks(UPGRADE).await;
        server.gets(UPGRADE).await;
        server.sends(&plain).await;
        client.gets(&plain).await;
    }
}

pub(crate) async fn edit_offers() {
    let (protocols, extensions) = ("Sec-WebSocket-Protocol: chat, lab\r\n", "Sec-WebSocket-Extensions: x-own\r\n");
    for (how, gone) in [("drop-subprotocols", protocols), ("drop-extensions", extensions), ("refuse-extensions", "")] {
        let boxes = format!("edit-offers:how={how}");
        let asked = if gone.is_empty() { UPGRADE.replace(extensions, "") } else { UPGRADE.to_owned() };
        let (mut client, mut server) = Bench::new(&boxes).asks(&asked).await;
        server.gets(asked.replace(gone, "")).await;
        server.sends([SWITCHED.as_bytes(), &frame(TEXT, b"hello")].concat()).await;
        client.gets([SWITCHED.as_bytes(), &frame(TEXT, b"hello")].concat()).await;
        frames_pass(client, server).await;
        requests_pass(&boxes).await;
        streams_pass(&boxes).await;
    }
    let mut bench = Bench::new("edit-offers:how=refuse-extensions");
    let mut client = bench.connects();
    client.sends(UPGRADE).await;
    client.gets("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    assert_eq!(client.end().await, End::Fin);
    bench.nobody_arrived();
}
