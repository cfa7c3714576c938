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

/// The first question as figures, for what can measure the answer.
#[derive(Args, Default)]
pub struct DemandFlags {
    /// Question 1 by measurement: how often the client sends something, such as 20/s or 30/min
    #[arg(long, value_name = "N/s", value_parser = send_every, conflicts_with = "client_sends")]
    pub send_rate: Option<u64>,
    /// Question 1 by measurement: the milliseconds within which nineteen of twenty answers have to come
    /// (100 where only --send-rate is given)
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=60_000), conflicts_with = "client_sends")]
    pub latency_budget: Option<u64>,
}

/// The fastest rate, in things a second: beyond the frames of a screen nobody sees a difference.
const FASTEST: f64 = 200.0;
/// The slowest: once an hour.
const SLOWEST: f64 = 1.0 / 3_600.0;

/// Reads a rate as the milliseconds from one thing to the next.
fn send_every(text: &str) -> Result<u64, String> {
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit.trim() {
        "s" | "sec" | "second" => 1.0,
        "min" | "m" | "minute" => 60.0,
        _ => return Err("say how often as N/s or N/min, such as 20/s".to_owned()),
    };
    let rate = number.trim().parse::<f64>().map_err(|_| "say how often as N/s or N/min, such as 20/s")? / seconds;
    if !(SLOWEST..=FASTEST).contains(&rate) {
        return Err(format!("between once an hour and {FASTEST}/s can be tried"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 5 and 3,600,000")]
    Ok((1_000.0 / rate).round() as u64)
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
