//! What a report says, in order and in words, before any of its faces lays it out. Plain text: each face escapes for itself.

use super::connections::{Connection, at_once, connections, for_the_logs};
use super::lead::lead;
use super::phases::{Rung, phases};
use super::{Compared, Report, Series};
use proxyprobe_probes::finding::{Code, Finding, Outcome, Verdict, seconds};
use proxyprobe_probes::plan::Depth;
use proxyprobe_probes::products::{Confidence, Product};
use proxyprobe_probes::transport::{Leg, Transport};

/// The heading over what the application's own endpoints met.
pub(super) const ALSO: &str = "Your application's own endpoint";

/// A whole report.
pub(super) struct Content {
    /// The verdict, the first step that went wrong, the next action.
    pub(super) lead: [String; 3],
    /// The verdict alone, for its colour.
    pub(super) verdict: Verdict,
    /// What the person who ran it wants the receiver to know.
    pub(super) note: Option<String>,
    /// What must be known before anything else is believed.
    pub(super) remarks: Vec<String>,
    /// What comes from more than this one run: headings with lines, of which there are some.
    pub(super) beside: Vec<(&'static str, Vec<String>)>,
    /// What was probed, through what and when.
    pub(super) facts: Vec<(&'static str, String)>,
    /// The leg that decides.
    pub(super) leg: Leg,
    /// The steps of a connection on the deciding leg.
    pub(super) path: Vec<Rung>,
    /// Each transport on each leg.
    pub(super) transports: Vec<(Transport, Vec<(Leg, Verdict)>)>,
    /// What decides or is wrong, causes before consequences.
    pub(super) findings: Vec<Item>,
    /// The application's own endpoints, one by one.
    pub(super) also: Vec<String>,
    /// What is only worth knowing.
    pub(super) notes: Vec<Item>,
    /// What to build, sentence by sentence.
    pub(super) advice: Vec<String>,
    /// The questions with their answers.
    pub(super) walk: Vec<String>,
    /// The figures: of what, and the pairs of name and value.
    pub(super) numbers: Vec<(String, Vec<(String, String)>)>,
    /// What was not tested.
    pub(super) untested: String,
}

/// Stands before the connections of a finding.
pub(super) const IN_THE_LOGS: &str = "To be looked for in logs (UTC, by this machine's clock):";

/// One code, with everywhere that it was found.
pub(super) struct Item {
    /// The code.
    pub(super) code: Code,
    /// What it means.
    pub(super) outcome: Outcome,
    /// Where.
    pub(super) sightings: Vec<Sighting>,
    /// For those who build the application; empty where a cause says it.
    pub(super) developers: String,
    /// For those who run the network; empty where a cause says it.
    pub(super) network_team: String,
    /// What to set in the products that were recognised.
    pub(super) settings: Vec<String>,
    /// Connections on which it was seen, for whoever looks for them in a log.
    pub(super) logs: Vec<String>,
}

/// One place where a code was found.
pub(super) struct Sighting {
    /// Transport, leg, and whether it decides.
    pub(super) place: String,
    /// What happened, as a sentence.
    pub(super) summary: String,
}

impl Content {
    /// What this report says.
    pub(super) fn of(report: &Report) -> Self {
        let path = phases(report);
        let all = &report.judgement.findings;
        let (notes, findings) = all.iter().partition(|finding| finding.outcome == Outcome::Note);
        let products = report.hearing.products();
        // Without a network there is nobody's log to look into.
        let connections = if report.target.embedded { Vec::new() } else { connections(report) };
        Self {
            lead: lead(report, &path),
            verdict: report.judgement.verdict,
            note: report.about.note.as_ref().map(|note| bounded(note.as_str())),
            remarks: remarks(report),
            beside: beside(report),
            facts: facts(report).into_iter().map(|(name, value)| (name, bounded(&value))).collect(),
            leg: report.hearing.leg,
            path,
            transports: transports(report),
            findings: items(findings, &products, &connections),
            also: report.hearing.also().iter().map(|told| bounded(told)).collect(),
            notes: items(notes, &products, &connections),
            advice: advice(report),
            walk: walk(report),
            numbers: numbers(report),
            untested: untested(report),
        }
    }
}

/// The most characters of one text that a face shows; all of it is in the evidence.
const SHOWN: usize = 2_000;

/// A text that somebody may read.
fn bounded(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}… (cut)", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn remarks(report: &Report) -> Vec<String> {
    let mut remarks = Vec::new();
    if report.hearing.circumstances.cut_short_at_ms.is_some() {
        remarks.push("The run was cut short: this is what was measured until then.".to_owned());
    }
    if report.target.embedded {
        remarks.push("No network was tested: the server was embedded in this very process.".to_owned());
    }
    if !report.hearing.plan.covers_30_s() {
        remarks.push("Silences of 30 s were not tested.".to_owned());
    }
    remarks
}

fn beside(report: &Report) -> Vec<(&'static str, Vec<String>)> {
    let about = &report.about;
    let all = [
        ("What changed since this was saved", report.changed.clone()),
        ("How often", about.series.as_ref().map(Series::words).unwrap_or_default()),
        ("With and without the proxy", about.without_proxy.as_ref().map(Compared::words).unwrap_or_default()),
    ];
    let shown = all.into_iter().filter(|(_, lines)| !lines.is_empty());
    shown.map(|(heading, lines)| (heading, lines.iter().map(|line| bounded(line)).collect())).collect()
}

fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let depth = match report.hearing.plan.depth {
        Depth::Quick => "quick",
        Depth::Standard => "standard",
        Depth::Deep => "deep",
    };
    let run = report.run_id.as_deref().unwrap_or("none");
    let took = seconds(report.duration_ms);
    let mut facts = vec![
        ("Server", format!("{} (the {} leg decides)", report.target.url, report.hearing.leg)),
        ("Route", report.route.words()),
        ("Run", format!("{run}, {}, took {took}, depth {depth}, proxyprobe {}", report.started_at, report.tool_version)),
    ];
    facts.extend(report.about.hidden.as_ref().map(|hidden| ("Redacted", hidden.words())));
    facts.extend(report.about.command.as_ref().map(|command| ("Command", command.to_string())));
    facts
}

