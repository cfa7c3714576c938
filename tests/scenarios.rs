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
fn a_slow_path_and_a_healthy_one_have_no_faults() {
    for (latency_ms, rate) in [(0, None), (150, None), (300, None), (20, Some(20_000)), (20, Some(8_000))] {
        let scenario = Scenario { latency_ms, rate, ..Scenario::default() };
        let report = hear(&scenario);
        let faults: Vec<_> = report.judgement.findings.iter().filter(|finding| finding.blames()).collect();
        assert!(faults.is_empty(), "{latency_ms} ms, {rate:?}: {faults:?}");
        assert_eq!(report.judgement.verdict.as_str(), "works", "{latency_ms} ms, {rate:?}");
    }
}

/// What a box does to streams is told as it is on slow paths too, or left open: never as something else.
#[test]
fn what_holds_a_stream_is_told_the_same_on_a_slow_path() {
    use proxyprobe::lab::{CompressAndHold, Held, HoldStream, HoldUntilBytes, Middlebox, Then, TrickleStream};
    use std::sync::Arc;
    let until_end = || HoldStream { only: Held::EventStreams, obeys_hint: false, holds_head: false };
    let until_4_kib = || HoldUntilBytes { bytes: 4096, then: Then::HoldsAgain };
    let trickle = || TrickleStream { bytes: 1, every: std::time::Duration::from_millis(100) };
    let boxes: [(Arc<dyn Middlebox>, &[&str]); 4] = [
        (Arc::new(until_end()), &["sse.buffered-until-end"]),
        (Arc::new(until_4_kib()), &["sse.buffered-by-size"]),
        (Arc::new(trickle()), &["sse.trickled"]),
        (Arc::new(CompressAndHold { holds: false }), &[]),
    ];
    for (latency_ms, rate) in [(75, None), (150, None), (300, None), (20, Some(20_000)), (20, Some(8_000))] {
        for (middlebox, expected) in &boxes {
            let on = Some((proxyprobe_probes::transport::Leg::Http, middlebox.clone()));
            let report = hear(&Scenario { middlebox: on, latency_ms, rate, ..Scenario::default() });
            let all = &report.judgement.findings;
            let found: Vec<&str> = all.iter().filter(|f| f.blames() && f.caused_by.is_none()).map(|f| f.code.id).collect();
            // On the slowest one, the server's record does not arrive in time.
            let open = all.iter().any(|f| f.code.id == "sse.inconclusive") && rate == Some(8_000);
            assert!(found == *expected || open && found.is_empty(), "{latency_ms} ms, {rate:?}: {all:?}");
            for by_size in all.iter().filter(|f| f.code.id == "sse.buffered-by-size") {
                let (lower, upper) = (by_size.number("lower_bytes"), by_size.number("upper_bytes"));
                assert!(lower < Some(4096) && upper >= Some(4096), "{latency_ms} ms, {rate:?}: {by_size:?}");
            }
        }
    }
}
