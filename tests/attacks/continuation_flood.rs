//! A head that never ends: CONTINUATION frames without END_HEADERS (RUSTSEC-2024-0332).

use crate::arena::{Arena, HOSTILE_KIB, alone, beside};
use crate::h2::{CALM, CONTINUATION, END_STREAM, HEADERS, REQUEST, flood, frame, told};
use crate::program::Serve;

#[test]
fn continuation_flood() {
    beside(&[], HOSTILE_KIB, &[&small, &large]);
}

/// The library takes five frames after the first for a head of 32 KiB, whatever is in them.
#[test]
fn the_sixth_frame_of_a_head_without_end_ends_the_connection() {
    let _alone = alone();
    let serve = Serve::start();
    let head = [frame(HEADERS, END_STREAM, 1, REQUEST), frame(CONTINUATION, 0, 1, b"").repeat(6)].concat();
    assert_eq!(told(&Arena::of(&serve), &head), Some(CALM));
}

pub(crate) fn small(arena: &Arena) {
    head_without_end(arena, b"");
}

pub(crate) fn large(arena: &Arena) {
    // A literal header field, never indexed, with a name of one byte and a value of a hundred (RFC 7541 section 6.2.3).
    head_without_end(arena, &[&[0x10, 1, b'a', 100][..], &[b'b'; 100]].concat().repeat(40));
}

fn head_without_end(arena: &Arena, piece: &[u8]) {
    flood(arena, |number| match number {
        0 => frame(HEADERS, END_STREAM, 1, REQUEST),
        _ => frame(CONTINUATION, 0, 1, piece).repeat(50),
    });
}
