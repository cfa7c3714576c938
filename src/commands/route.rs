//! From flags to the way to the server.

use super::embedded::Embedded;
use super::process_list;
use super::values::{read_file, read_header, read_pin};
use crate::cli::{Environment, ProxyAuthChoice, RouteFlags, read_resolve};
use crate::console::Say;
use crate::net::pac::Script;
use crate::net::proxy::{Credentials, Proxy};
use crate::net::secret::Secret;
use crate::net::tls::{TrustOptions, client_config, read_certificates};
use crate::net::{Family, Pinned, Proxies, Route, RouteOptions, Scheme, SignIn, Source, System, Target, system_settings};
use http::{HeaderMap, HeaderValue};
use proxyprobe_probes::transport::Leg;
use std::sync::Arc;
use std::time::Duration;

/// How long a dial may take, with proxy and TLS: two retransmissions of a SYN (1 s + 2 s, RFC 6298) on a slow path, and room.
const DIAL: Duration = Duration::from_secs(10);

/// The ways to the server, one for each run: what changes meanwhile counts from the next run on, a password is asked for once.
pub(super) struct Ways<'a> {
    pub(super) flags: &'a RouteFlags,
    pub(super) environment: &'a Environment,
    pub(super) target: Target,
    pub(super) embedded: Option<&'a Embedded>,
    pub(super) credentials: Option<Credentials>,
    pub(super) say: Say,
}

impl Ways<'_> {
    /// The way that the flags, the environment and the system ask for.
    ///
    /// # Errors
    /// What cannot be used.
    pub(super) fn set(&self) -> Result<Route, String> {
        self.by(match self.embedded {
            Some(embedded) => embedded.proxies.clone(),
            None => self.proxies(&self.target)?,
        })
    }

    /// The proxies towards a server, with who signs in there.
    ///
    /// # Errors
    /// What cannot be used.
    pub(super) fn proxies(&self, target: &Target) -> Result<Proxies, String> {
        let proxies = proxies(self.flags, self.environment, target, self.say)?;
        Ok(match &self.credentials {
            Some(credentials) => proxies.with_credentials(credentials.clone()),
            None => proxies,
        })
    }

    /// The way without any proxy.
    ///
    /// # Errors
    /// What cannot be used.
    pub(super) fn direct(&self) -> Result<Route, String> {
        self.by(Proxies::none(Source::Flag))
    }

    fn by(&self, proxies: Proxies) -> Result<Route, String> {
        let Ways { flags, embedded, target, say, .. } = self;
        route(flags, *embedded, target.clone(), proxies, *say)
    }
}

fn route(flags: &RouteFlags, embedded: Option<&Embedded>, target: Target, proxies: Proxies, say: Say) -> Result<Route, String> {
    let network = Arc::new(System);
    let family = match (flags.ipv4, flags.ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Any,
    };
    let overrides = flags.resolve.iter().map(|entry| read_resolve(entry)).collect::<Result<_, _>>()?;
    let pin = flags.pin.as_ref().map(|pin| read_pin(pin)).transpose()?;
    let roots = match &flags.ca_file {
        Some(file) => {
            let pem = read_file(file)?;
            read_certificates(&pem).map_err(|error| format!("{}: {error}", file.display()))?
        }
        None => Vec::new(),
    };
    let mut headers = HeaderMap::new();
    for line in &flags.headers {
        let (name, value) = read_header(line)?;
        headers.append(name, value);
    }
    let options = RouteOptions {
        proxies,
        pinned: Pinned::new(network.clone(), family, overrides),
        proxy_tls: client_config(TrustOptions { pin: None, roots: roots.clone(), system: true })?,
        tls: client_config(match embedded {
            Some(embedded) => embedded.trust.clone(),
            None => TrustOptions { pin, roots, system: true },
        })?,
        // The lab's own proxy is asked for nothing before it is needed.
        sign_in: embedded.is_none().then(|| sign_in(flags.proxy_auth, say)),
        headers,
        user_agent: user_agent(flags)?,
        origin: flags.origin.as_deref().map(|origin| header_value(origin, "--origin")).transpose()?,
        within: DIAL,
    };
    Ok(Route::new(target, network, options))
}

