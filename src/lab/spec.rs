//! A middlebox and its settings, as they are written on a command line: `NAME[:PARAMETER=VALUE,..]`.

use super::{ALL, Entry, Kind, Kit, Layer, Middlebox, Parameter};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// A middlebox with its settings.
#[derive(Clone)]
pub struct Spec {
    /// Which.
    pub entry: &'static Entry,
    given: BTreeMap<&'static str, String>,
}

/// The longest word that can be set.
const LONGEST_WORD: usize = 100;

/// What every middlebox has that sees bytes or requests: the connections that concern it.
pub const ONLY: Parameter = Parameter {
    name: "only",
    kind: Kind::Choice(&["all", "websockets", "streams", "requests"]),
    default: "all",
    means: "the connections that it concerns: those that ask for a WebSocket, for an event stream, for neither",
};

/// The longest time that can be set: a day.
const LONGEST: f64 = 86_400.0;

impl Spec {
    /// Makes the middlebox.
    pub fn build(&self, kit: &Kit) -> Arc<dyn Middlebox> {
        (self.entry.build)(self, kit)
    }

    /// What can be set.
    pub fn parameters(entry: &Entry) -> impl Iterator<Item = &Parameter> {
        let only = matches!(entry.layer, Layer::Connection | Layer::Http).then_some(&ONLY);
        entry.parameters.iter().chain(only)
    }

    /// The same for all connections.
    pub fn for_all(mut self) -> Self {
        self.given.remove(ONLY.name);
        self
    }

    /// Whether it must see requests, and so the inside of TLS.
    pub fn sees_requests(&self) -> bool {
        let all = self.word(ONLY.name);
        self.entry.layer == Layer::Http || !(all.is_empty() || all == ONLY.default)
    }

    /// What stands in a parameter.
    pub fn word(&self, name: &str) -> &str {
        let default = || Self::parameters(self.entry).find(|parameter| parameter.name == name).map(|found| found.default);
        self.given.get(name).map(String::as_str).or_else(default).unwrap_or_default()
    }

    /// A time.
    pub fn seconds(&self, name: &str) -> Duration {
        seconds(self.word(name)).unwrap_or_default()
    }

    /// A whole number.
    pub fn number(&self, name: &str) -> u64 {
        self.word(name).parse().unwrap_or_default()
    }

    /// Whether `yes` stands in a parameter.
    pub fn yes(&self, name: &str) -> bool {
        self.word(name) == "yes"
    }
}

/// Reads `5`, `0.25`, `5s` or `250ms`.
fn seconds(text: &str) -> Option<Duration> {
    let (digits, scale) = match text.strip_suffix("ms") {
        Some(digits) => (digits, 0.001),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let seconds = digits.parse::<f64>().ok()? * scale;
    (0.0..=LONGEST).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

impl Parameter {
    /// Whether a value may stand here; otherwise, what may.
    fn check(&self, value: &str) -> Result<(), String> {
        let (fits, wanted) = match self.kind {
            Kind::Seconds => (seconds(value).is_some(), "a time in seconds (2.5) or milliseconds (250ms)".to_owned()),
            Kind::Number(least, most) => (
                value.parse().is_ok_and(|number: u64| (least..=most).contains(&number)),
                format!("a number from {least} to {most}"),
            ),
            Kind::Word => {
                let fits = |c: char| c.is_ascii_alphanumeric() || "-_./~%".contains(c);
                ((1..=LONGEST_WORD).contains(&value.len()) && value.chars().all(fits), "a word as it stands in a path".to_owned())
            }
            Kind::Choice(words) => (words.contains(&value), format!("one of {}", words.join(", "))),
        };
        if fits { Ok(()) } else { Err(format!("`{}` must be {wanted}", self.name)) }
    }
}

impl FromStr for Spec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, settings) = text.split_once(':').unwrap_or((text, ""));
        let known = || ALL.iter().map(|entry| entry.name).collect::<Vec<_>>().join("\n  ");
        let entry = ALL.iter().find(|entry| entry.name == name);
        let entry = entry.ok_or_else(|| format!("the lab has no middlebox `{}`; it has:\n  {}", name.escape_debug(), known()))?;
        let mut given = BTreeMap::new();
        for setting in settings.split(',').filter(|setting| !setting.is_empty()) {
            let wrong = |why: &str| format!("{name}: {why}");
            let (key, value) = setting
                .split_once('=')
                .ok_or_else(|| wrong(&format!("`{}` is not of the form PARAMETER=VALUE", setting.escape_debug())))?;
            let parameter = Spec::parameters(entry).find(|parameter| parameter.name == key).ok_or_else(|| {
                let names: Vec<&str> = Spec::parameters(entry).map(|parameter| parameter.name).collect();
                let names = if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) };
                wrong(&format!("there is no parameter `{}`; {names}", key.escape_debug()))
            })?;
            parameter.check(value).map_err(|why| wrong(&why))?;
            given.insert(parameter.name, value.to_owned());
        }
        Ok(Self { entry, given })
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entry.name)?;
        for (index, (name, value)) in self.given.iter().enumerate() {
            write!(f, "{}{name}={value}", if index == 0 { ':' } else { ',' })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_is_written_is_read_and_written_again() {
        let spec: Spec = "end-when-idle:after=250ms,tells=client".parse().unwrap();
        assert_eq!(spec.seconds("after"), Duration::from_millis(250));
        assert_eq!(spec.word("tells"), "client");
        assert_eq!(spec.to_string(), "end-when-idle:after=250ms,tells=client");
    }

    #[test]
    fn a_mistake_says_what_may_stand_there() {
        for (text, says) in [
            ("no-such-box", "end-when-idle"),
            ("end-when-idle:later=3", "it has after"),
            ("end-when-idle:after=-1", "a time in seconds"),
            ("end-when-idle:after=1e9", "a time in seconds"),
            ("end-when-idle:tells=nobody", "one of both"),
            ("end-when-idle:after", "PARAMETER=VALUE"),
            ("cap-lifetime:\u{1b}[2J=1", "there is no parameter `\\u{1b}[2J`"),
        ] {
            let why = text.parse::<Spec>().unwrap_err();
            assert!(why.contains(says), "{text}: {why}");
        }
    }

    #[test]
    fn names_are_unique_and_every_default_may_stand_where_it_stands() {
        let names: BTreeSet<&str> = ALL.iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), ALL.len());
        for entry in ALL {
            assert!(entry.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{}", entry.name);
            for parameter in entry.parameters {
                parameter.check(parameter.default).unwrap_or_else(|why| panic!("{}: {why}", entry.name));
            }
        }
    }
}
