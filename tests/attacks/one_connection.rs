//! One hostile connection after another, and nobody else: what the server grows by is what one of them costs.

use crate::arena::{Arena, Attack, HOSTILE_KIB, alone, grown};
use crate::program::{Serve, check};
use crate::{continuation_flood, control_floods, frames, many_streams, rapid_reset};
use std::time::Duration;

/// How long each attack lasts: what grows without bound has grown by hundreds of MiB then.
const LASTS: Duration = Duration::from_secs(3);

const ATTACKS: [Attack; 15] = [
    ("a frame that announces much", frames::announced),
    ("fragments without end", frames::fragments),
    ("empty fragments", frames::empty_fragments),
    ("pings on a WebSocket", frames::pings),
    ("a small head without end", continuation_flood::small),
    ("a large head without end", continuation_flood::large),
    ("pings of HTTP/2", control_floods::pings),
    ("settings of HTTP/2", control_floods::settings),
    ("answers that nobody reads", control_floods::unread),
    ("streams that are reset", rapid_reset::attack),
    ("a hundred WebSockets of HTTP/2", many_streams::websockets),
    ("a hundred padded streams of HTTP/2", many_streams::padded),
    ("a hundred large pieces of HTTP/2", many_streams::bulk),
    ("a hundred streams of HTTP/2 that nobody reads", many_streams::unread),
    ("a hundred pages of a record", many_streams::pages),
];

#[test]
fn one_hostile_connection() {
    let _alone = alone();
    let serve = Serve::start();
    // What is there once, when it has served somebody.
    assert_eq!(check(&["--pin", &serve.pin, &serve.https]).code, 0);
    for (name, attack) in ATTACKS {
        let arena = Arena::of(&serve);
        let grown = grown(serve.child.id(), || {
            std::thread::scope(|all| {
                all.spawn(|| attack(&arena));
                std::thread::sleep(LASTS);
                arena.end();
            });
        });
        assert!(grown <= HOSTILE_KIB, "{name}: it grew by {grown} KiB");
    }
}
