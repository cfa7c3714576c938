//! The whole hearing over in-memory pipes, under a paused clock: what one middlebox does, what is found, and what the report says.
//!
//! The table is the one that `selftest` runs. The rendered report of each row is kept beside it, by leg;
//! `UPDATE_EXPECT=1 cargo test --test scenarios` writes it anew.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test fails by panicking and reads its own switch")]

#[path = "scenarios/situations.rs"]
mod situations;

use proxyprobe::report::{Format, Report, read};
use proxyprobe::selftest::{CASES, CONTROLS, Tried, hear, in_parallel, trials};
use situations::situations;
use std::path::Path;

/// Every trial of the table, as it went.
fn all() -> Vec<Tried> {
    let all: Vec<_> = trials(CASES).into_iter().chain(trials(CONTROLS)).collect();
    in_parallel(&all, |trial| trial.run(&trial.scenario().unwrap()).unwrap())
}

#[test]
fn every_middlebox_leads_to_exactly_its_findings() {
    let tried = all();
    let wrong: Vec<String> = tried.iter().filter(|tried| !tried.is_right()).map(describe).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // A leg without a middlebox on it is never blamed.
    for tried in tried.iter().filter(|tried| tried.trial.scenario().is_ok_and(|scenario| scenario.on.len() == 1)) {
        let other = |leg| leg != Some(tried.trial.leg) && !tried.trial.case.boxes.starts_with("proxy");
        let blamed: Vec<_> = tried.report.judgement.findings.iter().filter(|f| other(f.leg) && f.blames()).collect();
        assert!(blamed.is_empty(), "{}: {blamed:?}", tried.trial.case.boxes);
    }
    let mut differ = Vec::new();
    for tried in &tried {
        let name = format!("{}/{}", tried.trial.leg, tried.trial.case.slug());
        differ.extend(compare(&name, &tried.report));
        differ.extend(judged_again(&name, &tried.report));
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

fn describe(tried: &Tried) -> String {
    let case = &tried.trial.case;
    let expected = (case.codes, case.recommends);
    format!("{} on {}: expected {expected:?}, found {:?} {}", case.boxes, tried.trial.leg, tried.found, tried.recommended)
}

/// The kept report must be the one that is rendered.
fn compare(name: &str, report: &Report) -> Option<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/scenarios/{name}.txt"));
    let text = report.render(Format::Text, false);
    if std::env::var("UPDATE_EXPECT").is_ok() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        return None;
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    (kept != text).then(|| format!("the report differs from {}:\n{text}", file.display()))
}

/// A saved report, judged again without a network, is the same report.
fn judged_again(name: &str, report: &Report) -> Option<String> {
    let json = report.render(Format::Json, false);
    match read(&json) {
        Ok(again) => (again.render(Format::Json, false) != json).then(|| format!("{name} is judged differently when it is read")),
        Err(why) => Some(format!("{name} cannot be read: {why}")),
    }
}

#[test]
fn what_happens_besides_is_not_laid_at_the_door_of_the_path() {
    let all = situations();
    let reports = in_parallel(&all, |situation| hear(&situation.scenario).unwrap());
    let mut wrong = Vec::new();
    for (situation, report) in all.iter().zip(&reports) {
        let of = |finding: &proxyprobe_probes::finding::Finding| {
            format!("{}:{}", finding.leg.map_or("-", |leg| leg.as_str()), finding.code.id)
        };
        let found: std::collections::BTreeSet<String> = report.judgement.findings.iter().map(of).collect();
        if found.iter().ne(situation.findings) || report.judgement.recommendation.transport != situation.recommends {
            let recommended = report.judgement.recommendation.transport;
            wrong.push(format!("{}: found {found:?}, recommended {recommended}", situation.name));
        }
        wrong.extend(compare(&format!("situations/{}", situation.name), report));
        wrong.extend(judged_again(situation.name, report));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_kept_report_belongs_to_a_row() {
    let rows = trials(CASES).into_iter().chain(trials(CONTROLS)).map(|trial| format!("{}/{}.txt", trial.leg, trial.case.slug()));
    let rows = rows.chain(situations().into_iter().map(|situation| format!("situations/{}.txt", situation.name)));
    let rows: std::collections::BTreeSet<String> = rows.collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut kept = std::collections::BTreeSet::new();
    for group in ["http", "https", "situations"] {
        for entry in std::fs::read_dir(folder.join(group)).unwrap() {
            kept.insert(format!("{group}/{}", entry.unwrap().file_name().to_string_lossy()));
        }
    }
    let stray: Vec<_> = kept.difference(&rows).collect();
    assert!(stray.is_empty(), "{stray:?}");
}
