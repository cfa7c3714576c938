//! The server's half: answers the handshake, or says what was missing from it.

use crate::io::testify::{Call, Manner, Reply, converse};

/// Where the handshake is asked for.
pub(super) const ROUTE: &str = "upgrade";
/// Where the handshake with subprotocols is asked for.
pub(super) const SUBPROTOCOL: &str = "upgrade-subprotocol";
/// The routes of this probe.
pub(super) const ROUTES: &[&str] = &[ROUTE, SUBPROTOCOL];

pub(super) async fn testify(mut call: Call) -> Reply {
    call.chosen = (call.route == SUBPROTOCOL).then_some(super::CHOSEN);
    let pen = call.pen.clone();
    call.websocket(|talk, stop| converse(talk, Manner::default(), pen, stop))
}
