#![doc = include_str!("README.md")]

#[cfg(feature = "io")]
mod client;
#[cfg(feature = "io")]
mod ladder;
#[cfg(feature = "io")]
mod server;
mod verdict;

use crate::circumstances::Circumstances;
use crate::code;
use crate::exchange::Exchange;
use crate::finding::{Code, Finding};
use crate::plan::Cost;
use crate::probe::Probe;
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
/// It could not be judged.
pub const INCONCLUSIVE: Code = code!("zombie.inconclusive", Inconclusive);

/// After the 101, do messages really pass, both ways?
pub struct Zombie;

/// One conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
}

impl Asked {
    /// A conversation of messages of these sizes.
    pub fn sized(part: Part, at_once: u32, sizes: Vec<u32>) -> Self {
        Self { messages: u32::try_from(sizes.len()).unwrap_or(u32::MAX), every_ms: 0, part, at_once, sizes }
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
