//! What can be concluded: codes, their fixed outcomes, and findings.

use crate::exchange::Record;
use crate::transport::{Direction, Leg, Transport};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// What a finding means for an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As it should be.
    Works,
    /// It works, at a price or within limits.
    Degraded,
    /// It does not work.
    Broken,
    /// It could not be judged.
    Inconclusive,
    /// Worth knowing; changes no verdict.
    Note,
}

impl Outcome {
    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Works => "works",
            Outcome::Degraded => "degraded",
            Outcome::Broken => "broken",
            Outcome::Inconclusive => "inconclusive",
            Outcome::Note => "note",
        }
    }
}

/// How good something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// All that was tested works.
    Works,
    /// It works, at a price or within limits.
    Degraded,
    /// It does not work.
    Broken,
    /// It could not be judged.
    Inconclusive,
    /// It was not tested.
    NotTested,
}

impl Verdict {
    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Works => "works",
            Verdict::Degraded => "degraded",
            Verdict::Broken => "broken",
            Verdict::Inconclusive => "inconclusive",
            Verdict::NotTested => "not-tested",
        }
    }

    /// Whether an application can be built on it.
    pub fn is_usable(self) -> bool {
        matches!(self, Verdict::Works | Verdict::Degraded)
    }
}

/// A stable name for one thing that a path can do, with its outcome and its page.
///
/// Codes are never reused and never renamed.
#[derive(Clone, Copy)]
pub struct Code {
    /// `<probe>.<what-happened>`.
    pub id: &'static str,
    /// The outcome, where it does not depend on a figure.
    outcome: Outcome,
    /// Degraded below this many milliseconds, a note from there on.
    note_from_ms: Option<u64>,
    /// The page that explains it, in Markdown.
    pub page: &'static str,
}

/// Declares a code. Its page is `docs/findings/<code>.md`: without the page it does not compile.
#[macro_export]
macro_rules! code {
    ($id:literal, $outcome:ident) => {
        $crate::finding::Code::new($id, $crate::finding::Outcome::$outcome, $crate::page!($id))
    };
    ($id:literal, degraded below $limit:expr) => {
        $crate::finding::Code::degraded_below($id, $limit, $crate::page!($id))
    };
}

/// The text of a finding's page.
#[macro_export]
macro_rules! page {
    ($id:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/findings/", $id, ".md"))
    };
}

impl Code {
    #[doc(hidden)]
    pub const fn new(id: &'static str, outcome: Outcome, page: &'static str) -> Self {
        Self { id, outcome, note_from_ms: None, page }
    }

    #[doc(hidden)]
    pub const fn degraded_below(id: &'static str, limit_ms: u64, page: &'static str) -> Self {
        Self { id, outcome: Outcome::Degraded, note_from_ms: Some(limit_ms), page }
    }

    /// The outcome, given the figure in milliseconds that was measured (ignored by codes that do not depend on one).
    pub fn outcome(&self, measured_ms: u64) -> Outcome {
        match self.note_from_ms {
            Some(limit) if measured_ms >= limit => Outcome::Note,
            _ => self.outcome,
        }
    }

    /// The probe that it belongs to.
    pub fn probe(&self) -> &'static str {
        self.id.split_once('.').map_or(self.id, |(probe, _)| probe)
    }

    /// What happened, in a few words that complete a sentence.
    pub fn in_short(&self) -> String {
        self.section("In short")
    }

    /// What to set in products that can do this, as pairs of product and setting, in the order of the page.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let mut lines = self.page.lines().skip_while(|line| line.trim() != "## Settings");
        lines.next();
        let mut settings: Vec<(&'static str, String)> = Vec::new();
        for line in lines.take_while(|line| !line.starts_with("## ")) {
            match (line.strip_prefix("- ").and_then(|entry| entry.split_once(": ")), settings.last_mut()) {
                (Some((product, setting)), _) => settings.push((product, setting.trim().to_owned())),
                (None, Some((_, setting))) if !line.trim().is_empty() => {
                    setting.push(' ');
                    setting.push_str(line.trim());
                }
                (None, _) => {}
            }
        }
        settings
    }

    /// The text under one heading of the page, as one paragraph a line.
    pub fn section(&self, heading: &str) -> String {
        let mut lines = self.page.lines().skip_while(|line| line.strip_prefix("## ").is_none_or(|found| found.trim() != heading));
        lines.next();
        let text: Vec<&str> = lines.take_while(|line| !line.starts_with("## ")).collect();
        text.join("\n").trim().split("\n\n").map(|p| p.replace('\n', " ")).collect::<Vec<_>>().join("\n")
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Code {}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

/// One thing that the path did.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its stable name.
    pub code: Code,
    /// Which leg; none when it is about the machine or the route.
    pub leg: Option<Leg>,
    /// What it means.
    pub outcome: Outcome,
    /// Whether it counts for the verdict: findings of the URL's own leg do.
    pub decisive: bool,
    /// One sentence that can be read aloud.
    pub summary: String,
    /// The numbers, with units in their names.
    pub measured: Map<String, Value>,
    /// The connections on which it was seen, by their nonces.
    pub connections: Vec<String>,
    /// The finding that explains this one away.
    pub caused_by: Option<Code>,
}

