//! Which proxy: from the flags, then from the environment; and who said so.

use super::secret::Secret;
use proxyprobe_probes::transport::Leg;
use std::net::IpAddr;

/// An HTTP proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// User and password for Basic authentication (RFC 7617).
    pub credentials: Option<(String, Secret)>,
}

/// Where the choice of a route came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag.
    Flag,
    /// An environment variable.
    Environment,
    /// Nothing is set.
    None,
}

impl Source {
    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Flag => "flag",
            Source::Environment => "environment",
            Source::None => "none",
        }
    }
}

/// The variables that proxies are usually set with. The upper-case form counts when both are set and it is not empty.
#[derive(Clone, Default)]
pub struct Variables {
    /// For `https://` and `wss://`.
    pub https: Option<String>,
    /// For `http://` and `ws://`.
    pub http: Option<String>,
    /// For everything else.
    pub all: Option<String>,
    /// Hosts that are reached directly.
    pub no: Option<String>,
}

/// The routes of a run, by leg.
#[derive(Clone)]
pub struct Proxies {
    /// Who chose.
    pub source: Source,
    http: Option<Proxy>,
    https: Option<Proxy>,
}

/// Why a proxy's address cannot be used. The address itself is never repeated: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// There is no host in it.
    NoHost,
    /// The port is no number from 1 to 65535.
    BadPort,
    /// A kind of proxy that is not supported.
    Scheme,
    /// A control character or a blank.
    BadCharacter,
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Unusable::NoHost => "it names no host",
            Unusable::BadPort => "its port is not a number from 1 to 65535",
            Unusable::Scheme => "only proxies of the form http://host:port are supported",
            Unusable::BadCharacter => "it contains a blank or a control character",
        })
    }
}

impl Proxy {
    /// Reads `http://user:password@host:port`; the scheme may be missing, and everything up to the last `@` is the user's.
    ///
    /// # Errors
    /// When it names no usable proxy.
    pub fn read(url: &str) -> Result<Proxy, Unusable> {
        if url.chars().any(|c| c.is_control() || c == ' ') {
            return Err(Unusable::BadCharacter);
        }
        let rest = match url.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            // A password may contain "://"; a scheme contains no "@" and no ":".
            Some((scheme, _)) if !scheme.contains(['@', ':']) => return Err(Unusable::Scheme),
            _ => url,
        };
        let (userinfo, address) = match rest.rsplit_once('@') {
            Some((userinfo, address)) => (Some(userinfo), address),
            None => (None, rest),
        };
        let address = address.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                (host, port.parse().ok().filter(|port| *port != 0).ok_or(Unusable::BadPort)?)
            }
            // As browsers read a proxy without a port.
            _ => (address, 80),
        };
        let host = host.trim_matches(['[', ']']);
        if host.is_empty() {
            return Err(Unusable::NoHost);
        }
        let credentials = userinfo.map(|userinfo| {
            let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
            (decode(user), Secret::new(decode(password)))
        });
        Ok(Proxy { host: host.to_owned(), port, credentials })
    }

    /// `host:port`, and never more.
    pub fn address(&self) -> String {
        if self.host.contains(':') { format!("[{}]:{}", self.host, self.port) } else { format!("{}:{}", self.host, self.port) }
    }
}

impl Proxies {
    /// No proxy, and who said so.
    pub fn none(source: Source) -> Self {
        Self { source, http: None, https: None }
    }

    /// One proxy for everything.
    pub fn flag(proxy: Proxy) -> Self {
        Self { source: Source::Flag, http: Some(proxy.clone()), https: Some(proxy) }
    }

    /// What the environment says for a host.
    ///
    /// # Errors
    /// The name of the variable that holds no usable proxy, and why.
    pub fn environment(variables: &Variables, host: &str, port: impl Fn(Leg) -> u16) -> Result<Self, (&'static str, Unusable)> {
        let pick = |leg: Leg, own: &Option<String>, name: &'static str| {
            let set = |value: &Option<String>| value.clone().filter(|value| !value.trim().is_empty());
            let (name, value) = match (set(own), set(&variables.all)) {
                (Some(value), _) => (name, value),
                (None, Some(value)) => ("ALL_PROXY", value),
                (None, None) => return Ok(None),
            };
            if variables.no.as_deref().is_some_and(|list| bypasses(list, host, port(leg))) {
                return Ok(None);
            }
            Proxy::read(value.trim()).map(Some).map_err(|why| (name, why))
        };
        let http = pick(Leg::Http, &variables.http, "HTTP_PROXY")?;
        let https = pick(Leg::Https, &variables.https, "HTTPS_PROXY")?;
        let source = if http.is_some() || https.is_some() { Source::Environment } else { Source::None };
        Ok(Self { source, http, https })
    }

    /// The proxy for a leg.
    pub fn of(&self, leg: Leg) -> Option<&Proxy> {
        match leg {
            Leg::Http => self.http.as_ref(),
            Leg::Https => self.https.as_ref(),
        }
    }

    /// The same with these credentials for every proxy that has none.
    #[must_use]
    pub fn with_credentials(mut self, user: &str, password: &Secret) -> Self {
        for proxy in [&mut self.http, &mut self.https].into_iter().flatten() {
            proxy.credentials.get_or_insert_with(|| (user.to_owned(), password.clone()));
        }
        self
    }
}

