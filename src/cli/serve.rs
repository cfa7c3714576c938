//! The flags of `serve`.

use super::limits::LimitFlags;
use clap::{Args, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// `serve`.
#[derive(Args)]
#[command(
    after_help = "Each flag is also a variable, as PROXYPROBE_SERVE_MAX_RUNS for --max-runs, and a key of the --config file, as \
                        max-runs. Flags outrank variables, and those the file. Several values of a variable are separated by commas. \
                        On SIGHUP, certificate and tokens are read again."
)]
pub struct Serve {
    /// Read settings from this file, in TOML, with the names of the flags
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the cleartext leg listens
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:8080")]
    pub http: SocketAddr,
    /// No cleartext leg
    #[arg(long, conflicts_with_all = ["http", "public_http"])]
    pub no_http: bool,
    /// Where the TLS leg listens; it needs --cert and --key, --acme, or --self-signed
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:8443")]
    pub https: SocketAddr,
    /// A further address where the TLS leg listens, on a port that clients reach as it is: checks compare the first three of them with
    /// the one of their URL; repeatable
    #[arg(long, value_name = "ADDR")]
    pub also_https: Vec<SocketAddr>,
    /// The certificate chain, in PEM
    #[arg(long, value_name = "PEM", requires = "key", conflicts_with = "self_signed")]
    pub cert: Option<PathBuf>,
    /// Its key, in PEM
    #[arg(long, value_name = "PEM", requires = "cert")]
    pub key: Option<PathBuf>,
    /// Make a certificate for a try-out, and print its fingerprint
    #[arg(long)]
    pub self_signed: bool,
    /// A further name or address in that certificate; repeatable
    #[arg(long, value_name = "NAME", requires = "self_signed")]
    pub name: Vec<String>,
    /// Write that certificate to a file, in PEM
    #[arg(long, value_name = "FILE", requires = "self_signed")]
    pub ca_out: Option<PathBuf>,
    /// Get a certificate for this name from an authority that speaks ACME, which must reach the TLS leg on port 443; repeatable
    #[arg(long, value_name = "DOMAIN", requires = "acme_folder", conflicts_with_all = ["cert", "self_signed"])]
    pub acme: Vec<String>,
    /// Where account and certificate are kept: an authority gives few new ones
    #[arg(long, value_name = "DIR", requires = "acme")]
    pub acme_folder: Option<PathBuf>,
    /// The authority's directory
    #[arg(long, value_name = "URL", default_value = "https://acme-v02.api.letsencrypt.org/directory")]
    pub acme_directory: String,
    /// Whom the authority may write to
    #[arg(long, value_name = "ADDRESS", requires = "acme")]
    pub acme_contact: Option<String>,
    /// Roots of an authority that browsers do not know, in PEM
    #[arg(long, value_name = "PEM", requires = "acme")]
    pub acme_ca_file: Option<PathBuf>,
    /// The port on which clients reach the cleartext leg; default: its own
    #[arg(long, value_name = "PORT")]
    pub public_http: Option<u16>,
    /// The port on which clients reach the TLS leg; default: its own
    #[arg(long, value_name = "PORT")]
    pub public_https: Option<u16>,
    /// Answer datagrams here, so that runs can tell whether UDP (HTTP/3) gets through: best on the port of the TLS leg
    #[arg(long, value_name = "ADDR")]
    pub udp: Option<SocketAddr>,
    /// The port on which clients reach it; default: its own
    #[arg(long, value_name = "PORT", requires = "udp")]
    pub public_udp: Option<u16>,
    /// A token that admits runs, as NAME=TOKEN; repeatable; better in a file. Without tokens, everybody may begin runs
    #[arg(long, value_name = "NAME=TOKEN")]
    pub token: Vec<String>,
    /// A file with such tokens, one on each line
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Where /healthz, /readyz and /metrics are, for the operator alone
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<SocketAddr>,
    /// What lines on stderr look like
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// When told to stop, take no new runs and wait this long for the others
    #[arg(long, value_name = "SECS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=3_600))]
    pub drain_seconds: u64,
    /// Each connection begins with a PROXY protocol header (version 1 or 2), which a front writes
    #[arg(long)]
    pub proxy_protocol: bool,
    /// A header that the server's own front adds to requests; repeatable
    #[arg(long, value_name = "NAME")]
    pub front_header: Vec<String>,
    /// Keep the reports that clients leave (check --upload) in this folder, for 30 days and at most 1,000
    #[arg(long, value_name = "DIR")]
    pub keep_reports: Option<PathBuf>,
    /// Share runs with the other nodes of a fleet through this Redis, as redis://HOST[:PORT][/DATABASE], or rediss:// over TLS
    /// (a user other than the default one stands before the host, with an @); needs --secret-file
    #[arg(long, value_name = "URL", requires = "secret_file")]
    pub store: Option<String>,
    /// A file whose first line is the store's password; or PROXYPROBE_STORE_PASSWORD
    #[arg(long, value_name = "FILE", requires = "store")]
    pub store_password_file: Option<PathBuf>,
    /// Roots to trust at the store, in PEM, instead of the system's
    #[arg(long, value_name = "PEM", requires = "store")]
    pub store_ca_file: Option<PathBuf>,
    /// A file with the secret of the fleet, the same at all nodes, of at least 32 characters (openssl rand -hex 32)
    #[arg(long, value_name = "FILE", requires = "store")]
    pub secret_file: Option<PathBuf>,
    /// What it allows
    #[command(flatten)]
    pub limits: LimitFlags,
}

/// `--log-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object on each line.
    Json,
}
