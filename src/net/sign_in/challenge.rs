//! What a 407 offers (RFC 9110 section 11.6.1): several schemes in one header, or in several.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderMap;
use http::header::PROXY_AUTHENTICATE;
use proxyprobe_probes::untrusted::Untrusted;

/// One challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    scheme: String,
    rest: String,
    whole: String,
}

impl Offer {
    /// Whether it is of this scheme.
    pub(crate) fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The whole challenge.
    pub(crate) fn whole(&self) -> &str {
        &self.whole
    }

    /// The bytes after the scheme, when they are a token and no parameters.
    pub(crate) fn token(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.rest.trim()).ok().filter(|bytes| !bytes.is_empty())
    }

    /// Whether only the nonce was too old.
    pub(crate) fn is_stale(&self) -> bool {
        self.parameter("stale").is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        pieces(&self.rest).into_iter().find_map(|piece| {
            let (key, value) = piece.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
        })
    }

    /// The scheme and its realm, as a person is told them: nonces and tokens say nothing to anybody.
    pub(crate) fn shown(&self) -> Untrusted {
        match self.parameter("realm") {
            Some(realm) => Untrusted::from_bytes(format!("{} realm=\"{realm}\"", self.scheme).as_bytes(), 80),
            None => Untrusted::from_bytes(self.scheme.as_bytes(), 80),
        }
    }
}

/// All offers of a head.
pub(crate) fn offers(headers: &HeaderMap) -> Vec<Offer> {
    headers.get_all(PROXY_AUTHENTICATE).iter().flat_map(|value| read(&String::from_utf8_lossy(value.as_bytes()))).collect()
}

/// The challenges of one header's value.
pub(crate) fn read(value: &str) -> Vec<Offer> {
    let mut all: Vec<Offer> = Vec::new();
    for piece in pieces(value) {
        let (word, rest) = piece.split_once(' ').unwrap_or((piece, ""));
        // A piece that begins with `name=` belongs to the challenge before it.
        let parameter = word.contains('=') || rest.trim_start().starts_with('=');
        match all.last_mut() {
            Some(offer) if parameter => {
                offer.rest = format!("{}, {piece}", offer.rest);
                offer.whole = format!("{}, {piece}", offer.whole);
            }
            _ => all.push(Offer { scheme: word.to_owned(), rest: rest.to_owned(), whole: piece.to_owned() }),
        }
    }
    all
}

/// The pieces between commas, where a comma in quotes is none.
fn pieces(text: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = text.split(move |c: char| {
        let comma = c == ',' && !quoted;
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = c == '\\' && !escaped;
        comma
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_in_one_header_are_told_apart() {
        let all = read("Negotiate, NTLM TlRMTVNTUAAC, Digest realm=\"a, b\", nonce=\"x==\", stale=TRUE, Basic realm=\"c\"");
        let shown: Vec<String> = all.iter().map(|offer| offer.shown().to_string()).collect();
        assert_eq!(shown, ["Negotiate", "NTLM", "Digest realm=\"a, b\"", "Basic realm=\"c\""]);
        assert_eq!(all[1].token().as_deref(), Some(&b"NTLMSSP\0\x02"[..]));
        assert!(all[2].is_stale() && !all[3].is_stale());
        assert_eq!(all[2].whole(), "Digest realm=\"a, b\", nonce=\"x==\", stale=TRUE");
        assert!(read("").is_empty() && all[0].token().is_none());
    }
}
