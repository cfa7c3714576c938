//! What differs between two sets of conclusions: two reports, or one report as it was saved and as it is judged today.

use super::Report;
use proxyprobe_probes::finding::Outcome;
use proxyprobe_probes::transport::Transport;
use proxyprobe_probes::untrusted::Untrusted;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The conclusions of a report, as its document holds them.
#[derive(Deserialize)]
pub(super) struct Conclusions {
    verdict: Untrusted,
    transports: BTreeMap<Untrusted, Transported>,
    recommendation: Recommended,
    findings: Vec<Found>,
}

#[derive(Deserialize)]
struct Transported {
    verdict: Untrusted,
}

#[derive(Deserialize)]
struct Recommended {
    transport: Untrusted,
}

#[derive(Deserialize)]
struct Found {
    code: Untrusted,
    leg: Option<Untrusted>,
    outcome: Untrusted,
    measured: Map<String, Value>,
}

/// Times that differ by no more than this are the same, in milliseconds: what a busy machine adds to a measured limit.
const SAME_MS: u64 = 250;
/// And so are figures that differ by less than one part in this many.
const SAME_PART: u64 = 10;

impl Conclusions {
    /// Of a report.
    pub(super) fn of(report: &Report) -> Self {
        let judgement = &report.judgement;
        let found = judgement.findings.iter().map(|finding| Found {
            code: Untrusted::new(finding.code.id),
            leg: finding.leg.map(|leg| Untrusted::new(leg.as_str())),
            outcome: Untrusted::new(finding.outcome.as_str()),
            measured: finding.measured.clone(),
        });
        let verdict = |transport: &Transport| {
            let legs = judgement.transports.get(transport).and_then(|legs| legs.get(&report.hearing.leg));
            legs.map_or(proxyprobe_probes::finding::Verdict::NotTested, |found| found.verdict).as_str()
        };
        let transports = Transport::ALL
            .iter()
            .map(|one| (Untrusted::new(one.as_str()), Transported { verdict: Untrusted::new(verdict(one)) }));
        Self {
            verdict: Untrusted::new(judgement.verdict.as_str()),
            transports: transports.collect(),
            recommendation: Recommended { transport: Untrusted::new(judgement.recommendation.transport) },
            findings: found.collect(),
        }
    }

    /// What differs, a line each; nothing when both say the same.
    pub(super) fn changes(&self, after: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut word = |what: &str, before: &Untrusted, after: &Untrusted| {
            if before != after {
                lines.push(format!("{what}: {before} -> {after}"));
            }
        };
        word("verdict", &self.verdict, &after.verdict);
        for (transport, found) in &self.transports {
            let title = Transport::ALL.into_iter().find(|one| one.as_str() == transport.as_str());
            if let (Some(title), Some(now)) = (title, after.transports.get(transport)) {
                word(title.title(), &found.verdict, &now.verdict);
            }
        }
        word("recommended", &self.recommendation.transport, &after.recommendation.transport);
        let now = keyed(&after.findings);
        let then = keyed(&self.findings);
        for (key, found) in &then {
            match now.get(key) {
                None => lines.push(format!("gone: {key} ({})", found.outcome)),
                Some(again) => lines.extend(found.changes(again).map(|what| format!("{key}: {what}"))),
            }
        }
        for (key, found) in now.iter().filter(|(key, _)| !then.contains_key(*key)) {
            let short = known(found).map(|code| format!(": {}", code.in_short())).unwrap_or_default();
            lines.push(format!("new: {key} ({}){short}", found.outcome));
        }
        lines
    }
}

fn known(found: &Found) -> Option<proxyprobe_probes::finding::Code> {
    let all = proxyprobe_probes::ProbeId::ALL.iter().flat_map(|probe| probe.codes());
    all.copied().find(|code| code.id == found.code.as_str())
}

/// Findings by code, transport, direction and leg; those that share all of it are numbered.
fn keyed(findings: &[Found]) -> BTreeMap<String, &Found> {
    let mut keyed = BTreeMap::new();
    for found in findings {
        let word = |name: &str| found.measured.get(name).and_then(Value::as_str).map(|word| Untrusted::new(word).to_string());
        let leg = found.leg.as_ref().map(|leg| format!("{leg} leg"));
        let place: Vec<String> =
            [word("transport"), word("direction"), word("first_speaker"), leg].into_iter().flatten().collect();
        let key = format!("{} ({})", found.code, place.join(", "));
        let number = (1..).find(|number| !keyed.contains_key(&numbered(&key, *number))).unwrap_or(1);
        keyed.insert(numbered(&key, number), found);
    }
    keyed
}

fn numbered(key: &str, number: usize) -> String {
    if number == 1 { key.to_owned() } else { format!("{key} #{number}") }
}

impl Found {
    fn changes(&self, after: &Self) -> Option<String> {
        let mut parts = Vec::new();
        if self.outcome != after.outcome {
            parts.push(format!("{} -> {}", self.outcome, after.outcome));
        }
        for (name, before) in &self.measured {
            let now = after.measured.get(name).unwrap_or(&Value::Null);
            if !same(name, before, now) {
                let shown = |value: &Value| Untrusted::new(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                parts.push(format!("{} {} -> {}", Untrusted::new(name), shown(before), shown(now)));
            }
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

pub(super) fn same(name: &str, before: &Value, after: &Value) -> bool {
    match (before.as_u64(), after.as_u64()) {
        (Some(before), Some(after)) => {
            let apart = before.abs_diff(after);
            apart <= before.max(after) / SAME_PART || name.ends_with("_ms") && apart <= SAME_MS
        }
        _ => before == after,
    }
}

/// Whether a word is that of an outcome that changes a verdict.
pub(super) fn weighs(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Broken | Outcome::Degraded | Outcome::Inconclusive)
}

impl Report {
    /// What differs between this report and a later one, or one from another place; nothing when both say the same.
    pub fn changes_to(&self, after: &Report) -> Vec<String> {
        let mut lines = Vec::new();
        let (route, now) = (self.route.words(), after.route.words());
        if route != now {
            lines.push(format!("route: {route} -> {now}"));
        }
        lines.extend(Conclusions::of(self).changes(&Conclusions::of(after)));
        lines
    }
}
