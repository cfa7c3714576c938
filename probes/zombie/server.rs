//! The server's half: greets, echoes, and speaks of its own accord.

use crate::io::testify::{Beat, Call, Manner, Reply, converse};
use crate::timeline::What;
use std::time::Duration;

/// Where the conversation at a beat is asked for; `messages` and `every_ms` say how often the server speaks.
pub(super) const ROUTE: &str = "zombie";
/// Where the conversations about sizes are asked for: there the server only echoes.
pub(super) const SIZES: &str = "zombie-sizes";
/// Where the conversation about the largest messages is asked for.
pub(super) const LARGE: &str = "zombie-large";
/// Where the conversations about messages of other kinds are asked for.
pub(super) const KINDS: &str = "zombie-kinds";
/// Where the conversation is asked for in which the server speaks first, and ends it.
pub(super) const LISTEN: &str = "zombie-listen";
/// The routes of this probe.
pub(super) const ROUTES: &[&str] = &[ROUTE, SIZES, LARGE, KINDS, LISTEN];
/// No client asks for more ticks than this.
const TICKS: u64 = 100;

/// So long after its greeting the server speaks again where the client only listens: later than what travels with the 101.
const SECOND_WORD: Duration = Duration::from_millis(300);

pub(super) async fn testify(mut call: Call) -> Reply {
    if call.route == LARGE
        && let Some(refusal) = call.enlarge().await
    {
        return refusal;
    }
    let manner = match call.route.as_str() {
        ROUTE => {
            let messages = call.number("messages").unwrap_or(0).min(TICKS);
            let every = Duration::from_millis(call.number("every_ms").unwrap_or(250).max(20));
            let beat = Beat { what: What::Tick, count: u32::try_from(messages).unwrap_or(0), every };
            Manner { beat: Some(beat), ..Manner::default() }
        }
        KINDS => Manner { bytes: true, ..Manner::default() },
        LISTEN => {
            let once = Beat { what: What::Tick, count: 1, every: SECOND_WORD };
            Manner { beat: Some(once), farewell: true, ..Manner::default() }
        }
        _ => Manner::default(),
    };
    let pen = call.pen.clone();
    call.websocket(move |talk, stop| converse(talk, manner, pen, stop))
}