fn transports(report: &Report) -> Vec<(Transport, Vec<(Leg, Verdict)>)> {
    let of = |legs: &std::collections::BTreeMap<Leg, _>, leg| {
        legs.get(&leg).map_or(Verdict::NotTested, |found: &proxyprobe_probes::hearing::TransportVerdict| found.verdict)
    };
    let all = report.judgement.transports.iter();
    all.map(|(transport, legs)| (*transport, Leg::ALL.map(|leg| (leg, of(legs, leg))).to_vec())).collect()
}

/// Each code once, in the order of the findings; what decides comes first within it and among them.
fn items(mut findings: Vec<&Finding>, products: &[Product], connections: &[Connection<'_>]) -> Vec<Item> {
    findings.sort_by_key(|finding| (finding.caused_by.is_some(), !finding.decisive));
    let mut items: Vec<Item> = Vec::new();
    for finding in findings {
        let known = items.iter_mut().find(|item| item.code == finding.code && item.outcome == finding.outcome);
        let item = match known {
            Some(item) => item,
            None => {
                let (developers, network_team) = (String::new(), String::new());
                let (code, outcome) = (finding.code, finding.outcome);
                let (settings, logs) = (Vec::new(), Vec::new());
                items.push(Item { code, outcome, sightings: Vec::new(), developers, network_team, settings, logs });
                let Some(item) = items.last_mut() else { continue };
                item
            }
        };
        let summary = summary(finding);
        match item.sightings.iter_mut().find(|sighting| sighting.summary == summary) {
            Some(sighting) => sighting.place = format!("{}; {}", sighting.place, place(finding)),
            None => item.sightings.push(Sighting { place: place(finding), summary }),
        }
        if finding.caused_by.is_none() && finding.outcome != Outcome::Note && item.developers.is_empty() {
            item.developers = finding.code.section("For developers");
            item.network_team = finding.code.section("For the network team");
            item.settings = settings(finding.code, products);
            // Where nothing is asked of them, they need not search.
            if item.network_team.starts_with("Please ") {
                item.logs = for_the_logs(connections, finding);
            }
        }
    }
    items
}

/// What to set in those products that left marks which no other product is known for.
fn settings(code: Code, products: &[Product]) -> Vec<String> {
    let seen = |name: &str| products.iter().find(|product| product.name == name && product.confidence > Confidence::Low);
    let known = code.settings().into_iter().filter_map(|(name, setting)| seen(name).map(|product| (product, setting)));
    known
        .map(|(product, setting)| format!("{} (this path looks like it: {}): {setting}", product.name, product.evidence))
        .collect()
}

fn summary(finding: &Finding) -> String {
    match finding.caused_by {
        Some(cause) => format!("{} A consequence of {}.", bounded(&finding.summary), cause.id),
        None => bounded(&finding.summary),
    }
}

/// Transport, leg, and whether it decides.
fn place(finding: &Finding) -> String {
    let transport = finding.transport().map(|transport| transport.title().to_owned());
    let leg = finding.leg.map(|leg| format!("{leg} leg"));
    let aside = (!finding.decisive).then(|| "does not decide".to_owned());
    transport.into_iter().chain(leg).chain(aside).collect::<Vec<_>>().join(", ")
}

/// What to build, and how.
fn advice(report: &Report) -> Vec<String> {
    let recommendation = &report.judgement.recommendation;
    let mut advice = vec![recommendation.sentence.clone()];
    let chosen = Transport::ALL.into_iter().find(|transport| transport.as_str() == recommendation.transport);
    advice.extend(recommendation.scope.map(str::to_owned));
    if let Some(price) = recommendation.price {
        let instead = price.websocket_p50_ms.map_or_else(String::new, |ms| format!("; a WebSocket message takes {ms} ms"));
        advice.push(format!(
            "Each thing that the client sends costs a request: about {} ms on an open connection here, {} ms with a new one \
             (medians of {} requests of this run){instead}.",
            price.request_p50_ms,
            price.new_connection_p50_ms + price.request_p50_ms,
            price.requests
        ));
    }
    if !recommendation.headers.is_empty() {
        advice.push(format!("Send these headers with every stream: {}.", recommendation.headers.join("; ")));
    }
    if let Some((seconds, heartbeat)) = recommendation.heartbeat_seconds.zip(recommendation.heartbeat.as_ref()) {
        advice.extend(heartbeat.words(seconds));
    }
    if let Some(seconds) = recommendation.long_poll_hold_seconds.filter(|_| chosen == Some(Transport::LongPolling)) {
        advice.push(format!("Answer a held request after at most {seconds} s."));
    }
    if !recommendation.over_tls.is_empty() {
        let names: Vec<&str> = named(&recommendation.over_tls);
        advice.push(format!("Over TLS (https:// and wss://, on port 443) this works on the same path: {}.", names.join(", ")));
    }
    if chosen.is_some() {
        let others = named(&recommendation.fall_back_to);
        let then = if others.is_empty() { "try again".to_owned() } else { format!("fall back to {}", others.join(", then ")) };
        advice.push(format!(
            "Count a connection as good when it has carried answers for {} s, not when it opens. When it has not, {then}; wait \
             longer before each attempt, from 1 s up to 30 s, with some chance in it.",
            recommendation.healthy_after_seconds
        ));
    }
    advice
}

fn named(transports: &[&'static str]) -> Vec<&'static str> {
    let known = |name: &&'static str| Transport::ALL.into_iter().find(|transport| transport.as_str() == *name);
    transports.iter().filter_map(known).map(Transport::in_sentence).collect()
}

fn walk(report: &Report) -> Vec<String> {
    let recommendation = &report.judgement.recommendation;
    let steps = recommendation.walk.iter();
    let mut walk: Vec<String> =
        steps.map(|step| format!("{} {} ({}): {}.", step.question, step.answer, step.from, step.so)).collect();
    let mut open: Vec<&str> = Vec::new();
    for finding in report.judgement.findings.iter().filter(|f| f.decisive && f.outcome == Outcome::Inconclusive) {
        if !open.contains(&finding.code.id) {
            open.push(finding.code.id);
        }
    }
    let measured = match (recommendation.because.as_slice(), open.as_slice()) {
        ([], []) => "nothing stands against it".to_owned(),
        ([], open) => format!("not all could be judged ({})", open.join(", ")),
        (because, _) => because.join(", "),
    };
    walk.push(format!("Then the measurements: {measured}. So: {}.", recommendation.transport));
    walk
}

fn numbers(report: &Report) -> Vec<(String, Vec<(String, String)>)> {
    let mut numbers = Vec::new();
    for finding in &report.judgement.findings {
        let leg = finding.leg.map(|leg| format!("{leg} leg"));
        let head: Vec<String> = [Some(finding.code.id.to_owned()), finding.transport().map(|t| t.title().to_owned()), leg]
            .into_iter()
            .flatten()
            .collect();
        let measured = finding.measured.iter().filter(|(name, _)| *name != "transport");
        let pairs: Vec<(String, String)> = measured.map(|(name, value)| (name.clone(), plain(value))).collect();
        if !pairs.is_empty() {
            numbers.push((head.join(", "), pairs));
        }
    }
    let around = &report.hearing.circumstances;
    let mut run = vec![
        ("round_trip_ms".to_owned(), around.round_trip_ms.to_string()),
        ("clock_bound_ms".to_owned(), around.clock_bound_ms.to_string()),
        ("client_timers_late_ms".to_owned(), around.client_lag_ms.to_string()),
    ];
    run.extend(around.server_lag_ms.map(|late| ("server_timers_late_ms".to_owned(), late.to_string())));
    run.push(("longest_silence_ms".to_owned(), report.hearing.plan.longest_idle_ms.to_string()));
    run.push(("connections_at_once".to_owned(), at_once(report).to_string()));
    numbers.push(("the run".to_owned(), run));
    numbers
}

fn plain(value: &serde_json::Value) -> String {
    bounded(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// What a green row does not prove.
fn untested(report: &Report) -> String {
    let longest = seconds(report.hearing.plan.longest_idle_ms);
    let messages = match report.hearing.largest_message() {
        Some(bytes) if bytes >= 1024 => format!("messages larger than {} KiB", bytes / 1024),
        Some(bytes) => format!("messages larger than {bytes} bytes"),
        None => "large messages".to_owned(),
    };
    let version = if report.hearing.tried_http2() { "HTTP/3" } else { "HTTP/2" };
    let hosts = if report.hearing.also().is_empty() { "other hosts" } else { "hosts other than these" };
    format!(
        "Silences longer than {longest}, {version}, {messages}, {hosts} (inspection is often selective by host) and other times \
         of day were not tested."
    )
}
