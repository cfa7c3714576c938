//! Requests that are held for as long as the server holds any.

use crate::arena::{Arena, CONNECTION_KIB, beside};
use std::io::Write;

const POLLS: usize = 800;

#[test]
fn endless_polls() {
    beside(&[], CONNECTION_KIB * POLLS as u64, &[&attack]);
}

pub(crate) fn attack(arena: &Arena) {
    let (mut run, mut all) = (String::new(), Vec::new());
    while arena.goes_on() {
        if all.len() < POLLS {
            // A run has 400 requests.
            if all.len() % 390 == 0 {
                run = arena.begin().0;
            }
            let mut stream = arena.connect();
            let nonce = all.len();
            let _ = write!(stream, "GET /v1/{run}/{nonce:x}/long-poll?hold_ms=99999999999 HTTP/1.1\r\nHost: x\r\n\r\n");
            all.push(stream);
        }
        arena.blow();
    }
}
