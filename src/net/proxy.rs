//! A proxy: what kind, where, and with whose credentials.

use super::secret::Secret;

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// HTTP in cleartext: CONNECT and absolute-form (RFC 9110 section 9.3.6, RFC 9112 section 3.2.2).
    Http,
    /// The same inside TLS.
    Https,
    /// SOCKS 4 with names (SOCKS 4A): the proxy resolves them.
    Socks4a,
    /// SOCKS 5 (RFC 1928), with a password where there is one (RFC 1929).
    Socks5,
}

impl Protocol {
    /// The kind of a route in reports.
    pub fn kind(self) -> &'static str {
        match self {
            Protocol::Http => "http-proxy",
            Protocol::Https => "https-proxy",
            Protocol::Socks4a => "socks4a-proxy",
            Protocol::Socks5 => "socks5-proxy",
        }
    }

    /// Whether it speaks HTTP, and so can be asked in absolute-form and can ask for credentials by a 407.
    pub fn is_http(self) -> bool {
        matches!(self, Protocol::Http | Protocol::Https)
    }

    /// The scheme of a proxy's URL. `socks4` and `socks5` are read as their forms that let the proxy resolve names: what a
    /// locked-down machine can resolve by itself says nothing about its way out.
    fn of_scheme(scheme: &str) -> Option<Self> {
        match scheme.to_ascii_lowercase().as_str() {
            "http" => Some(Protocol::Http),
            "https" => Some(Protocol::Https),
            "socks4" | "socks4a" => Some(Protocol::Socks4a),
            "socks" | "socks5" | "socks5h" => Some(Protocol::Socks5),
            _ => None,
        }
    }

    /// The port of a proxy whose URL names none, as browsers read it.
    pub(super) fn default_port(self) -> u16 {
        match self {
            Protocol::Http => 80,
            Protocol::Https => 443,
            Protocol::Socks4a | Protocol::Socks5 => 1080,
        }
    }
}

/// A user and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user; for NTLM also as `DOMAIN\user`.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// A proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Its name or address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who signs in there, where somebody is named.
    pub credentials: Option<Credentials>,
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
    /// More of a user or a password than SOCKS can carry (RFC 1929 section 2: 255 bytes each).
    TooLong,
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Unusable::NoHost => "it names no host",
            Unusable::BadPort => "its port is not a number from 1 to 65535",
            Unusable::Scheme => "it must begin with http://, https://, socks4a:// or socks5://",
            Unusable::BadCharacter => "it contains a blank or a control character; in a password, write them as %20 and the like",
            Unusable::TooLong => "SOCKS carries at most 255 bytes of a user and of a password",
        })
    }
}

impl Proxy {
    /// Without credentials.
    pub fn new(protocol: Protocol, host: &str, port: u16) -> Self {
        Self { protocol, host: host.to_owned(), port, credentials: None }
    }

    /// Reads `SCHEME://user:password@host:port`; the scheme may be missing and is `http` then. Everything up to the last `@` is the
    /// user's, so that a password may hold any character; percent-escapes in it are decoded (RFC 3986 section 2.1).
    ///
    /// # Errors
    /// When it names no usable proxy.
    pub fn read(url: &str) -> Result<Proxy, Unusable> {
        if url.chars().any(|c| c.is_control() || c == ' ') {
            return Err(Unusable::BadCharacter);
        }
        let (protocol, rest) = match url.split_once("://") {
            // A password may contain "://"; a scheme contains no "@" and no ":".
            Some((scheme, rest)) if !scheme.contains(['@', ':']) => (Protocol::of_scheme(scheme).ok_or(Unusable::Scheme)?, rest),
            _ => (Protocol::Http, url),
        };
        let (userinfo, address) = match rest.rsplit_once('@') {
            Some((userinfo, address)) => (Some(userinfo), address),
            None => (None, rest),
        };
        let address = address.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = read_address(address, protocol.default_port())?;
        let credentials = userinfo.map(|userinfo| {
            let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
            Credentials { user: decode(user), password: Secret::new(decode(password)) }
        });
        Proxy::new(protocol, &host, port).with(credentials)
    }

    /// The same with these credentials.
    ///
    /// # Errors
    /// When they are too long for its kind.
    pub fn with(mut self, credentials: Option<Credentials>) -> Result<Proxy, Unusable> {
        // What a length byte of SOCKS cannot say. SOCKS 4 has no such byte, and nobody's user is longer.
        let long = |c: &Credentials| c.user.len() > 255 || c.password.expose().len() > 255;
        if !self.protocol.is_http() && credentials.as_ref().is_some_and(long) {
            return Err(Unusable::TooLong);
        }
        self.credentials = credentials;
        Ok(self)
    }

    /// `host:port`, and never more.
    pub fn address(&self) -> String {
        if self.host.contains(':') { format!("[{}]:{}", self.host, self.port) } else { format!("{}:{}", self.host, self.port) }
    }
}

/// Reads `host:port`, the port with a default, an IPv6 address in brackets.
pub(super) fn read_address(address: &str, default_port: u16) -> Result<(String, u16), Unusable> {
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            (host, port.parse().ok().filter(|port| *port != 0).ok_or(Unusable::BadPort)?)
        }
        _ => (address, default_port),
    };
    let host = host.trim_matches(['[', ']']);
    if host.is_empty() { Err(Unusable::NoHost) } else { Ok((host.to_owned(), port)) }
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
        (proxy.address(), proxy.credentials.map(|who| (who.user, who.password.expose().to_owned())))
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
    fn every_kind_of_proxy_is_read_with_its_port() {
        let read = |url| Proxy::read(url).map(|proxy| (proxy.protocol, proxy.port)).ok();
        assert_eq!(read("proxy"), Some((Protocol::Http, 80)));
        assert_eq!(read("HTTPS://proxy"), Some((Protocol::Https, 443)));
        assert_eq!(read("socks4://proxy"), Some((Protocol::Socks4a, 1080)));
        assert_eq!(read("socks5h://u:p@proxy:9"), Some((Protocol::Socks5, 9)));
        assert_eq!(read("socks://[::1]:9"), Some((Protocol::Socks5, 9)));
    }

    #[test]
    fn what_is_no_proxy_says_why() {
        let why = |url: &str| Proxy::read(url).err();
        assert_eq!(why("http://"), Some(Unusable::NoHost));
        assert_eq!(why("http://proxy:0"), Some(Unusable::BadPort));
        assert_eq!(why("http://proxy:port"), Some(Unusable::BadPort));
        assert_eq!(why("ftp://proxy:1080"), Some(Unusable::Scheme));
        assert_eq!(why("http://pro xy:1"), Some(Unusable::BadCharacter));
        assert_eq!(why(&format!("socks5://u:{}@x", "p".repeat(256))), Some(Unusable::TooLong));
        assert_eq!(why(&format!("http://u:{}@x", "p".repeat(256))), None);
    }
}
