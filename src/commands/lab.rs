//! `lab`: the list of middleboxes, and running some of them on a socket.

use super::{Outcome, Terminal, interrupted};
use crate::cli::{LabEnds, LabReplay, LabRole, LabRun};
use crate::exit;
use crate::lab::{ALL, Admission, Kind, Kit, Layer, Middlebox, ONLY, Parameter, Root, Row, Speaks, Spec};
use crate::net::tls::{TrustOptions, client_config, provider, read_certificates};
use crate::stand::{onward, split, stand};
use proxyprobe_probes::transport::Leg;
use std::fmt::Write;
use std::sync::Arc;

/// The common name of the lab's root: whoever finds it in a certificate store must know what it is.
const ROOT_NAME: &str = "proxyprobe lab root (for tests only)";

pub(super) fn list(verbose: bool) -> Outcome {
    let mut text = String::new();
    let widest = ALL.iter().map(|entry| entry.name.len()).max().unwrap_or(0);
    for entry in ALL {
        if !verbose {
            let _ = writeln!(text, "{:widest$}  {} [{}]", entry.name, entry.does, entry.seen);
            continue;
        }
        let _ = writeln!(
            text,
            "{}\n  It {}.\n  Seen of: {}.\n  Stands on {}.",
            entry.name,
            entry.does,
            entry.seen,
            layer(entry.layer)
        );
        entry.parameters.iter().for_each(|one| parameter(&mut text, one));
        text.push('\n');
    }
    if verbose {
        let _ = writeln!(text, "All but those for TLS and the proxies also have");
        parameter(&mut text, &ONLY);
    }
    Outcome { print: text, code: exit::WORKS }
}

fn parameter(text: &mut String, parameter: &Parameter) {
    let Parameter { name, default, means, kind } = parameter;
    let kind = match kind {
        Kind::Seconds => "seconds".to_owned(),
        Kind::Number(least, most) => format!("{least} to {most}"),
        Kind::Choice(words) => words.join(" | "),
        Kind::Word => "a word".to_owned(),
    };
    let _ = writeln!(text, "  {name} ({kind}; {default}): {means}");
}

fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::Connection => "any connection",
        Layer::Tls => "connections with TLS, and decrypts no requests",
        Layer::Http => "cleartext, and on TLS as tls-proxy",
        Layer::Proxy => "its own port, as an explicit proxy",
    }
}

pub(super) async fn run(flags: LabRun, terminal: Terminal) -> Result<Outcome, String> {
    let mut specs: Vec<Spec> = flags.middleboxes.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let own_proxy = Row::is_explicit_proxy(&specs);
    let front = match flags.role {
        LabRole::Relay if own_proxy => return Err("this middlebox is a proxy: run it --as proxy".to_owned()),
        LabRole::Relay => None,
        LabRole::Proxy | LabRole::TlsProxy if own_proxy => None,
        LabRole::Proxy => Some("proxy"),
        LabRole::TlsProxy => Some("proxy:others=relayed"),
    };
    let blind = specs.iter().find(|spec| spec.sees_requests() && flags.role != LabRole::TlsProxy).cloned();
    if let Some(front) = front {
        specs.insert(0, front.parse()?);
    }
    let mut bench = Bench::new(&flags.ends, flags.role == LabRole::TlsProxy)?;
    bench.decrypts |= specs.iter().any(|spec| spec.entry.name == "inspect-tls");
    let row = Row::new(&specs, &bench.kit)?;
    if flags.role == LabRole::Relay && flags.ends.upstream.is_none() && row.admits() == Admission::Accepts {
        return Err("a relay needs --upstream HOST:PORT: where do bytes go?".to_owned());
    }
    if let Some(spec) = blind {
        (terminal.say)(&format!("proxyprobe: {spec} leaves TLS alone; --as tls-proxy decrypts it"));
    }
    bench.until_interrupted(row, &names(&specs), &flags.ends, terminal).await
}

