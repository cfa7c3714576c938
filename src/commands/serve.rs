//! `serve`: from flags to a server that runs until it is told to stop.

mod fleet;
mod reload;
mod sockets;

use super::values::read_file;
use super::{Outcome, Terminal, interrupted, process_list};
use crate::cli::{Environment, LogFormat, Serve};
use crate::exit;
use crate::serve::acme::Acme;
use crate::serve::certificate::{self, Identity};
use crate::serve::limits::Limits;
use crate::serve::log::{Form, Log};
use crate::serve::shelf::Shelf;
use crate::serve::tokens::Token;
use crate::serve::{self, Listening, Server, acme, admin, answer_datagrams, listen, serve_on};
use proxyprobe_probes::io::pen::Entropy;
use proxyprobe_probes::transport::Leg;
use proxyprobe_probes::untrusted::Untrusted;
use proxyprobe_probes::wire::Legs;
use reload::Sources;
use sockets::Passed;
use std::time::Duration;

pub(super) async fn serve_command(flags: Serve, environment: Environment, terminal: Terminal) -> Result<Outcome, String> {
    let mut passed = Passed::take(&environment.socket_names).map_err(|error| format!("a socket cannot be used: {error}"))?;
    let identity = identity(&flags)?;
    let http = (!flags.no_http).then_some(flags.http);
    let https = (identity.is_some() || !flags.acme.is_empty()).then_some(flags.https);
    if https.is_none() && !flags.also_https.is_empty() {
        return Err("--also-https is for the TLS leg, which needs --cert and --key, --acme, or --self-signed".to_owned());
    }
    if http.is_none() && https.is_none() {
        return Err("there is nothing to listen on: --no-http, and no certificate for a TLS leg".to_owned());
    }
    if let (Some(file), Some(pem)) = (&flags.ca_out, identity.as_ref().and_then(|identity| identity.pem.as_ref())) {
        std::fs::write(file, pem).map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
    }
    let sha256 = identity.as_ref().map(|identity| identity.sha256.clone());
    let shelf = match &flags.keep_reports {
        Some(folder) => Some(
            Shelf::open(folder, Entropy::system())
                .map_err(|error| format!("{} cannot keep reports: {error}", folder.display()))?,
        ),
        None => None,
    };
    let given = given_tokens(&flags, terminal)?;
    let sources = Sources::of(&flags, given);
    let form = if flags.log_format == LogFormat::Json { Form::Json } else { Form::Text };
    let limits = fitting(flags.limits.limits(), terminal);
    let server = Server::new(serve::Options {
        shelf,
        tls: identity.map(|identity| (identity.config, identity.sha256)),
        front_headers: flags.front_header.iter().map(|name| Untrusted::new(name)).collect(),
        limits,
        tokens: sources.tokens()?,
        proxy_protocol: flags.proxy_protocol,
        log: Log::new(terminal.say, form),
        fleet: fleet::of(&flags, environment.store_password)?,
        ..serve::Options::new(Entropy::system())
    });
    let ended = interrupted();
    let failed = |error: std::io::Error| error.to_string();
    // A socket that was passed on takes the place of an address.
    let passed_http = passed.http.take().filter(|_| http.is_some());
    let passed_https = passed.https.take().filter(|_| https.is_some());
    let own_http = http.filter(|_| passed_http.is_none());
    let own_https = https.filter(|_| passed_https.is_none());
    let Listening { mut http, mut https } = listen(&server, own_http, own_https).await.map_err(failed)?;
    for (listener, leg, address) in [(passed_http, Leg::Http, &mut http), (passed_https, Leg::Https, &mut https)] {
        if let Some(listener) = listener {
            *address = Some(serve_on(&server, listener, leg).map_err(failed)?);
        }
    }
    server.declare(Legs {
        http: flags.public_http.or(http.map(|address| address.port())),
        https: flags.public_https.or(https.map(|address| address.port())),
    });
    let says = Says { terminal, server: &server };
    if let Some(address) = flags.udp {
        let address = answer_datagrams(&server, address).await.map_err(failed)?;
        server.declare_udp(flags.public_udp.unwrap_or(address.port()));
        says.both(&format!("datagrams on {address} (UDP)"), "listening", &[("leg", "udp"), ("address", &address.to_string())]);
        if address.ip().is_unspecified() {
            // The system chooses it by its routes; what it was asked at is not looked up.
            let why = "an answer may leave from another address of this machine than was asked, and be lost";
            let text = format!("datagrams: {why}; where it has several, name one in --udp");
            says.both(&text, "any-address", &[("leg", "udp"), ("why", why)]);
        }
    }
    if let Some(address) = http {
        says.both(
            &format!("cleartext leg on http://{address}"),
            "listening",
            &[("leg", "http"), ("address", &address.to_string())],
        );
    }
    if let Some(address) = https {
        says.both(&format!("TLS leg on https://{address}"), "listening", &[("leg", "https"), ("address", &address.to_string())]);
    }
    let mut other_ports = Vec::new();
    for address in &flags.also_https {
        if let Some(address) = listen(&server, None, Some(*address)).await.map_err(failed)?.https {
            other_ports.push(address.port());
            let fields = [("leg", "https"), ("address", &*address.to_string())];
            says.both(&format!("TLS leg also on https://{address}"), "listening", &fields);
        }
    }
    server.declare_other_ports(other_ports);
    if let (Some(sha256), true) = (&sha256, flags.self_signed) {
        let text = format!("certificate for a try-out; clients need --pin sha256:{sha256}");
        says.both(&text, "self-signed", &[("sha256", sha256)]);
    }
    if let Some(address) = admin(&flags, passed, &server).await.map_err(failed)? {
        says.both(&format!("admin on http://{address}"), "listening", &[("leg", "admin"), ("address", &address.to_string())]);
    }
    if let Some(fleet) = server.fleet() {
        let address = fleet.store_address();
        says.both(&format!("one of a fleet, whose store is at {address}"), "fleet", &[("store", &address)]);
    }
    if let (false, Some(folder)) = (flags.acme.is_empty(), &flags.acme_folder) {
        let roots = flags.acme_ca_file.as_ref().map(|file| read_file(file)).transpose()?;
        let (domains, directory) = (flags.acme.clone(), flags.acme_directory.clone());
        let asked = Acme { domains, directory, folder: folder.clone(), contact: flags.acme_contact.clone(), roots };
        acme::begin(asked, server.clone())?;
    }
    let watching = tokio::spawn(reload::watch(server.clone(), sources));
    sockets::notify_ready();
    ended.await;
    sockets::notify_stopping();
    watching.abort();
    if flags.drain_seconds > 0 {
        says.both("waiting for runs that began; no new ones", "draining", &[]);
        tokio::select! {
            () = server.drain(Duration::from_secs(flags.drain_seconds)) => {}
            // Who says it twice means at once.
            () = interrupted() => {}
        }
    }
    says.both("shutting down", "stopping", &[]);
    server.shut_down().await;
    Ok(Outcome { print: String::new(), code: exit::WORKS })
}

