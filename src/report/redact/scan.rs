//! Finding names and addresses in text, and the tokens that stand for them.

use super::{Hidden, Redaction};
use proxyprobe_probes::io::proof::hex;
use proxyprobe_probes::products::marks_in;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Records cut values to this many bytes, or to a multiple of it; with escapes they are a few more.
const PIECE: usize = 1024;

/// The tokens of one report: the same name has the same token everywhere in it.
pub(super) struct Tokens {
    level: Redaction,
    hosts: BTreeMap<String, String>,
    addresses: BTreeMap<String, String>,
    texts: BTreeMap<String, String>,
    queries: usize,
}

impl Tokens {
    pub(super) fn new(level: Redaction) -> Self {
        Self { level, hosts: BTreeMap::new(), addresses: BTreeMap::new(), texts: BTreeMap::new(), queries: 0 }
    }

    /// What they stand for.
    pub(super) fn hidden(&self) -> Hidden {
        Hidden {
            level: self.level,
            queries: self.queries,
            hosts: self.hosts.len(),
            addresses: self.addresses.len(),
            texts: self.texts.len(),
        }
    }

    fn shares(&self) -> bool {
        self.level == Redaction::Share
    }

    /// Remembers `HOST` or `HOST:PORT`.
    pub(super) fn learn_host(&mut self, text: &str) {
        let (host, _) = split_port(text.trim());
        if self.shares() && !host.is_empty() && !host.contains([' ', '/']) && as_address(host).is_none() {
            self.host(host);
        }
    }

    /// Remembers the host of a URL.
    pub(super) fn learn_url(&mut self, text: &str) {
        if let Some((_, rest)) = text.split_once("://") {
            let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or_default();
            self.learn_host(authority.rsplit_once('@').map_or(authority, |(_, host)| host));
        }
    }

    fn host(&mut self, name: &str) -> String {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if name == "localhost" {
            return name;
        }
        let number = self.hosts.len() + 1;
        self.hosts.entry(name).or_insert_with(|| format!("host-{number}")).clone()
    }

    fn address(&mut self, address: IpAddr) -> String {
        if address.is_loopback() || address.is_unspecified() {
            return address.to_string();
        }
        let number = self.addresses.len() + 1;
        self.addresses.entry(address.to_string()).or_insert_with(|| format!("addr-{number}")).clone()
    }

    /// A token for text that somebody else wrote; for a long one a token for each [`PIECE`], so that a value that was cut for the record
    /// still is the beginning of the whole one.
    pub(super) fn foreign(&mut self, text: &str) -> String {
        if !self.shares() || text.is_empty() || text.starts_with("(text-") || text == "(not recorded)" {
            return text.to_owned();
        }
        let (mut rest, cut) = text.strip_suffix('…').map_or((text, false), |kept| (kept, true));
        let mut tokens = String::new();
        while let Some((piece, more)) = rest.split_at_checked(PIECE).filter(|(_, more)| cut || !more.is_empty()) {
            tokens.push_str(&self.piece(piece));
            rest = more;
        }
        // Behind the last whole piece of what was cut stands what the whole has no token for.
        if !cut || tokens.is_empty() {
            tokens.push_str(&self.piece(rest));
        }
        // A mark may stand over the end of a piece, or behind the last.
        let lost: Vec<&str> = marks_in(text).into_iter().filter(|mark| !tokens.contains(mark)).collect();
        if !lost.is_empty() {
            tokens.push_str(&self.piece(&lost.join(" ")));
        }
        if cut {
            tokens.push('…');
        }
        tokens
    }

    /// The marks of products that are in it stay, because a judge goes by it.
    fn piece(&mut self, text: &str) -> String {
        let number = self.texts.len() + 1;
        let marks = marks_in(text);
        let product = if marks.is_empty() { String::new() } else { format!(", with {}", marks.join(", ")) };
        self.texts.entry(text.to_owned()).or_insert_with(|| format!("(text-{number}{product})")).clone()
    }

    /// A URL, or a text that holds one: the query is left out, and the path too where names are hidden.
    pub(super) fn url(&mut self, text: &str) -> String {
        let mut kept = text.to_owned();
        if let Some((before, _)) = text.split_once('?').filter(|(before, _)| before.contains("://")) {
            self.queries += 1;
            kept = format!("{before}?…");
        }
        if !self.shares() {
            return kept;
        }
        if let Some((scheme, rest)) = kept.split_once("://")
            && let Some((authority, _)) = rest.split_once('/').filter(|(_, path)| !path.is_empty())
        {
            kept = format!("{scheme}://{authority}/…");
        }
        self.scan(&kept)
    }

