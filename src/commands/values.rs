//! What the values of flags mean.

use super::questions::demand;
use crate::cli::{Check, FormatChoice, RedactChoice};
use crate::net::Target;
use crate::report::{self, Format, Redaction, Report};
use http::{HeaderName, HeaderValue};
use proxyprobe_probes::ProbeId;
use proxyprobe_probes::plan::{Depth, Plan};
use proxyprobe_probes::transport::Leg;
use proxyprobe_probes::untrusted::Untrusted;
use proxyprobe_probes::wire::Legs;
use std::path::Path;

/// Reads the server's URL.
pub(super) fn read_url(text: &str) -> Result<(Target, Leg), String> {
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

pub(super) fn plan(flags: &Check) -> Plan {
    let depth = match (flags.quick, flags.deep) {
        (true, _) => Depth::Quick,
        (_, true) => Depth::Deep,
        _ => Depth::Standard,
    };
    let send_every_ms = demand(&flags.demand).and_then(|demand| demand.beat_ms());
    Plan { ladder: flags.connections, send_every_ms, ..Plan::new(depth, flags.idle.map(|seconds| seconds * 1000)) }
}

pub(super) fn probes(only: &[String], skip: &[String]) -> Result<Vec<ProbeId>, String> {
    let known = |id: &String| {
        let all: Vec<&str> = ProbeId::ALL.iter().map(|probe| probe.id()).collect();
        ProbeId::of(id.trim()).ok_or_else(|| format!("there is no probe `{}`; there are: {}", Untrusted::new(id), all.join(", ")))
    };
    let mut only = only.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    if only.contains(&ProbeId::Idle) {
        // Without its busy twins a silent ladder cannot tell a limit from a restart.
        only.push(ProbeId::Lifetime);
    }
    let skip = skip.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    Ok(ProbeId::ALL.iter().copied().filter(|probe| (only.is_empty() || only.contains(probe)) && !skip.contains(probe)).collect())
}

pub(super) fn format_of(choice: FormatChoice) -> Format {
    match choice {
        FormatChoice::Text => Format::Text,
        FormatChoice::Markdown => Format::Markdown,
        FormatChoice::Html => Format::Html,
        FormatChoice::Json => Format::Json,
    }
}

/// What stdout gets of a report.
pub(super) fn printed(report: &Report, format: Format, colour: bool, timeline: bool) -> String {
    if timeline && format == Format::Text { report.with_timeline(colour) } else { report.render(format, colour) }
}

pub(super) fn redaction_of(choice: RedactChoice) -> Redaction {
    match choice {
        RedactChoice::Default => Redaction::Default,
        RedactChoice::Share => Redaction::Share,
        RedactChoice::None => Redaction::None,
    }
}

pub(super) fn read_save(save: &str) -> Result<(Format, &str), String> {
    let wrong = || format!("--save {}: this is not of the form FORMAT=FILE, such as html=report.html", Untrusted::new(save));
    let (format, file) = save.split_once('=').filter(|(_, file)| !file.is_empty()).ok_or_else(wrong)?;
    let format = <FormatChoice as clap::ValueEnum>::from_str(format, false).map_err(|_| wrong())?;
    Ok((format_of(format), file))
}

pub(super) fn read_pin(pin: &str) -> Result<String, String> {
    let hex: String = pin.strip_prefix("sha256:").unwrap_or(pin).chars().filter(|c| *c != ':').collect();
    if hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(hex.to_ascii_lowercase())
    } else {
        Err("--pin must be sha256: and 64 hex digits, as `proxyprobe serve --self-signed` prints it".to_owned())
    }
}

pub(super) fn read_header(line: &str) -> Result<(HeaderName, HeaderValue), String> {
    // The value may be a secret: the message repeats the name alone.
    let (name, value) = line.split_once(':').ok_or("--header: this is not of the form `Name: value`")?;
    let wrong = || format!("--header {}: this cannot stand in a header", Untrusted::new(name));
    let name: HeaderName = name.trim().parse().map_err(|_| wrong())?;
    Ok((name, HeaderValue::from_str(value.trim()).map_err(|_| wrong())?))
}

pub(super) fn read_file(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))
}

/// Reads a saved report, from a file or from standard input, and judges it.
pub(super) fn read_report(file: &Path) -> Result<Report, String> {
    let text = if file.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin()).map_err(|error| format!("standard input cannot be read: {error}"))?
    } else {
        String::from_utf8_lossy(&read_file(file)?).into_owned()
    };
    report::read(&text).map_err(|why| format!("{} cannot be judged: {why}", file.display()))
}
