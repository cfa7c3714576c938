//! The flags of `serve`.

use super::limits::LimitFlags;
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;

/// `serve`.
#[derive(Args)]
pub struct Serve {
    /// Where the cleartext leg listens
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:8080")]
    pub http: SocketAddr,
    /// No cleartext leg
    #[arg(long, conflicts_with_all = ["http", "public_http"])]
    pub no_http: bool,
    /// Where the TLS leg listens; it needs --cert and --key, or --self-signed
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:8443")]
    pub https: SocketAddr,
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
    /// The port on which clients reach the cleartext leg; default: its own
    #[arg(long, value_name = "PORT")]
    pub public_http: Option<u16>,
    /// The port on which clients reach the TLS leg; default: its own
    #[arg(long, value_name = "PORT")]
    pub public_https: Option<u16>,
    /// A header that the server's own front adds to requests; repeatable
    #[arg(long, value_name = "NAME")]
    pub front_header: Vec<String>,
    /// Keep the reports that clients leave (check --upload) in this folder, for 30 days and at most 1,000
    #[arg(long, value_name = "DIR")]
    pub keep_reports: Option<PathBuf>,
    /// What it allows
    #[command(flatten)]
    pub limits: LimitFlags,
}
