//! Connections that are opened and on which nothing is ever said. (Half-open in the kernel's sense, a SYN without an ACK, never
//! reaches a process.)

use crate::arena::{Arena, CONNECTION_KIB, beside};

const CONNECTIONS: usize = 1_000;

#[test]
fn connections_that_say_nothing() {
    beside(&["--head-seconds", "3"], CONNECTION_KIB * CONNECTIONS as u64, &[&attack]);
}

pub(crate) fn attack(arena: &Arena) {
    let mut all = std::collections::VecDeque::new();
    while arena.goes_on() {
        if all.len() == CONNECTIONS {
            all.pop_front();
        }
        let to = if all.len() % 2 == 0 { arena.http } else { arena.https };
        all.extend(crate::arena::from([127, 0, 0, 1], to));
        arena.blow();
    }
}
