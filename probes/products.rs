//! Products that are known by what they leave behind: names in certificates, headers, words on block pages.
//!
//! A signature says what somebody looks like, never who it is: all of this can be set, copied or removed.

mod signatures;

use crate::below::RawHead;
use crate::exchange::{RequestHead, ResponseHead, ServerNotes};
use crate::untrusted::Untrusted;
use signatures::{ALL, Mark, Signature};

/// What something looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Its name, stable: settings for it are looked up by it.
    pub name: &'static str,
    /// Who makes it.
    pub vendor: &'static str,
    /// How sure that is.
    pub confidence: Confidence,
    /// Where it usually stands.
    pub place: Place,
    /// What was seen of it.
    pub evidence: String,
    /// Who says that this is a sign of it.
    pub source: &'static str,
}

/// How sure a signature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// Several products share it.
    Low,
    /// No other product is known for it, by one source or an old one.
    Medium,
    /// No other product is known for it, by several sources or a measurement.
    High,
}

impl Confidence {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Confidence::Low => "low",
            Confidence::Medium => "medium",
            Confidence::High => "high",
        }
    }
}

/// Where a product usually stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Between this machine and the server, on either side's account.
    Network,
    /// On the client's own machine: an antivirus that looks into TLS.
    ThisMachine,
    /// In front of the server, on its operator's account: a content delivery network.
    Front,
}

impl Place {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Place::Network => "network",
            Place::ThisMachine => "this-machine",
            Place::Front => "front",
        }
    }
}

/// What was seen of the path.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// A header of a request, as it arrived at the server.
    Request(&'a str, &'a str),
    /// A header of an answer, as it arrived here.
    Response(&'a str, &'a str),
    /// A name in a certificate that arrived here.
    Certificate(&'a str),
    /// Words of a page that is not the server's.
    Page(&'a str),
    /// Something that it did.
    Did(Behaviour),
}

/// What some products do to requests, and others too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// All names of headers arrive in lower case, over HTTP/1.1.
    LowerCaseNames,
    /// Requests arrive in HTTP/1.0.
    OldVersion,
}

/// What became of a request on the way.
pub fn behaviours(sent: &RawHead, notes: &ServerNotes) -> Vec<Seen<'static>> {
    let spelt = |head: &RawHead| head.fields.iter().any(|(name, _)| name.as_str().bytes().any(|byte| byte.is_ascii_uppercase()));
    let lowered = notes.below.request.as_ref().is_some_and(|received| spelt(sent) && !spelt(received));
    let old = notes.request.version == "1.0";
    let found = [(lowered, Behaviour::LowerCaseNames), (old, Behaviour::OldVersion)];
    found.into_iter().filter(|(seen, _)| *seen).map(|(_, did)| Seen::Did(did)).collect()
}

/// The products that these signs belong to, the surest first, each once. Headers of these names are the declared front's, and are
/// nobody else's doing.
pub fn identify<'a>(seen: impl IntoIterator<Item = Seen<'a>>, front_headers: &[Untrusted]) -> Vec<Product> {
    let mut found: Vec<Product> = Vec::new();
    for sign in seen {
        if let Seen::Request(name, _) | Seen::Response(name, _) = sign
            && front_headers.iter().any(|declared| declared.as_str().eq_ignore_ascii_case(name))
        {
            continue;
        }
        for signature in ALL {
            let Some(evidence) = signature.matches(sign) else { continue };
            let product = signature.product(evidence);
            match found.iter_mut().find(|known| known.name == product.name) {
                Some(known) if known.confidence < product.confidence => *known = product,
                Some(_) => {}
                None => found.push(product),
            }
        }
    }
    found.sort_by_key(|product| std::cmp::Reverse(product.confidence));
    found
}

/// The words in a text that are marks of products: what has to stay of it where the rest is hidden, so that a judge finds the same.
pub fn marks_in(text: &str) -> Vec<&'static str> {
    let mut marks: Vec<&'static str> =
        ALL.iter().filter_map(|signature| signature.mark.word()).filter(|word| holds(text, word)).collect();
    marks.sort_unstable();
    marks.dedup();
    marks
}

/// The product that these names in certificates belong to.
pub fn of_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Product> {
    identify(names.into_iter().map(Seen::Certificate), &[]).into_iter().next()
}

/// The signs in the head of a request at the server.
pub fn of_request(head: &RequestHead) -> impl Iterator<Item = Seen<'_>> {
    head.headers.iter().map(|(name, value)| Seen::Request(name.as_str(), value.as_str()))
}

/// The signs in the head of an answer.
pub fn of_response(head: &ResponseHead) -> impl Iterator<Item = Seen<'_>> {
    head.headers.iter().map(|(name, value)| Seen::Response(name.as_str(), value.as_str()))
}

impl Signature {
    /// What was seen, if it is a sign of this product: the sign itself and where it was, not what stands around it, which may be the
    /// name of somebody's machine. Everything is compared without regard to case.
    fn matches(&self, seen: Seen<'_>) -> Option<String> {
        let with = |what: &str, part: &str| if part.is_empty() { what.to_owned() } else { format!("{what} with \"{part}\"") };
        match (&self.mark, seen) {
            (Mark::Request(name, part) | Mark::Header(name, part), Seen::Request(found, value)) => {
                fits(name, part, found, value).then(|| with(&format!("request header {}", shown(found)), part))
            }
            (Mark::Response(name, part) | Mark::Header(name, part), Seen::Response(found, value)) => {
                fits(name, part, found, value).then(|| with(&format!("response header {}", shown(found)), part))
            }
            (Mark::Certificate(part), Seen::Certificate(name)) => holds(name, part).then(|| with("certificate", part)),
            (Mark::Page(part), Seen::Page(text)) => holds(text, part).then(|| with("page", part)),
            (Mark::Did(behaviour, words), Seen::Did(did)) => (*behaviour == did).then(|| (*words).to_owned()),
            // A block page may be a redirect.
            (Mark::Page(part), Seen::Response("location", value)) => holds(value, part).then(|| with("redirect", part)),
            _ => None,
        }
    }

    fn product(&self, evidence: String) -> Product {
        Product {
            name: self.name,
            vendor: self.vendor,
            confidence: self.confidence,
            place: self.place,
            evidence,
            source: self.source,
        }
    }
}

/// Whether a header has this name, or begins with it where it ends with `*`, and this part in its value.
fn fits(name: &str, part: &str, found: &str, value: &str) -> bool {
    let found = found.to_ascii_lowercase();
    let of_name = name.strip_suffix('*').map_or_else(|| found == name, |start| found.starts_with(start));
    of_name && holds(value, part)
}

fn holds(text: &str, part: &str) -> bool {
    text.to_ascii_lowercase().contains(part)
}

/// The most letters of a header's name that are repeated.
const NAME: usize = 60;

fn shown(name: &str) -> String {
    name.chars().take(NAME).collect()
}

#[cfg(test)]
mod tests;
