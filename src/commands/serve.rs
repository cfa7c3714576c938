//! `serve`: from flags to a server that runs until it is told to stop.

use super::values::read_file;
use super::{Outcome, Terminal, interrupted};
use crate::cli::Serve;
use crate::exit;
use crate::serve::limits::Limits;
use crate::serve::shelf::Shelf;
use crate::serve::{self, Listening, Server, certificate, listen};
use proxyprobe_probes::io::pen::Entropy;
use proxyprobe_probes::untrusted::Untrusted;
use proxyprobe_probes::wire::Legs;

pub(super) async fn serve_command(flags: Serve, terminal: Terminal) -> Result<Outcome, String> {
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
    let shelf = match &flags.keep_reports {
        Some(folder) => Some(
            Shelf::open(folder, Entropy::system())
                .map_err(|error| format!("{} cannot keep reports: {error}", folder.display()))?,
        ),
        None => None,
    };
    let limits = fitting(flags.limits.limits(), terminal);
    let server = Server::new(serve::Options {
        shelf,
        legs: Legs::default(),
        tls: identity.map(|identity| (identity.config, identity.sha256)),
        front_headers: flags.front_header.iter().map(|name| Untrusted::new(name)).collect(),
        limits,
        entropy: Entropy::system(),
    });
    let ended = interrupted();
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
    ended.await;
    say("proxyprobe: shutting down");
    server.shut_down().await;
    Ok(Outcome { print: String::new(), code: exit::WORKS })
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
