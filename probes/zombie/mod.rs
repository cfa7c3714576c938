#![doc = include_str!("README.md")]

#[cfg(feature = "io")]
mod client;
#[cfg(feature = "io")]
mod server;
mod verdict;

use crate::circumstances::Circumstances;
use crate::code;
use crate::exchange::Exchange;
use crate::finding::{Code, Finding};
use crate::plan::Cost;
use crate::probe::Probe;
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
/// It could not be judged.
pub const INCONCLUSIVE: Code = code!("zombie.inconclusive", Inconclusive);

/// After the 101, do messages really pass, both ways?
pub struct Zombie;

/// One conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// How many messages each side sends of its own accord.
    pub messages: u32,
    /// Milliseconds between them.
    pub every_ms: u64,
}

impl Probe for Zombie {
    const ID: &'static str = "zombie";
    const QUESTION: &'static str = "After the 101, do messages really pass, both ways?";
    const CODES: &'static [Code] =
        &[SILENT_BOTH_WAYS, SILENT_TO_SERVER, SILENT_TO_CLIENT, CLOSED_EARLY, FOREIGN_BYTES, GREETING_LOST, INCONCLUSIVE];
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
