//! HTTP/2, frame by frame.

use crate::bench::Bench;
use crate::encrypted::{accept, offering, origin};
use crate::passing::{requests_pass, streams_pass, websockets_pass};
use crate::peer::Peer;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const END_STREAM: u8 = 1;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn settings(all: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> = all.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
    frame(SETTINGS, 0, 0, &payload)
}

/// A connection on which both ends have begun; what the client gets of the server's settings.
async fn begun(boxes: &str, arrives: &[(u16, u32)]) -> (Peer, Peer) {
    let (origin, kit) = origin();
    let mut bench = Bench::with(boxes, &kit);
    let mut client = offering(&mut bench, &kit, "h2").await;
    client.sends(PREFACE).await;
    let mut server = accept(&mut bench, &origin).await;
    server.gets(PREFACE).await;
    client.sends(settings(&[(4, 65_535)])).await;
    server.gets(settings(&[(4, 65_535)])).await;
    server.sends(settings(&[(3, 100), (4, 65_535), (8, 1)])).await;
    client.gets(settings(arrives)).await;
    (client, server)
}

pub(crate) async fn edit_http2() {
    // What the server has set.
    for (boxes, arrives) in [
        ("edit-http2", &[(3, 100), (4, 65_535), (8, 1)][..]),
        ("edit-http2:websockets=passed,streams=7", &[(4, 65_535), (8, 1), (3, 7)]),
        ("edit-http2:websockets=removed", &[(3, 100), (4, 65_535)]),
    ] {
        let (mut client, mut server) = begun(boxes, arrives).await;
        // Nothing else is touched, however it is cut.
        let asked = frame(HEADERS, 0, 1, b"as it is");
        let (first, last) = asked.split_at(5);
        client.sends(first).await;
        sleep(Duration::from_millis(10)).await;
        client.sends(last).await;
        server.gets(asked).await;
        sleep(Duration::from_secs(60)).await;
        let said = frame(DATA, 0, 1, b"events");
        server.sends(&said[..]).await;
        client.gets(said).await;
    }
    // What is offered and refused never comes to the server; what else is asked for does.
    let (mut client, mut server) = begun("edit-http2:websockets=refused", &[(3, 100), (4, 65_535), (8, 1)]).await;
    client.sends(frame(HEADERS, 0, 1, b"a request that goes on")).await;
    client.gets(frame(RST_STREAM, 0, 1, &13_u32.to_be_bytes())).await;
    client.sends(frame(PING, 0, 0, b"12345678")).await;
    server.gets(frame(PING, 0, 0, b"12345678")).await;
    // Streams that are old, and streams that were silent, end at both ends; nothing of theirs passes then.
    for (resets, ends_after) in [("old", 5_000), ("silent", 8_000)] {
        let boxes = format!("edit-http2:resets={resets},after=5");
        let (mut client, mut server) = begun(&boxes, &[(3, 100), (4, 65_535), (8, 1)]).await;
        let start = Instant::now();
        client.sends(frame(HEADERS, END_STREAM, 1, b"a whole request")).await;
        server.gets(frame(HEADERS, END_STREAM, 1, b"a whole request")).await;
        sleep(Duration::from_secs(3)).await;
        server.sends(frame(DATA, 0, 1, b"event")).await;
        client.gets(frame(DATA, 0, 1, b"event")).await;
        let reset = frame(RST_STREAM, 0, 1, &8_u32.to_be_bytes());
        client.gets(&reset[..]).await;
        assert_eq!(start.elapsed().as_millis(), ends_after, "{resets}");
        server.gets(reset).await;
        server.sends(frame(DATA, 0, 1, b"late")).await;
        server.sends(frame(PING, 0, 0, b"12345678")).await;
        client.gets(frame(PING, 0, 0, b"12345678")).await;
    }
    let (mut client, mut server) = begun("edit-http2:resets=nothing,after=5", &[(3, 100), (4, 65_535), (8, 1)]).await;
    client.sends(frame(HEADERS, END_STREAM, 1, b"a whole request")).await;
    server.gets(frame(HEADERS, END_STREAM, 1, b"a whole request")).await;
    sleep(Duration::from_secs(60)).await;
    server.sends(frame(DATA, 0, 1, b"event")).await;
    client.gets(frame(DATA, 0, 1, b"event")).await;
    // What is held comes with the end of its answer, in order; heads do not wait, nor does what goes both ways.
    let (mut client, mut server) = begun("edit-http2:holds=answers", &[(3, 100), (4, 65_535), (8, 1)]).await;
    for asked in [frame(HEADERS, END_STREAM, 1, b"a whole request"), frame(HEADERS, 0, 3, b"a request that goes on")] {
        client.sends(&asked[..]).await;
        server.gets(asked).await;
    }
    let (one, two) = (frame(DATA, 0, 1, b"one"), frame(DATA, END_STREAM, 1, b"two"));
    for passes in [frame(HEADERS, 0, 1, b"a head"), frame(DATA, 0, 3, b"a message")] {
        server.sends([&one[..], &passes].concat()).await;
        client.gets(passes).await;
    }
    client.hears_nothing(60).await;
    server.sends(&two[..]).await;
    client.gets([&one[..], &one, &two].concat()).await;
    // What is no HTTP/2 passes.
    requests_pass("edit-http2").await;
    streams_pass("edit-http2").await;
    websockets_pass("edit-http2").await;
}