/// Whether a `NO_PROXY` list covers a host: `*`, names with all their subdomains, addresses, networks in CIDR form, each with an
/// optional port.
fn bypasses(list: &str, host: &str, port: u16) -> bool {
    let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    list.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        if let Some(address) = address {
            return in_network(entry, address)
                || entry.rsplit_once(':').is_some_and(|(name, p)| name == host && p == port.to_string());
        }
        let (name, only) = match entry.rsplit_once(':') {
            Some((name, number)) if number.bytes().all(|b| b.is_ascii_digit()) => (name, number.parse().ok()),
            _ => (entry, None),
        };
        let name = name.trim_start_matches('*').trim_matches('.').to_ascii_lowercase();
        let same = host == name || host.strip_suffix(&name).is_some_and(|rest| rest.ends_with('.'));
        same && only.is_none_or(|only: u16| only == port)
    })
}

fn in_network(entry: &str, address: IpAddr) -> bool {
    let (network, bits) = match entry.split_once('/') {
        Some((network, bits)) => (network, bits.parse::<u32>().ok()),
        None => (entry, Some(128)),
    };
    match (network.trim_matches(['[', ']']).parse::<IpAddr>(), address, bits) {
        (Ok(IpAddr::V4(network)), IpAddr::V4(address), Some(bits)) => {
            let shift = 32 - bits.min(32);
            network.to_bits().checked_shr(shift).unwrap_or(0) == address.to_bits().checked_shr(shift).unwrap_or(0)
        }
        (Ok(IpAddr::V6(network)), IpAddr::V6(address), Some(bits)) => {
            let shift = 128 - bits.min(128);
            network.to_bits().checked_shr(shift).unwrap_or(0) == address.to_bits().checked_shr(shift).unwrap_or(0)
        }
        _ => false,
    }
}

/// Percent-decoding (RFC 3986 section 2.1); what is no valid escape stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = (first == b'%').then(|| after.get(..2)).flatten();
        let value = escaped.and_then(|two| std::str::from_utf8(two).ok()).and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(value.unwrap_or(first));
        rest = if value.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> (String, Option<(String, String)>) {
        let proxy = Proxy::read(url).unwrap();
        (proxy.address(), proxy.credentials.map(|(user, password)| (user, password.expose().to_owned())))
    }

    #[test]
    fn everything_up_to_the_last_at_sign_belongs_to_the_user() {
        let some = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(read("http://proxy:3128"), ("proxy:3128".into(), None));
        assert_eq!(read("proxy:3128/"), ("proxy:3128".into(), None));
        assert_eq!(read("http://u:p@ss@proxy:3128"), ("proxy:3128".into(), some("u", "p@ss")));
        assert_eq!(read("http://u:p%40s%2Fs@proxy"), ("proxy:80".into(), some("u", "p@s/s")));
        assert_eq!(read("http://u:a/b@proxy:1"), ("proxy:1".into(), some("u", "a/b")));
        assert_eq!(read("http://[::1]:3128"), ("[::1]:3128".into(), None));
    }

    #[test]
    fn what_is_no_proxy_says_why() {
        let why = |url| Proxy::read(url).err();
        assert_eq!(why("http://"), Some(Unusable::NoHost));
        assert_eq!(why("http://proxy:0"), Some(Unusable::BadPort));
        assert_eq!(why("http://proxy:port"), Some(Unusable::BadPort));
        assert_eq!(why("socks5://proxy:1080"), Some(Unusable::Scheme));
        assert_eq!(why("http://pro xy:1"), Some(Unusable::BadCharacter));
    }

    #[test]
    fn no_proxy_covers_names_subdomains_ports_and_networks() {
        let covered = |list, host| bypasses(list, host, 443);
        for (list, host) in [
            ("*", "a.example"),
            ("corp.example", "corp.example"),
            (".corp.example", "a.corp.example"),
            ("*.corp.example", "a.b.corp.example"),
            ("x, corp.example:443", "corp.example"),
            ("10.0.0.0/8", "10.1.2.3"),
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "[::1]"),
        ] {
            assert!(covered(list, host), "{list} {host}");
        }
        for (list, host) in
            [("corp.example", "notcorp.example"), ("corp.example:80", "corp.example"), ("10.0.0.0/8", "11.0.0.1"), ("", "a")]
        {
            assert!(!covered(list, host), "{list} {host}");
        }
    }

    #[test]
    fn the_environment_is_read_by_leg() {
        let variables =
            Variables { https: Some(String::new()), all: Some("http://all:1".into()), http: Some("http://h:2".into()), no: None };
        let proxies = Proxies::environment(&variables, "a.example", Leg::default_port).ok().unwrap();
        assert_eq!(proxies.of(Leg::Https).map(Proxy::address), Some("all:1".into()));
        assert_eq!(proxies.of(Leg::Http).map(Proxy::address), Some("h:2".into()));
        let broken = Variables { http: Some("http://u:secret@:x".into()), ..Variables::default() };
        let error = Proxies::environment(&broken, "a", Leg::default_port).err().unwrap();
        assert_eq!(error.0, "HTTP_PROXY");
        assert!(!error.1.to_string().contains("secret"));
    }
}
