//! The answers to the three questions.

use super::Demand;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The answers that were given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Answers {
    /// Question 1: what the client sends through the same channel.
    pub client_sends: Sends,
    /// Question 1 as figures, to be measured instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demand: Option<Demand>,
    /// Question 2: who stands between.
    pub network: Between,
    /// Question 3: what the client is.
    pub client: Client,
    /// Collaborative or interactive features justify WebSockets whatever the other answers.
    pub interactive: bool,
    /// Which of them a person gave when asked on the terminal.
    #[serde(default)]
    pub asked: Asked,
}

/// Which answers were given when asked; the others came from flags, where they were given at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// Question 1.
    pub client_sends: bool,
    /// Question 2.
    pub network: bool,
    /// Question 3.
    pub client: bool,
    /// Whether the feature is collaborative or interactive.
    pub interactive: bool,
}

/// What a client sends through the same channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sends {
    /// Cursors, keystrokes, game input, orders.
    HighFrequency,
    /// It mostly listens, and acts now and then by HTTP.
    Occasional,
    /// Not said.
    #[default]
    Unknown,
}

/// Who stands between users and the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Between {
    /// Enterprise proxies, or deep packet inspection.
    Enterprise,
    /// Nobody in particular: a consumer network.
    Direct,
    /// Not said.
    #[default]
    Unknown,
}

/// What the client is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Client {
    /// A browser.
    Browser,
    /// Node.
    Node,
    /// A mobile framework.
    Mobile,
    /// Something constrained, whose HTTP client knows no event streams.
    Constrained,
    /// Not said.
    #[default]
    Unknown,
}
