//! The whole hearing over in-memory pipes, under a paused clock: what one middlebox does, what is found, and what the report says.
//!
//! The table is the one that `selftest` runs. The rendered report of each row is kept beside it, by leg;
//! `UPDATE_EXPECT=1 cargo test --test scenarios` writes it anew.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking and reads its own switch"
)]

#[path = "faces/dom.rs"]
mod dom;
#[path = "scenarios/faces.rs"]
mod faces;
#[path = "scenarios/page.rs"]
mod page;
#[path = "scenarios/situations.rs"]
mod situations;

use proxyprobe::report::{Format, Report, read};
use proxyprobe::selftest::{CASES, CONTROLS, Scenario, Tried, Weather, hear, in_parallel, matrix, trials};
use proxyprobe_probes::ProbeId;
use proxyprobe_probes::hearing::Judgement;
use proxyprobe_probes::io::pipe::Link;
use proxyprobe_probes::transport::Leg;
use situations::situations;
use std::path::Path;
use std::time::Duration;

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
    let faces = faces::Faces::new();
    let wrong = in_parallel(&tried.iter().collect::<Vec<_>>(), |tried| {
        let name = format!("{}/{}", tried.trial.leg, tried.trial.case.slug());
        let mut differ: Vec<String> = compare(&name, &tried.report).into_iter().collect();
        differ.extend(judged_again(&name, &tried.report));
        differ.extend(faces.wrong(&name, &tried.report));
        differ
    });
    differ.extend(wrong.into_iter().flatten());
    differ.extend(kept_as("docs/accuracy.md", &format!("{}{}", matrix::page(&tried), of_real_products())));
    differ.extend(kept_as("docs/report.schema.json", &proxyprobe::report::schema()));
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// What the field ring writes below the lab's tables.
fn of_real_products() -> String {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/accuracy.md")).unwrap();
    let heading = "\n## Real products\n";
    page.split_once(heading).map(|(_, below)| format!("{heading}{below}")).unwrap_or_default()
}

fn describe(tried: &Tried) -> String {
    let case = &tried.trial.case;
    let expected = (tried.trial.expected(), case.recommends);
    format!("{} on {}: expected {expected:?}, found {:?} {}", case.boxes, tried.trial.leg, tried.found, tried.recommended)
}

/// The kept report must be the one that is rendered.
fn compare(name: &str, report: &Report) -> Option<String> {
    kept_as(&format!("tests/scenarios/{name}.txt"), &without_fingerprints(&report.render(Format::Text, false)))
}

/// Keys are new in each run, and so are the fingerprints of certificates, which may be broken into lines.
fn without_fingerprints(text: &str) -> String {
    let mut parts = text.split("sha256=");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut digits = 0;
        let rest = part.trim_start_matches(|c: char| {
            digits += usize::from(c.is_ascii_hexdigit());
            digits <= 64 && (c.is_ascii_hexdigit() || c.is_whitespace() && digits < 64)
        });
        kept.push_str("sha256=(a fingerprint)");
        kept.push_str(rest);
    }
    kept
}

