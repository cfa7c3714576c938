//! The flags about the way to the server.

use clap::Args;
use std::net::IpAddr;
use std::path::PathBuf;

/// How to get to the server: the part of `check` that says which way and whom to trust.
#[derive(Args)]
pub struct RouteFlags {
    /// The HTTP proxy to use, as http://[USER:PASSWORD@]HOST:PORT; default: the usual environment variables
    #[arg(long, value_name = "URL", conflicts_with = "no_proxy")]
    pub proxy: Option<String>,
    /// Use no proxy, whatever the environment says
    #[arg(long)]
    pub no_proxy: bool,
    /// The user for the proxy; the password comes from --proxy-password-file or PROXYPROBE_PROXY_PASSWORD
    #[arg(long, value_name = "USER")]
    pub proxy_user: Option<String>,
    /// A file whose first line is the password for the proxy
    #[arg(long, value_name = "FILE", requires = "proxy_user")]
    pub proxy_password_file: Option<PathBuf>,

    /// Trust exactly the certificate with this SHA-256 (serve --self-signed prints it)
    #[arg(long, value_name = "sha256:HEX")]
    pub pin: Option<String>,
    /// Further roots to trust, in PEM
    #[arg(long, value_name = "PEM")]
    pub ca_file: Option<PathBuf>,
    /// Use IPv4 alone
    #[arg(short = '4', group = "family")]
    pub ipv4: bool,
    /// Use IPv6 alone
    #[arg(short = '6', group = "family")]
    pub ipv6: bool,
    /// Use this address for a host and port; repeatable
    #[arg(long, value_name = "HOST:PORT:ADDR")]
    pub resolve: Vec<String>,
    /// The Origin header of WebSockets and streams; default: the server's own
    #[arg(long, value_name = "URL")]
    pub origin: Option<String>,
    /// A further header of every request; repeatable
    #[arg(long = "header", value_name = "K: V")]
    pub headers: Vec<String>,
    /// The User-Agent header
    #[arg(long, value_name = "TEXT")]
    pub user_agent: Option<String>,
}

/// Reads `HOST:PORT:ADDR`.
///
/// # Errors
/// What is wrong with it.
pub fn read_resolve(text: &str) -> Result<((String, u16), IpAddr), String> {
    let wrong = || format!("`{text}` is not of the form HOST:PORT:ADDR");
    let mut parts = text.splitn(3, ':');
    let host = parts.next().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
    let port = parts.next().and_then(|port| port.parse().ok()).ok_or_else(wrong)?;
    let address = parts.next().and_then(|address| address.trim_matches(['[', ']']).parse().ok()).ok_or_else(wrong)?;
    Ok(((host.to_owned(), port), address))
}
