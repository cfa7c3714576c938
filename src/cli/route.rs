//! The flags about the way to the server.

use clap::{Args, ValueEnum};
use std::net::IpAddr;
use std::path::PathBuf;

/// How to get to the server: the part of `check` that says which way and whom to trust.
#[derive(Args)]
pub struct RouteFlags {
    /// The proxy to use, as [http|https|socks4a|socks5]://[USER:PASSWORD@]HOST:PORT; default: the usual environment variables, then
    /// what the system is set to
    #[arg(long, value_name = "URL", group = "way")]
    pub proxy: Option<String>,
    /// Use no proxy, whatever the environment and the system say
    #[arg(long, group = "way")]
    pub no_proxy: bool,
    /// Ask this proxy auto-configuration script
    #[arg(long, value_name = "URL|FILE", group = "way")]
    pub pac: Option<String>,
    /// The user for the proxy, for NTLM also as DOMAIN\USER; the password comes from --proxy-password-file, from
    /// PROXYPROBE_PROXY_PASSWORD, or is asked for on the terminal
    #[arg(long, value_name = "USER")]
    pub proxy_user: Option<String>,
    /// A file whose first line is the password for the proxy
    #[arg(long, value_name = "FILE", requires = "proxy_user")]
    pub proxy_password_file: Option<PathBuf>,
    /// How to sign in at the proxy; auto takes the best that it offers, and Basic in cleartext only where it offers nothing else
    #[arg(long, value_enum, default_value_t = ProxyAuthChoice::Auto)]
    pub proxy_auth: ProxyAuthChoice,

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

/// `--proxy-auth`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProxyAuthChoice {
    /// The best that is offered.
    Auto,
    /// The password itself.
    Basic,
    /// A hash of the password.
    Digest,
    /// NTLM with the password.
    Ntlm,
    /// A Kerberos ticket, or NTLM with the password.
    Negotiate,
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
