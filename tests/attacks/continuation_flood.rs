//! A head that never ends: CONTINUATION frames without END_HEADERS (RUSTSEC-2024-0332).

use crate::arena::{Arena, HOSTILE_KIB, beside};
use crate::h2::{CONTINUATION, END_STREAM, HEADERS, REQUEST, flood, frame};

#[test]
fn continuation_flood() {
    beside(&[], HOSTILE_KIB, &[&small, &large]);
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
