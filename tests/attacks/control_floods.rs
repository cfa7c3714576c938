//! PING and SETTINGS that each want an answer (CVE-2019-9512, CVE-2019-9515), and answers that nobody reads.

use crate::arena::{Arena, HOSTILE_KIB, beside};
use crate::h2::{PING, SETTINGS, flood, frame};
use std::io::Write;

#[test]
fn ping_and_settings_floods() {
    beside(&[], 3 * HOSTILE_KIB, &[&pings, &settings, &unread]);
}

pub(crate) fn pings(arena: &Arena) {
    flood(arena, |_| frame(PING, 0, 0, &[0; 8]).repeat(200));
}

/// SETTINGS_MAX_CONCURRENT_STREAMS, again and again.
pub(crate) fn settings(arena: &Arena) {
    flood(arena, |_| frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]).repeat(200));
}

/// The same by one who never reads: what waits for him must not grow.
pub(crate) fn unread(arena: &Arena) {
    let pings = frame(PING, 0, 0, &[0; 8]).repeat(200);
    while arena.goes_on() {
        let mut stream = arena.connect();
        let _ = stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let _ = stream.write_all(&frame(SETTINGS, 0, 0, &[]));
        stream.set_nonblocking(true).unwrap();
        while arena.goes_on() && stream.write(&pings).is_ok_and(|size| size > 0) {
            arena.blow();
        }
        arena.blow();
    }
}