impl Finding {
    /// A finding with the code's outcome; the leg and whether it decides are stamped on it later.
    pub fn new(code: Code, summary: impl Into<String>) -> Self {
        Self {
            code,
            leg: None,
            outcome: code.outcome(0),
            decisive: true,
            summary: summary.into(),
            measured: Map::new(),
            connections: Vec::new(),
            caused_by: None,
        }
    }

    /// A finding of a code whose outcome depends on this many milliseconds.
    pub fn at(code: Code, measured_ms: u64, summary: impl Into<String>) -> Self {
        Self { outcome: code.outcome(measured_ms), ..Self::new(code, summary) }
    }

    /// Adds a number or a word to what was measured.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.measured.insert(name.to_owned(), value.into());
        self
    }

    /// Says on which connections it was seen.
    #[must_use]
    pub fn seen_on<'a>(mut self, records: impl IntoIterator<Item = &'a Record>) -> Self {
        for record in records {
            if !record.nonce.is_empty() && !self.connections.contains(&record.nonce) {
                self.connections.push(record.nonce.clone());
            }
        }
        self
    }

    /// Says which transport it is about.
    #[must_use]
    pub fn on(self, transport: Transport) -> Self {
        self.with("transport", transport.as_str())
    }

    /// Says which way.
    #[must_use]
    pub fn towards(self, direction: Direction) -> Self {
        self.with("direction", direction.as_str())
    }

    /// A finding that informs and decides nothing.
    #[must_use]
    pub fn not_decisive(self) -> Self {
        Self { decisive: false, ..self }
    }

    /// Whether a list of what a path does can leave it out: the times, which every path has, and what a limit with a finding of its own
    /// does to HTTP/2 as well.
    pub fn goes_without_saying(&self) -> bool {
        self.code == crate::latency::ROUND_TRIP || (self.code.probe() == "h2" && self.caused_by.is_some())
    }

    /// Whether it says that something is wrong.
    pub fn blames(&self) -> bool {
        matches!(self.outcome, Outcome::Broken | Outcome::Degraded)
    }

    /// A measured whole number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.measured.get(name).and_then(Value::as_u64)
    }

    /// A measured word.
    pub fn word(&self, name: &str) -> Option<&str> {
        self.measured.get(name).and_then(Value::as_str)
    }

    /// The transport that it is about, where it is about one.
    pub fn transport(&self) -> Option<Transport> {
        Transport::ALL.into_iter().find(|transport| self.word("transport") == Some(transport.as_str()))
    }

    /// The one figure that a person would say: `after 5.0 s`, `after 4.0 to 9.0 s`, `status 403`.
    pub fn figure(&self) -> Option<String> {
        let time = |name| self.number(name).map(seconds);
        let said = |before: &str, what: Option<String>| what.map(|what| format!("{before} {what}"));
        let range = |from: u64, to: u64| {
            let (from, to) = (seconds(from), seconds(to));
            match (from.strip_suffix(" s"), to.strip_suffix(" s")) {
                (Some(from), Some(_)) => format!("{from} to {to}"),
                _ => format!("{from} to {to}"),
            }
        };
        let count = |name| self.number(name).map(|number| number.to_string());
        let survived = self.number("survived_ms").filter(|survived| *survived > 0);
        let lost = survived.zip(self.number("lost_ms")).map(|(survived, lost)| range(survived, lost));
        let bytes = count("lower_bytes").zip(count("upper_bytes")).map(|(from, to)| format!("{from} to {to} bytes"));
        said("after", time("after_ms"))
            .or_else(|| said("after", lost))
            .or_else(|| said("within", time("lost_ms")))
            .or_else(|| said("at", time("age_ms")))
            .or_else(|| said("by", time("extra_delay_p50_ms")))
            .or(bytes)
            .or_else(|| said("from", count("lost_bytes").map(|bytes| format!("{bytes} bytes"))))
            .or_else(|| said("for", time("first_event_held_ms")))
            .or_else(|| said("status", count("status")))
    }
}

/// Milliseconds as a person says them: `5.0 s`, `320 ms`.
pub fn seconds(ms: u64) -> String {
    let tenths = ms.saturating_add(50) / 100;
    if ms < 1000 { format!("{ms} ms") } else { format!("{}.{} s", tenths / 10, tenths % 10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_to_the_nearest_tenth() {
        assert_eq!([320, 999, 1000, 4949, 4993, 65_050].map(seconds), ["320 ms", "999 ms", "1.0 s", "4.9 s", "5.0 s", "65.1 s"]);
    }

    #[test]
    fn settings_are_read_by_product() {
        let code = Code::new(
            "a.b",
            Outcome::Note,
            "# a.b\n\n## Settings\n\n- One: `a: b`\n  and more. <u>\n- Two: c\n\n## Next\n\n- No: d\n",
        );
        assert_eq!(code.settings(), [("One", "`a: b` and more. <u>".to_owned()), ("Two", "c".to_owned())]);
    }

    #[test]
    fn a_section_of_a_page_is_found_by_its_heading() {
        let code = Code::new("a.b", Outcome::Note, "# a.b\n\n## One\n\nfirst\nline\n\n## Two\n\nsecond\n");
        assert_eq!(
            (code.section("One").as_str(), code.section("Two").as_str(), code.section("Three").as_str()),
            ("first line", "second", "")
        );
    }
}
