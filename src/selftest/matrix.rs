//! The table of expected against found, for people and for docs/accuracy.md.

use super::{Trial, Tried, Weather};
use proxyprobe_probes::finding::Verdict;
use proxyprobe_probes::transport::Leg;
use std::collections::BTreeSet;
use std::fmt::Write;

/// What stands before the table in docs/accuracy.md.
const INTRODUCTION: &str = "\
# How often the verdicts are right

Each row puts middleboxes of the [lab](lab.md) between client and server, and names all findings that the judge must draw
on the leg that decides, exactly these, and the transport that it must recommend. `proxyprobe selftest` runs the table
again with the binary at hand: over pipes in memory, under a clock that does not wait for silence to pass.

Where cleartext decides, the middleboxes see cleartext alone, as those do that cannot look into TLS. Where TLS decides,
they stand on both legs, and those that must see requests decrypt them with a root that the client trusts. Controls are
paths on which nothing may be found fault with.

What memory cannot play is tested elsewhere: the same rows over sockets, a starved client (`tests/sockets.rs`,
`tests/starved.rs`), and real products and a real kernel, whose table is [below](#real-products). Each control was also run under 200 kinds of
weather (`selftest --seeds 200`: delay, jitter, sizes of segments, the order of tasks): 4,600 runs, no false alarm.

";

/// docs/accuracy.md.
pub fn page(tried: &[Tried]) -> String {
    format!("{INTRODUCTION}{}", table(tried, true))
}

/// The whole table: a line a trial, and what it comes to.
pub fn table(tried: &[Tried], markdown: bool) -> String {
    let mut text = String::new();
    let (misbehaving, controls): (Vec<&Tried>, Vec<&Tried>) = tried.iter().partition(|tried| !tried.trial.case.control);
    for (title, rows) in [("Misbehaving middleboxes", &misbehaving), ("Controls", &controls)] {
        if rows.is_empty() {
            continue;
        }
        if markdown {
            let _ = writeln!(text, "## {title}\n\n| middlebox | leg | expected | found | |\n|---|---|---|---|---|");
        } else {
            let _ = writeln!(text, "{title}");
        }
        for tried in rows {
            row(&mut text, tried, markdown);
        }
        text.push('\n');
    }
    for leg in Leg::ALL {
        let of_leg = |rows: &[&Tried]| {
            let all = rows.iter().filter(|tried| tried.trial.leg == leg);
            (all.clone().filter(|tried| tried.is_right()).count(), all.count())
        };
        let (right, all) = of_leg(&misbehaving);
        let (right_controls, all_controls) = of_leg(&controls);
        let alarms = controls.iter().filter(|tried| tried.trial.leg == leg && tried.is_false_alarm()).count();
        let _ = writeln!(
            text,
            "{leg}: {right} of {all} right; controls: {right_controls} of {all_controls} right, {alarms} false alarms{}",
            if markdown { "  " } else { "" }
        );
    }
    text
}

fn row(text: &mut String, tried: &Tried, markdown: bool) {
    let case = &tried.trial.case;
    let boxes = if case.boxes.is_empty() { "nothing between" } else { case.boxes };
    let words = |codes: &[&str], transport: &str| {
        let codes = if codes.is_empty() { "no finding".to_owned() } else { codes.join(", ") };
        format!("{codes}; use {transport}")
    };
    let expected = words(&tried.trial.expected(), case.recommends);
    let found = words(&tried.found.iter().map(String::as_str).collect::<Vec<_>>(), &tried.recommended);
    let (leg, right) = (tried.trial.leg.as_str(), if tried.is_right() { "right" } else { "wrong" });
    if markdown {
        let found = if tried.is_right() { "the same" } else { &found };
        let _ = writeln!(text, "| {boxes} | {leg} | {expected} | {found} | {right} |");
    } else if tried.is_right() {
        let _ = writeln!(text, "  right  {leg:5}  {boxes}: {expected}");
    } else {
        let _ = writeln!(text, "  WRONG  {leg:5}  {boxes}\n           expected {expected}\n           found    {found}");
    }
}

/// What came of a control in some weather: its report need not be kept.
pub struct Weathered {
    /// The seed of the weather.
    pub seed: u64,
    /// What was tried.
    pub trial: Trial,
    /// The verdict.
    pub verdict: Verdict,
    /// All findings of the deciding leg.
    pub found: Vec<String>,
    /// Whether something was blamed.
    pub alarm: bool,
}

impl Weathered {
    /// What matters of a trial.
    pub fn of(seed: u64, tried: Tried) -> Self {
        let (verdict, alarm) = (tried.report.judgement.verdict, tried.is_false_alarm());
        Self { seed, verdict, alarm, found: tried.found, trial: tried.trial }
    }
}

/// What the controls came to under many seeds.
pub fn weather(all: &[Weathered]) -> String {
    let mut text = String::new();
    let rows: BTreeSet<(&str, Leg)> = all.iter().map(|one| (one.trial.case.boxes, one.trial.leg)).collect();
    for (boxes, leg) in rows {
        let of = || all.iter().filter(|one| one.trial.case.boxes == boxes && one.trial.leg == leg);
        let count = |wanted: Verdict| of().filter(|one| one.verdict == wanted).count();
        let (works, unclear) = (count(Verdict::Works), count(Verdict::Inconclusive));
        let alarms = of().filter(|one| one.alarm).count();
        let name = if boxes.is_empty() { "nothing between" } else { boxes };
        let _ = writeln!(text, "{:5}  {name}: {works} works, {unclear} inconclusive, {alarms} false alarms", leg.as_str());
    }
    for one in all.iter().filter(|one| one.alarm) {
        let (leg, boxes, seed) = (one.trial.leg.as_str(), one.trial.case.boxes, one.seed);
        let found = one.found.join(", ");
        let _ = writeln!(text, "WRONG  {leg:5}  {boxes}: seed {seed} ({}): found {found}", Weather::of(seed));
    }
    let _ = writeln!(text, "{} runs, {} false alarms", all.len(), all.iter().filter(|one| one.alarm).count());
    text
}
