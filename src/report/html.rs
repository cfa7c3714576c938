//! The face for whoever the report is forwarded to: one page that loads nothing and runs nothing.
//!
//! The templates are compiled, and everything that is put into them is escaped unless somebody says otherwise; nobody does.

mod figure;

use super::Report;
use super::content::{Content, IN_THE_LOGS};
use super::phases::State;
use super::picture::Picture;
use askama::Template;
use figure::Figure;
use proxyprobe_probes::finding::{Outcome, Verdict};
use proxyprobe_probes::transport::Leg;

#[derive(Template)]
#[template(path = "report.html", whitespace = "minimize")]
struct Page<'a> {
    title: String,
    content: &'a Content,
    legs: Vec<Leg>,
    timelines: Vec<Timeline>,
    left_out: Option<String>,
    json: String,
}

/// The connections of one leg.
struct Timeline {
    leg: Leg,
    decides: bool,
    figures: Vec<Figure>,
}

pub(super) fn render(report: &Report) -> String {
    let content = Content::of(report);
    let picture = Picture::of(&report.hearing);
    let timeline = |leg: Leg| Timeline { leg, decides: leg == content.leg, figures: figure::figures(&picture, leg) };
    let page = Page {
        title: title(report),
        legs: content.transports.first().map(|(_, legs)| legs.iter().map(|(leg, _)| *leg).collect()).unwrap_or_default(),
        timelines: [content.leg, content.leg.other()].map(timeline).into_iter().filter(|one| !one.figures.is_empty()).collect(),
        left_out: picture.left_out_words(),
        json: super::json::render(report),
        content: &content,
    };
    // Writing into a string fails only where a value refuses to be shown, and none does.
    page.render().unwrap_or_default()
}

/// What a tab and a bookmark are called: they show no more than this.
fn title(report: &Report) -> String {
    let host: String = report.target.host.as_str().chars().take(40).collect();
    format!("proxyprobe: {}, {host}", report.judgement.verdict.as_str())
}

/// A part of a paragraph.
struct Part<'a> {
    is_code: bool,
    text: &'a str,
}

/// The pages of the findings are in Markdown: what they put into backticks is code.
fn parts(text: &str) -> Vec<Part<'_>> {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return vec![Part { is_code: false, text }];
    }
    parts.into_iter().enumerate().map(|(index, text)| Part { is_code: !index.is_multiple_of(2), text }).collect()
}

/// How good something is, as the name of a style: a colour and a sign. The word stands beside it.
trait Shown {
    fn class(&self) -> &'static str;
}

impl Shown for Verdict {
    fn class(&self) -> &'static str {
        match self {
            Verdict::Works => "works",
            Verdict::Degraded => "degraded",
            Verdict::Broken => "broken",
            Verdict::Inconclusive => "inconclusive",
            Verdict::NotTested => "untested",
        }
    }
}

impl Shown for State {
    fn class(&self) -> &'static str {
        match self {
            State::Passed => "works",
            State::Degraded => "degraded",
            State::Broken => "broken",
            State::Inconclusive => "inconclusive",
            State::NotTested | State::NotUsed => "untested",
        }
    }
}

impl Shown for Outcome {
    fn class(&self) -> &'static str {
        match self {
            Outcome::Works => "works",
            Outcome::Degraded => "degraded",
            Outcome::Broken => "broken",
            Outcome::Inconclusive => "inconclusive",
            Outcome::Note => "untested",
        }
    }
}
