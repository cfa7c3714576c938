//! The face for people: 80 columns, the answer in the first three lines.

use super::Report;
use anstyle::{AnsiColor, Style};
use proxyprobe_probes::finding::{Finding, Outcome, Verdict};
use proxyprobe_probes::plan::Depth;
use proxyprobe_probes::transport::{Leg, Transport};
use std::fmt::Write;

const WIDTH: usize = 80;

pub(super) fn render(report: &Report, colour: bool) -> String {
    let mut page = Page { text: String::new(), colour };
    headline(report, &mut page);
    facts(report, &mut page);
    table(report, &mut page);
    findings(report, &mut page);
    walk(report, &mut page);
    limits(report, &mut page);
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
}

/// The verdict, the recommendation and its figures.
fn headline(report: &Report, page: &mut Page) {
    let verdict = report.judgement.verdict;
    let word = page.paint(verdict.as_str(), style(verdict));
    page.line(&format!("Verdict: {word}. {}", each_transport(report)));
    let recommendation = &report.judgement.recommendation;
    page.paragraph("", &recommendation.sentence);
    // Who did not answer is the answer, where nobody did.
    let telling = report.judgement.findings.iter().find(|finding| finding.decisive && finding.code.probe() == "reach");
    if let Some(finding) = telling.filter(|_| recommendation.transport == "none") {
        page.paragraph("", &finding.summary);
    }
    let mut figures = Vec::new();
    if let Some(seconds) = recommendation.heartbeat_seconds {
        figures.push(format!("Send a heartbeat at least every {seconds} s."));
    }
    if let Some(seconds) =
        recommendation.long_poll_hold_seconds.filter(|_| recommendation.transport == Transport::LongPolling.as_str())
    {
        figures.push(format!("Answer a held request after at most {seconds} s."));
    }
    figures.extend(recommendation.scope.map(str::to_owned));
    if report.hearing.circumstances.cut_short_at_ms.is_some() {
        figures.push("The run was cut short: this is what was measured until then.".to_owned());
    }
    if report.target.embedded {
        figures.push("No network was tested: the server was embedded in this very process.".to_owned());
    }
    if !report.hearing.plan.covers_30_s() {
        figures.push("Silences of 30 s were not tested.".to_owned());
    }
    page.paragraph("", &figures.join(" "));
}

/// How each transport fares on the leg that decides: `WebSocket broken, SSE and long polling work.`
fn each_transport(report: &Report) -> String {
    let mut by_verdict: Vec<(Verdict, Vec<&str>)> = Vec::new();
    for (transport, legs) in &report.judgement.transports {
        let verdict = legs.get(&report.hearing.leg).map_or(Verdict::NotTested, |verdict| verdict.verdict);
        match by_verdict.iter_mut().find(|(known, _)| *known == verdict) {
            Some((_, named)) => named.push(transport.title()),
            None => by_verdict.push((verdict, vec![transport.title()])),
        }
    }
    by_verdict.sort_by_key(|(verdict, _)| std::cmp::Reverse(*verdict));
    let part = |(verdict, named): &(Verdict, Vec<&str>)| {
        let names = match named.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            _ => named.concat(),
        };
        format!("{names}: {}", verdict.as_str())
    };
    by_verdict.iter().map(part).collect::<Vec<_>>().join("; ")
}

fn facts(report: &Report, page: &mut Page) {
    page.line("");
    let leg = report.hearing.leg;
    page.paragraph("Server  ", &format!("{} (the {leg} leg decides)", report.target.url));
    page.paragraph("Route   ", &report.route.words());
    let depth = match report.hearing.plan.depth {
        Depth::Quick => "quick",
        Depth::Standard => "standard",
        Depth::Deep => "deep",
    };
    let run = report.run_id.as_deref().unwrap_or("none");
    let seconds = proxyprobe_probes::finding::seconds(report.duration_ms);
    page.paragraph(
        "Run     ",
        &format!("{run}, {}, took {seconds}, depth {depth}, proxyprobe {}", report.started_at, report.tool_version),
    );
}

