//! Streams and echoes that are asked for and never read.

use crate::arena::{Arena, CONNECTION_KIB, beside};
use std::io::Write;

const CONNECTIONS: usize = 60;

#[test]
fn what_is_asked_for_and_never_read() {
    beside(&[], CONNECTION_KIB * 2 * CONNECTIONS as u64, &[&both]);
}

/// Both at once.
pub(crate) fn both(arena: &Arena) {
    std::thread::scope(|all| {
        all.spawn(|| streams(arena));
        echoes(arena);
    });
}

fn streams(arena: &Arena) {
    let (run, _) = arena.begin();
    let all: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let mut stream = arena.connect();
            write!(stream, "GET /v1/{run}/{number:x}/sse?padded&count=14&every_ms=20 HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            stream
        })
        .collect();
    while arena.goes_on() {
        arena.blow();
    }
    drop(all);
}

fn echoes(arena: &Arena) {
    let (run, _) = arena.begin();
    let nonce = "ab";
    let mut all: Vec<_> = (0..CONNECTIONS).map(|_| arena.websocket(&run, nonce)).collect();
    all.iter().for_each(|stream| stream.set_nonblocking(true).unwrap());
    // A frame of 1,000 bytes that asks for an echo as large; a mask of zeros leaves it as it is (RFC 6455 section 5.3).
    let head = format!("frame 1 1 {nonce} 1000 ");
    let text = head.clone() + &nonce.repeat(1_000)[..1_000 - head.len()];
    let frame = [&[0x81, 0xfe, 0x03, 0xe8, 0, 0, 0, 0], text.as_bytes()].concat();
    while arena.goes_on() {
        for stream in &mut all {
            let _ = stream.write(&frame);
            arena.blow();
        }
    }
}
