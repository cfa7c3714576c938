//! The face for people: 80 columns, the answer in the first three lines.

use super::content::{ALSO, Content, IN_THE_LOGS, Item};
use super::lead::WIDTH;
use super::phases::State;
use anstyle::{AnsiColor, Style};
use proxyprobe_probes::finding::Verdict;
use std::fmt::Write;

pub(super) fn render(content: &Content, colour: bool) -> String {
    let mut page = Page { text: String::new(), colour };
    page.head(content);
    content.beside.iter().for_each(|(heading, lines)| page.listed(heading, lines));
    page.path(content);
    page.table(content);
    page.listed(ALSO, &content.also);
    page.findings("Findings", &content.findings);
    page.section("What to build", &content.advice);
    page.numbered("How the recommendation came about", &content.walk);
    page.findings("Also noted", &content.notes);
    page.numbers(content);
    page.section("What this does not prove", std::slice::from_ref(&content.untested));
    page.text
}

struct Page {
    text: String,
    colour: bool,
}

impl Page {
    fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    /// A paragraph, wrapped; every line after the first begins with as many blanks as `first` is wide.
    fn paragraph(&mut self, first: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        let rest = " ".repeat(first.chars().count());
        let options = textwrap::Options::new(WIDTH)
            .initial_indent(first)
            .subsequent_indent(&rest)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        for line in textwrap::wrap(text, options) {
            self.line(&line);
        }
    }

    fn heading(&mut self, text: &str) {
        let text = self.paint(text, Style::new().bold());
        self.line("");
        self.line(&text);
    }

    fn paint(&self, text: &str, style: Style) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    fn head(&mut self, content: &Content) {
        let [verdict, step, next] = &content.lead;
        let word = content.verdict.as_str();
        self.line(&verdict.replacen(word, &self.paint(word, of_verdict(content.verdict)), 1));
        self.line(step);
        self.line(next);
        self.line("");
        if let Some(note) = &content.note {
            self.paragraph("Note     ", note);
        }
        self.paragraph("", &content.remarks.join(" "));
        if content.note.is_some() || !content.remarks.is_empty() {
            self.line("");
        }
        for (name, value) in &content.facts {
            self.paragraph(&format!("{name:9}"), value);
        }
    }

    fn path(&mut self, content: &Content) {
        self.heading(&format!("The path, step by step ({} leg)", content.leg));
        for rung in &content.path {
            let mark = if rung.first { ">" } else { " " };
            let state = rung.state.as_str();
            let blanks = if rung.detail.is_empty() { 0 } else { 14usize.saturating_sub(state.len()) };
            let state = self.paint(state, of_state(rung.state));
            let first = format!("{mark} {} {:9}", rung.phase.number(), rung.phase.title());
            let rest = " ".repeat(first.len() + 14);
            let options = textwrap::Options::new(WIDTH - rest.len()).word_splitter(textwrap::WordSplitter::NoHyphenation);
            let lines = textwrap::wrap(&rung.detail, options);
            self.line(&format!("{first}{state}{}{}", " ".repeat(blanks), lines.first().cloned().unwrap_or_default()));
            for line in lines.iter().skip(1) {
                self.line(&format!("{rest}{line}"));
            }
        }
    }

    fn table(&mut self, content: &Content) {
        let mut head = format!("{:14}", "");
        for leg in content.transports.first().into_iter().flat_map(|(_, legs)| legs).map(|(leg, _)| leg) {
            let decides = if *leg == content.leg { " (decides)" } else { "" };
            let _ = write!(head, "{:20}", format!("{leg}{decides}"));
        }
        self.line("");
        self.line(&head);
        for (transport, legs) in &content.transports {
            let mut line = format!("{:14}", transport.title());
            for (_, verdict) in legs {
                let word = verdict.as_str();
                line.push_str(&self.paint(word, of_verdict(*verdict)));
                line.push_str(&" ".repeat(20usize.saturating_sub(word.len())));
            }
            self.line(&line);
        }
    }

    fn findings(&mut self, heading: &str, items: &[Item]) {
        if items.is_empty() {
            return;
        }
        self.heading(heading);
        for item in items {
            let code = self.paint(item.code.id, Style::new().bold());
            self.line(&format!("- {code} ({})", item.outcome.as_str()));
            for sighting in &item.sightings {
                self.paragraph("  ", &format!("{}: {}", sighting.place, sighting.summary));
            }
            self.paragraph("  Developers: ", &item.developers);
            self.paragraph("  Network team: ", &item.network_team);
            for setting in &item.settings {
                self.paragraph("    - ", setting);
            }
            if !item.logs.is_empty() {
                self.paragraph("  ", IN_THE_LOGS);
            }
            for line in &item.logs {
                self.paragraph("    - ", line);
            }
        }
    }

    fn section(&mut self, heading: &str, paragraphs: &[String]) {
        self.heading(heading);
        for paragraph in paragraphs {
            self.paragraph("", paragraph);
        }
    }

    fn listed(&mut self, heading: &str, lines: &[String]) {
        if !lines.is_empty() {
            self.heading(heading);
            lines.iter().for_each(|line| self.paragraph("- ", line));
        }
    }

    fn numbered(&mut self, heading: &str, steps: &[String]) {
        self.heading(heading);
        for (index, step) in steps.iter().enumerate() {
            self.paragraph(&format!("{}. ", index + 1), step);
        }
    }

    fn numbers(&mut self, content: &Content) {
        self.heading("Numbers");
        for (of, pairs) in &content.numbers {
            let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
            self.paragraph("- ", &format!("{of}: {}", pairs.join(", ")));
        }
    }
}

fn of_verdict(verdict: Verdict) -> Style {
    painted(match verdict {
        Verdict::Works => AnsiColor::Green,
        Verdict::Degraded => AnsiColor::Yellow,
        Verdict::Broken => AnsiColor::Red,
        Verdict::Inconclusive | Verdict::NotTested => AnsiColor::Cyan,
    })
}

fn of_state(state: State) -> Style {
    painted(match state {
        State::Passed => AnsiColor::Green,
        State::Degraded => AnsiColor::Yellow,
        State::Broken => AnsiColor::Red,
        State::Inconclusive | State::NotTested | State::NotUsed => AnsiColor::Cyan,
    })
}

fn painted(colour: AnsiColor) -> Style {
    Style::new().bold().fg_color(Some(colour.into()))
}
