//! Reading a saved report back, to judge its evidence again without a network.

use super::changes::Conclusions;
use super::{About, Report, RouteFacts, SCHEMA, TargetFacts};
use proxyprobe_probes::ProbeId;
use proxyprobe_probes::circumstances::Circumstances;
use proxyprobe_probes::hearing::Hearing;
use proxyprobe_probes::plan::Plan;
use proxyprobe_probes::recommend::Answers;
use proxyprobe_probes::transport::Leg;
use proxyprobe_probes::untrusted::{Untrusted, harmless};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Why a file is no report that can be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// No JSON, or not of the form.
    Form(String),
    /// Another version of the form.
    Schema(u64),
    /// The evidence of a probe is not of its form.
    Evidence(String, String),
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unreadable::Form(why) => write!(f, "it is no report in JSON: {why}"),
            Unreadable::Schema(found) => write!(f, "it has schema {found}; this version reads schema {SCHEMA}"),
            Unreadable::Evidence(probe, why) => write!(f, "the evidence of `{probe}` cannot be read: {why}"),
        }
    }
}

#[derive(Deserialize)]
struct Saved {
    tool: Tool,
    #[serde(flatten)]
    about: About,
    run_id: Option<String>,
    server: Option<Untrusted>,
    started_at: String,
    duration_ms: u64,
    target: TargetFacts,
    route: RouteFacts,
    plan: Plan,
    circumstances: Circumstances,
    answers: Answers,
    probes: BTreeMap<String, SavedProbe>,
}

#[derive(Deserialize)]
struct Tool {
    version: Untrusted,
}

#[derive(Deserialize)]
struct SavedProbe {
    #[serde(default)]
    evidence: BTreeMap<Leg, Value>,
}

/// Reads a report and judges its evidence again. Fields and probes that this version does not know are passed over.
///
/// # Errors
/// Why it cannot be read.
pub fn read(text: &str) -> Result<Report, Unreadable> {
    read_value(serde_json::from_str(text).map_err(|error| Unreadable::Form(error.to_string()))?)
}

/// The same of a document that is a value already.
pub(super) fn read_value(whole: Value) -> Result<Report, Unreadable> {
    match whole.get("schema").and_then(Value::as_u64) {
        Some(schema) if schema == u64::from(SCHEMA) => {}
        Some(schema) => return Err(Unreadable::Schema(schema)),
        None => return Err(Unreadable::Form("it has no schema".to_owned())),
    }
    let no_run = || Unreadable::Form("it holds a number that no run produces".to_owned());
    let whole = harmless(whole).ok_or_else(no_run)?;
    let then: Option<Conclusions> = serde_json::from_value(whole.clone()).ok();
    let saved: Saved = serde_json::from_value(whole).map_err(|error| Unreadable::Form(error.to_string()))?;
    let mut evidence = BTreeMap::new();
    for (id, probe) in saved.probes {
        let Some(probe_id) = ProbeId::of(&id) else { continue };
        let mut legs = BTreeMap::new();
        for (leg, value) in probe.evidence {
            let read = probe_id.read(value).map_err(|error| Unreadable::Evidence(id.clone(), error.to_string()))?;
            legs.insert(leg, read);
        }
        if !legs.is_empty() {
            evidence.insert(probe_id, legs);
        }
    }
    let hearing = Hearing {
        leg: saved.target.leg,
        plan: saved.plan,
        circumstances: saved.circumstances,
        answers: saved.answers,
        through_proxy: saved.route.proxy.is_some(),
        evidence,
    };
    let started_at = Untrusted::new(&saved.started_at).to_string();
    let run_id = saved.run_id.map(|id| Untrusted::new(&id).to_string());
    let report = Report::new(hearing, saved.target, saved.route, run_id, saved.server, started_at, saved.duration_ms);
    let changed = then.map(|then| then.changes(&Conclusions::of(&report))).unwrap_or_default();
    Ok(Report { tool_version: saved.tool.version, about: saved.about, changed, ..report })
}
