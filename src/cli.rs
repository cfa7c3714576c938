//! The command line. The only place that reads the environment.

mod lab;
mod limits;
mod questions;
mod route;
mod serve;
mod settings;
mod shown;

pub use lab::{Lab, LabEnds, LabReplay, LabRole, LabRun};
pub use limits::LimitFlags;
pub use questions::{AnswerFlags, ClientChoice, DemandFlags, NetworkChoice, SendsChoice};
pub use route::{ProxyAuthChoice, RouteFlags, read_resolve};
pub use serve::{LogFormat, Serve};
pub use settings::parse;
pub use shown::shown;

use crate::net::Variables;
use crate::net::secret::Secret;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Which real-time transport survives this network path: WebSocket, Server-Sent Events or long polling?
#[derive(Parser)]
#[command(name = "proxyprobe", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Probe the path to a paired server and print a report
    Check(Box<Check>),
    /// Run the paired server
    Serve(Box<Serve>),
    /// Judge a saved JSON report again, without a network
    Judge(Judge),
    /// Misbehave on purpose: middleboxes for tests, and for developers who want to see their own application fail
    #[command(subcommand)]
    Lab(Lab),
    /// Try the judge on every middlebox of the lab, in memory: expected against found
    Selftest(Selftest),
    /// What changed between two saved JSON reports: before and after, or here and there
    Diff(Diff),
    /// Ask the three questions and compare the three transports, without a network
    Advise(Advise),
    /// Explain a finding
    Explain {
        /// The finding's code, such as upgrade.header-stripped
        code: String,
    },
}

/// `check`.
#[derive(Args)]
#[command(after_help = "Exit codes: 0 all that was tested works; 1 something decisive is degraded or broken; 2 wrong usage; \
                        3 inconclusive.")]
pub struct Check {
    /// The paired server, as https://HOST[:PORT] or http://HOST[:PORT]; without it, an embedded server on loopback
    pub url: Option<String>,

    /// About 5 s; silences of 30 s are not tested
    #[arg(long, group = "depth")]
    pub quick: bool,
    /// About 40 s, with silences past 30 s (the default)
    #[arg(long, group = "depth")]
    pub standard: bool,
    /// Silences past 60 s
    #[arg(long, group = "depth")]
    pub deep: bool,
    /// Make the longest silence this long
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub idle: Option<u64>,

