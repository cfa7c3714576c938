//! `judge` and `diff`: saved reports, without a network.

use super::values::{format_of, printed, read_report, redaction_of};
use super::{Outcome, Terminal};
use crate::cli::{Diff, Environment, Judge, TableFormat};
use crate::exit;
use crate::report::Report;
use std::fmt::Write;

pub(super) fn judge(flags: &Judge, environment: &Environment, terminal: Terminal) -> Result<Outcome, String> {
    let report = read_report(&flags.report)?;
    let level = redaction_of(flags.redact);
    // What was hidden before stays hidden, and is counted as it was.
    let hides = level != crate::report::Redaction::None;
    let report = if hides { report.redacted(level).map_err(|why| why.to_string())? } else { report };
    let colour = terminal.stdout && !flags.no_color && !environment.no_color;
    Ok(Outcome {
        print: printed(&report, format_of(flags.format), colour, flags.timeline),
        code: exit::of(report.judgement.verdict),
    })
}

pub(super) fn diff(flags: &Diff) -> Result<Outcome, String> {
    let (before, after) = (read_report(&flags.before)?, read_report(&flags.after)?);
    let changes = before.changes_to(&after);
    let head = |report: &Report| {
        format!("{}, {}, {}: {}", report.started_at, report.target.url, report.route.words(), report.judgement.verdict.as_str())
    };
    let (bullet, quote) = match flags.format {
        TableFormat::Text => ("- ", ""),
        TableFormat::Markdown => ("- `", "`"),
    };
    let mut print = format!("{bullet}before: {}{quote}\n{bullet}after:  {}{quote}\n\n", head(&before), head(&after));
    if changes.is_empty() {
        print.push_str("Nothing changed.\n");
    }
    for change in &changes {
        let _ = writeln!(print, "{bullet}{}{quote}", change.replace('`', "'"));
    }
    Ok(Outcome { print, code: if changes.is_empty() { exit::WORKS } else { exit::FAULTY } })
}
