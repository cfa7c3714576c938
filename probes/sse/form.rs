//! The forms of a stream: all that an application may choose about it, and how the forms that are tried depart from the plain one.

use super::{Asked, Kind};
use crate::plan::Depth;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a stream departs from the plain one; the default does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Form {
    /// The content type of the answer.
    #[serde(default, skip_serializing_if = "is_default")]
    pub media_type: MediaType,
    /// Asked for with `Accept: */*`, as fetch() and most libraries do.
    #[serde(default, skip_serializing_if = "is_default")]
    pub accepts_anything: bool,
    /// Asked for with `Accept-Encoding: identity`, so that nobody may compress it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub uncompressed: bool,
    /// Not chunked: its end is that of the connection (RFC 9112 section 6.3), as an HTTP/1.0 server answers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub close_delimited: bool,
    /// Over HTTP/2, as browsers ask wherever it is agreed on.
    #[serde(default, skip_serializing_if = "is_default")]
    pub http2: bool,
}

/// The content types that are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MediaType {
    /// `text/event-stream`.
    #[default]
    EventStream,
    /// `text/event-stream; charset=utf-8`: a rule that compares the whole text does not know it.
    WithCharset,
    /// `text/plain`.
    Text,
}

impl MediaType {
    /// The header's value.
    pub fn as_str(self) -> &'static str {
        match self {
            MediaType::EventStream => "text/event-stream",
            MediaType::WithCharset => "text/event-stream; charset=utf-8",
            MediaType::Text => "text/plain",
        }
    }

    /// The value in a query.
    pub(super) fn word(self) -> &'static str {
        match self {
            MediaType::EventStream => "event-stream",
            MediaType::WithCharset => "charset",
            MediaType::Text => "text",
        }
    }

    /// The type of that word.
    pub(super) fn of(word: &str) -> Option<Self> {
        [MediaType::EventStream, MediaType::WithCharset, MediaType::Text].into_iter().find(|of| of.word() == word)
    }
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Form {
    /// Whether it takes a server that knows of forms.
    pub fn is_the_servers(&self) -> bool {
        self.close_delimited || !is_default(&self.media_type)
    }

    /// Whether an EventSource takes it: its server may choose it, and the client need not.
    pub fn suits_event_source(&self) -> bool {
        self.media_type != MediaType::Text && !self.accepts_anything && !self.uncompressed
    }

    /// What it is, as reports say it; empty for the plain one.
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        if self.http2 {
            words.push("HTTP/2".to_owned());
        }
        if !is_default(&self.media_type) {
            words.push(format!("Content-Type: {}", self.media_type.as_str()));
        }
        if self.accepts_anything {
            words.push("Accept: */*".to_owned());
        }
        if self.uncompressed {
            words.push("Accept-Encoding: identity".to_owned());
        }
        if self.close_delimited {
            words.push("not chunked".to_owned());
        }
        words.join(" and ")
    }

    /// Both departures in one; none where both choose the type.
    fn and(self, other: Form) -> Option<Form> {
        if !is_default(&self.media_type) && !is_default(&other.media_type) {
            return None;
        }
        Some(Form {
            media_type: if is_default(&self.media_type) { other.media_type } else { self.media_type },
            accepts_anything: self.accepts_anything || other.accepts_anything,
            uncompressed: self.uncompressed || other.uncompressed,
            close_delimited: self.close_delimited || other.close_delimited,
            http2: self.http2 || other.http2,
        })
    }

    /// Whether this one departs in every way in which `other` does.
    pub(super) fn contains(&self, other: &Form) -> bool {
        (is_default(&other.media_type) || self.media_type == other.media_type)
            && (self.accepts_anything || !other.accepts_anything)
            && (self.uncompressed || !other.uncompressed)
            && (self.close_delimited || !other.close_delimited)
            && (self.http2 || !other.http2)
    }
}

/// One departure each. Those that an EventSource takes come first, so that they are named first.
fn single() -> [Form; 5] {
    let plain = Form::default();
    [
        Form { close_delimited: true, ..plain },
        Form { media_type: MediaType::WithCharset, ..plain },
        Form { media_type: MediaType::Text, ..plain },
        Form { accepts_anything: true, ..plain },
        Form { uncompressed: true, ..plain },
    ]
}

