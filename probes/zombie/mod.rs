#![doc = include_str!("README.md")]

#[cfg(feature = "io")]
mod client;
#[cfg(feature = "io")]
mod kinds;
#[cfg(feature = "io")]
mod ladder;
#[cfg(feature = "io")]
mod listen;
#[cfg(feature = "io")]
mod server;
mod verdict;

use crate::circumstances::Circumstances;
use crate::code;
use crate::exchange::Exchange;
use crate::finding::{Code, Finding};
use crate::plan::Cost;
use crate::probe::Probe;
use crate::timeline::What;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// After the 101 nothing passes, either way.
pub const SILENT_BOTH_WAYS: Code = code!("zombie.silent-both-ways", Broken);
/// After the 101 nothing passes towards the server.
pub const SILENT_TO_SERVER: Code = code!("zombie.silent-to-server", Broken);
/// After the 101 nothing passes towards the client.
pub const SILENT_TO_CLIENT: Code = code!("zombie.silent-to-client", Broken);
/// The connection is ended within two seconds of the 101.
pub const CLOSED_EARLY: Code = code!("zombie.closed-early", Broken);
/// Bytes arrive that the server never sent.
pub const FOREIGN_BYTES: Code = code!("zombie.foreign-bytes", Broken);
/// The server's first words are lost, the rest passes.
pub const GREETING_LOST: Code = code!("zombie.greeting-lost", Degraded);
/// Messages arrive changed.
pub const FRAMES_ALTERED: Code = code!("zombie.frames-altered", Degraded);
/// Messages up to a size pass, larger ones do not.
pub const SIZE_LIMITED: Code = code!("zombie.size-limited", Degraded);
/// Text passes, messages in binary frames do not.
pub const BINARY_LOST: Code = code!("zombie.binary-lost", Degraded);
/// Messages in one frame pass, those in several do not.
pub const FRAGMENTS_LOST: Code = code!("zombie.fragments-lost", Degraded);
/// Messages of one byte in quick succession do not arrive as they were sent.
pub const SMALL_FRAMES_ALTERED: Code = code!("zombie.small-frames-altered", Degraded);
/// Nothing of the server's arrives before the client has spoken.
pub const GREETING_WITHHELD: Code = code!("zombie.greeting-withheld", Degraded);
/// A close code or its words do not arrive.
pub const CLOSE_ALTERED: Code = code!("zombie.close-altered", Note);
/// It could not be judged.
pub const INCONCLUSIVE: Code = code!("zombie.inconclusive", Inconclusive);

/// After the 101, do messages really pass, both ways?
pub struct Zombie;

/// One conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// How many messages the client sends of its own accord, and in [`Part::Beat`] the server too.
    pub messages: u32,
    /// Milliseconds between them; 0 where each waits for the answer to the one before.
    pub every_ms: u64,
    /// What the conversation is for.
    #[serde(default)]
    pub part: Part,
    /// How many of the client's messages go out in quick succession before the others, which go one at a time.
    #[serde(default)]
    pub at_once: u32,
    /// The sizes of the client's messages in bytes, and of their echoes; empty where they are as long as they happen to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sizes: Vec<u32>,
    /// What the client's messages are; empty where all are frames of text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<What>,
}

/// What a conversation is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Whether anything passes: both sides speak at a beat.
    #[default]
    Beat,
    /// Whether it depends on quick succession or on size: a burst, and then a ladder of sizes.
    Sizes,
    /// Whether the message that failed there fails again, and its size is the reason: before it goes as much in small ones.
    Again,
    /// Whether it depends on size, for the largest messages.
    Large,
    /// Whether the largest message that failed there fails again.
    LargeAgain,
    /// Whether messages of other kinds pass: of one byte at once, binary, in pieces.
    Kinds,
    /// Whether the kind that failed there fails again.
    KindsAgain,
    /// Whether the server is heard when it speaks first, and what it closes with.
    Listen,
}

impl Asked {
    /// A conversation of messages of these sizes.
    pub fn sized(part: Part, at_once: u32, sizes: Vec<u32>) -> Self {
        Self { messages: u32::try_from(sizes.len()).unwrap_or(u32::MAX), every_ms: 0, part, at_once, sizes, kinds: Vec::new() }
    }

    /// A conversation of messages of these kinds and sizes.
    pub fn kinds(part: Part, all: &[(What, u32)]) -> Self {
        let (kinds, sizes) = all.iter().copied().unzip();
        Self { kinds, ..Self::sized(part, 0, sizes) }
    }

    /// What the message with this number is, counted from 1.
    pub fn kind(&self, number: u32) -> What {
        let place = number.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        place.and_then(|place| self.kinds.get(place)).copied().unwrap_or(What::Frame)
    }

    /// The size of the message with this number, counted from 1.
    pub fn size(&self, number: u32) -> Option<u32> {
        self.sizes.get(usize::try_from(number.checked_sub(1)?).ok()?).copied()
    }
}

impl Probe for Zombie {
    const ID: &'static str = "zombie";
    const QUESTION: &'static str = "After the 101, do messages really pass, both ways?";
    const CODES: &'static [Code] = &[
        SILENT_BOTH_WAYS,
        SILENT_TO_SERVER,
        SILENT_TO_CLIENT,
        CLOSED_EARLY,
        FOREIGN_BYTES,
        FRAMES_ALTERED,
        GREETING_LOST,
        SIZE_LIMITED,
        BINARY_LOST,
        FRAGMENTS_LOST,
        SMALL_FRAMES_ALTERED,
        GREETING_WITHHELD,
        CLOSE_ALTERED,
        INCONCLUSIVE,
    ];
    const COST: Cost = Cost::Cadence;
    type Asked = Asked;

    fn asked(evidence: &[Exchange<Asked>]) -> bool {
        evidence.iter().any(|exchange| exchange.record.response.as_ref().is_some_and(|head| head.status == 101))
    }

    fn judge(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
        verdict::judge(evidence, around)
    }
}

crate::halves!(Zombie);
