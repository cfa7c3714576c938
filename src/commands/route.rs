//! From flags to the way to the server.

use super::embedded::Embedded;
use super::values::{read_file, read_header, read_pin};
use crate::cli::{Environment, RouteFlags, read_resolve};
use crate::net::proxy::{Proxies, Proxy, Source};
use crate::net::secret::Secret;
use crate::net::tls::{TrustOptions, client_config, read_certificates};
use crate::net::{Family, Pinned, Route, RouteOptions, System, Target};
use http::{HeaderMap, HeaderValue};
use proxyprobe_probes::transport::Leg;
use std::sync::Arc;
use std::time::Duration;

/// How long a dial may take, with proxy and TLS: two retransmissions of a SYN (1 s + 2 s, RFC 6298) on a slow path, and room.
const DIAL: Duration = Duration::from_secs(10);

/// The way to the server that the flags and the environment ask for.
pub(super) fn route(
    flags: &RouteFlags,
    environment: &Environment,
    target: Target,
    embedded: Option<&Embedded>,
) -> Result<Route, String> {
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
    let user_agent =
        flags.user_agent.clone().unwrap_or_else(|| format!("Mozilla/5.0 (compatible; proxyprobe/{})", env!("CARGO_PKG_VERSION")));
    let value =
        |text: &str, flag: &str| HeaderValue::from_str(text).map_err(|_| format!("{flag}: this cannot stand in a header"));
    let options = RouteOptions {
        proxies: match embedded {
            Some(embedded) => embedded.proxies.clone(),
            None => proxies(flags, environment, &target)?,
        },
        pinned: Pinned::new(network.clone(), family, overrides),
        tls: client_config(match embedded {
            Some(embedded) => embedded.trust.clone(),
            None => TrustOptions { pin, roots, system: true },
        })?,
        headers,
        user_agent: value(&user_agent, "--user-agent")?,
        origin: flags.origin.as_deref().map(|origin| value(origin, "--origin")).transpose()?,
        within: DIAL,
    };
    Ok(Route::new(target, network, options))
}

fn proxies(flags: &RouteFlags, environment: &Environment, target: &Target) -> Result<Proxies, String> {
    let proxies = match &flags.proxy {
        _ if flags.no_proxy => Proxies::none(Source::Flag),
        Some(url) => Proxies::flag(Proxy::read(url).map_err(|why| format!("--proxy cannot be used: {why}"))?),
        None => {
            let port = |leg: Leg| target.port(leg).unwrap_or(leg.default_port());
            Proxies::environment(&environment.proxies, &target.host, port)
                .map_err(|(name, why)| format!("{name} cannot be used as a proxy: {why}. --no-proxy goes without it."))?
        }
    };
    let Some(user) = &flags.proxy_user else { return Ok(proxies) };
    let password = match &flags.proxy_password_file {
        Some(file) => {
            let text = String::from_utf8_lossy(&read_file(file)?).into_owned();
            Secret::new(text.lines().next().unwrap_or_default())
        }
        None => environment.proxy_password.clone().ok_or(
            "--proxy-user needs a password: put it into a file (--proxy-password-file FILE) or into PROXYPROBE_PROXY_PASSWORD",
        )?,
    };
    Ok(proxies.with_credentials(user, &password))
}
