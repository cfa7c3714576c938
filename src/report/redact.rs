//! Redaction: by the type of each field, and before any text is made of it.
//!
//! A report is redacted as the document that it is saved as, and judged again from that, so that findings, numbers and words
//! come from redacted evidence. Secrets never get this far: they are not recorded at all.

mod scan;

use super::saved::{Unreadable, read_value};
use super::{Report, json};
use scan::Tokens;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How much a report hides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Redaction {
    /// Credentials, which are never recorded, and the queries of URLs.
    #[default]
    Default,
    /// Also private names, addresses, and what others wrote into headers and pages: for those outside of both companies.
    Share,
    /// Credentials alone.
    None,
}

/// What was hidden.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hidden {
    /// How much was to be hidden.
    pub level: Redaction,
    /// The queries that were left out of URLs.
    pub queries: usize,
    /// The names of hosts that a token stands for.
    pub hosts: usize,
    /// The addresses that a token stands for.
    pub addresses: usize,
    /// The texts of others (values of headers, pages, names in certificates) that a token stands for.
    pub texts: usize,
}

impl Hidden {
    /// What was hidden, as a person reads it.
    pub fn words(&self) -> String {
        let count = |number: usize, one: &str, many: &str| match number {
            0 => None,
            1 => Some(format!("1 {one}")),
            _ => Some(format!("{number} {many}")),
        };
        let parts = [
            count(self.hosts, "host name", "host names"),
            count(self.addresses, "address", "addresses"),
            count(self.texts, "text of others", "texts of others"),
            count(self.queries, "query of a URL", "queries of URLs"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let level = match self.level {
            Redaction::Default => "default",
            Redaction::Share => "share",
            Redaction::None => "none",
        };
        let hidden =
            if parts.is_empty() { "nothing had to be hidden".to_owned() } else { format!("{} hidden", parts.join(", ")) };
        format!("{level}: {hidden}; credentials are never recorded")
    }
}

/// What a field of the document holds, by its name.
enum Type {
    /// The name or address of a machine, with or without a port.
    Host,
    /// A URL.
    Url,
    /// Pairs of a header's name and its value.
    Headers,
    /// Text that somebody else wrote.
    Foreign,
    /// Bytes in hex, in which a name may stand: a ClientHello has the server's.
    Hex,
    /// A command line: paths name users.
    Command,
    /// Our own words, in which names and addresses may stand.
    Words,
}

impl Type {
    fn of(field: &str) -> Type {
        match field {
            "host" | "peer" | "proxy" => Type::Host,
            "url" => Type::Url,
            "headers" | "fields" => Type::Headers,
            "command" => Type::Command,
            "hellos" => Type::Hex,
            "raw" | "body" | "title" | "foreign" | "excerpt" | "issuer" | "subject" => Type::Foreign,
            _ => Type::Words,
        }
    }
}

/// Headers whose values are the protocol's own and name nobody.
const PROTOCOL: &[&str] = &[
    "accept",
    "accept-encoding",
    "accept-language",
    "age",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "expires",
    "keep-alive",
    "last-event-id",
    "pragma",
    "proxy-connection",
    "proxyprobe-proof",
    "retry-after",
    "sec-websocket-accept",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "x-accel-buffering",
    "x-content-type-options",
];
/// Headers in whose values names of hosts stand, and of products, which stay.
const NAMING: &[&str] = &["host", "origin", "server", "user-agent", "via", "location", "referer", "x-forwarded-host"];

impl Report {
    /// The same report with less in it: judged again from what is left.
    ///
    /// # Errors
    /// Never for a report that this version made; the document cannot be read back.
    pub fn redacted(self, level: Redaction) -> Result<Report, Unreadable> {
        let mut document = serde_json::to_value(json::document(&self)).map_err(|error| Unreadable::Form(error.to_string()))?;
        let mut tokens = Tokens::new(level);
        if level != Redaction::None {
            learn(&document, "", &mut tokens);
            for part in ["target", "route", "probes", "note", "command"] {
                if let Some(value) = document.get_mut(part) {
                    hide(value, part, &mut tokens);
                }
            }
        }
        // What it said before is not what is left of it.
        document.as_object_mut().map(|all| all.remove("findings"));
        let mut report = read_value(document)?;
        report.about.hidden = Some(tokens.hidden());
        report.changed = match (level, self.changed.len()) {
            (Redaction::Share, differences @ 1..) => vec![format!("{differences} differences, which are not shared")],
            _ => self.changed,
        };
        Ok(report)
    }
}

/// Learns the names of hosts from the fields that hold them, so that they are found in sentences, too.
fn learn(value: &Value, field: &str, tokens: &mut Tokens) {
    match value {
        Value::String(text) => match Type::of(field) {
            Type::Host => tokens.learn_host(text),
            Type::Url => tokens.learn_url(text),
            // A way, as `http-proxy HOST:PORT` or `the script URL`.
            _ if field == "says" => {
                let named = text.rsplit(' ').next().unwrap_or_default();
                if named.contains("://") {
                    tokens.learn_url(named)
                } else if named.contains(':') {
                    tokens.learn_host(named)
                }
            }
            _ => {}
        },
        Value::Array(all) => all.iter().for_each(|one| learn(one, field, tokens)),
        Value::Object(all) => all.iter().for_each(|(name, one)| learn(one, name, tokens)),
        _ => {}
    }
}

fn hide(value: &mut Value, field: &str, tokens: &mut Tokens) {
    match value {
        Value::String(text) => {
            *text = match Type::of(field) {
                Type::Host | Type::Words | Type::Headers => tokens.scan(text),
                Type::Url => tokens.url(text),
                Type::Command => tokens.command(text),
                Type::Hex => tokens.hex(text),
                Type::Foreign => tokens.foreign(text),
            }
        }
        Value::Array(pairs) if matches!(Type::of(field), Type::Headers) => {
            pairs.iter_mut().filter_map(Value::as_array_mut).for_each(|pair| header(pair, tokens));
        }
        Value::Array(all) => all.iter_mut().for_each(|one| hide(one, field, tokens)),
        Value::Object(all) => all.iter_mut().for_each(|(name, one)| hide(one, name, tokens)),
        _ => {}
    }
}

fn header(pair: &mut [Value], tokens: &mut Tokens) {
    let [Value::String(name), Value::String(value)] = pair else { return };
    let name = name.to_ascii_lowercase();
    if PROTOCOL.contains(&name.as_str()) {
        return;
    }
    *value = match name.as_str() {
        "via" => tokens.via(value),
        // What stands behind the scheme is the realm, which names a company.
        "proxy-authenticate" | "www-authenticate" => tokens.challenge(value),
        known if NAMING.contains(&known) => tokens.url(value),
        _ => tokens.foreign(value),
    };
}

#[cfg(test)]
mod tests;
