//! `advise`: the questions alone, and the three transports side by side.

use super::questions::ask;
use super::{Outcome, Terminal};
use crate::cli::{Advise, TableFormat};
use crate::exit;
use proxyprobe_probes::recommend::{Recommendation, by_answers};
use std::fmt::Write;

/// What tells the transports apart: WebSocket, SSE, long polling. Sources: RFC 6455, RFC 8441, the WHATWG's EventSource, RFC 6202.
const COMPARISON: &[(&str, [&str; 3])] = &[
    ("Direction", ["both", "server to client; the client acts by requests", "server to client; the client acts by requests"]),
    (
        "HTTP/2",
        [
            "where both ends know RFC 8441; else a connection of its own",
            "many streams on one connection; with HTTP/1.1 a browser opens six",
            "plain requests, many on one connection",
        ],
    ),
    (
        "Firewalls and proxies",
        [
            "the upgrade may be stripped, swallowed or ended after 30 s",
            "a plain answer; scanners may hold it back",
            "plain requests; holds over 30 to 60 s may be cut",
        ],
    ),
    ("Reconnect", ["the application's own work", "built in, with Last-Event-ID", "each answer is one"]),
    ("Cost of a message", ["2 to 14 bytes", "some ten bytes", "a request and an answer with all headers"]),
    (
        "Best fit",
        [
            "cursors, keystrokes, games, orders, editing together",
            "notifications, feeds, dashboards, progress, streamed text",
            "constrained clients, and networks where nothing else passes",
        ],
    ),
];
const TRANSPORTS: [&str; 3] = ["WebSocket", "SSE", "Long polling"];

pub(super) fn advise(flags: &Advise, terminal: Terminal) -> Result<Outcome, String> {
    let answers = ask(&flags.answers, None, terminal, &mut std::io::stdin().lock())?;
    let advice = by_answers(answers);
    let print = match flags.format {
        TableFormat::Text => text(&advice),
        TableFormat::Markdown => markdown(&advice),
    };
    Ok(Outcome { print, code: exit::WORKS })
}

/// What no measurement stands behind.
const UNMEASURED: &str = "No network was measured: run `proxyprobe check` where your users are before you rely on it.";

fn steps(advice: &Recommendation) -> impl Iterator<Item = String> {
    let line = |(index, step): (usize, &proxyprobe_probes::recommend::Step)| {
        format!("{}. {} {} ({}): {}.", index + 1, step.question, step.answer, step.from, step.so)
    };
    advice.walk.iter().enumerate().map(line)
}

fn text(advice: &Recommendation) -> String {
    let mut page = String::new();
    let wrapped = |page: &mut String, text: &str, indent: &str| {
        let options = textwrap::Options::new(80).subsequent_indent(indent).word_splitter(textwrap::WordSplitter::NoHyphenation);
        let _ = writeln!(page, "{}", textwrap::fill(text, options));
    };
    wrapped(&mut page, &advice.sentence, "");
    advice.scope.iter().for_each(|scope| wrapped(&mut page, scope, ""));
    wrapped(&mut page, UNMEASURED, "");
    page.push('\n');
    steps(advice).for_each(|step| wrapped(&mut page, &step, "   "));
    for (what, cells) in COMPARISON {
        let _ = writeln!(page, "\n{what}");
        for (transport, cell) in TRANSPORTS.iter().zip(cells) {
            wrapped(&mut page, &format!("  {transport:14}{cell}"), &" ".repeat(16));
        }
    }
    page
}

fn markdown(advice: &Recommendation) -> String {
    let mut page = format!("**{}**\n\n", advice.sentence);
    advice.scope.iter().for_each(|scope| page.push_str(&format!("{scope}\n\n")));
    let _ = writeln!(page, "{UNMEASURED}\n");
    steps(advice).for_each(|step| page.push_str(&format!("{step}\n")));
    let _ = writeln!(page, "\n| | {} |\n|---|---|---|---|", TRANSPORTS.join(" | "));
    for (what, cells) in COMPARISON {
        let _ = writeln!(page, "| {what} | {} |", cells.join(" | "));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxyprobe_probes::recommend::{Answers, Client};

    #[test]
    fn both_faces_say_the_same_and_fit() {
        let advice = by_answers(Answers { client: Client::Constrained, ..Answers::default() });
        assert_eq!(advice.transport, "long-polling");
        let text = text(&advice);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.contains("(assumed)") && !text.contains("works here"), "{text}");
        let markdown = markdown(&advice);
        let cells = |line: &&str| line.matches('|').count() == 5;
        assert_eq!(markdown.lines().filter(|line| line.starts_with('|')).filter(cells).count(), COMPARISON.len() + 2);
    }
}
