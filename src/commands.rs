//! What each command does: from flags to a text and an exit code.

use crate::check::{self, check};
use crate::cli::{
    self, Check, Cli, ClientChoice, Command, Environment, FormatChoice, LegChoice, NetworkChoice, SendsChoice, Serve,
};
use crate::console::{Console, Say};
use crate::exit;
use crate::net::proxy::{Proxies, Proxy, Source};
use crate::net::secret::Secret;
use crate::net::tls::{TrustOptions, client_config, read_certificates};
use crate::net::{Family, Pinned, Route, RouteOptions, System, Target};
use crate::report::{self, Format};
use crate::serve::limits::Limits;
use crate::serve::{self, Listening, Server, certificate, listen};
use http::{HeaderMap, HeaderName, HeaderValue};
use proxyprobe_probes::ProbeId;
use proxyprobe_probes::io::observe::Entropy;
use proxyprobe_probes::plan::{Depth, Plan};
use proxyprobe_probes::recommend::{Answers, Between, Client, Sends};
use proxyprobe_probes::transport::Leg;
use proxyprobe_probes::untrusted::Untrusted;
use proxyprobe_probes::wire::Legs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What is printed on stdout, and the exit code.
pub struct Outcome {
    /// The report, or nothing.
    pub print: String,
    /// One of [`exit`]'s.
    pub code: u8,
}

/// What the program's ends are connected to.
#[derive(Clone, Copy)]
pub struct Terminal {
    /// Whether stdout is a terminal.
    pub stdout: bool,
    /// Whether stderr is one.
    pub stderr: bool,
    /// Writes a line on stderr.
    pub say: Say,
}

/// How long a dial may take, with proxy and TLS: two retransmissions of a SYN (1 s + 2 s, RFC 6298) on a slow path, and room.
const DIAL: Duration = Duration::from_secs(10);

/// Runs a command.
pub async fn run(cli: Cli, environment: Environment, terminal: Terminal) -> Outcome {
    let result = match cli.command {
        Command::Check(flags) => check_command(*flags, environment, terminal).await,
        Command::Serve(flags) => serve_command(flags, terminal).await,
        Command::Judge(flags) => judge_command(&flags, &environment, terminal),
        Command::Explain { code } => explain(&code),
    };
    result.unwrap_or_else(|mistake| {
        (terminal.say)(&format!("proxyprobe: {mistake}"));
        Outcome { print: String::new(), code: exit::USAGE }
    })
}

async fn check_command(flags: Check, environment: Environment, terminal: Terminal) -> Result<Outcome, String> {
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
            let (embedded, target) = embedded().await?;
            (target, Leg::Https, Some(embedded))
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
        url: flags.url.clone().unwrap_or_else(|| "embedded server on loopback".to_owned()),
    };
    if !options.legs.contains(&leg) {
        return Err(format!("--leg leaves out the {leg} leg, but the URL is of that leg and it is the one that decides"));
    }
    let route = Arc::new(route(&flags, &environment, target, embedded.as_ref())?);
    let stop = CancellationToken::new();
    let watch = tokio::spawn(interruptions(stop.clone(), flags.timeout.map(Duration::from_secs), terminal.say));
    let report = check(options, route, &console, stop).await;
    watch.abort();
    console.finish();
    for (format, file) in saves {
        if let Err(error) = std::fs::write(file, report.render(format, false)) {
            (terminal.say)(&format!("proxyprobe: the report could not be written to {file}: {error}"));
        }
    }
    Ok(Outcome { print: report.render(format, colour), code: exit::of(report.judgement.verdict) })
}

/// Cancels at the first Ctrl-C or when time is up; a second Ctrl-C ends the process as usual.
async fn interruptions(stop: CancellationToken, within: Option<Duration>, say: Say) {
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
}

#[cfg(unix)]
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
}

#[cfg(not(unix))]
async fn interrupted() {
    let _ = tokio::signal::ctrl_c().await;
}

/// A server in this very process, on loopback.
struct Embedded {
    _server: Server,
    sha256: String,
}

async fn embedded() -> Result<(Embedded, Target), String> {
    let identity = certificate::self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    let sha256 = identity.sha256.clone();
    let server = Server::new(serve::Options {
        legs: Legs::default(),
        tls: Some((identity.config, identity.sha256)),
        front_headers: Vec::new(),
        limits: Limits::default(),
        entropy: Entropy::system(),
    });
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let bound = listen(&server, Some(loopback), Some(loopback)).await.map_err(|error| error.to_string())?;
    let legs = Legs { http: bound.http.map(|a| a.port()), https: bound.https.map(|a| a.port()) };
    server.declare(legs);
    Ok((Embedded { _server: server, sha256 }, Target { host: "127.0.0.1".to_owned(), legs }))
}

