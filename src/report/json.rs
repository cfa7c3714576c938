//! The face for programs: schema 1.

use super::{Report, SCHEMA};
use proxyprobe_probes::ProbeId;
use proxyprobe_probes::finding::{Code, Finding};
use proxyprobe_probes::transport::Leg;
use serde_json::{Map, Value, json};

pub(super) fn render(report: &Report) -> String {
    let mut text = serde_json::to_string_pretty(&value(report)).unwrap_or_default();
    text.push('\n');
    text
}

fn value(report: &Report) -> Value {
    let judgement = &report.judgement;
    let transports: Map<String, Value> = judgement
        .transports
        .iter()
        .map(|(transport, legs)| {
            let decided = legs.get(&report.hearing.leg);
            let per_leg: Map<String, Value> =
                legs.iter().map(|(leg, verdict)| (leg.to_string(), json!(verdict.verdict.as_str()))).collect();
            let because: Vec<&str> = decided.map_or_else(Vec::new, |verdict| ids(&verdict.because));
            let verdict = decided.map_or("not-tested", |verdict| verdict.verdict.as_str());
            (transport.as_str().to_owned(), json!({ "verdict": verdict, "because": because, "per_leg": per_leg }))
        })
        .collect();
    json!({
        "schema": SCHEMA,
        "tool": { "name": "proxyprobe", "version": report.tool_version },
        "note": report.about.note,
        "command": report.about.command,
        "run_id": report.run_id,
        "started_at": report.started_at,
        "duration_ms": report.duration_ms,
        "server": report.server,
        "target": report.target,
        "route": report.route,
        "plan": report.hearing.plan,
        "circumstances": report.hearing.circumstances,
        "answers": report.hearing.answers,
        "probes": probes(report),
        "findings": judgement.findings.iter().map(finding).collect::<Vec<_>>(),
        "transports": transports,
        "recommendation": judgement.recommendation,
        "verdict": judgement.verdict.as_str(),
    })
}

fn probes(report: &Report) -> Map<String, Value> {
    let probe = |probe: &ProbeId| {
        let evidence: Map<String, Value> = report
            .hearing
            .evidence
            .get(probe)
            .into_iter()
            .flatten()
            .map(|(leg, evidence)| (leg.to_string(), serde_json::to_value(evidence).unwrap_or_default()))
            .collect();
        let ran = |leg: &Leg| {
            report.hearing.evidence.get(probe).and_then(|legs| legs.get(leg)).is_some_and(|evidence| evidence.asked())
        };
        let because = |leg: Leg| report.hearing.not_run(*probe, leg, &report.judgement.findings).map(|code| code.id);
        let not_run: Map<String, Value> =
            Leg::ALL.into_iter().filter(|leg| !ran(leg)).map(|leg| (leg.to_string(), json!(because(leg)))).collect();
        let own = report.hearing.leg;
        let status = if ran(&own) { "ran" } else { "not-run" };
        let because = if ran(&own) { None } else { because(own) };
        json!({ "status": status, "because": because, "legs_not_run": not_run, "evidence": evidence })
    };
    ProbeId::ALL.iter().map(|id| (id.id().to_owned(), probe(id))).collect()
}

fn finding(finding: &Finding) -> Value {
    json!({
        "code": finding.code.id,
        "probe": finding.code.probe(),
        "leg": finding.leg,
        "outcome": finding.outcome,
        "decisive": finding.decisive,
        "summary": finding.summary,
        "measured": finding.measured,
        "caused_by": finding.caused_by.map(|code| code.id),
        "for_developers": finding.code.section("For developers"),
        "for_network_team": finding.code.section("For the network team"),
    })
}

fn ids(codes: &[Code]) -> Vec<&'static str> {
    codes.iter().map(|code| code.id).collect()
}
