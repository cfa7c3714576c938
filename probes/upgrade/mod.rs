#![doc = include_str!("README.md")]

#[cfg(feature = "io")]
mod client;
mod ports;
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

/// A middlebox removed the `Upgrade` header.
pub const HEADER_STRIPPED: Code = code!("upgrade.header-stripped", Broken);
/// `Upgrade` arrived, but `Connection` no longer names it.
pub const CONNECTION_REWRITTEN: Code = code!("upgrade.connection-rewritten", Broken);
/// The handshake passes with another spelling of the token than the one that browsers send.
pub const TOKEN_CASE_SENSITIVE: Code = code!("upgrade.token-case-sensitive", Broken);
/// A middlebox answered in place of the server.
pub const REFUSED: Code = code!("upgrade.refused", Broken);
/// Nobody answered, and the server never saw the request.
pub const NO_ANSWER: Code = code!("upgrade.no-answer", Broken);
/// The server sent a 101 that never arrived.
pub const LOST_101: Code = code!("upgrade.lost-101", Broken);
/// A 101 arrived that the server never sent.
pub const FORGED: Code = code!("upgrade.forged", Broken);
/// The 101 is genuine and was changed on the way.
pub const ALTERED: Code = code!("upgrade.altered", Degraded);
/// The handshake passes where it does not offer the compression that every browser offers.
pub const EXTENSION_REFUSED: Code = code!("upgrade.extension-refused", Broken);
/// The subprotocols that are offered do not arrive, or the one that is chosen does not.
pub const SUBPROTOCOL_LOST: Code = code!("upgrade.subprotocol-lost", Degraded);
/// A handshake passes on one port of the server and not on another.
pub const PORT_DIFFERS: Code = code!("upgrade.port-differs", Note);
/// It could not be judged.
pub const INCONCLUSIVE: Code = code!("upgrade.inconclusive", Inconclusive);

/// Does the WebSocket opening handshake survive?
pub struct Upgrade;

/// One opening handshake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// The spelling of `websocket` in the `Upgrade` header.
    pub token: Token,
    /// What it offers.
    #[serde(default, skip_serializing_if = "Offer::is_usual")]
    pub offer: Offer,
    /// The port of the server that it goes to, where that is not the URL's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// The most further ports that are tried: the one that firewalls know for TLS, and one or two others.
pub const OTHER_PORTS: usize = 3;

/// What a handshake offers to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Offer {
    /// Compression, as every browser does.
    #[default]
    Compression,
    /// That and two subprotocols, as an application may: [`SUBPROTOCOLS`].
    Subprotocols,
    /// Nothing.
    Nothing,
}

impl Offer {
    fn is_usual(&self) -> bool {
        *self == Offer::Compression
    }
}

/// The subprotocols that are offered; the names are registered nowhere, so that nothing in between has a rule for them.
pub const SUBPROTOCOLS: &str = "v1.proxyprobe, v2.proxyprobe";
/// The one that the server chooses.
pub const CHOSEN: &str = "v2.proxyprobe";

/// How the token is spelt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Token {
    /// As every browser spells it.
    #[serde(rename = "websocket")]
    Lower,
    /// As RFC 6455 writes it in its text, and so some administrators in their rules.
    #[serde(rename = "WebSocket")]
    Mixed,
}

impl Probe for Upgrade {
    const ID: &'static str = "upgrade";
    const QUESTION: &'static str = "Does the WebSocket opening handshake survive?";
    const CODES: &'static [Code] = &[
        HEADER_STRIPPED,
        CONNECTION_REWRITTEN,
        TOKEN_CASE_SENSITIVE,
        REFUSED,
        NO_ANSWER,
        LOST_101,
        FORGED,
        ALTERED,
        EXTENSION_REFUSED,
        SUBPROTOCOL_LOST,
        PORT_DIFFERS,
        INCONCLUSIVE,
    ];
    const COST: Cost = Cost::Quiet;
    type Asked = Asked;

    fn judge(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
        verdict::judge(evidence, around)
    }
}

crate::halves!(Upgrade);