fn route(flags: &Check, environment: &Environment, target: Target, embedded: Option<&Embedded>) -> Result<Route, String> {
    let network = Arc::new(System);
    let family = match (flags.ipv4, flags.ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Any,
    };
    let overrides = flags.resolve.iter().map(|entry| cli::read_resolve(entry)).collect::<Result<_, _>>()?;
    let pin = match (&flags.pin, embedded) {
        (_, Some(embedded)) => Some(embedded.sha256.clone()),
        (Some(pin), None) => Some(read_pin(pin)?),
        (None, None) => None,
    };
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
        proxies: if embedded.is_some() { Proxies::none(Source::None) } else { proxies(flags, environment, &target)? },
        pinned: Pinned::new(network.clone(), family, overrides),
        tls: client_config(TrustOptions { pin, roots, system: true })?,
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

/// Reads the server's URL.
fn read_url(text: &str) -> Result<(Target, Leg), String> {
    let wrong =
        |why: &str| format!("`{}` is no address of a server: {why}. Example: https://probe.example.com", without_userinfo(text));
    let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = url::Url::parse(&whole).map_err(|error| wrong(&error.to_string()))?;
    let leg = match url.scheme() {
        "http" | "ws" => Leg::Http,
        "https" | "wss" => Leg::Https,
        _ => return Err(wrong("only http:// and https:// are possible")),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it must not contain a user or a password"));
    }
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("it names no host"))?;
    let host = host.trim_matches(['[', ']']).to_owned();
    let mut legs = Legs::default();
    let port = url.port().unwrap_or(leg.default_port());
    // The other leg's port is known without the server only where both are the usual ones.
    let other = (port == leg.default_port()).then(|| leg.other().default_port());
    match leg {
        Leg::Http => (legs.http, legs.https) = (Some(port), other),
        Leg::Https => (legs.https, legs.http) = (Some(port), other),
    }
    Ok((Target { host, legs }, leg))
}

/// A URL that could not be read may still hold a password.
fn without_userinfo(text: &str) -> Untrusted {
    Untrusted::new(text.rsplit_once('@').map_or(text, |(_, rest)| rest))
}

fn plan(flags: &Check) -> Plan {
    let depth = match (flags.quick, flags.deep) {
        (true, _) => Depth::Quick,
        (_, true) => Depth::Deep,
        _ => Depth::Standard,
    };
    Plan::new(depth, flags.idle.map(|seconds| seconds * 1000))
}

fn probes(only: &[String], skip: &[String]) -> Result<Vec<ProbeId>, String> {
    let known = |id: &String| {
        let all: Vec<&str> = ProbeId::ALL.iter().map(|probe| probe.id()).collect();
        ProbeId::of(id.trim()).ok_or_else(|| format!("there is no probe `{}`; there are: {}", Untrusted::new(id), all.join(", ")))
    };
    let only = only.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    let skip = skip.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    Ok(ProbeId::ALL.iter().copied().filter(|probe| (only.is_empty() || only.contains(probe)) && !skip.contains(probe)).collect())
}

fn answers(flags: &Check) -> Answers {
    Answers {
        client_sends: match flags.client_sends {
            SendsChoice::HighFrequency => Sends::HighFrequency,
            SendsChoice::Occasional => Sends::Occasional,
            SendsChoice::Unknown => Sends::Unknown,
        },
        network: match flags.network {
            NetworkChoice::Enterprise => Between::Enterprise,
            NetworkChoice::Direct => Between::Direct,
            NetworkChoice::Unknown => Between::Unknown,
        },
        client: match flags.client {
            ClientChoice::Browser => Client::Browser,
            ClientChoice::Node => Client::Node,
            ClientChoice::Mobile => Client::Mobile,
            ClientChoice::Constrained => Client::Constrained,
            ClientChoice::Unknown => Client::Unknown,
        },
        interactive: flags.interactive,
    }
}

fn format_of(choice: FormatChoice) -> Format {
    match choice {
        FormatChoice::Text => Format::Text,
        FormatChoice::Json => Format::Json,
    }
}

fn read_save(save: &str) -> Result<(Format, &str), String> {
    match save.split_once('=') {
        Some(("text", file)) if !file.is_empty() => Ok((Format::Text, file)),
        Some(("json", file)) if !file.is_empty() => Ok((Format::Json, file)),
        _ => Err(format!("--save {}: this is not of the form text=FILE or json=FILE", Untrusted::new(save))),
    }
}

