//! The server's half: greets, echoes, and speaks of its own accord.

use crate::io::testify::{Beat, Call, Manner, Reply, converse};
use crate::timeline::What;
use std::time::Duration;

/// Where the conversation at a beat is asked for; `messages` and `every_ms` say how often the server speaks.
pub(super) const ROUTE: &str = "zombie";
/// Where the conversations about sizes are asked for: there the server only echoes.
pub(super) const SIZES: &str = "zombie-sizes";
/// The routes of this probe.
pub(super) const ROUTES: &[&str] = &[ROUTE, SIZES];
/// No client asks for more ticks than this.
const TICKS: u64 = 100;

pub(super) async fn testify(call: Call) -> Reply {
    let messages = if call.route == SIZES { 0 } else { call.number("messages").unwrap_or(0).min(TICKS) };
    let every = Duration::from_millis(call.number("every_ms").unwrap_or(250).max(20));
    let beat = Beat { what: What::Tick, count: u32::try_from(messages).unwrap_or(0), every };
    let manner = Manner { beat: Some(beat), after_silence: None };
    let pen = call.pen.clone();
    call.websocket(move |talk, stop| converse(talk, manner, pen, stop))
}