/// What the client says it is.
pub(super) fn user_agent(flags: &RouteFlags) -> Result<HeaderValue, String> {
    let own = || format!("Mozilla/5.0 (compatible; proxyprobe/{})", env!("CARGO_PKG_VERSION"));
    header_value(&flags.user_agent.clone().unwrap_or_else(own), "--user-agent")
}

fn header_value(text: &str, flag: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text).map_err(|_| format!("{flag}: this cannot stand in a header"))
}

pub(super) fn sign_in(choice: ProxyAuthChoice, warn: Say) -> SignIn {
    let only = match choice {
        ProxyAuthChoice::Auto => None,
        ProxyAuthChoice::Basic => Some(Scheme::Basic),
        ProxyAuthChoice::Digest => Some(Scheme::Digest),
        ProxyAuthChoice::Ntlm => Some(Scheme::Ntlm),
        ProxyAuthChoice::Negotiate => Some(Scheme::Negotiate),
    };
    SignIn { only, tickets: true, warn }
}

/// The proxies towards a server, with the credentials for them.
fn proxies(flags: &RouteFlags, environment: &Environment, target: &Target, say: Say) -> Result<Proxies, String> {
    let proxies = match (&flags.proxy, &flags.pac) {
        _ if flags.no_proxy => return Ok(Proxies::none(Source::Flag)),
        (Some(url), _) => {
            let proxy = Proxy::read(url).map_err(|why| format!("--proxy cannot be used: {why}"))?;
            if proxy.credentials.is_some() && !process_list::hide(url) {
                say(
                    "proxyprobe: the password in --proxy can be seen in this machine's list of processes: give it by --proxy-user",
                );
            }
            Proxies::flag(proxy)
        }
        (None, Some(place)) => {
            let script = Script::at(place).map_err(|why| format!("--pac cannot be used: {why}"))?;
            if place.contains('@') {
                process_list::hide(place);
            }
            Proxies::script(Source::Flag, script)
        }
        (None, None) => discovered(environment, target)?,
    };
    if let Some(why) = &proxies.unread {
        say(&format!("proxyprobe: the system's proxy settings do not count: {why}"));
    }
    Ok(proxies)
}

/// Who signs in at a proxy that has no user of its own.
///
/// # Errors
/// When the password cannot be read.
pub(super) fn credentials(flags: &RouteFlags, environment: &Environment) -> Result<Option<Credentials>, String> {
    let Some(user) = &flags.proxy_user else { return Ok(None) };
    let password = match (&flags.proxy_password_file, &environment.proxy_password) {
        (Some(file), _) => {
            let text = String::from_utf8_lossy(&read_file(file)?).into_owned();
            Secret::new(text.lines().next().unwrap_or_default())
        }
        (None, Some(password)) => password.clone(),
        (None, None) => ask_password(user)?,
    };
    Ok(Some(Credentials { user: user.clone(), password }))
}

/// What the environment, or else the system, is set to for a server.
pub(super) fn discovered(environment: &Environment, target: &Target) -> Result<Proxies, String> {
    let port = |leg: Leg| target.port(leg).unwrap_or(leg.default_port());
    let set = Proxies::environment(&environment.proxies, &target.host, port)
        .map_err(|(name, why)| format!("{name} cannot be used as a proxy: {why}. --no-proxy goes without it."))?;
    let system = system_settings(&target.host, port);
    Ok(match set {
        Some(mut set) => {
            set.said.extend(system.said);
            set
        }
        None => system,
    })
}

/// Asks for the password, where somebody can be asked.
fn ask_password(user: &str) -> Result<Secret, String> {
    use std::io::IsTerminal;
    if !std::io::stdin().is_terminal() {
        return Err("--proxy-user needs a password: put it into a file (--proxy-password-file FILE) or into \
                    PROXYPROBE_PROXY_PASSWORD; without a terminal nobody can be asked for it"
            .to_owned());
    }
    // It writes to the terminal itself, and shows nothing of what is typed.
    let typed = rpassword::prompt_password(format!("Password of {user} for the proxy: "));
    typed.map(Secret::new).map_err(|error| format!("the password cannot be read from the terminal: {error}"))
}