fn read_pin(pin: &str) -> Result<String, String> {
    let hex: String = pin.strip_prefix("sha256:").unwrap_or(pin).chars().filter(|c| *c != ':').collect();
    if hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(hex.to_ascii_lowercase())
    } else {
        Err("--pin must be sha256: and 64 hex digits, as `proxyprobe serve --self-signed` prints it".to_owned())
    }
}

fn read_header(line: &str) -> Result<(HeaderName, HeaderValue), String> {
    // The value may be a secret: the message repeats the name alone.
    let (name, value) = line.split_once(':').ok_or("--header: this is not of the form `Name: value`")?;
    let wrong = || format!("--header {}: this cannot stand in a header", Untrusted::new(name));
    let name: HeaderName = name.trim().parse().map_err(|_| wrong())?;
    Ok((name, HeaderValue::from_str(value.trim()).map_err(|_| wrong())?))
}

fn read_file(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))
}

async fn serve_command(flags: Serve, terminal: Terminal) -> Result<Outcome, String> {
    let identity = match (&flags.cert, &flags.key) {
        (Some(chain), Some(key)) => Some(certificate::from_pem(&read_file(chain)?, &read_file(key)?)?),
        _ if flags.self_signed => {
            let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
            names.extend(flags.name.iter().cloned());
            Some(certificate::self_signed(names)?)
        }
        _ => None,
    };
    let http = (!flags.no_http).then_some(flags.http);
    let https = identity.is_some().then_some(flags.https);
    if http.is_none() && https.is_none() {
        return Err("there is nothing to listen on: --no-http, and no certificate for a TLS leg".to_owned());
    }
    if let (Some(file), Some(pem)) = (&flags.ca_out, identity.as_ref().and_then(|identity| identity.pem.as_ref())) {
        std::fs::write(file, pem).map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
    }
    let sha256 = identity.as_ref().map(|identity| identity.sha256.clone());
    let server = Server::new(serve::Options {
        legs: Legs::default(),
        tls: identity.map(|identity| (identity.config, identity.sha256)),
        front_headers: flags.front_header.iter().map(|name| Untrusted::new(name)).collect(),
        limits: Limits { connections: flags.max_connections.max(1), runs: flags.max_runs.max(1), ..Limits::default() },
        entropy: Entropy::system(),
    });
    let Listening { http, https } = listen(&server, http, https).await.map_err(|error| error.to_string())?;
    server.declare(Legs {
        http: flags.public_http.or(http.map(|address| address.port())),
        https: flags.public_https.or(https.map(|address| address.port())),
    });
    let say = terminal.say;
    if let Some(address) = http {
        say(&format!("proxyprobe: cleartext leg on http://{address}"));
    }
    if let Some(address) = https {
        say(&format!("proxyprobe: TLS leg on https://{address}"));
    }
    if let (Some(sha256), true) = (&sha256, flags.self_signed) {
        say(&format!("proxyprobe: certificate for a try-out; clients need --pin sha256:{sha256}"));
    }
    interrupted().await;
    say("proxyprobe: shutting down");
    server.shut_down().await;
    Ok(Outcome { print: String::new(), code: exit::WORKS })
}

fn judge_command(flags: &cli::Judge, environment: &Environment, terminal: Terminal) -> Result<Outcome, String> {
    let text = if flags.report.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin()).map_err(|error| format!("standard input cannot be read: {error}"))?
    } else {
        String::from_utf8_lossy(&read_file(&flags.report)?).into_owned()
    };
    let report = report::read(&text).map_err(|why| format!("{} cannot be judged: {why}", flags.report.display()))?;
    let colour = terminal.stdout && !flags.no_color && !environment.no_color;
    Ok(Outcome { print: report.render(format_of(flags.format), colour), code: exit::of(report.judgement.verdict) })
}

fn explain(code: &str) -> Result<Outcome, String> {
    let all = || ProbeId::ALL.iter().flat_map(|probe| probe.codes().iter());
    match all().find(|known| known.id == code) {
        Some(known) => Ok(Outcome { print: known.page.to_owned(), code: exit::WORKS }),
        None => {
            let ids: Vec<&str> = all().map(|known| known.id).collect();
            Err(format!("there is no finding `{}`; there are:\n  {}", Untrusted::new(code), ids.join("\n  ")))
        }
    }
}
