//! One line for what happens to the server and its runs: for people, or as JSON for programs.
//!
//! Nothing of a request is in it but the address that it came from, and no line can be forged: values are neutralised and quoted, or
//! encoded as JSON.

use crate::console::Say;
use jiff::Timestamp;
use proxyprobe_probes::refusal::Refusal;
use proxyprobe_probes::untrusted::Untrusted;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Where lines go, and what they look like.
pub struct Log {
    say: Say,
    form: Form,
    refused: Mutex<HashMap<&'static str, Refused>>,
}

/// What lines look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The time, the event, and `name=value`.
    Text,
    /// An object.
    Json,
}

/// Refusals that were not yet written.
struct Refused {
    count: u64,
    written: Instant,
}

/// Refusals by one limit are written no more often than this: a flood must not fill a disk.
const REFUSALS_EVERY: Duration = Duration::from_secs(10);

impl Log {
    /// Lines of this form, written by `say`.
    pub fn new(say: Say, form: Form) -> Self {
        Self { say, form, refused: Mutex::default() }
    }

    /// Lines that nobody reads.
    pub fn silent() -> Self {
        Self::new(|_| {}, Form::Text)
    }

    /// What lines look like.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Writes a line.
    pub fn line(&self, event: &str, fields: &[(&str, &str)]) {
        let time = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        (self.say)(&render(self.form, &time, event, fields));
    }

    /// Writes that something was refused: the first time at once, and then how often, now and again.
    pub(super) fn refused(&self, limit: &'static str, fields: &[(&str, &str)]) {
        let count = {
            let mut all = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let known = all.contains_key(limit);
            let one = all.entry(limit).or_insert(Refused { count: 0, written: now });
            one.count += 1;
            if known && now.duration_since(one.written) < REFUSALS_EVERY {
                return;
            }
            one.written = now;
            std::mem::take(&mut one.count).to_string()
        };
        self.line("refused", &[&[("limit", limit), ("times", &count)], fields].concat());
    }

    /// The same for a limit of a run or a connection.
    pub(super) fn refusal(&self, refusal: Refusal, fields: &[(&str, &str)]) {
        self.refused(refusal.as_str(), fields);
    }
}

fn render(form: Form, time: &str, event: &str, fields: &[(&str, &str)]) -> String {
    let clean = |value: &str| Untrusted::new(value).to_string();
    match form {
        Form::Json => {
            let mut object = vec![("time", time.to_owned()), ("event", event.to_owned())];
            object.extend(fields.iter().map(|(name, value)| (*name, clean(value))));
            let pairs: Vec<String> = object
                .iter()
                .map(|(name, value)| format!("{}:{}", serde_json::Value::from(*name), serde_json::Value::from(value.as_str())))
                .collect();
            format!("{{{}}}", pairs.join(","))
        }
        Form::Text => {
            let plain =
                |value: &str| !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:[]".contains(&b));
            let quoted = |value: String| if plain(&value) { value } else { format!("\"{}\"", value.replace('"', "'")) };
            let pairs = fields.iter().map(|(name, value)| format!(" {name}={}", quoted(clean(value))));
            format!("{time} {event}{}", pairs.collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_forges_a_line_or_a_field() {
        let nasty = "a\nb=\" c\u{1b}[2J\u{202e}";
        let text = render(Form::Text, "T", "e", &[("x", "plain-1.2.3.4:5"), ("name", nasty), ("empty", "")]);
        assert_eq!(text, "T e x=plain-1.2.3.4:5 name=\"a\\nb=' c\\x1b[2J\\u{202e}\" empty=\"\"");
        let json = render(Form::Json, "T", "e", &[("name", nasty)]);
        assert!(!json.contains(['\n', '\u{1b}', '\u{202e}']), "{json}");
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((read["time"].as_str(), read["event"].as_str()), (Some("T"), Some("e")));
        assert_eq!(read["name"].as_str().unwrap(), Untrusted::new(nasty).as_str());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_refusals_is_a_line_now_and_then() {
        static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
        let log = Log::new(|line| LINES.lock().unwrap().push(line.to_owned()), Form::Text);
        (0..1_000).for_each(|_| log.refusal(Refusal::Runs, &[]));
        tokio::time::advance(REFUSALS_EVERY).await;
        log.refusal(Refusal::Runs, &[("from", "192.0.2.1")]);
        let lines = LINES.lock().unwrap();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with("refused limit=runs times=1") && lines[1].ends_with("times=1000 from=192.0.2.1"), "{lines:?}");
    }
}