    /// A command line, in which the paths of files are left out.
    pub(super) fn command(&mut self, text: &str) -> String {
        let words = text.split(' ').map(|word| {
            let (flag, value) = word.split_once('=').map_or(("", word), |(flag, value)| (flag, value));
            let is_path = self.shares() && value.contains(['/', '\\']) && !value.contains("://");
            match (is_path, flag) {
                (false, _) => self.url(word),
                (true, "") => "(path)".to_owned(),
                (true, flag) => format!("{flag}=(path)"),
            }
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// Bytes in hex, with as many letters `x` in the place of each known name: lengths stay what they are.
    pub(super) fn hex(&self, text: &str) -> String {
        let mut kept = text.to_owned();
        for host in self.hosts.keys() {
            kept = kept.replace(&hex(host.as_bytes()), &hex("x".repeat(host.len()).as_bytes()));
        }
        kept
    }

    /// `Via: 1.1 proxy01 (squid/5.7)`: the second word of each entry is a host, or stands for one (RFC 9110 section 7.6.3).
    pub(super) fn via(&mut self, text: &str) -> String {
        if !self.shares() {
            return text.to_owned();
        }
        let entry = |tokens: &mut Self, entry: &str| {
            let mut words = entry.trim().splitn(3, ' ');
            let (version, by, rest) = (words.next().unwrap_or_default(), words.next(), words.next());
            let by = by.map(|by| {
                let (host, port) = split_port(by);
                // Some call themselves by the name that their comment has: a product's.
                let is_product = rest.and_then(|rest| rest.strip_prefix('(')).is_some_and(|name| name.starts_with(host));
                let host = match as_address(host) {
                    Some(address) => tokens.address(address),
                    None if is_product => host.to_owned(),
                    None => tokens.host(host),
                };
                port.map_or(host.clone(), |port| format!("{host}:{port}"))
            });
            let rest = rest.map(|rest| tokens.scan(rest));
            [Some(version.to_owned()), by, rest].into_iter().flatten().collect::<Vec<_>>().join(" ")
        };
        let entries: Vec<String> = text.split(',').map(|one| entry(self, one)).collect();
        entries.join(", ")
    }

    /// A challenge keeps its scheme (RFC 9110 section 11.6.1).
    pub(super) fn challenge(&mut self, text: &str) -> String {
        match text.split_once(' ') {
            Some((scheme, rest)) if self.shares() => format!("{scheme} {}", self.foreign(rest)),
            _ => text.to_owned(),
        }
    }

    /// Text with every known name, everything that looks like one, and every address replaced.
    pub(super) fn scan(&mut self, text: &str) -> String {
        if !self.shares() {
            return text.to_owned();
        }
        let mut shown = String::with_capacity(text.len());
        let mut word = String::new();
        for c in text.chars().chain(['\0']) {
            if c.is_ascii_alphanumeric() || ".-_:[]%".contains(c) {
                word.push(c);
                continue;
            }
            shown.push_str(&self.word(&word));
            word.clear();
            if c != '\0' {
                shown.push(c);
            }
        }
        shown
    }

    fn word(&mut self, word: &str) -> String {
        let core = word.trim_end_matches(['.', ':', '-']);
        let tail = word.get(core.len()..).unwrap_or_default();
        let (host, port) = split_port(core);
        let token = match as_address(host) {
            Some(address) => {
                let token = self.address(address);
                if token == address.to_string() { host.to_owned() } else { token }
            }
            // `HOST:PORT:ADDR` and the like.
            None if host.contains(':') => core.split(':').map(|part| self.word(part)).collect::<Vec<_>>().join(":"),
            None if self.hosts.contains_key(&host.to_ascii_lowercase()) || is_domain_name(host) => self.host(host),
            None => return word.to_owned(),
        };
        let port = port.filter(|_| !host.contains(':') || as_address(host).is_some());
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{token}{port}{tail}")
    }
}

/// `HOST:PORT` as its parts; an address of version 6 stands in brackets when a port follows.
fn split_port(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            let alone = !host.contains(':') || host.ends_with(']');
            if alone { (host, Some(port)) } else { (text, None) }
        }
        _ => (text, None),
    }
}

fn as_address(host: &str) -> Option<IpAddr> {
    let plain = host.trim_matches(['[', ']']);
    plain.split('%').next().unwrap_or(plain).parse().ok()
}

/// Two labels or more, the last of which has letters alone: what a machine, and hardly a version or a file, is called.
fn is_domain_name(word: &str) -> bool {
    let labels: Vec<&str> = word.split('.').collect();
    let label = |label: &&str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let last = labels.last().is_some_and(|last| last.len() > 1 && last.bytes().all(|b| b.is_ascii_alphabetic()));
    labels.len() > 1 && last && labels.iter().all(label)
}
