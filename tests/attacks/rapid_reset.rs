//! Streams that are opened and reset at once (CVE-2023-44487).

use crate::arena::{Arena, HOSTILE_KIB, alone, beside};
use crate::h2::{CALM, END_HEADERS, END_STREAM, HEADERS, REQUEST, RST_STREAM, flood, frame, told};
use crate::program::Serve;

/// Streams in one write.
const BURST: u32 = 100;

#[test]
fn rapid_reset() {
    beside(&[], HOSTILE_KIB, &[&attack]);
}

/// The library takes twenty streams of a connection that were reset before anybody looked at them.
#[test]
fn a_burst_of_resets_ends_the_connection() {
    let _alone = alone();
    let serve = Serve::start();
    assert_eq!(told(&Arena::of(&serve), &burst(0, 21)), Some(CALM));
}

pub(crate) fn attack(arena: &Arena) {
    flood(arena, |number| burst(number * BURST, BURST));
}

/// So many streams from this one on, each reset at once.
fn burst(from: u32, streams: u32) -> Vec<u8> {
    let cancel = 8u32.to_be_bytes();
    let both =
        |stream| [frame(HEADERS, END_HEADERS | END_STREAM, stream, REQUEST), frame(RST_STREAM, 0, stream, &cancel)].concat();
    (from..from + streams).flat_map(|stream| both(2 * stream + 1)).collect()
}
