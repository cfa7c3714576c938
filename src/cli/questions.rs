//! The flags about the three questions.

use clap::{Args, ValueEnum};

/// The answers to the questions, as far as flags give them.
#[derive(Args, Default)]
pub struct AnswerFlags {
    /// Question 1: what does the client send through the same channel?
    #[arg(long, value_enum)]
    pub client_sends: Option<SendsChoice>,
    /// Question 2: who stands between users and the server?
    #[arg(long, value_enum)]
    pub network: Option<NetworkChoice>,
    /// Question 3: what is the client?
    #[arg(long, value_enum)]
    pub client: Option<ClientChoice>,
    /// The feature is collaborative or interactive
    #[arg(long)]
    pub interactive: bool,
}

/// `--client-sends`.
#[derive(Clone, Copy, ValueEnum)]
pub enum SendsChoice {
    /// Cursors, keystrokes, game input, orders.
    HighFrequency,
    /// It mostly listens.
    Occasional,
    /// Not known.
    Unknown,
}

/// `--network`.
#[derive(Clone, Copy, ValueEnum)]
pub enum NetworkChoice {
    /// Enterprise proxies, or deep packet inspection.
    Enterprise,
    /// Nobody in particular.
    Direct,
    /// Not known.
    Unknown,
}

/// `--client`.
#[derive(Clone, Copy, ValueEnum)]
pub enum ClientChoice {
    /// A browser.
    Browser,
    /// Node.
    Node,
    /// A mobile framework.
    Mobile,
    /// No event streams.
    Constrained,
    /// Not known.
    Unknown,
}
