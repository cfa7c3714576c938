#![doc = include_str!("README.md")]

#[cfg(feature = "io")]
mod client;
mod figures;
mod form;
#[cfg(feature = "io")]
mod server;
mod verdict;

pub use figures::Figures;
pub use form::{Form, MediaType};

use crate::circumstances::Circumstances;
use crate::code;
use crate::exchange::Exchange;
use crate::finding::{Code, Finding};
use crate::plan::Cost;
use crate::probe::Probe;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The whole stream arrives at its end.
pub const BUFFERED_UNTIL_END: Code = code!("sse.buffered-until-end", Broken);
/// Bytes are held until enough of them have come.
pub const BUFFERED_BY_SIZE: Code = code!("sse.buffered-by-size", Degraded);
/// The stream arrives in a thin, constant dribble.
pub const TRICKLED: Code = code!("sse.trickled", Degraded);
/// Something in between answers in place of the server.
pub const REFUSED: Code = code!("sse.refused", Broken);
/// The stream ends, or falls silent, before its last event.
pub const CUT: Code = code!("sse.cut", Broken);
/// Events arrive late.
pub const DELAYED: Code = code!("sse.delayed", Degraded);
/// Each event arrives when the next one is sent.
pub const ONE_EVENT_BEHIND: Code = code!("sse.one-event-behind", Degraded);
/// The content type was changed.
pub const CONTENT_TYPE_CHANGED: Code = code!("sse.content-type-changed", Degraded);
/// Text arrives in the stream that the server did not send.
pub const CONTENT_ALTERED: Code = code!("sse.content-altered", Degraded);
/// The head of the answer is held back.
pub const HEADERS_WITHHELD: Code = code!("sse.headers-withheld", Degraded);
/// `Last-Event-ID` does not reach the server.
pub const LAST_EVENT_ID_REMOVED: Code = code!("sse.last-event-id-removed", Degraded);
/// Events arrive more than once.
pub const DUPLICATED: Code = code!("sse.duplicated", Degraded);
/// Streams of another type, or asked for in another way, do not arrive as the plain one does.
pub const OTHER_FORMS_HURT: Code = code!("sse.other-forms-hurt", Note);
/// Not all of the streams that are opened at once run at once.
pub const STREAMS_LIMITED: Code = code!("sse.streams-limited", Note);
/// It could not be judged.
pub const INCONCLUSIVE: Code = code!("sse.inconclusive", Inconclusive);

/// Do server-sent events arrive when they are sent?
pub struct Sse;

/// One stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// Which stream.
    pub kind: Kind,
    /// How many events.
    pub count: u32,
    /// The mean time between them, in milliseconds; the gaps are half and one and a half times that, in turn, and all the same
    /// in a padded stream.
    pub every_ms: u64,
    /// How it departs from the plain one.
    #[serde(default, skip_serializing_if = "form::is_default")]
    pub form: Form,
}

/// The streams that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// As an application without further thought sends it: this one gives the verdict.
    Plain,
    /// With the usual hints against buffering: `X-Accel-Buffering: no`, `Cache-Control: no-cache, no-transform`.
    Hinted,
    /// A reconnect with `Last-Event-ID`.
    Resumed,
    /// As plain as the plain one, with comments before each event that make the body grow in steps.
    Padded,
    /// Of another form, or at another beat.
    Varied,
    /// One of several that are opened at once.
    Together,
}

impl Kind {
    /// Whether it is a stream as an application usually has it: of the plain form, and one.
    pub fn is_usual(self) -> bool {
        !matches!(self, Kind::Varied | Kind::Together)
    }
}

/// What the sizes of a padded stream exceed the round figures by: a buffer may let go only when it holds more than its size.
const PADDED_MARGIN: u64 = 64;
/// How many steps there are up to 64 KiB.
const PADDED_STEPS: u32 = 13;

/// How many bytes the body of a padded stream has after this event: 1, 1.5, 2, 3, 4, 6 .. 64 KiB, and a little.
pub fn padded_size(number: u32) -> u64 {
    let step = number.clamp(1, PADDED_STEPS) - 1;
    let power = 1024_u64 << (step / 2);
    let size = if step.is_multiple_of(2) { power } else { power + power / 2 };
    if number == 0 { 0 } else { size + PADDED_MARGIN }
}

impl Probe for Sse {
    const ID: &'static str = "sse";
    const QUESTION: &'static str = "Do server-sent events arrive when they are sent?";
    const CODES: &'static [Code] = &[
        BUFFERED_UNTIL_END,
        REFUSED,
        CUT,
        BUFFERED_BY_SIZE,
        TRICKLED,
        DELAYED,
        ONE_EVENT_BEHIND,
        CONTENT_TYPE_CHANGED,
        CONTENT_ALTERED,
        HEADERS_WITHHELD,
        LAST_EVENT_ID_REMOVED,
        DUPLICATED,
        OTHER_FORMS_HURT,
        STREAMS_LIMITED,
        INCONCLUSIVE,
    ];
    const COST: Cost = Cost::Cadence;
    type Asked = Asked;

    fn judge(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
        verdict::judge(evidence, around)
    }
}

crate::halves!(Sse);
