//! What must hold of every face of every report.

use proxyprobe::report::{Format, Redaction, Report, read, schema};
use proxyprobe_probes::finding::Finding;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_json::Value;

/// Reads the faces back.
pub(crate) struct Faces {
    schema: jsonschema::Validator,
}

/// Names and addresses of the scenarios, which play those of a company; one of them in hex, too.
const PRIVATE: &[&str] = &["probe.test", "app.test", "proxy.test", "192.0.2.", "portal.test", "lab root", "70726f62652e74657374"];

impl Faces {
    pub(crate) fn new() -> Self {
        let schema: Value = serde_json::from_str(&schema()).unwrap();
        Self { schema: jsonschema::validator_for(&schema).unwrap() }
    }

    /// What is wrong with the faces of a report.
    pub(crate) fn wrong(&self, name: &str, report: &Report) -> Vec<String> {
        let mut wrong = Vec::new();
        wrong.extend(lead(&report.render(Format::Text, false)));
        wrong.extend(crate::page::wrong_with(report));
        wrong.extend(markdown(&report.render(Format::Markdown, false)));
        let json = report.render(Format::Json, false);
        let value: Value = serde_json::from_str(&json).unwrap();
        wrong.extend(self.schema.iter_errors(&value).map(|error| format!("{} at {}", error, error.instance_path())));
        wrong.extend(shared(report, &json));
        wrong.into_iter().map(|what| format!("{name}: {what}")).collect()
    }
}

/// The first three lines are the verdict, the first step that went wrong, and the next action; each fits a terminal.
fn lead(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().take(4).collect();
    let [verdict, step, next, gap] = lines.as_slice() else { return vec!["it has no four lines".to_owned()] };
    let mut wrong = Vec::new();
    let begins = verdict.starts_with("Verdict: ")
        && (step.starts_with("Step ") || step.contains(" steps of the path that were tried passed"))
        && next.starts_with("Next (")
        && gap.is_empty();
    // A phrase that is missing leaves a gap, and one that is too long is cut.
    let whole = lines.iter().all(|line| line.chars().count() <= 80 && !line.contains(['…']) && !line.contains(": ."));
    if !begins || !whole || next.contains(": .") {
        wrong.push(format!("the first lines are {lines:?}"));
    }
    wrong
}

/// No table is broken, and nothing but what folds the numbers away is HTML.
fn markdown(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let rows = text.lines().filter(|line| line.starts_with('|')).count();
    let (mut seen, mut tables, mut cells, mut width) = (0, 0, 0, 0);
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Table(columns)) => {
                tables += 1;
                width = columns.len();
            }
            Event::Start(Tag::TableHead | Tag::TableRow) => cells = 0,
            Event::Start(Tag::TableCell) => cells += 1,
            Event::End(TagEnd::TableHead | TagEnd::TableRow) => {
                seen += 1;
                if cells != width {
                    wrong.push(format!("a row has {cells} cells of {width}"));
                }
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                let ours = ["<details>", "</details>", "<summary>Numbers</summary>"].contains(&html.trim());
                if !ours {
                    wrong.push(format!("it holds HTML: {html}"));
                }
            }
            _ => {}
        }
    }
    // Each table has one line more than rows: the one that separates its head.
    if tables != 2 || seen + tables != rows {
        wrong.push(format!("{tables} tables with {seen} rows are written in {rows} lines"));
    }
    wrong
}

/// What is shared names nobody, and says the same.
fn shared(report: &Report, json: &str) -> Vec<String> {
    let shared = read(json).unwrap().redacted(Redaction::Share).unwrap();
    let mut wrong = Vec::new();
    let said = |finding: &Finding| {
        let figures: Vec<_> = finding.measured.iter().filter(|(_, value)| value.is_number()).collect();
        format!("{:?} {:?} {:?} {:?} {figures:?}", finding.code, finding.leg, finding.outcome, finding.caused_by)
    };
    let all = |report: &Report| report.judgement.findings.iter().map(said).collect::<Vec<_>>();
    if all(report) != all(&shared) {
        wrong.push(format!("what is shared says something else: {:?} and not {:?}", all(&shared), all(report)));
    }
    // A page holds what the text and the JSON hold.
    for format in [Format::Text, Format::Markdown, Format::Json] {
        let text = shared.render(format, false);
        wrong.extend(PRIVATE.iter().filter(|name| text.contains(**name)).map(|name| {
            let line = text.lines().find(|line| line.contains(name)).unwrap_or_default();
            format!("{format:?} shares {name}: {line}")
        }));
    }
    // What was shared is read and judged again like any other report.
    let again = read(&shared.render(Format::Json, false)).unwrap();
    if all(&again) != all(&shared) {
        wrong.push("what is shared is judged differently when it is read".to_owned());
    }
    wrong
}
