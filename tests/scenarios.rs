//! The whole hearing over in-memory pipes, under a paused clock: what one middlebox does, what is found, and what the report says.
//!
//! Each row names a middlebox, the leg that it stands on, and exactly the findings that it must lead to. The rendered report is
//! kept beside the table; `UPDATE_EXPECT=1 cargo test --test scenarios` writes it anew.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test fails by panicking and reads its own switch")]

#[path = "scenarios/hearing.rs"]
mod hearing;
#[path = "scenarios/rows.rs"]
mod rows;

use hearing::{Scenario, hear};
use proxyprobe::report::Format;
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_middlebox_leads_to_exactly_its_findings() {
    let mut wrong = Vec::new();
    for row in rows::rows() {
        let report = hear(&row.scenario);
        let found: BTreeSet<String> = report
            .judgement
            .findings
            .iter()
            .map(|finding| {
                let cause = finding.caused_by.map(|cause| format!(" <- {}", cause.id)).unwrap_or_default();
                format!("{}:{}{cause}", finding.leg.map_or("-", |leg| leg.as_str()), finding.code.id)
            })
            .collect();
        let expected: BTreeSet<String> = row.findings.iter().map(|code| (*code).to_owned()).collect();
        if found != expected {
            wrong.push(format!("{}: expected {expected:?}, found {found:?}", row.name));
        }
        if report.judgement.recommendation.transport != row.recommends {
            let why = &report.judgement.recommendation.sentence;
            wrong.push(format!("{}: expected {}, recommended: {why}", row.name, row.recommends));
        }
        if let Some(difference) = compare(row.name, &report.render(Format::Text, false)) {
            wrong.push(difference);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The kept report of a scenario must be the one that is rendered.
fn compare(name: &str, text: &str) -> Option<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/scenarios/{name}.txt"));
    if std::env::var("UPDATE_EXPECT").is_ok() {
        std::fs::write(&file, text).unwrap();
        return None;
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    (kept != text).then(|| format!("{name}: the report differs from {}:\n{text}", file.display()))
}

#[test]
fn a_saved_report_is_judged_the_same_without_a_network() {
    for row in rows::rows().into_iter().filter(|row| row.saved) {
        let report = hear(&row.scenario);
        let json = report.render(Format::Json, false);
        let again = proxyprobe::report::read(&json).unwrap_or_else(|why| panic!("{}: {why}", row.name));
        assert_eq!(again.render(Format::Json, false), json, "{}", row.name);
    }
}

#[test]
fn a_server_that_goes_while_sizes_are_tried_is_no_limit_on_sizes() {
    // With 600 ms of round trip the second conversation of the zombie probe lasts from 10.5 to 14.8 s.
    for ms in (11_000..15_000).step_by(800) {
        let far = || Scenario { latency_ms: 300, ..Scenario::default() };
        for scenario in [Scenario { server_dies_ms: Some(ms), ..far() }, Scenario { server_stops_ms: Some(ms), ..far() }] {
            let report = hear(&scenario);
            let faults: Vec<_> = report.judgement.findings.iter().filter(|finding| finding.blames()).collect();
            assert!(faults.is_empty(), "{ms} ms: {faults:?}");
        }
    }
}

#[test]
fn a_slow_path_and_a_healthy_one_have_no_faults() {
    for (latency_ms, rate) in [(0, None), (150, None), (300, None), (20, Some(20_000)), (20, Some(8_000)), (300, Some(8_000))] {
        let scenario = Scenario { latency_ms, rate, ..Scenario::default() };
        let report = hear(&scenario);
        let faults: Vec<_> = report.judgement.findings.iter().filter(|finding| finding.blames()).collect();
        assert!(faults.is_empty(), "{latency_ms} ms, {rate:?}: {faults:?}");
        assert_eq!(report.judgement.verdict.as_str(), "works", "{latency_ms} ms, {rate:?}");
        // A slow link is climbed as far as it carries.
        let expected = if rate == Some(8_000) { 4_096 } else { 16_384 };
        assert_eq!(report.hearing.largest_message(), Some(expected), "{latency_ms} ms, {rate:?}");
    }
}