pub(super) async fn replay(flags: LabReplay, terminal: Terminal) -> Result<Outcome, String> {
    let report = super::values::read_report(&flags.report)?;
    let replay = crate::replay::replay(&report);
    for (code, leg, why) in &replay.cannot {
        let leg = leg.map_or(String::new(), |leg| format!(" on the {leg} leg"));
        (terminal.say)(&format!("proxyprobe: {code}{leg} is not played: {why}"));
    }
    let row = |leg: Leg| replay.rows.get(&leg).map_or(&[][..], Vec::as_slice);
    let (cleartext, tls) = (row(Leg::Http), row(Leg::Https));
    if cleartext.is_empty() && tls.is_empty() {
        return Err("there is nothing in this report that the lab can play".to_owned());
    }
    let bench = Bench::new(&flags.ends, true)?;
    let both = Row::by_leg(cleartext, tls, &bench.kit)?;
    let words = format!("cleartext: {}; TLS: {}", names(cleartext), names(tls));
    bench.until_interrupted(both, &words, &flags.ends, terminal).await
}

fn names(specs: &[Spec]) -> String {
    let names: Vec<String> = specs.iter().map(ToString::to_string).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(" + ") }
}

/// What middleboxes on a socket are built with.
struct Bench {
    kit: Kit,
    server: Option<(String, u16)>,
    /// Whether clients meet certificates of the lab's own.
    decrypts: bool,
}

impl Bench {
    fn new(ends: &LabEnds, inspects: bool) -> Result<Self, String> {
        let (server, speaks) = match &ends.upstream {
            Some(upstream) => read_upstream(upstream).map(|(server, speaks)| (Some(server), speaks))?,
            None => (None, None),
        };
        let mut roots = match &ends.ca_file {
            Some(file) => {
                let pem = super::values::read_file(file)?;
                read_certificates(&pem).map_err(|error| format!("{}: {error}", file.display()))?
            }
            None => Vec::new(),
        };
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        names.push(ends.listen.ip().to_string());
        // A client that asks for an address names nobody, nor does the lab itself where one that decrypts stands behind another.
        names.extend(server.as_ref().map(|(host, _)| host.clone()));
        let root = Arc::new(Root::new(ROOT_NAME, provider())?);
        // One that decrypts may stand behind another.
        roots.push(root.certificate());
        let upstream = client_config(TrustOptions { pin: None, roots, system: true })?;
        let behind = server.as_ref().map(|(host, _)| host.clone());
        let kit = Kit { behind, inspects, speaks, ..Kit::new(root, upstream, names)? };
        if let Some(file) = &ends.ca_out {
            std::fs::write(file, kit.root.pem()).map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
        }
        Ok(Self { decrypts: kit.inspects, kit, server })
    }

    async fn until_interrupted(self, row: Row, words: &str, ends: &LabEnds, terminal: Terminal) -> Result<Outcome, String> {
        let (ended, takes) = (interrupted(), row.admits() == Admission::Accepts);
        let stand = stand(row, ends.listen, onward(self.server)).await.map_err(|error| error.to_string())?;
        (terminal.say)(&format!("proxyprobe: {words} on {}", stand.address));
        let open = takes && ends.upstream.is_none() && !ends.listen.ip().is_loopback();
        if open {
            (terminal.say)("proxyprobe: this is an open proxy for everybody who reaches that address");
        }
        if self.decrypts && ends.ca_out.is_none() {
            (terminal.say)("proxyprobe: clients whose TLS is decrypted need the lab's root: --ca-out FILE writes it");
        }
        ended.await;
        drop(stand);
        Ok(Outcome { print: String::new(), code: exit::WORKS })
    }
}

/// Reads `HOST:PORT`, or a URL that says what is spoken there whatever the client speaks.
fn read_upstream(text: &str) -> Result<((String, u16), Option<Speaks>), String> {
    let (place, speaks) = match text.split_once("://") {
        Some(("http" | "ws", place)) => (place, Some(Speaks::Cleartext)),
        Some(("https" | "wss", place)) => (place, Some(Speaks::Tls)),
        Some(_) => return Err("--upstream: only http:// and https:// are known".to_owned()),
        None => (text, None),
    };
    let place = place.trim_end_matches('/');
    let default = match speaks {
        Some(Speaks::Tls) => Some(443),
        Some(Speaks::Cleartext) => Some(80),
        None => None,
    };
    let bare = || Some((place.trim_matches(['[', ']']).to_owned(), default?)).filter(|(host, _)| !host.is_empty());
    let server = split(place).or_else(bare).ok_or("--upstream: this is not of the form HOST:PORT")?;
    Ok((server, speaks))
}
