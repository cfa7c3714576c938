//! What one end of a connection saw below HTTP: its TLS session, and heads as bytes before a library made them regular.

use crate::untrusted::Untrusted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The label of a channel binding (RFC 9266 section 2); its context is empty.
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";
/// The bytes of a channel binding (RFC 9266 section 2).
pub const EXPORTER_BYTES: usize = 32;

/// What the server kept of one connection below HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Below {
    /// The TLS session on which the request came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsEnd>,
    /// The request came in cleartext.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cleartext: bool,
    /// The head of the request as it arrived; none where it is no longer known, or came over HTTP/2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RawHead>,
    /// The head of the answer as it was handed to the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<RawHead>,
    /// Whether a ClientHello had arrived that the client asks about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hello_seen: Option<bool>,
}

impl Below {
    /// Whether nothing was kept.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What one end saw of a TLS session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TlsEnd {
    /// `1.2` or `1.3`.
    pub version: String,
    /// The protocol that was negotiated by ALPN (RFC 7301).
    #[serde(default)]
    pub alpn: Option<Untrusted>,
    /// The exporter value (RFC 5705, RFC 9266) in lower-case hex: the same at both ends of one session, and of no other.
    #[serde(default)]
    pub exporter: Option<String>,
    /// The ClientHello messages in lower-case hex, without record headers: one, and a second one after a HelloRetryRequest (RFC 8446
    /// section 4.1.4). The client has them as sent, the server as received.
    #[serde(default)]
    pub hellos: Vec<String>,
    /// The SHA-256 of the leaf certificate in lower-case hex: as served, or as received.
    #[serde(default)]
    pub certificate_sha256: Option<String>,
}

impl TlsEnd {
    /// Whether HTTP/2 was agreed on (RFC 9113 section 3.2).
    pub fn is_http2(&self) -> bool {
        self.alpn.as_ref().is_some_and(|alpn| alpn.as_str() == "h2")
    }
}

/// Who vouches for a chain of certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Examined {
    /// The certificates, the leaf first.
    #[serde(default)]
    pub chain: Vec<Certificate>,
    /// This machine's own answer: the system's store and the roots of `--ca-file`.
    #[serde(default)]
    pub local: Trust,
    /// The answer of the public roots, those that browsers come with.
    #[serde(default)]
    pub public: Trust,
    /// The certificate that alone is trusted, if the user named one: its SHA-256 in lower-case hex.
    #[serde(default)]
    pub pin: Option<String>,
}

/// A certificate, by what names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Certificate {
    /// Its SHA-256 in lower-case hex.
    pub sha256: String,
    /// Whom it is for.
    pub subject: Untrusted,
    /// Who signed it.
    pub issuer: Untrusted,
}

/// Whether some roots vouch for a chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// Nobody was asked.
    #[default]
    Unasked,
    /// They do.
    Accepted,
    /// It leads to none of them.
    UnknownIssuer,
    /// It is for another name, expired or not valid yet.
    Invalid(Untrusted),
    /// They do not, for another reason.
    Refused(Untrusted),
}

/// The head of a request or an answer as it stood on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RawHead {
    /// The request line or the status line.
    pub first: Untrusted,
    /// Names as they were spelt and values, in order. Values that could be secrets are left out.
    pub fields: Vec<(Untrusted, Untrusted)>,
}

/// Headers whose values are secrets by their nature: they are never recorded, at either end.
pub const SECRET: &[&str] = &["authorization", "proxy-authorization", "cookie", "set-cookie"];
/// Stands in place of a value that is not recorded.
pub const HIDDEN: &str = "(not recorded)";

/// The most header fields of a head that are kept.
const FIELDS: usize = 128;
/// The most bytes of a value that are kept: more than the longest that is sent.
const VALUE_BYTES: usize = 4 * 1024;
/// The most bytes of a first line or a name that are kept.
const NAME_BYTES: usize = 512;

impl RawHead {
    /// Reads a head that begins with these bytes; none when it is not whole.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let mut lines = bytes.get(..end)?.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let first = Untrusted::from_bytes(lines.next()?, NAME_BYTES);
        let field = |line: &[u8]| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = line.split_at(colon);
            let name = Untrusted::from_bytes(name, NAME_BYTES);
            let secret = SECRET.iter().any(|secret| name.as_str().eq_ignore_ascii_case(secret));
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            Some((name, if secret { Untrusted::new(HIDDEN) } else { Untrusted::from_bytes(value, VALUE_BYTES) }))
        };
        Some(Self { first, fields: lines.filter_map(field).take(FIELDS).collect() })
    }

    /// Reads the head whose first line has this word in it, wherever it begins: a proxy may use one connection for several requests.
    pub fn find(bytes: &[u8], word: &str) -> Option<Self> {
        let at = bytes.windows(word.len().max(1)).position(|window| window == word.as_bytes())?;
        let before = bytes.get(..at)?;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        Self::read(bytes.get(start..)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_kept_as_it_stood_but_for_secrets() {
        let bytes = b"GET /n1 HTTP/1.1\r\nhOsT: a\r\nCookie: canary\r\nX_y:  b c \r\nX_y:\r\n\r\nbody";
        let head = RawHead::read(bytes).unwrap();
        assert_eq!(head.first.as_str(), "GET /n1 HTTP/1.1");
        let fields: Vec<(&str, &str)> = head.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(fields, [("hOsT", "a"), ("Cookie", HIDDEN), ("X_y", "b c"), ("X_y", "")]);
        assert_eq!(RawHead::read(b"GET / HTTP/1.1\r\nHost: a\r\n"), None);
    }

    #[test]
    fn a_head_is_found_behind_others() {
        let bytes = b"GET /n1 HTTP/1.1\r\nA: 1\r\n\r\nGET /n2 HTTP/1.0\r\nB: 2\r\n\r\n";
        assert_eq!(RawHead::find(bytes, "n2").unwrap().first.as_str(), "GET /n2 HTTP/1.0");
        assert_eq!(RawHead::find(bytes, "n3"), None);
    }
}
