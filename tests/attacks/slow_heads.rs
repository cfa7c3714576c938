//! Heads that come a byte at a time, in cleartext and in TLS.

use crate::arena::{Arena, CONNECTION_KIB, beside};
use std::io::Write;

const CONNECTIONS: usize = 300;

#[test]
fn slow_heads() {
    beside(&["--head-seconds", "5"], CONNECTION_KIB * 2 * CONNECTIONS as u64, &[&both]);
}

/// Both at once.
pub(crate) fn both(arena: &Arena) {
    std::thread::scope(|all| {
        all.spawn(|| cleartext(arena));
        tls(arena);
    });
}

fn cleartext(arena: &Arena) {
    drip(arena, || arena.connect(), b"GET / HTTP/1.1\r\nHost: x\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy");
}

fn tls(arena: &Arena) {
    // The head of a record that announces a ClientHello of 512 bytes.
    drip(
        arena,
        || crate::arena::from([127, 0, 0, 1], arena.https).unwrap(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaaaaaaaa",
    );
}

fn drip(arena: &Arena, connect: impl Fn() -> std::net::TcpStream, head: &[u8]) {
    let mut all: Vec<_> = (0..CONNECTIONS).map(|_| (connect(), 0)).collect();
    while arena.goes_on() {
        for (stream, sent) in &mut all {
            // One that was ended begins anew.
            if stream.write_all(&head[*sent % head.len()..][..1]).is_err() {
                (*stream, *sent) = (connect(), 0);
            }
            *sent += 1;
            arena.blow();
        }
    }
}