/// Two departures each: a rule may ask for both. That of the charset is a spelling of the plain one.
fn pairs() -> impl Iterator<Item = Form> {
    let notable = || single().into_iter().filter(|form| form.media_type != MediaType::WithCharset);
    notable().enumerate().flat_map(move |(n, one)| notable().skip(n + 1).filter_map(move |other| one.and(other)))
}

/// A beat of many small events, and one of few: the mean times, and as many events as take as long as the plain stream.
const BEATS: [(u64, u32); 2] = [(50, 66), (1_000, 4)];

/// The form at other beats.
fn beats(form: Form) -> impl Iterator<Item = Asked> {
    BEATS.into_iter().map(move |(every_ms, count)| Asked { kind: Kind::Varied, count, every_ms, form })
}

/// The streams that are compared with the plain one, which has `count` events every `every_ms`. One departure at a time in a standard
/// run, two at a time in a deep one.
pub(super) fn departures(depth: Depth, count: u32, every_ms: u64) -> Vec<Asked> {
    let of = |form: Form| Asked { kind: Kind::Varied, count, every_ms, form };
    match depth {
        Depth::Quick => Vec::new(),
        Depth::Standard => single().map(of).into_iter().chain(beats(Form::default())).collect(),
        Depth::Deep => single().map(of).into_iter().chain(beats(Form::default())).chain(pairs().map(of)).collect(),
    }
}

/// The same over HTTP/2, but for what is not chunked, which no stream of HTTP/2 is: those of a row share a connection. What depends on
/// the form may stop what is beside it; so the plain form and its beats have one of their own.
pub(super) fn over_http2(depth: Depth, count: u32, every_ms: u64) -> Vec<Vec<Asked>> {
    let plain = Form { http2: true, ..Form::default() };
    let of = |form: Form| Asked { kind: Kind::Varied, count, every_ms, form: Form { http2: true, ..form } };
    let chunked = |form: &Form| !form.close_delimited;
    let first = || std::iter::once(of(plain)).chain(beats(plain)).collect();
    let others = || single().into_iter().filter(chunked).map(of).collect();
    match depth {
        Depth::Quick => Vec::new(),
        Depth::Standard => vec![first(), others()],
        Depth::Deep => vec![first(), others(), pairs().filter(chunked).map(of).collect()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_compared_once_and_each_pair_in_a_deep_run() {
        assert!(departures(Depth::Quick, 8, 250).is_empty());
        let standard = departures(Depth::Standard, 12, 300);
        assert_eq!(standard.len(), 7);
        assert!(standard.iter().all(|asked| asked.form.words().is_empty() != (asked.every_ms == 300)), "{standard:?}");
        let deep = departures(Depth::Deep, 12, 300);
        assert_eq!(deep.len(), 7 + 6);
        let words: std::collections::BTreeSet<String> =
            deep.iter().map(|asked| format!("{} {}", asked.form.words(), asked.every_ms)).collect();
        assert_eq!(words.len(), deep.len(), "{words:?}");
        for (depth, rows) in [(Depth::Quick, &[][..]), (Depth::Standard, &[3, 4]), (Depth::Deep, &[3, 4, 3])] {
            let over_http2 = over_http2(depth, 12, 300);
            assert_eq!(over_http2.iter().map(Vec::len).collect::<Vec<_>>(), rows);
            assert!(over_http2.concat().iter().all(|asked| asked.form.http2 && !asked.form.close_delimited));
        }
        // None takes longer than the plain one by more than a beat.
        assert!(deep.iter().all(|asked| u64::from(asked.count) * asked.every_ms <= 12 * 300 + 1_000));
    }

    #[test]
    fn a_pair_contains_its_parts() {
        let [closed, _, text, ..] = single();
        let both = closed.and(text).unwrap();
        assert!(both.contains(&closed) && both.contains(&text) && both.contains(&Form::default()));
        assert!(!closed.contains(&text) && !text.contains(&both));
        assert_eq!(both.words(), "Content-Type: text/plain and not chunked");
        assert!(closed.suits_event_source() && !both.suits_event_source());
        let over_http2 = Form { http2: true, ..text };
        assert!(over_http2.contains(&text) && !text.contains(&over_http2));
        assert_eq!(over_http2.words(), "HTTP/2 and Content-Type: text/plain");
    }
}