/// Says to a person what a log says to a program.
struct Says<'a> {
    terminal: Terminal,
    server: &'a Server,
}

impl Says<'_> {
    fn both(&self, text: &str, event: &str, fields: &[(&str, &str)]) {
        match self.server.log().form() {
            Form::Text => (self.terminal.say)(&format!("proxyprobe: {text}")),
            Form::Json => self.server.log().line(event, fields),
        }
    }
}

fn identity(flags: &Serve) -> Result<Option<Identity>, String> {
    match (&flags.cert, &flags.key) {
        (Some(chain), Some(key)) => Ok(Some(certificate::from_pem(&read_file(chain)?, &read_file(key)?)?)),
        _ if flags.self_signed => {
            let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
            names.extend(flags.name.iter().cloned());
            Ok(Some(certificate::self_signed(names)?))
        }
        _ => Ok(None),
    }
}

fn given_tokens(flags: &Serve, terminal: Terminal) -> Result<Vec<Token>, String> {
    let tokens = flags.token.iter().map(|token| Token::read(token)).collect::<Result<Vec<_>, _>>();
    let tokens = tokens.map_err(|why| format!("--token cannot be used: {why}"))?;
    let on_line = tokens.iter().map(|token| token.secret.expose());
    // One that came from a variable or from a file is not there to be hidden.
    let shown = on_line.filter(|secret| process_list::shows(secret) && !process_list::hide_all(secret)).count();
    if shown > 0 {
        (terminal.say)("proxyprobe: --token can be seen in this machine's list of processes: give it by --token-file");
    }
    Ok(tokens)
}

async fn admin(flags: &Serve, passed: Passed, server: &Server) -> std::io::Result<Option<std::net::SocketAddr>> {
    let listener = match (passed.admin, flags.admin) {
        (Some(listener), _) => listener,
        (None, Some(address)) => tokio::net::TcpListener::bind(address)
            .await
            .map_err(|error| std::io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))?,
        (None, None) => return Ok(None),
    };
    admin::listen(server.clone(), listener).map(Some)
}

/// Descriptors for what is no connection: listeners, the runtime, reports, and those who are only told why not.
const OTHER_DESCRIPTORS: u64 = 512;

/// The limits, with no more connections than this system has descriptors for: beyond them it would leave clients waiting, who
/// could not tell that from a broken network.
fn fitting(limits: Limits, terminal: Terminal) -> Limits {
    let wanted = u64::try_from(limits.connections).unwrap_or(u64::MAX).saturating_add(OTHER_DESCRIPTORS);
    let Ok(allowed) = rlimit::increase_nofile_limit(wanted) else { return limits };
    if allowed >= wanted {
        return limits;
    }
    let connections = usize::try_from(allowed.saturating_sub(OTHER_DESCRIPTORS).max(1)).unwrap_or(usize::MAX);
    (terminal.say)(&format!("proxyprobe: this system allows {allowed} file descriptors, so {connections} connections at once"));
    Limits { connections, ..limits }
}
