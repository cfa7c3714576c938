//! WebSocket frames (RFC 6455) that announce much, never end, or want answers that nobody reads.

use crate::arena::{Arena, HOSTILE_KIB, beside};
use std::io::Write;

#[test]
fn huge_and_fragmented_frames() {
    beside(&[], 4 * HOSTILE_KIB, &[&announced, &fragments, &empty_fragments, &pings]);
}

/// A frame of the client with a mask of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[first, 0xfe], &length[..], &[0; 4], payload].concat()
}

/// Sends pieces on one WebSocket after another, each until the server ends it.
fn attack(arena: &Arena, begin: &[u8], piece: &[u8]) {
    let (run, _) = arena.begin();
    let mut run = run;
    let mut opened = 0;
    while arena.goes_on() {
        // A run has a number of requests; then the attacker begins another one.
        opened += 1;
        if opened % 300 == 0 {
            run = arena.begin().0;
        }
        let mut stream = arena.websocket(&run, "ab");
        let _ = stream.write_all(begin);
        while arena.goes_on() && stream.write_all(piece).is_ok() {
            arena.blow();
        }
    }
}

/// A frame of 16 MiB, of which a byte comes now and then.
pub(crate) fn announced(arena: &Arena) {
    attack(arena, &[0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], b"x");
}

/// A message in fragments of 4 KiB that never ends.
pub(crate) fn fragments(arena: &Arena) {
    attack(arena, &frame(0x01, &[b'x'; 4096]), &frame(0x00, &[b'x'; 4096]));
}

/// The same with nothing in the fragments.
pub(crate) fn empty_fragments(arena: &Arena) {
    attack(arena, &frame(0x01, b""), &frame(0x00, b"").repeat(100));
}

/// Pings whose pongs are never read.
pub(crate) fn pings(arena: &Arena) {
    attack(arena, b"", &[&[0x89, 0xfd][..], &[0; 4], &[b'x'; 125]].concat().repeat(50));
}
