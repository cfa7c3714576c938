//! What heads tell that were sent by one end and received by the other.

use super::compare::{Differences, compare, path, target, version};
use super::*;
use crate::exchange::{Proof, Record, ServerNotes};
use crate::products::{self, Seen};

/// The most names of one kind in a finding.
const NAMES: usize = 20;
/// The most letters of a name in a finding.
const NAME: usize = 60;

/// What happened to the heads of one exchange.
#[derive(Default)]
struct Both {
    request: Differences,
    response: Differences,
    /// What else became of the request line, in words.
    line: Vec<String>,
    /// Versions as they were sent and received, by direction.
    lowered: Vec<(&'static str, String)>,
}

/// Judges the unusual request; where that was not answered, the usual one.
pub(super) fn judge(evidence: &[Exchange<Asked>]) -> Vec<Finding> {
    // The newest that the server saw: a later one is asked only where an earlier one came to nothing.
    let Some((exchange, notes)) = evidence.iter().rev().find_map(|one| Some((one, one.record.witness.notes()?))) else {
        return Vec::new();
    };
    let both = differences(&exchange.asked, &exchange.record, notes);
    let mut findings = Vec::new();
    let list = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    for (code, verb, of) in [
        (ADDED, "arrives with headers that nobody sent", (|d| &d.added) as fn(&Differences) -> &Vec<String>),
        (REMOVED, "arrives without headers that were sent", |d| &d.removed),
    ] {
        let (request, response) = (bounded(of(&both.request)), bounded(of(&both.response)));
        let mut said = Vec::new();
        for (what, names) in [("A request", &request), ("An answer", &response)] {
            if !names.is_empty() {
                said.push(format!("{what} {verb}: {}.", list(names)));
            }
        }
        if !said.is_empty() {
            findings.push(with_names(Finding::new(code, said.join(" ")), &request, &response));
        }
    }
    findings.extend(changed(&both));
    if !both.lowered.is_empty() {
        let said: Vec<String> = both.lowered.iter().map(|(what, version)| format!("{what} as HTTP/{version}")).collect();
        let text = format!("HTTP/1.1 was sent, and an older version arrives: {}.", said.join(", "));
        let finding = Finding::new(HTTP_VERSION_LOWERED, text);
        let measured =
            |finding: Finding, (what, version): &(&str, String)| finding.with(&format!("{what}_version"), version.as_str());
        findings.push(both.lowered.iter().fold(finding, measured));
    }
    findings.extend(products(exchange, notes).into_iter().map(identified));
    findings.into_iter().map(|finding| finding.seen_on([&exchange.record])).collect()
}

fn differences(asked: &Asked, record: &Record, notes: &ServerNotes) -> Both {
    let mut both = Both::default();
    let declared = |name: &String| asked.front_headers.iter().any(|front| front.as_str().eq_ignore_ascii_case(name));
    // Where the bytes are not known, the server's own reading has names and values, but no spelling.
    let (received, spelling) = match &notes.below.request {
        Some(raw) => (raw.clone(), true),
        None => (RawHead { first: Untrusted::default(), fields: notes.request.headers.clone() }, false),
    };
    both.request = compare(&asked.sent, &received, spelling);
    both.request.added.retain(|name| !declared(name));
    if let (true, Some((method, sent)), Some((arrived_method, arrived))) = (spelling, target(&asked.sent), target(&received)) {
        if method != arrived_method {
            both.line.push(format!("the method {arrived_method} in place of {method}"));
        }
        if path(sent) != path(arrived) {
            both.line.push("another path".to_owned());
        } else if !asked.asks_proxy && sent != arrived {
            both.line.push("a whole URL as its target".to_owned());
        }
    }
    if notes.request.version == "1.0" {
        both.lowered.push(("request", notes.request.version.clone()));
    }
    // Only our own answer can be compared with what the server sent.
    if let (Proof::Valid, Some(sent), Some(received)) = (record.proof, &notes.below.response, &asked.received) {
        both.response = compare(sent, received, true);
        both.response.added.retain(|name| !declared(name));
        if version(sent) == Some("1.1") && version(received) == Some("1.0") {
            both.lowered.push(("response", "1.0".to_owned()));
        }
    }
    both
}

fn changed(both: &Both) -> Option<Finding> {
    let mut said = Vec::new();
    let mut measured = Vec::new();
    for (what, key, found) in [("A request", "request", &both.request), ("An answer", "response", &both.response)] {
        let mut parts = Vec::new();
        let mut names = |suffix: &str, names: &[String], words: &str| {
            let names = bounded(names);
            if !names.is_empty() {
                parts.push(format!("{words} ({})", names.join(", ")));
                measured.push((format!("{key}{suffix}"), serde_json::Value::from(names)));
            }
        };
        names("", &found.changed, "other values");
        names("_case", &found.respelt, "names in another case");
        if found.reordered {
            parts.push("another order".to_owned());
            measured.push((format!("{key}_order"), "changed".into()));
        }
        if key == "request" && !both.line.is_empty() {
            parts.extend(both.line.iter().cloned());
            measured.push(("request_line".to_owned(), both.line.clone().into()));
        }
        if !parts.is_empty() {
            said.push(format!("{what} arrives with {}.", parts.join(", ")));
        }
    }
    let finding = Finding::new(CHANGED, said.join(" "));
    (!said.is_empty()).then(|| measured.into_iter().fold(finding, |finding, (name, value)| finding.with(&name, value)))
}

fn with_names(finding: Finding, request: &[String], response: &[String]) -> Finding {
    let mut finding = finding;
    for (key, names) in [("request", request), ("response", response)] {
        if !names.is_empty() {
            finding = finding.with(key, names.to_vec());
        }
    }
    finding
}

fn bounded(names: &[String]) -> Vec<String> {
    names.iter().take(NAMES).map(|name| name.chars().take(NAME).collect()).collect()
}

/// The products whose marks were added on the way; what either end sent itself is no mark.
fn products(exchange: &Exchange<Asked>, notes: &ServerNotes) -> Vec<products::Product> {
    let asked = &exchange.asked;
    let of = |head: &RawHead, name: &str| -> Vec<String> {
        let values = head.fields.iter().filter(|(found, _)| found.as_str().eq_ignore_ascii_case(name));
        values.map(|(_, value)| value.to_string()).collect()
    };
    let foreign = |sent: &RawHead, name: &Untrusted, value: &Untrusted| !of(sent, name.as_str()).contains(&value.to_string());
    let requests = notes.request.headers.iter().filter(|(name, value)| foreign(&asked.sent, name, value));
    let requests = requests.map(|(name, value)| Seen::Request(name.as_str(), value.as_str()));
    let nothing = RawHead::default();
    let sent = notes.below.response.as_ref().unwrap_or(&nothing);
    let answers = asked.received.iter().flat_map(|head| &head.fields).filter(|(name, value)| foreign(sent, name, value));
    let answers = answers.map(|(name, value)| Seen::Response(name.as_str(), value.as_str()));
    products::identify(requests.chain(answers), &asked.front_headers)
}

fn identified(product: products::Product) -> Finding {
    let where_ = match product.place {
        products::Place::Network => "on the way",
        products::Place::ThisMachine => "on this very machine",
        products::Place::Front => "in front of the server",
    };
    let text = format!("Something {where_} looks like {} ({}).", product.name, product.evidence);
    Finding::new(PRODUCT_IDENTIFIED, text)
        .with("looks_like", product.name)
        .with("vendor", product.vendor)
        .with("confidence", product.confidence.as_str())
        .with("evidence", product.evidence)
        .with("stands", product.place.as_str())
}

#[cfg(test)]
mod tests;
