//! `check`: from flags to a run.

use super::embedded::{Embedded, embedded};
use super::values::{answers, format_of, plan, probes, read_file, read_header, read_pin, read_save, read_url};
use super::{Outcome, Terminal, interrupted};
use crate::check::{self, check};
use crate::cli::{self, Check, Environment, LegChoice};
use crate::console::{Console, Say};
use crate::exit;
use crate::net::proxy::{Proxies, Proxy, Source};
use crate::net::secret::Secret;
use crate::net::tls::{TrustOptions, client_config, read_certificates};
use crate::net::{Family, Pinned, Route, RouteOptions, System, Target};
use http::{HeaderMap, HeaderValue};
use proxyprobe_probes::io::pen::Entropy;
use proxyprobe_probes::transport::Leg;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a dial may take, with proxy and TLS: two retransmissions of a SYN (1 s + 2 s, RFC 6298) on a slow path, and room.
const DIAL: Duration = Duration::from_secs(10);

pub(super) async fn check_command(flags: Check, environment: Environment, terminal: Terminal) -> Result<Outcome, String> {
    let format = format_of(flags.format);
    let saves = flags.save.iter().map(|save| read_save(save)).collect::<Result<Vec<_>, _>>()?;
    let colour = terminal.stdout && !flags.no_color && !environment.no_color;
    let console = Console::new(terminal.say, terminal.stderr, flags.quiet);
    let (target, leg, embedded) = match &flags.url {
        Some(url) => {
            let (target, leg) = read_url(url)?;
            (target, leg, None)
        }
        None => {
            let embedded = embedded(&flags.lab).await?;
            (embedded.target.clone(), Leg::Https, Some(embedded))
        }
    };
    let options = check::Options {
        leg,
        legs: match flags.leg {
            LegChoice::Http => vec![Leg::Http],
            LegChoice::Https => vec![Leg::Https],
            LegChoice::Both => Leg::ALL.to_vec(),
        },
        probes: probes(&flags.only, &flags.skip)?,
        plan: plan(&flags),
        answers: answers(&flags),
        entropy: Entropy::system(),
        embedded: embedded.is_some(),
        url: flags.url.clone().or(embedded.as_ref().map(|embedded| embedded.words.clone())).unwrap_or_default(),
    };
    if !options.legs.contains(&leg) {
        return Err(format!("--leg leaves out the {leg} leg, but the URL is of that leg and it is the one that decides"));
    }
    let route = Arc::new(route(&flags, &environment, target, embedded.as_ref())?);
    let (stop, at_once) = (CancellationToken::new(), CancellationToken::new());
    let within = flags.timeout.map(Duration::from_secs);
    let watch = tokio::spawn(interruptions(stop.clone(), at_once.clone(), within, terminal.say));
    let report = tokio::select! {
        report = check(options, route, &console, stop) => Some(report),
        () = at_once.cancelled() => None,
    };
    watch.abort();
    console.finish();
    let Some(report) = report else { return Ok(Outcome { print: String::new(), code: exit::INCONCLUSIVE }) };
    for (format, file) in saves {
        if let Err(error) = std::fs::write(file, report.render(format, false)) {
            (terminal.say)(&format!("proxyprobe: the report could not be written to {file}: {error}"));
        }
    }
    Ok(Outcome { print: report.render(format, colour), code: exit::of(report.judgement.verdict) })
}

/// Stops the run at the first Ctrl-C or when time is up, and ends it without a report at the second.
async fn interruptions(stop: CancellationToken, at_once: CancellationToken, within: Option<Duration>, say: Say) {
    let time_is_up = async {
        match within {
            Some(within) => tokio::time::sleep(within).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = interrupted() => say("proxyprobe: interrupted; reporting what was measured so far"),
        () = time_is_up => say("proxyprobe: time is up; reporting what was measured so far"),
    }
    stop.cancel();
    interrupted().await;
    at_once.cancel();
}

fn route(flags: &Check, environment: &Environment, target: Target, embedded: Option<&Embedded>) -> Result<Route, String> {
    let network = Arc::new(System);
    let family = match (flags.ipv4, flags.ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Any,
    };
    let overrides = flags.resolve.iter().map(|entry| cli::read_resolve(entry)).collect::<Result<_, _>>()?;
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

fn proxies(flags: &Check, environment: &Environment, target: &Target) -> Result<Proxies, String> {
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