    /// Hold at most this many silent connections at once on each leg, where a NAT or a proxy allows few; fewer silences, and fewer kinds of heartbeats, are tried then
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(3..))]
    pub connections: Option<u8>,

    /// Put a middlebox of the lab between this client and the embedded server, as NAME[:PARAMETER=VALUE,..]; repeatable, in a row
    #[arg(long, value_name = "MIDDLEBOX", conflicts_with_all = ["url", "proxy", "pac"])]
    pub lab: Vec<String>,

    /// The legs to test; the URL's own leg decides
    #[arg(long, value_enum, default_value_t = LegChoice::Both)]
    pub leg: LegChoice,
    /// How to get to the server
    #[command(flatten)]
    pub route: RouteFlags,

    /// Also visit the application's own endpoint, as wss://HOST/PATH or ws:// for a WebSocket, https:// or http:// for an event
    /// stream: inspection is often selective by host. It decides nothing; repeatable
    #[arg(long, value_name = "URL")]
    pub also: Vec<String>,
    /// A header for it, such as a cookie or a token; @FILE reads one from each line of a file. Its value is in no output; repeatable
    #[arg(long, value_name = "K: V|@FILE", requires = "also")]
    pub also_header: Vec<String>,

    /// Run these probes alone, separated by commas
    #[arg(long, value_name = "PROBE,..", value_delimiter = ',', conflicts_with = "skip")]
    pub only: Vec<String>,
    /// Leave these probes out
    #[arg(long, value_name = "PROBE,..", value_delimiter = ',')]
    pub skip: Vec<String>,

    /// The answers to the questions
    #[command(flatten)]
    pub answers: AnswerFlags,
    /// The first question as figures
    #[command(flatten)]
    pub demand: DemandFlags,
    /// Ask the questions that no flag answers on the terminal
    #[arg(long)]
    pub ask: bool,

    /// Run again and again, this many times, and report k of n
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=10_000), conflicts_with = "during")]
    pub repeat: Option<u32>,
    /// Run again and again for this long (90s, 30m, 2h), and report k of n
    #[arg(long = "for", id = "during", value_name = "DURATION", value_parser = read_duration)]
    pub during: Option<Duration>,

    /// Run once more without the proxy, and report side by side what the proxy changes
    #[arg(long, requires = "url", conflicts_with_all = ["no_proxy", "repeat", "during"])]
    pub compare_direct: bool,

    /// Words for whoever receives the report
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Leave the report with the paired server, which must keep reports, and print its id on stderr
    #[arg(long, requires = "url")]
    pub upload: bool,
    /// The token that admits this check at the server, where it wants one; better in a file or in PROXYPROBE_TOKEN
    #[arg(long, value_name = "TOKEN", requires = "url")]
    pub token: Option<String>,
    /// A file whose first line is that token
    #[arg(long, value_name = "FILE", requires = "url", conflicts_with = "token")]
    pub token_file: Option<PathBuf>,
    /// How much the report hides; secrets are in none
    #[arg(long, value_enum, default_value_t = RedactChoice::Default)]
    pub redact: RedactChoice,
    /// What stdout gets
    #[arg(long, value_enum, default_value_t = FormatChoice::Text)]
    pub format: FormatChoice,
    /// Below the text, draw each connection as a line: when it opened, spoke, was silent and ended
    #[arg(long)]
    pub timeline: bool,
    /// Also write the report to a file; repeatable
    #[arg(long, value_name = "FORMAT=FILE")]
    pub save: Vec<String>,
    /// End the run after this time, with what was measured until then [default: a minute and three times the longest silence]
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: Option<u64>,
    /// Say nothing on stderr while it runs
    #[arg(long)]
    pub quiet: bool,
    /// No colours
    #[arg(long)]
    pub no_color: bool,
}

/// `selftest`.
#[derive(Args)]
#[command(after_help = "Exit codes: 0 all is right; 1 something is judged wrongly; 2 wrong usage.")]
pub struct Selftest {
    /// Only rows of the table with this in their name
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// Instead of the table, run each control under this many kinds of weather: delay, jitter, segments, order of tasks
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub seeds: Option<u64>,
    /// Run the controls under the weather of this seed again
    #[arg(long, value_name = "SEED", conflicts_with = "seeds")]
    pub seed: Option<u64>,
    /// What stdout gets
    #[arg(long, value_enum, default_value_t = TableFormat::Text)]
    pub format: TableFormat,
}

/// `--format` of what has no JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// For people.
    Text,
    /// For tickets and pages.
    Markdown,
}

/// `judge`.
#[derive(Args)]
pub struct Judge {
    /// The report, or - for standard input
    pub report: PathBuf,
    /// What stdout gets
    #[arg(long, value_enum, default_value_t = FormatChoice::Text)]
    pub format: FormatChoice,
    /// Below the text, draw each connection as a line: when it opened, spoke, was silent and ended
    #[arg(long)]
    pub timeline: bool,
    /// How much the report hides; secrets are in none
    #[arg(long, value_enum, default_value_t = RedactChoice::None)]
    pub redact: RedactChoice,
    /// No colours
    #[arg(long)]
    pub no_color: bool,
}

/// `diff`.
#[derive(Args)]
#[command(after_help = "Exit codes: 0 nothing changed; 1 something did; 2 wrong usage.")]
pub struct Diff {
    /// The report from before, or - for standard input
    pub before: PathBuf,
    /// The report from after
    pub after: PathBuf,
    /// What stdout gets
    #[arg(long, value_enum, default_value_t = TableFormat::Text)]
    pub format: TableFormat,
}

