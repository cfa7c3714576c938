//! A report, played back by the lab and checked through it, gives the same findings.

use proxyprobe::replay::replay;
use proxyprobe::selftest::{CASES, Scenario, Trial, hear, in_parallel, trials};
use proxyprobe_probes::finding::{Finding, Outcome};
use proxyprobe_probes::h2::NOT_NEGOTIATED;
use proxyprobe_probes::transport::Leg;
use std::collections::BTreeSet;

/// The probes whose findings the lab plays.
const PLAYED: [&str; 8] = ["upgrade", "zombie", "idle", "lifetime", "sse", "long_poll", "h2", "latency"];
/// How far a time may be from the one that was played: the round trips that it was measured with, and a millisecond of rounding.
const NEAR_MS: u64 = 60;

/// What could not be judged because of another finding is no finding to be played.
fn played(findings: &[Finding], leg: Leg) -> Vec<&Finding> {
    let of_leg = findings.iter().filter(|finding| finding.leg == Some(leg) && PLAYED.contains(&finding.code.probe()));
    // Whoever inspects TLS is not played, and what it agrees to with it.
    let of_leg = of_leg.filter(|finding| !finding.goes_without_saying() && finding.code != NOT_NEGOTIATED);
    of_leg.filter(|finding| finding.outcome != Outcome::Inconclusive || finding.caused_by.is_none()).collect()
}

/// The codes, with their transports and causes.
fn codes(findings: &[&Finding]) -> BTreeSet<String> {
    let cause = |finding: &Finding| finding.caused_by.map_or("", |code| code.id);
    findings.iter().map(|f| format!("{} {:?} {}", f.code.id, f.word("transport"), cause(f))).collect()
}

#[test]
fn what_is_played_back_is_found_again() {
    let all: Vec<Trial> = trials(CASES);
    let wrong = in_parallel(&all, |trial| {
        let first = trial.run(&trial.scenario().unwrap()).unwrap().report;
        let replay = replay(&first);
        let before = played(&first.judgement.findings, trial.leg);
        let unplayable = replay.cannot.iter().any(|(_, leg, _)| *leg == Some(trial.leg));
        if before.is_empty() || unplayable {
            // What cannot be played is said; nothing else may be left out.
            return before.iter().any(|finding| finding.blames() && !unplayable).then(|| trial.case.boxes.to_owned());
        }
        let boxes = replay.rows.get(&trial.leg).cloned().unwrap_or_default();
        let again = hear(&Scenario { boxes: boxes.clone(), on: vec![trial.leg], leg: trial.leg, ..Scenario::default() }).unwrap();
        let after = played(&again.judgement.findings, trial.leg);
        if codes(&before) != codes(&after) {
            let (before, after) = (codes(&before), codes(&after));
            return Some(format!("{} on {} as {boxes:?}: {before:?}, then {after:?}", trial.case.boxes, trial.leg));
        }
        before.iter().zip(&after).find_map(|(before, after)| {
            ["after_ms", "age_ms", "survived_ms", "lost_ms", "status", "bytes"].into_iter().find_map(|name| {
                let (was, is) = (before.number(name)?, after.number(name).unwrap_or(u64::MAX));
                (was.abs_diff(is) > NEAR_MS).then(|| format!("{} {}: {name} {was}, then {is}", trial.case.boxes, after.code.id))
            })
        })
    });
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
