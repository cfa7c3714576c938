//! Which proxy, by leg: from the flags, then from the environment, then from the system; and who said so.

use super::pac::Script;
use super::proxy::{Credentials, Proxy, Unusable};
use proxyprobe_probes::reach::machine;
use proxyprobe_probes::transport::Leg;
use proxyprobe_probes::untrusted::Untrusted;
use std::net::IpAddr;

/// Who chose a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag.
    Flag,
    /// An environment variable.
    Environment,
    /// The system's own settings.
    System,
    /// Nothing is set.
    None,
}

impl Source {
    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Flag => "flag",
            Source::Environment => "environment",
            Source::System => "system",
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

/// What is set for a leg.
#[derive(Clone)]
pub enum Setting {
    /// No proxy.
    Direct,
    /// This proxy.
    Proxy(Proxy),
    /// Whatever a script says (proxy auto-configuration).
    Script(Script),
}

impl Setting {
    /// The way as a person is told it, without credentials.
    pub(super) fn words(&self) -> String {
        match self {
            Setting::Direct => "direct".to_owned(),
            Setting::Proxy(proxy) => format!("{} {}", proxy.protocol.kind(), proxy.address()),
            Setting::Script(script) => format!("the script {}", script.shown()),
        }
    }
}

/// What one place that can name a proxy says, by leg.
#[derive(Clone, Debug)]
pub struct Said {
    /// The place: `environment`, or a store of the system.
    pub place: &'static str,
    /// On the cleartext leg.
    pub http: String,
    /// On the TLS leg.
    pub https: String,
}

/// The routes of a run, by leg.
#[derive(Clone)]
pub struct Proxies {
    /// Who chose.
    pub source: Source,
    /// Why the system's settings could not be read, where they would have counted.
    pub unread: Option<String>,
    /// What each place says, the one that counts first; empty where a flag decides.
    pub said: Vec<Said>,
    pub(super) http: Setting,
    pub(super) https: Setting,
    /// For proxies that have none of their own.
    pub(super) credentials: Option<Credentials>,
}

impl Proxies {
    /// No proxy, and who said so.
    pub fn none(source: Source) -> Self {
        Self::of_settings(source, Setting::Direct, Setting::Direct)
    }

    /// One proxy for everything.
    pub fn flag(proxy: Proxy) -> Self {
        Self::of_settings(Source::Flag, Setting::Proxy(proxy.clone()), Setting::Proxy(proxy))
    }

    /// One script for everything.
    pub fn script(source: Source, script: Script) -> Self {
        Self::of_settings(source, Setting::Script(script.clone()), Setting::Script(script))
    }

    /// A setting for each leg.
    pub fn of_settings(source: Source, http: Setting, https: Setting) -> Self {
        Self { source, unread: None, said: Vec::new(), http, https, credentials: None }
    }

    /// What the environment says for a host; `None` when it says nothing.
    ///
    /// # Errors
    /// The name of the variable that holds no usable proxy, and why.
    pub fn environment(
        variables: &Variables,
        host: &str,
        port: impl Fn(Leg) -> u16,
    ) -> Result<Option<Self>, (&'static str, Unusable)> {
        let set = |value: &Option<String>| value.clone().filter(|value| !value.trim().is_empty());
        let pick = |leg: Leg, own: &Option<String>, name: &'static str| {
            let (name, value) = match (set(own), set(&variables.all)) {
                (Some(value), _) => (name, value),
                (None, Some(value)) => ("ALL_PROXY", value),
                (None, None) => return Ok(Setting::Direct),
            };
            if variables.no.as_deref().is_some_and(|list| bypasses(list, host, port(leg))) {
                return Ok(Setting::Direct);
            }
            Proxy::read(value.trim()).map(Setting::Proxy).map_err(|why| (name, why))
        };
        if [&variables.http, &variables.https, &variables.all].into_iter().all(|value| set(value).is_none()) {
            return Ok(None);
        }
        let http = pick(Leg::Http, &variables.http, "HTTP_PROXY")?;
        let https = pick(Leg::Https, &variables.https, "HTTPS_PROXY")?;
        let said = vec![Said { place: "environment", http: http.words(), https: https.words() }];
        Ok(Some(Self { said, ..Self::of_settings(Source::Environment, http, https) }))
    }

    /// What is set for a leg.
    pub fn of(&self, leg: Leg) -> &Setting {
        match leg {
            Leg::Http => &self.http,
            Leg::Https => &self.https,
        }
    }

    /// What each place says for a leg, for the report.
    pub(super) fn said(&self, leg: Leg) -> Vec<machine::Setting> {
        let says = |said: &Said| Untrusted::new(if leg == Leg::Http { &said.http } else { &said.https });
        self.said.iter().map(|said| machine::Setting { place: said.place.to_owned(), says: says(said) }).collect()
    }

    /// The same with these credentials for every proxy that has none.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// The same with the credentials that go with these.
    #[must_use]
    pub fn with_credentials_of(mut self, other: &Proxies) -> Self {
        self.credentials.clone_from(&other.credentials);
        self
    }

    /// The proxy with the credentials that it is to be entered with.
    pub(super) fn completed(&self, mut proxy: Proxy) -> Proxy {
        proxy.credentials = proxy.credentials.or_else(|| self.credentials.clone());
        proxy
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

/// Whether an address is the entry's own, or in its network in CIDR form.
pub(super) fn in_network(entry: &str, address: IpAddr) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

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
        let address = |setting: &Setting| match setting {
            Setting::Proxy(proxy) => proxy.address(),
            _ => "-".to_owned(),
        };
        let proxies = Proxies::environment(&variables, "a.example", Leg::default_port).ok().unwrap().unwrap();
        assert_eq!(address(proxies.of(Leg::Https)), "all:1");
        assert_eq!(address(proxies.of(Leg::Http)), "h:2");
        let but = Variables { no: Some("a.example:443".into()), ..variables };
        let proxies = Proxies::environment(&but, "a.example", Leg::default_port).ok().unwrap().unwrap();
        assert_eq!((address(proxies.of(Leg::Https)).as_str(), proxies.source), ("-", Source::Environment));
        assert_eq!(address(proxies.of(Leg::Http)), "h:2");
        assert!(Proxies::environment(&Variables::default(), "a.example", Leg::default_port).ok().unwrap().is_none());
        let broken = Variables { http: Some("http://u:secret@:x".into()), ..Variables::default() };
        let error = Proxies::environment(&broken, "a", Leg::default_port).err().unwrap();
        assert_eq!(error.0, "HTTP_PROXY");
        assert!(!error.1.to_string().contains("secret"));
    }
}
