//! What an answer may repeat and no report may show: what the user sent to sign in, and the queries of URLs.

use super::client::Endpoint;
use crate::below::HIDDEN;
use crate::exchange::ResponseHead;
use crate::untrusted::Untrusted;

/// From so many characters on a secret is taken out of what repeats it: a shorter one would take other words with it.
const SECRET: usize = 4;
/// The same of a part of one, which may be repeated alone.
const PART: usize = 8;

/// Texts to be taken out.
pub(super) struct Hush(Vec<String>);

impl Hush {
    /// What was sent to this endpoint.
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        let mut hush = Self(Vec::new());
        for secret in &endpoint.secrets {
            hush.add(secret, |_| true);
        }
        if let Some((_, query)) = endpoint.path.split_once('?') {
            // Its words stay, such as `websocket`, and what looks like a token does not.
            hush.add(query, |part| part.bytes().any(|b| b.is_ascii_digit() || b.is_ascii_uppercase()));
        }
        hush
    }

    fn add(&mut self, secret: &str, is_one: impl Fn(&str) -> bool) {
        self.0.extend(Some(secret).filter(|whole| whole.len() >= SECRET).map(str::to_owned));
        let parts = secret.split([' ', ';', ',', '=', '&', '"', '\t']);
        self.0.extend(parts.filter(|part| part.len() >= PART && is_one(part)).map(str::to_owned));
    }

    /// The head without them, and without the query of a redirect: where a sign-in is elsewhere, it holds what that is to know.
    pub(super) fn head(&self, head: ResponseHead) -> ResponseHead {
        let field = |(name, value): &(Untrusted, Untrusted)| {
            let value = if name.as_str() == "location" { without_query(value.as_str()) } else { value.to_string() };
            (self.apply(name), self.apply(&whole(&value)))
        };
        let is_location = |line: &str| line.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("location:"));
        let line = |line: &str| if is_location(line) { without_query(line) } else { line.to_owned() };
        // The ends of lines were made visible when it was recorded.
        let raw = head.raw.as_str().split(LINE_END).map(line).collect::<Vec<_>>().join(LINE_END);
        ResponseHead { headers: head.headers.iter().map(field).collect(), raw: self.apply(&whole(&raw)), ..head }
    }

    /// The text without them.
    pub(super) fn apply(&self, text: &Untrusted) -> Untrusted {
        let kept = self.0.iter().fold(text.as_str().to_owned(), |kept, secret| kept.replace(secret, HIDDEN));
        whole(&kept)
    }
}

const LINE_END: &str = "\\r\\n";

fn without_query(text: &str) -> String {
    text.split_once('?').map_or_else(|| text.to_owned(), |(before, _)| format!("{before}?{HIDDEN}"))
}

fn whole(text: &str) -> Untrusted {
    Untrusted::from_bytes(text.as_bytes(), text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::also::Wants;
    use crate::transport::Leg;

    #[test]
    fn a_secret_and_its_parts_are_taken_out_and_words_stay() {
        let endpoint = Endpoint {
            url: String::new(),
            host: String::new(),
            path: "/io/?EIO=4&transport=websocket&token=Abcd1234".into(),
            leg: Leg::Http,
            wants: Wants::WebSocket,
            secrets: vec!["sid=c4nary-s3cret; theme=dark".into(), "Bearer zyxwvutsrq".into(), "1".into()],
        };
        let hush = Hush::of(&endpoint);
        let said = |text: &str| hush.apply(&Untrusted::new(text)).to_string();
        for text in ["you are c4nary-s3cret", "no: Bearer zyxwvutsrq", "zyxwvutsrq", "Abcd1234"] {
            let said = said(text);
            let secret = ["c4nary", "zyxwv", "Abcd"].iter().any(|secret| said.contains(secret));
            assert!(!secret && said.contains(HIDDEN), "{said}");
        }
        for text in ["HTTP/1.1 101 Switching Protocols", "upgrade: websocket", "sec-websocket-accept", "theme"] {
            assert_eq!(said(text), text);
        }
        let long = format!("https://login.test/?saml={}", "x".repeat(3_000));
        let head = hush.head(ResponseHead {
            status: 302,
            version: "1.1".into(),
            headers: vec![(Untrusted::new("location"), Untrusted::new(&long))],
            raw: Untrusted::from_bytes(format!("HTTP/1.1 302 Found\r\nLocation: {long}\r\nX: y?z").as_bytes(), 4096),
        });
        assert_eq!(head.headers[0].1.as_str(), "https://login.test/?(not recorded)");
        let raw = "HTTP/1.1 302 Found\\r\\nLocation: https://login.test/?(not recorded)\\r\\nX: y?z";
        assert_eq!(head.raw.as_str(), raw);
    }
}
