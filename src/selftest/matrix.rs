//! The table of expected against found, for people and for docs/accuracy.md.

use super::{Tried, Weather};
use proxyprobe_probes::transport::Leg;
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

What memory cannot play is tested elsewhere: the same rows over sockets, a starved client, real loss in a kernel, and
real products (`tests/sockets.rs`, `tests/loopback`, `tests/field`).

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
    let mut codes = case.codes.to_vec();
    codes.sort_unstable();
    let expected = words(&codes, case.recommends);
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

/// What the controls came to under many seeds.
pub fn weather(seeds: &[u64], tried: &[Tried]) -> String {
    let mut text = String::new();
    let mut names: Vec<&str> = tried.iter().map(|tried| tried.trial.case.boxes).collect();
    names.dedup();
    names.sort_unstable();
    names.dedup();
    for name in names {
        for leg in Leg::ALL {
            let of = || tried.iter().zip(seeds).filter(|(tried, _)| tried.trial.case.boxes == name && tried.trial.leg == leg);
            let count = |wanted: &str| of().filter(|(tried, _)| tried.report.judgement.verdict.as_str() == wanted).count();
            if of().count() == 0 {
                continue;
            }
            let alarms = of().filter(|(tried, _)| tried.is_false_alarm()).count();
            let name = if name.is_empty() { "nothing between" } else { name };
            let (works, unclear) = (count("works"), count("inconclusive"));
            let _ = writeln!(text, "{:5}  {name}: {works} works, {unclear} inconclusive, {alarms} false alarms", leg.as_str());
        }
    }
    for (tried, seed) in tried.iter().zip(seeds).filter(|(tried, _)| tried.is_false_alarm()) {
        let (leg, boxes) = (tried.trial.leg.as_str(), tried.trial.case.boxes);
        let weather = Weather::of(*seed);
        let _ = writeln!(text, "WRONG  {leg:5}  {boxes}: seed {seed} ({weather}): found {}", tried.found.join(", "));
    }
    let alarms = tried.iter().filter(|tried| tried.is_false_alarm()).count();
    let _ = writeln!(text, "{} runs, {alarms} false alarms", tried.len());
    text
}
