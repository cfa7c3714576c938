#![doc = include_str!("README.md")]

#[cfg(feature = "io")]
mod client;
mod compare;
#[cfg(feature = "io")]
mod server;
mod verdict;

use crate::below::RawHead;
use crate::circumstances::Circumstances;
use crate::code;
use crate::exchange::Exchange;
use crate::finding::{Code, Finding};
use crate::plan::Cost;
use crate::probe::Probe;
use crate::untrusted::Untrusted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Headers arrive that nobody sent.
pub const ADDED: Code = code!("headers.added", Note);
/// Headers do not arrive.
pub const REMOVED: Code = code!("headers.removed", Note);
/// Headers arrive with other values, in another spelling or in another order.
pub const CHANGED: Code = code!("headers.changed", Note);
/// A head arrives in an older HTTP version.
pub const HTTP_VERSION_LOWERED: Code = code!("headers.http-version-lowered", Note);
/// Headers on the way are those of a product.
pub const PRODUCT_IDENTIFIED: Code = code!("headers.product-identified", Note);

/// What happens to headers on the way?
pub struct Headers;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// Which headers.
    pub kind: Kind,
    /// The head of the request as it was written.
    #[serde(default)]
    pub sent: RawHead,
    /// The head of the answer as it arrived.
    #[serde(default)]
    pub received: Option<RawHead>,
    /// Whether the request asks a proxy, with a whole URL for its target.
    #[serde(default)]
    pub asks_proxy: bool,
    /// Headers that the server's own front is declared to add.
    #[serde(default)]
    pub front_headers: Vec<Untrusted>,
}

/// Which headers are sent and answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Unusual ones too, all of them legal.
    Unusual,
    /// Those of a browser: asked where the unusual ones are not answered.
    Usual,
}

impl Probe for Headers {
    const ID: &'static str = "headers";
    const QUESTION: &'static str = "What happens to headers on the way, and whose marks are on them?";
    const CODES: &'static [Code] = &[ADDED, REMOVED, CHANGED, HTTP_VERSION_LOWERED, PRODUCT_IDENTIFIED];
    const COST: Cost = Cost::Quiet;
    type Asked = Asked;

    fn looks_below(_route: &str) -> bool {
        true
    }

    fn judge(evidence: &[Exchange<Asked>], _: &Circumstances) -> Vec<Finding> {
        verdict::judge(evidence)
    }
}

crate::halves!(Headers);