fn table(report: &Report, page: &mut Page) {
    let legs: Vec<Leg> = Leg::ALL.into_iter().collect();
    let mut head = format!("{:14}", "");
    for leg in &legs {
        let decides = if *leg == report.hearing.leg { " (decides)" } else { "" };
        let _ = write!(head, "{:20}", format!("{leg}{decides}"));
    }
    page.line("");
    page.line(&head);
    for (transport, verdicts) in &report.judgement.transports {
        let mut line = format!("{:14}", transport.title());
        for leg in &legs {
            let verdict = verdicts.get(leg).map_or(Verdict::NotTested, |verdict| verdict.verdict);
            let word = verdict.as_str();
            line.push_str(&page.paint(word, style(verdict)));
            line.push_str(&" ".repeat(20usize.saturating_sub(word.len())));
        }
        page.line(&line);
    }
}

fn findings(report: &Report, page: &mut Page) {
    if report.judgement.findings.is_empty() {
        return;
    }
    page.heading("Findings");
    let mut advised = Vec::new();
    for finding in &report.judgement.findings {
        one(finding, page);
        if finding.caused_by.is_none() && !advised.contains(&finding.code.id) {
            advised.push(finding.code.id);
            advice(finding, page);
        }
    }
}

fn one(finding: &Finding, page: &mut Page) {
    let leg = finding.leg.map_or(String::new(), |leg| format!(", {leg} leg"));
    let named = Transport::ALL.into_iter().find(|transport| finding.word("transport") == Some(transport.as_str()));
    let transport = named.map_or(String::new(), |transport| format!(", {}", transport.title()));
    let aside = if finding.decisive { "" } else { ", does not decide" };
    let word = match finding.outcome {
        Outcome::Works => "works",
        Outcome::Degraded => "degraded",
        Outcome::Broken => "broken",
        Outcome::Inconclusive => "inconclusive",
        Outcome::Note => "note",
    };
    let code = page.paint(finding.code.id, Style::new().bold());
    page.line(&format!("- {code} ({word}{transport}{leg}{aside})"));
    page.paragraph("  ", &finding.summary);
    if let Some(cause) = finding.caused_by {
        page.paragraph("  ", &format!("A consequence of {}.", cause.id));
        return;
    }
    let numbers: Vec<String> = finding
        .measured
        .iter()
        .filter(|(name, _)| *name != "transport")
        .map(|(name, value)| format!("{name}={}", plain(value)))
        .collect();
    if !numbers.is_empty() {
        page.paragraph("  Measured: ", &numbers.join(", "));
    }
}

/// What to do about it, once for each code.
fn advice(finding: &Finding, page: &mut Page) {
    if !(finding.blames() || finding.outcome == Outcome::Inconclusive) {
        return;
    }
    for (label, heading) in [("  Developers: ", "For developers"), ("  Network team: ", "For the network team")] {
        let text = finding.code.section(heading);
        if !text.is_empty() {
            page.paragraph(label, &text);
        }
    }
}

fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn walk(report: &Report, page: &mut Page) {
    page.heading("How the recommendation came about");
    for (number, step) in report.judgement.recommendation.walk.iter().enumerate() {
        page.paragraph(&format!("{}. ", number + 1), &format!("{} {} ({}): {}.", step.question, step.answer, step.from, step.so));
    }
    let because = &report.judgement.recommendation.because;
    if !because.is_empty() {
        page.paragraph("Then the measurements: ", &because.join(", "));
    }
}

/// What a green row does not prove.
fn limits(report: &Report, page: &mut Page) {
    page.heading("What this does not prove");
    let longest = proxyprobe_probes::finding::seconds(report.hearing.plan.longest_idle_ms);
    let messages = match report.hearing.largest_message() {
        Some(bytes) if bytes >= 1024 => format!("messages larger than {} KiB", bytes / 1024),
        Some(bytes) => format!("messages larger than {bytes} bytes"),
        None => "large messages".to_owned(),
    };
    page.paragraph(
        "",
        &format!(
            "Silences longer than {longest}, HTTP/2, {messages}, other hosts (inspection is often selective by host) \
             and other times of day were not tested."
        ),
    );
}

fn style(verdict: Verdict) -> Style {
    let colour = match verdict {
        Verdict::Works => AnsiColor::Green,
        Verdict::Degraded => AnsiColor::Yellow,
        Verdict::Broken => AnsiColor::Red,
        Verdict::Inconclusive | Verdict::NotTested => AnsiColor::Cyan,
    };
    Style::new().bold().fg_color(Some(colour.into()))
}
