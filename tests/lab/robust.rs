//! Whatever a client or a server sends, and whenever it leaves: no middlebox panics, and none waits for ever.

use crate::bench::{Bench, kit};
use crate::bytes::{EVENTS, PAGE, SWITCHED, UPGRADE, frame, masked};
use crate::encrypted::client_hello;
use proxyprobe::lab::{ALL, Admission, Kind, Kit};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

/// Longer than any middlebox keeps a connection that both sides have left.
const BOUND: Duration = Duration::from_secs(7_200);
/// How long a server waits before it leaves as well.
const LINGERS: Duration = Duration::from_secs(2);

/// Every middlebox that accepts connections: as it is, and with each value of each choice.
fn variants(kit: &Kit) -> Vec<String> {
    let mut all = Vec::new();
    for entry in ALL {
        all.push(entry.name.to_owned());
        for parameter in entry.parameters {
            if let Kind::Choice(words) = parameter.kind {
                all.extend(words.iter().map(|word| format!("{}:{}={word}", entry.name, parameter.name)));
            }
        }
    }
    all.retain(|boxes| Bench::with(boxes, kit).admits() == Admission::Accepts);
    all
}

/// A client sends this as far as it is taken, and leaves; the server answers what comes with that, and leaves.
async fn ends(kit: &Kit, boxes: &str, asks: &[u8], resets: bool, answer: &'static [u8]) {
    let mut bench = Bench::with(boxes, kit);
    let (mut client, carried) = bench.carried();
    let serving = tokio::spawn(async move { bench.serves(answer, LINGERS).await });
    // It may be cut short, and it may be that nobody takes it.
    let _ = timeout(LINGERS, client.0.write_all(asks)).await;
    if answer.is_empty() {
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(LINGERS * 2).await;
    }
    if resets {
        client.reset();
    } else {
        drop(client);
    }
    let ended = timeout(BOUND, carried).await;
    assert!(matches!(ended, Ok(Ok(()))), "{boxes}: {ended:?} after {:?}", asks.escape_ascii().to_string());
    serving.abort();
}

/// What a client may begin with.
fn beginnings() -> Vec<Vec<u8>> {
    let connect = "CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\n\r\n";
    let absolute = "GET http://origin.test/a HTTP/1.1\r\nHost: origin.test\r\n\r\n";
    let socket = [UPGRADE.as_bytes(), &masked(0x9, b"?")].concat();
    vec![socket, EVENTS.into(), connect.into(), absolute.into(), client_hello("origin.test")]
}

#[tokio::test(start_paused = true)]
async fn a_client_may_leave_at_any_byte() {
    let kit = kit(None);
    let beginnings = beginnings();
    for boxes in variants(&kit) {
        for beginning in &beginnings {
            for at in (0..=beginning.len()).step_by(3) {
                ends(&kit, &boxes, &beginning[..at], at % 2 == 1, b"").await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_may_leave_at_any_byte() {
    let kit = kit(None);
    let beginnings = beginnings();
    let switched: &'static [u8] = [SWITCHED.as_bytes(), &frame(0x1, b"hello")].concat().leak();
    for boxes in variants(&kit) {
        for beginning in &beginnings[..4] {
            for answer in [switched, PAGE.as_bytes()] {
                for at in (1..=answer.len()).step_by(23) {
                    ends(&kit, &boxes, beginning, at % 2 == 1, &answer[..at]).await;
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn garbage_and_endless_heads_end() {
    let kit = kit(None);
    let mut chance = 1_u64;
    let mut garbage = |size: usize| -> Vec<u8> {
        let byte = |_| {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (chance >> 56) as u8
        };
        (0..size).map(byte).collect()
    };
    let endless = [&b"GET / HTTP/1.1\r\nX-Own: "[..], &vec![b'a'; 1 << 20]].concat();
    let fields = [&b"GET / HTTP/1.1\r\n"[..], &b"a: b\r\n".repeat(200_000)].concat();
    let binary = [&b"GET / HTTP/1.1\r\n"[..], &garbage(3_000), b"\r\n\r\n", &garbage(3_000)].concat();
    let hello = [&[0x16, 3, 1, 0xFF, 0xFF][..], &garbage(100_000)].concat();
    let records = [0x16, 3, 1, 0, 1, 1].repeat(20_000);
    let odd: Vec<&[u8]> = vec![
        b"\r\n\r\n",
        b"\0",
        b" \r\n\r\n",
        b"GET\r\n\r\n",
        b"CONNECT \r\n\r\n",
        b"CONNECT ::: HTTP/1.1\r\n\r\n",
        b"GET http:// HTTP/1.1\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\n\r\n",
        b"GET /poll\r\nUpgrade: websocket\r\n\r\n",
        b"GET / HTTP/1.1\r\n: \r\n:\r\nSec-WebSocket-Key\r\nUpgrade: websocket\r\n\r\n",
        b"\x16",
        b"\x16\x03\x01\x00\x00",
    ];
    let random = garbage(5_000);
    let long: Vec<&[u8]> = vec![&endless, &fields, &binary, &hello, &records, &random];
    for boxes in variants(&kit) {
        for asks in odd.iter().chain(&long) {
            for answer in [&b""[..], b"\r\n\r\n", b"\xFF\0HTTP/1.1 101\r\n\r\n"] {
                ends(&kit, &boxes, asks, false, answer).await;
            }
        }
    }
}