/// `advise`.
#[derive(Args)]
pub struct Advise {
    /// The answers to the questions; those that are not given are asked for
    #[command(flatten)]
    pub answers: AnswerFlags,
    /// What stdout gets
    #[arg(long, value_enum, default_value_t = TableFormat::Text)]
    pub format: TableFormat,
}

/// `--leg`.
#[derive(Clone, Copy, ValueEnum)]
pub enum LegChoice {
    /// The cleartext leg.
    Http,
    /// The TLS leg.
    Https,
    /// The URL's own, and the other one when the server declares it.
    Both,
}

/// `--format`.
#[derive(Clone, Copy, ValueEnum)]
pub enum FormatChoice {
    /// For people.
    Text,
    /// For tickets.
    Markdown,
    /// For a browser: one file.
    Html,
    /// For programs.
    Json,
}

/// `--redact`.
#[derive(Clone, Copy, ValueEnum)]
pub enum RedactChoice {
    /// Queries of URLs.
    Default,
    /// Also private names, addresses, and what others wrote into headers and pages.
    Share,
    /// Nothing but secrets.
    None,
}

/// Reads `90s`, `30m`, `1h 30m`.
fn read_duration(text: &str) -> Result<Duration, String> {
    let read: Option<jiff::SignedDuration> = text.parse().ok();
    let read = read.and_then(|duration| Duration::try_from(duration).ok()).filter(|duration| !duration.is_zero());
    read.ok_or_else(|| "this is no duration; 90s, 30m and 2h are some".to_owned())
}

/// A text without what stands between `://` and the last `@` of a word: users and passwords.
pub fn without_credentials(text: &str) -> String {
    let clean = |word: &str| {
        let parts = word.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1)));
        parts.map_or_else(|| word.to_owned(), |(scheme, rest)| format!("{scheme}://(not shown)@{rest}"))
    };
    text.split_inclusive(char::is_whitespace).map(clean).collect()
}

/// What the environment says.
pub struct Environment {
    /// The proxy variables.
    pub proxies: Variables,
    /// The password for the proxy.
    pub proxy_password: Option<Secret>,
    /// The password for the store of a fleet.
    pub store_password: Option<Secret>,
    /// The token for the server.
    pub token: Option<Secret>,
    /// The names of the sockets that systemd passes on (sd_listen_fds(3)), in their order.
    pub socket_names: Vec<String>,
    /// Whether colours are unwanted (<https://no-color.org>).
    pub no_color: bool,
    /// The command line, without its secrets.
    pub command: String,
}

impl Environment {
    /// Reads it.
    pub fn read() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        let variable = |name: &str| std::env::var(name).ok();
        let filled = |name: &str| variable(name).filter(|value| !value.is_empty());
        // A CGI program must not take the Proxy header of its request for a setting (CVE-2016-5385).
        let http = filled("HTTP_PROXY").filter(|_| variable("REQUEST_METHOD").is_none()).or_else(|| filled("http_proxy"));
        let either = |upper: &str, lower: &str| filled(upper).or_else(|| filled(lower));
        Self {
            proxies: Variables {
                http,
                https: either("HTTPS_PROXY", "https_proxy"),
                all: either("ALL_PROXY", "all_proxy"),
                no: either("NO_PROXY", "no_proxy"),
            },
            proxy_password: variable("PROXYPROBE_PROXY_PASSWORD").map(Secret::new),
            store_password: filled("PROXYPROBE_STORE_PASSWORD").map(Secret::new),
            token: filled("PROXYPROBE_TOKEN").map(Secret::new),
            socket_names: filled("LISTEN_FDNAMES").map(|names| names.split(':').map(str::to_owned).collect()).unwrap_or_default(),
            no_color: filled("NO_COLOR").is_some(),
            command: format!(
                "proxyprobe {}",
                shown(std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()))
            ),
        }
    }
}
