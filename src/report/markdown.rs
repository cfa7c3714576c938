//! The face for tickets: Markdown that GitHub, GitLab, Jira and mail all show, with the figures folded away.

use super::content::{ALSO, Content, IN_THE_LOGS, Item};
use std::fmt::Write;

pub(super) fn render(content: &Content) -> String {
    let mut page = String::new();
    // Two blanks at the end break the line everywhere, and a mail does not show them.
    let [verdict, step, next] = &content.lead;
    let _ = writeln!(page, "**{}**  \n{}  \n{}", safe(verdict), safe(step), safe(next));
    if let Some(note) = &content.note {
        let _ = writeln!(page, "\n> Note: {}", safe(note));
    }
    if !content.remarks.is_empty() {
        let _ = writeln!(page, "\n{}", safe(&content.remarks.join(" ")));
    }
    page.push('\n');
    for (name, value) in &content.facts {
        let _ = writeln!(page, "- {name}: {}", code(value));
    }
    for (heading, lines) in &content.beside {
        list(&mut page, &format!("### {heading}"), "-", lines);
    }
    let _ = writeln!(page, "\n### The path, step by step ({} leg)\n\n| | Step | Result | |\n|---|---|---|---|", content.leg);
    for rung in &content.path {
        let (number, title, state) = (rung.phase.number(), rung.phase.title(), rung.state.as_str());
        let state = if rung.first { format!("**{state}**") } else { state.to_owned() };
        let _ = writeln!(page, "| {number} | {title} | {state} | {} |", cell(&rung.detail));
    }
    let heads = content.transports.first().into_iter().flat_map(|(_, legs)| legs).map(|(leg, _)| {
        let decides = if *leg == content.leg { " (decides)" } else { "" };
        format!(" {leg}{decides} |")
    });
    let _ = writeln!(page, "\n| |{}\n|---|---|---|", heads.collect::<String>());
    for (transport, legs) in &content.transports {
        let verdicts: String = legs.iter().map(|(_, verdict)| format!(" {} |", verdict.as_str())).collect();
        let _ = writeln!(page, "| {} |{verdicts}", transport.title());
    }
    list(&mut page, &format!("### {ALSO}"), "-", &content.also);
    items(&mut page, "Findings", &content.findings);
    list(&mut page, "### What to build", "-", &content.advice);
    list(&mut page, "### How the recommendation came about", "1.", &content.walk);
    items(&mut page, "Also noted", &content.notes);
    page.push_str("\n<details>\n<summary>Numbers</summary>\n\n");
    for (of, pairs) in &content.numbers {
        let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let _ = writeln!(page, "- {}: {}", safe(of), code(&pairs.join(", ")));
    }
    let _ = writeln!(page, "\n</details>\n\n### What this does not prove\n\n{}", safe(&content.untested));
    page
}

fn list(page: &mut String, heading: &str, mark: &str, entries: &[String]) {
    if entries.is_empty() {
        return;
    }
    let _ = writeln!(page, "\n{heading}\n");
    for entry in entries {
        let _ = writeln!(page, "{mark} {}", safe(entry));
    }
}

fn items(page: &mut String, heading: &str, items: &[Item]) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(page, "\n### {heading}");
    for item in items {
        let _ = writeln!(page, "\n**`{}`** ({})\n", item.code.id, item.outcome.as_str());
        for sighting in &item.sightings {
            let _ = writeln!(page, "- {}: {}", safe(&sighting.place), safe(&sighting.summary));
        }
        // The pages are Markdown already, and ours.
        for (whose, text) in [("Developers", &item.developers), ("Network team", &item.network_team)] {
            if !text.is_empty() {
                let _ = writeln!(page, "- {whose}: {text}");
            }
        }
        for setting in &item.settings {
            let _ = writeln!(page, "  - {setting}");
        }
        if !item.logs.is_empty() {
            let _ = writeln!(page, "- {IN_THE_LOGS}");
        }
        for line in &item.logs {
            let _ = writeln!(page, "  - {}", code(line));
        }
    }
}

/// Text that is shown as it is where nothing in it can be markup, a link or a mention, and as code where something could.
fn safe(text: &str) -> String {
    // Backticks stand around names in our own sentences, in pairs.
    let plain = |c: char| c.is_ascii_alphanumeric() || " .,;:()'\"-/=%`?+".contains(c);
    let within_words = text.split(' ').all(|word| word.chars().all(|c| plain(c) || (c == '_' && !word.starts_with('_'))));
    let linked = ["://", "www.", "mailto:"].iter().any(|start| text.to_ascii_lowercase().contains(start));
    let listed =
        text.starts_with(['-', '+', '=']) || text.chars().next().is_some_and(|c| c.is_ascii_digit()) && text.contains(". ");
    let paired = text.matches('`').count().is_multiple_of(2);
    if within_words && !linked && !listed && paired { text.to_owned() } else { code(text) }
}

/// Text as code: nothing in it is markup.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'").trim())
}

/// Text in a table.
fn cell(text: &str) -> String {
    if text.is_empty() { String::new() } else { safe(text).replace('|', "\\|") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_markup_is_code() {
        for hostile in [
            "<b>",
            "a | b",
            "*x*",
            "[a](b)",
            "@all",
            "see http://x",
            "www.x",
            "# x",
            "_x_",
            "a\\",
            "`x",
            "&lt;",
            "~~x~~",
            "1. x",
            "- x",
        ] {
            let shown = safe(hostile);
            assert!(shown.starts_with('`') && shown.ends_with('`') && shown.matches('`').count() == 2, "{shown}");
        }
        assert_eq!(safe("The `Upgrade` header, after 5.0 s (lost_ms)."), "The `Upgrade` header, after 5.0 s (lost_ms).");
        assert_eq!(cell("a|b"), "`a\\|b`");
    }
}
