//! The form of a report in JSON: schema 1, as types. `docs/report.schema.json` is made from them.

use super::connections::Connection;
use super::{About, RouteFacts, TargetFacts};
use proxyprobe_probes::Evidence;
use proxyprobe_probes::circumstances::Circumstances;
use proxyprobe_probes::finding::{Outcome, Verdict};
use proxyprobe_probes::plan::Plan;
use proxyprobe_probes::recommend::{Answers, Recommendation};
use proxyprobe_probes::sse::Figures;
use proxyprobe_probes::transport::{Leg, Transport};
use proxyprobe_probes::untrusted::Untrusted;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What a run recorded and what is concluded from it.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "proxyprobe report")]
pub(super) struct Document<'a> {
    /// The version of this form. Fields may be added to it; none is renamed, and none changes its meaning.
    pub(super) schema: u32,
    /// Who recorded it.
    pub(super) tool: Tool<'a>,
    #[serde(flatten)]
    pub(super) about: &'a About,
    /// The run's id at the server; none when the server never agreed to one.
    pub(super) run_id: Option<&'a str>,
    /// When it began (RFC 3339, with zone).
    pub(super) started_at: &'a str,
    /// How long it took, in milliseconds.
    pub(super) duration_ms: u64,
    /// The server's version, when it told.
    pub(super) server: Option<&'a Untrusted>,
    /// What was probed.
    pub(super) target: &'a TargetFacts,
    /// How bytes left the machine.
    pub(super) route: &'a RouteFacts,
    /// How deep it went.
    pub(super) plan: &'a Plan,
    /// What was going on around it.
    pub(super) circumstances: &'a Circumstances,
    /// The answers to the questions, as far as they were given.
    pub(super) answers: &'a Answers,
    /// Each probe: whether it ran, and its evidence.
    pub(super) probes: BTreeMap<&'static str, Probe<'a>>,
    /// The connections, in the order of their dialling, as a network's logs know them.
    pub(super) connections: Vec<Connection<'a>>,
    /// Causes before consequences.
    pub(super) findings: Vec<Found<'a>>,
    /// Each transport on the deciding leg, and on both.
    pub(super) transports: BTreeMap<Transport, Transported>,
    /// What to build, and what to ask for.
    pub(super) recommendation: &'a Recommendation,
    /// The verdict over all transports of the deciding leg.
    pub(super) verdict: Verdict,
    /// What it said otherwise when it was saved, a line each.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) changed_since_saved: &'a [String],
}

/// Who recorded it.
#[derive(Serialize, JsonSchema)]
pub(super) struct Tool<'a> {
    /// `proxyprobe`.
    pub(super) name: &'static str,
    /// Its version.
    pub(super) version: &'a Untrusted,
}

/// One probe.
#[derive(Serialize, JsonSchema)]
pub(super) struct Probe<'a> {
    /// Whether it ran on the deciding leg.
    pub(super) status: Status,
    /// Why it did not: the code of a finding.
    pub(super) because: Option<&'static str>,
    /// The legs on which it did not run, each with the code of a finding that says why.
    pub(super) legs_not_run: BTreeMap<Leg, Option<&'static str>>,
    /// What was recorded, by leg.
    pub(super) evidence: BTreeMap<Leg, &'a Evidence>,
    /// The times of each event stream of the probe `sse`, by leg: what a healthy path has as well, and no finding.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) figures: BTreeMap<Leg, Vec<Figures>>,
}

/// Whether a probe ran.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Status {
    /// It put its question.
    Ran,
    /// It never got so far.
    NotRun,
}

/// One thing that the path did.
#[derive(Serialize, JsonSchema)]
pub(super) struct Found<'a> {
    /// Its stable name.
    pub(super) code: &'static str,
    /// The probe that found it.
    pub(super) probe: &'static str,
    /// On which leg; none when it is about the machine or the route.
    pub(super) leg: Option<Leg>,
    /// What it means for an application.
    pub(super) outcome: Outcome,
    /// Whether it counts for the verdict.
    pub(super) decisive: bool,
    /// One sentence.
    pub(super) summary: &'a str,
    /// Figures, with their units in their names.
    pub(super) measured: &'a Map<String, Value>,
    /// The connections on which it was seen, by their nonces.
    pub(super) connections: &'a [String],
    /// The code of the finding that explains this one.
    pub(super) caused_by: Option<&'static str>,
    /// What those who build the application can do.
    pub(super) for_developers: String,
    /// What those who run the network can do.
    pub(super) for_network_team: String,
}

/// One transport.
#[derive(Serialize, JsonSchema)]
pub(super) struct Transported {
    /// Its verdict on the deciding leg.
    pub(super) verdict: Verdict,
    /// The codes that made it.
    pub(super) because: Vec<&'static str>,
    /// Its verdict on each leg.
    pub(super) per_leg: BTreeMap<Leg, Verdict>,
}
