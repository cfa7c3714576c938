//! The flags of `lab`.

use clap::{Args, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// `lab`.
#[derive(Subcommand)]
pub enum Lab {
    /// List the middleboxes, a line each
    List {
        /// With parameters
        #[arg(long, short)]
        verbose: bool,
    },
    /// Run middleboxes on a socket until Ctrl-C
    Run(LabRun),
    /// Run the middleboxes that a saved JSON report measured, as relay and as proxy, decrypting TLS where they must
    Replay(LabReplay),
}

/// `lab replay`.
#[derive(Args)]
pub struct LabReplay {
    /// The report, or - for standard input
    pub report: PathBuf,
    /// Where and how
    #[command(flatten)]
    pub ends: LabEnds,
}

/// `lab run`.
#[derive(Args)]
pub struct LabRun {
    /// The middleboxes, the client's neighbour first, as NAME[:PARAMETER=VALUE,..]
    #[arg(required = true, value_name = "MIDDLEBOX")]
    pub middleboxes: Vec<String>,
    /// How clients meet them
    #[arg(long = "as", value_enum, default_value_t = LabRole::Relay)]
    pub role: LabRole,
    /// Where and how
    #[command(flatten)]
    pub ends: LabEnds,
}

/// Between what the lab stands.
#[derive(Args)]
pub struct LabEnds {
    /// Where they listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8888")]
    pub listen: SocketAddr,
    /// The server behind them, as HOST:PORT; with http:// or https:// in front when it speaks something else than the client
    #[arg(long, value_name = "HOST:PORT")]
    pub upstream: Option<String>,
    /// Write the root that clients of a tls-proxy need, in PEM
    #[arg(long, value_name = "FILE")]
    pub ca_out: Option<PathBuf>,
    /// Further roots that the server's own certificate may lead to, in PEM
    #[arg(long, value_name = "PEM")]
    pub ca_file: Option<PathBuf>,
}

/// `--as`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LabRole {
    /// Unseen, on the way to one server; requests inside TLS are not looked at.
    Relay,
    /// As an explicit HTTP proxy; requests inside TLS are not looked at.
    Proxy,
    /// As either, and decrypting TLS with the lab's own root.
    TlsProxy,
}
