//! A run and its conclusions as one value with several faces.

mod changes;
mod compared;
mod connections;
mod content;
mod document;
mod facts;
mod html;
mod json;
mod lead;
mod markdown;
mod phases;
pub mod picture;
mod redact;
mod saved;
mod series;
mod text;

pub use compared::Compared;
pub use facts::{About, RouteFacts, TargetFacts};
pub use json::schema;
pub use redact::{Hidden, Redaction};
pub use saved::{Unreadable, read};

pub use series::{Ran, Seen, Series};

use proxyprobe_probes::hearing::{Hearing, Judgement};
use proxyprobe_probes::untrusted::Untrusted;

/// The version of the JSON form.
pub const SCHEMA: u32 = 1;

/// Everything that can be said about a run.
pub struct Report {
    /// What was recorded.
    pub hearing: Hearing,
    /// What is concluded.
    pub judgement: Judgement,
    /// The server.
    pub target: TargetFacts,
    /// The way out.
    pub route: RouteFacts,
    /// The run's id, when the server agreed to one.
    pub run_id: Option<String>,
    /// The server's version, when it told.
    pub server: Option<Untrusted>,
    /// RFC 3339.
    pub started_at: String,
    /// How long the run took.
    pub duration_ms: u64,
    /// The tool that recorded it.
    pub tool_version: Untrusted,
    /// What else is known of it.
    pub about: About,
    /// What it said otherwise when it was saved, when it was read from a file.
    pub changed: Vec<String>,
}

/// The faces of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people: 80 columns.
    Text,
    /// For tickets.
    Markdown,
    /// For a browser: one file.
    Html,
    /// For programs: schema 1.
    Json,
}

impl Report {
    /// Judges a hearing and makes a report of both.
    pub fn new(
        hearing: Hearing,
        target: TargetFacts,
        route: RouteFacts,
        run_id: Option<String>,
        server: Option<Untrusted>,
        started_at: String,
        duration_ms: u64,
    ) -> Self {
        let judgement = hearing.judge();
        let tool_version = Untrusted::new(env!("CARGO_PKG_VERSION"));
        Self {
            hearing,
            judgement,
            target,
            route,
            run_id,
            server,
            started_at,
            duration_ms,
            tool_version,
            about: About::default(),
            changed: Vec::new(),
        }
    }

    /// The face for people, and below it each connection as a line.
    pub fn with_timeline(&self, colour: bool) -> String {
        let picture = picture::text(&picture::Picture::of(&self.hearing), lead::WIDTH);
        format!("{}\nThe timeline\n{picture}", self.render(Format::Text, colour))
    }

    /// One of its faces.
    pub fn render(&self, format: Format, colour: bool) -> String {
        match format {
            Format::Text => text::render(&content::Content::of(self), colour),
            Format::Markdown => markdown::render(&content::Content::of(self)),
            Format::Html => html::render(self),
            Format::Json => json::render(self),
        }
    }
}
