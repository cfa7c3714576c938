#![doc = include_str!("README.md")]

#[cfg(feature = "io")]
mod client;
#[cfg(feature = "io")]
mod server;
mod times;
mod verdict;

use crate::circumstances::Circumstances;
use crate::code;
use crate::exchange::Exchange;
use crate::finding::{Code, Finding};
use crate::plan::Cost;
use crate::probe::Probe;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
pub use times::{Series, Times};

/// What a message and a request take here.
pub const ROUND_TRIP: Code = code!("latency.round-trip", Note);
/// A POST beside an open event stream does not get through.
pub const UPLOAD_STALLED: Code = code!("latency.upload-stalled", Degraded);
/// A POST does not get through, whatever else is open.
pub const UPLOAD_REFUSED: Code = code!("latency.upload-refused", Degraded);
/// A POST that does not say how long it is does not get through.
pub const CHUNKED_UPLOAD_REFUSED: Code = code!("latency.chunked-upload-refused", Note);
/// It could not be judged.
pub const INCONCLUSIVE: Code = code!("latency.inconclusive", Inconclusive);

/// What does a message cost, as a WebSocket frame and as a request beside an open stream?
pub struct Latency;

/// One connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// What it carries.
    pub kind: Kind,
    /// The beat at which things are sent, in milliseconds; none where each waits for the answer to the one before.
    pub every_ms: Option<u64>,
    /// Which attempt: what stalls is tried once more.
    pub attempt: u8,
}

/// What a connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// WebSocket messages and their echoes.
    Messages,
    /// A few POSTs while no stream of this probe is open: without them nobody knows that a stream is what stops the others.
    Alone,
    /// POSTs beside an open event stream.
    Beside,
    /// That stream.
    Stream,
    /// A few POSTs on a connection of HTTP/2.
    Http2,
    /// One POST in chunks, without a length (RFC 9112 section 7.1).
    Chunked,
}

/// How many POSTs are sent before a stream is open, and how many connections are tried where none of them is answered.
pub const ALONE: u32 = 3;

impl Probe for Latency {
    const ID: &'static str = "latency";
    const QUESTION: &'static str = "What does a message cost, as a WebSocket frame and as a request beside an open stream?";
    const CODES: &'static [Code] = &[ROUND_TRIP, UPLOAD_STALLED, UPLOAD_REFUSED, CHUNKED_UPLOAD_REFUSED, INCONCLUSIVE];
    const COST: Cost = Cost::Timing;
    const IN_SERIES: bool = true;
    type Asked = Asked;

    fn judge(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
        verdict::judge(evidence, around)
    }
}

crate::halves!(Latency);
