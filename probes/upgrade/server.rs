//! The server's half: answers the handshake, or says what was missing from it.

use crate::io::testify::{Call, Manner, Reply, converse};

/// Where the handshake is asked for.
pub(super) const ROUTE: &str = "upgrade";
/// The routes of this probe.
pub(super) const ROUTES: &[&str] = &[ROUTE];

pub(super) async fn testify(call: Call) -> Reply {
    let pen = call.pen.clone();
    call.websocket(|talk, stop| converse(talk, Manner::default(), pen, stop))
}
