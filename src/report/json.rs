//! The face for programs: schema 1.

use super::connections::connections;
use super::document::{Document, Found, Probe, Status, Tool, Transported};
use super::{Report, SCHEMA};
use proxyprobe_probes::finding::{Finding, Verdict};
use proxyprobe_probes::hearing::TransportVerdict;
use proxyprobe_probes::sse::Figures;
use proxyprobe_probes::transport::Leg;
use proxyprobe_probes::{Evidence, ProbeId};
use std::collections::BTreeMap;

pub(super) fn render(report: &Report) -> String {
    let mut text = serde_json::to_string_pretty(&document(report)).unwrap_or_default();
    text.push('\n');
    text
}

/// The JSON Schema of a report, from the types that make it.
pub fn schema() -> String {
    let schema = schemars::generate::SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut text = serde_json::to_string_pretty(&schema.into_root_schema_for::<Document<'_>>()).unwrap_or_default();
    text.push('\n');
    text
}

pub(super) fn document(report: &Report) -> Document<'_> {
    let judgement = &report.judgement;
    Document {
        schema: SCHEMA,
        tool: Tool { name: "proxyprobe", version: &report.tool_version },
        about: &report.about,
        run_id: report.run_id.as_deref(),
        started_at: &report.started_at,
        duration_ms: report.duration_ms,
        server: report.server.as_ref(),
        target: &report.target,
        route: &report.route,
        plan: &report.hearing.plan,
        circumstances: &report.hearing.circumstances,
        answers: &report.hearing.answers,
        probes: ProbeId::ALL
            .iter()
            // The application's own endpoint is not missed where nobody asked for it.
            .filter(|id| **id != ProbeId::Also || report.hearing.evidence.contains_key(id))
            .map(|id| (id.id(), probe(report, *id)))
            .collect(),
        connections: connections(report),
        findings: judgement.findings.iter().map(found).collect(),
        transports: judgement
            .transports
            .iter()
            .map(|(transport, legs)| (*transport, transported(legs, report.hearing.leg)))
            .collect(),
        recommendation: &judgement.recommendation,
        verdict: judgement.verdict,
        changed_since_saved: &report.changed,
    }
}

fn probe(report: &Report, id: ProbeId) -> Probe<'_> {
    let evidence: BTreeMap<Leg, &Evidence> =
        report.hearing.evidence.get(&id).into_iter().flatten().map(|(leg, evidence)| (*leg, evidence)).collect();
    let ran = |leg: Leg| evidence.get(&leg).is_some_and(|evidence| evidence.asked());
    let because = |leg: Leg| report.hearing.not_run(id, leg, &report.judgement.findings).map(|code| code.id);
    if id == ProbeId::Also {
        // Its legs are those of its URLs; none of them decides.
        let status = if evidence.keys().any(|leg| ran(*leg)) { Status::Ran } else { Status::NotRun };
        let not_run = evidence.keys().copied().filter(|leg| !ran(*leg));
        let legs_not_run: BTreeMap<Leg, _> = not_run.map(|leg| (leg, because(leg))).collect();
        let because = legs_not_run.values().next().copied().flatten().filter(|_| matches!(status, Status::NotRun));
        return Probe { status, because, legs_not_run, evidence, figures: BTreeMap::new() };
    }
    let figures = |evidence: &Evidence| match evidence {
        Evidence::Sse(all) => Figures::of(all, &report.hearing.circumstances),
        _ => Vec::new(),
    };
    let figures =
        evidence.iter().map(|(leg, evidence)| (*leg, figures(evidence))).filter(|(_, figures)| !figures.is_empty()).collect();
    let own = report.hearing.leg;
    Probe {
        status: if ran(own) { Status::Ran } else { Status::NotRun },
        because: if ran(own) { None } else { because(own) },
        legs_not_run: Leg::ALL.into_iter().filter(|leg| !ran(*leg)).map(|leg| (leg, because(leg))).collect(),
        evidence,
        figures,
    }
}

fn found(finding: &Finding) -> Found<'_> {
    Found {
        code: finding.code.id,
        probe: finding.code.probe(),
        leg: finding.leg,
        outcome: finding.outcome,
        decisive: finding.decisive,
        summary: &finding.summary,
        measured: &finding.measured,
        connections: &finding.connections,
        caused_by: finding.caused_by.map(|code| code.id),
        for_developers: finding.code.section("For developers"),
        for_network_team: finding.code.section("For the network team"),
    }
}

fn transported(legs: &BTreeMap<Leg, TransportVerdict>, own: Leg) -> Transported {
    let decided = legs.get(&own);
    Transported {
        verdict: decided.map_or(Verdict::NotTested, |found| found.verdict),
        because: decided.map_or_else(Vec::new, |found| found.because.iter().map(|code| code.id).collect()),
        per_leg: legs.iter().map(|(leg, found)| (*leg, found.verdict)).collect(),
    }
}