fn kept_as(name: &str, text: &str) -> Option<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var("UPDATE_EXPECT").is_ok() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        return None;
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    (kept != text).then(|| format!("{name} differs from what was made now:\n{text}"))
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
    let faces = faces::Faces::new();
    for (situation, report) in all.iter().zip(&reports) {
        let of = |finding: &proxyprobe_probes::finding::Finding| {
            format!("{}:{}", finding.leg.map_or("-", |leg| leg.as_str()), finding.code.id)
        };
        let all = report.judgement.findings.iter().filter(|finding| !finding.goes_without_saying());
        let found: std::collections::BTreeSet<String> = all.map(of).collect();
        if found.iter().ne(situation.findings) || report.judgement.recommendation.transport != situation.recommends {
            let recommended = report.judgement.recommendation.transport;
            wrong.push(format!("{}: found {found:?}, recommended {recommended}", situation.name));
        }
        wrong.extend(compare(&format!("situations/{}", situation.name), report));
        wrong.extend(judged_again(situation.name, report));
        wrong.extend(faces.wrong(situation.name, report));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whatever one witness says of another host, what two say of the paired server stays the same.
#[test]
fn the_applications_endpoint_changes_no_verdict() {
    let visited: Vec<_> = situations().into_iter().filter(|situation| situation.scenario.application).collect();
    let changed = in_parallel(&visited, |situation| {
        let with = hear(&situation.scenario).unwrap();
        let mut hearing = with.hearing.clone();
        assert!(hearing.evidence.remove(&ProbeId::Also).is_some(), "{}", situation.name);
        let said = |judgement: &Judgement| {
            let findings: Vec<_> = judgement.findings.iter().filter(|finding| finding.code.probe() != "also").cloned().collect();
            format!("{findings:?} {:?} {:?} {:?}", judgement.transports, judgement.recommendation, judgement.verdict)
        };
        (said(&with.judgement) != said(&hearing.judge())).then_some(situation.name)
    });
    let changed: Vec<_> = changed.into_iter().flatten().collect();
    assert!(!visited.is_empty() && changed.is_empty(), "{changed:?}");
}

#[test]
fn products_are_told_by_name_and_the_declared_front_is_none() {
    let named = |boxes: &str| {
        let boxes = boxes.split(" + ").map(|text| text.parse().unwrap()).collect();
        let front_headers: &[&str] = &["via", "x-forwarded-for", "x-forwarded-proto"];
        let report = hear(&Scenario { boxes, on: vec![Leg::Http], front_headers, ..Scenario::default() }).unwrap();
        report.hearing.products().into_iter().map(|product| product.name).collect::<Vec<_>>()
    };
    assert_eq!(named("edit-headers:how=add-vendor"), ["Blue Coat", "Zscaler", "Cisco Secure Web Appliance"]);
    assert_eq!(named("edit-headers:how=lower-case"), ["HAProxy"]);
    assert!(named("reverse-proxy").is_empty());
}

#[test]
fn no_weather_makes_a_control_an_alarm() {
    let all: Vec<_> = (0..6).flat_map(|seed| trials(CONTROLS).into_iter().map(move |trial| (seed, trial))).collect();
    let tried = in_parallel(&all, |(seed, trial)| trial.run(&Weather::of(*seed).over(trial.scenario().unwrap())).unwrap());
    let alarms = tried.iter().zip(&all).filter(|(tried, _)| tried.is_false_alarm());
    let alarms: Vec<String> = alarms.map(|(tried, (seed, _))| format!("seed {seed}: {}", describe(tried))).collect();
    assert!(alarms.is_empty(), "{}", alarms.join("\n"));
}

#[test]
fn a_server_that_goes_while_sizes_and_kinds_are_tried_is_no_limit_on_them() {
    // With 600 ms of round trip the second conversation of the zombie probe lasts from 10.5 to 14.8 s, and those behind it for 7 s more.
    let far = |ms: Option<u64>, stops: bool| Scenario {
        link: slow(300, None),
        server_dies_ms: ms.filter(|_| !stops),
        server_stops_ms: ms.filter(|_| stops),
        ..Scenario::default()
    };
    let all: Vec<_> = (11_000..22_000).step_by(800).flat_map(|ms| [far(Some(ms), false), far(Some(ms), true)]).collect();
    for report in in_parallel(&all, |scenario| hear(scenario).unwrap()) {
        let faults: Vec<_> = report.judgement.findings.iter().filter(|finding| finding.blames()).collect();
        assert!(faults.is_empty(), "{faults:?}");
    }
}

fn slow(latency_ms: u64, rate: Option<u64>) -> Link {
    Link { latency: Duration::from_millis(latency_ms), rate, ..Link::default() }
}

#[test]
fn a_slow_path_and_a_healthy_one_have_no_faults() {
    let paths = [(0, None), (150, None), (300, None), (20, Some(20_000)), (20, Some(8_000)), (300, Some(8_000))];
    for (latency_ms, rate) in paths {
        let report = hear(&Scenario { link: slow(latency_ms, rate), ..Scenario::default() }).unwrap();
        let faults: Vec<_> = report.judgement.findings.iter().filter(|finding| finding.blames()).collect();
        assert!(faults.is_empty(), "{latency_ms} ms, {rate:?}: {faults:?}");
        assert_eq!(report.judgement.verdict.as_str(), "works", "{latency_ms} ms, {rate:?}");
        // A slow link is climbed as far as it carries.
        let expected = if rate == Some(8_000) { 4_096 } else { 16_384 };
        assert_eq!(report.hearing.largest_message(), Some(expected), "{latency_ms} ms, {rate:?}");
    }
}

/// What a middlebox does to streams is told as it is on slow paths too, or left open: never as something else.
#[test]
fn what_holds_a_stream_is_told_the_same_on_a_slow_path() {
    let boxes: [(&str, &[&str]); 4] = [
        ("hold-stream:head=passed", &["sse.buffered-until-end"]),
        ("hold-until-bytes:bytes=4096", &["sse.buffered-by-size"]),
        ("trickle-stream", &["sse.trickled"]),
        ("compress-stream:flushes=always", &[]),
    ];
    for (latency_ms, rate) in [(75, None), (150, None), (300, None), (20, Some(20_000)), (20, Some(8_000))] {
        for (text, expected) in &boxes {
            let boxes = vec![text.parse().unwrap()];
            let on = vec![Leg::Http];
            let report = hear(&Scenario { boxes, on, link: slow(latency_ms, rate), ..Scenario::default() }).unwrap();
            let all = &report.judgement.findings;
            let found: Vec<&str> = all.iter().filter(|f| f.blames() && f.caused_by.is_none()).map(|f| f.code.id).collect();
            // On the slowest one, the server's record does not arrive in time.
            let open = all.iter().any(|f| f.code.id == "sse.inconclusive") && rate == Some(8_000);
            assert!(found == *expected || open && found.is_empty(), "{text}, {latency_ms} ms, {rate:?}: {all:?}");
            for by_size in all.iter().filter(|f| f.code.id == "sse.buffered-by-size") {
                let (lower, upper) = (by_size.number("lower_bytes"), by_size.number("upper_bytes"));
                assert!(lower < Some(4096) && upper >= Some(4096), "{latency_ms} ms, {rate:?}: {by_size:?}");
            }
        }
    }
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
    if std::env::var("UPDATE_EXPECT").is_ok() {
        stray.iter().for_each(|name| std::fs::remove_file(folder.join(name)).unwrap());
        return;
    }
    assert!(stray.is_empty(), "{stray:?}");
}
