//! Text that came from the network, made harmless before it becomes a value.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// Text from the network with nothing left in it that a terminal or a bidirectional layout would obey.
///
/// Control characters (C0, DEL, C1), bidirectional overrides, zero-width characters, line and paragraph separators and invalid
/// UTF-8 are shown as visible escapes. Markup is the renderer's business: what is harmless depends on the face.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, JsonSchema)]
pub struct Untrusted(String);

impl Untrusted {
    /// Neutralises `bytes`, of which at most `limit` are kept; an ellipsis tells that some were left out.
    pub fn from_bytes(bytes: &[u8], limit: usize) -> Self {
        let kept = bytes.get(..limit).unwrap_or(bytes);
        let mut shown = String::with_capacity(kept.len());
        for chunk in kept.utf8_chunks() {
            chunk.valid().chars().for_each(|c| push_visible(&mut shown, c));
            for byte in chunk.invalid() {
                shown.push_str(&format!("\\x{byte:02x}"));
            }
        }
        if kept.len() < bytes.len() {
            shown.push('…');
        }
        Self(shown)
    }

    /// Neutralises text, at most 2 KiB of it: enough for any header that a person will read.
    pub fn new(text: &str) -> Self {
        Self::from_bytes(text.as_bytes(), 2048)
    }

    /// The neutralised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing is left of it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Makes JSON from elsewhere harmless: every text in it is neutralised, whatever field it is for. `None` when a number in it is one
/// that no run produces.
pub fn harmless(value: Value) -> Option<Value> {
    Some(match value {
        Value::Number(number) => Value::Number(number.as_f64().is_some_and(|found| found.abs() < PLAUSIBLE).then_some(number)?),
        Value::String(text) => {
            let mut shown = String::with_capacity(text.len());
            text.chars().for_each(|c| push_visible(&mut shown, c));
            Value::String(shown)
        }
        Value::Array(all) => Value::Array(all.into_iter().map(harmless).collect::<Option<_>>()?),
        Value::Object(all) => {
            Value::Object(all.into_iter().map(|(name, value)| Some((name, harmless(value)?))).collect::<Option<_>>()?)
        }
        Value::Null | Value::Bool(_) => value,
    })
}

/// The largest number that is believed: nine thousand years in milliseconds. Beyond it arithmetic would need care everywhere.
pub const PLAUSIBLE: f64 = (1u64 << 48) as f64;

/// A saved report is untrusted too: whoever edited it must not reach the terminal either.
impl<'de> Deserialize<'de> for Untrusted {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let kept = text.chars().take(SAVED_CHARS);
        let mut shown = String::with_capacity(text.len().min(SAVED_CHARS));
        kept.for_each(|c| push_visible(&mut shown, c));
        if text.chars().nth(SAVED_CHARS).is_some() {
            shown.push('…');
        }
        Ok(Self(shown))
    }
}

/// The most characters of one text in a saved report: more than any that is recorded, escapes included.
const SAVED_CHARS: usize = 64 * 1024;

fn push_visible(shown: &mut String, c: char) {
    let invisible = c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{61C}');
    match c {
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        c if !invisible => shown.push(c),
        c if (c as u32) < 0x100 => shown.push_str(&format!("\\x{:02x}", c as u32)),
        c => shown.push_str(&format!("\\u{{{:x}}}", c as u32)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_that_a_terminal_obeys_becomes_visible() {
        let all: Vec<u8> = (0..=255).collect();
        let text = Untrusted::from_bytes(&all, 4096).to_string();
        assert!(text.chars().all(|c| !c.is_control()), "{text}");
        let nasty = Untrusted::new("a\u{1b}[31m\u{9b}b\u{202e}c\u{2028}d\u{200b}");
        assert_eq!(nasty.as_str(), "a\\x1b[31m\\x9bb\\u{202e}c\\u{2028}d\\u{200b}");
    }

    #[test]
    fn what_is_left_out_is_told() {
        assert_eq!(Untrusted::from_bytes(b"abcdef", 3).as_str(), "abc…");
    }

    #[test]
    fn json_from_elsewhere_holds_no_escapes_and_no_absurd_numbers() {
        let read = |text: &str| harmless(serde_json::from_str(text).unwrap());
        let nasty = read(r#"{"a":["\u001b[2J",{"b":"\u202e\u009b"},null,true,-1.5]}"#).unwrap();
        assert_eq!(nasty.to_string(), r#"{"a":["\\x1b[2J",{"b":"\\u{202e}\\x9b"},null,true,-1.5]}"#);
        for number in ["18446744073709551615", "-9e99", "281474976710656"] {
            assert_eq!(read(&format!("[[{number}]]")), None, "{number}");
        }
        assert!(read("[281474976710655]").is_some());
    }

    #[test]
    fn a_saved_report_cannot_smuggle_escapes_in() {
        let read: Untrusted = serde_json::from_str("\"x\\u001b[2J\"").unwrap();
        assert_eq!(read.as_str(), "x\\x1b[2J");
    }
}
