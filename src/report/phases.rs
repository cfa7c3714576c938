//! The way of a connection in eight steps, and how far this path lets it get.

use super::Report;
use proxyprobe_probes::finding::{Code, Finding, Outcome, seconds};
use proxyprobe_probes::transport::{Leg, Via};
use proxyprobe_probes::{Evidence, ProbeId, reach};

/// A step that every connection takes, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// The name becomes an address.
    Dns,
    /// The address accepts a connection.
    Tcp,
    /// The proxy lets it through.
    Proxy,
    /// TLS is agreed on.
    Tls,
    /// A request is answered, by our server.
    Http,
    /// A WebSocket opens.
    Upgrade,
    /// Messages and events pass.
    Data,
    /// Silence and age are survived.
    Idle,
}

impl Phase {
    /// All of them, in order.
    pub(super) const ALL: [Phase; 8] =
        [Phase::Dns, Phase::Tcp, Phase::Proxy, Phase::Tls, Phase::Http, Phase::Upgrade, Phase::Data, Phase::Idle];

    /// The name in reports.
    pub(super) fn title(self) -> &'static str {
        match self {
            Phase::Dns => "DNS",
            Phase::Tcp => "TCP",
            Phase::Proxy => "proxy",
            Phase::Tls => "TLS",
            Phase::Http => "HTTP",
            Phase::Upgrade => "upgrade",
            Phase::Data => "data",
            Phase::Idle => "idle",
        }
    }

    /// Its number, from 1 on.
    pub(super) fn number(self) -> usize {
        Self::ALL.iter().position(|phase| *phase == self).map_or(0, |index| index + 1)
    }

    /// The step that a code is about.
    pub(super) fn of(code: Code) -> Phase {
        match (code.probe(), code.id) {
            ("reach", "reach.dns-failed") => Phase::Dns,
            ("reach", "reach.connect-refused" | "reach.connect-timed-out" | "reach.connection-reset") => Phase::Tcp,
            ("reach", id) if id.starts_with("reach.proxy-") || id.starts_with("reach.pac-") => Phase::Proxy,
            ("reach", "reach.certificate-untrusted" | "reach.self-signed-server") | ("tls", _) => Phase::Tls,
            ("reach" | "headers", _) => Phase::Http,
            ("upgrade", _) => Phase::Upgrade,
            ("idle" | "lifetime", _) => Phase::Idle,
            ("long_poll", "long_poll.cached" | "long_poll.refused") => Phase::Data,
            ("long_poll", _) => Phase::Idle,
            _ => Phase::Data,
        }
    }
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// There is no such step on this way.
    NotUsed,
    /// It was taken.
    Passed,
    /// It was not tried, or an earlier one stood in its way.
    NotTested,
    /// It could not be judged.
    Inconclusive,
    /// It is taken at a price or within limits.
    Degraded,
    /// It is not taken.
    Broken,
}

impl State {
    /// The word in reports.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            State::NotUsed => "not used",
            State::Passed => "passed",
            State::NotTested => "not tested",
            State::Inconclusive => "inconclusive",
            State::Degraded => "degraded",
            State::Broken => "broken",
        }
    }

    /// What a finding does to the step that it is about; nothing, when it only informs.
    pub(super) fn of(finding: &Finding) -> Option<State> {
        match finding.outcome {
            Outcome::Broken => Some(State::Broken),
            Outcome::Degraded => Some(State::Degraded),
            Outcome::Inconclusive => Some(State::Inconclusive),
            // These leave their leg untested.
            _ if [reach::REDIRECTED_TO_HTTPS, reach::SELF_SIGNED_SERVER].contains(&finding.code) => Some(State::Inconclusive),
            Outcome::Works | Outcome::Note => None,
        }
    }
}

/// One step of the deciding leg.
#[derive(Clone, Debug)]
pub(super) struct Rung {
    /// Which.
    pub(super) phase: Phase,
    /// How it went.
    pub(super) state: State,
    /// Figures, or what happened.
    pub(super) detail: String,
    /// Whether it is the first of those that went worst.
    pub(super) first: bool,
}

/// The deciding findings that no other explains, of one step.
pub(super) fn roots(report: &Report, phase: Phase) -> Vec<&Finding> {
    let all = report.judgement.findings.iter();
    all.filter(|f| f.decisive && f.caused_by.is_none() && Phase::of(f.code) == phase).collect()
}

/// How badly a step went, with what follows within it from its own findings.
fn worst(report: &Report, phase: Phase) -> Option<State> {
    let own = |cause: Option<Code>| cause.is_none_or(|cause| Phase::of(cause) == phase);
    let all = report.judgement.findings.iter().filter(|f| f.decisive && Phase::of(f.code) == phase && own(f.caused_by));
    all.filter_map(State::of).max()
}

/// The steps of the deciding leg.
pub(super) fn phases(report: &Report) -> Vec<Rung> {
    let states: Vec<Option<State>> = Phase::ALL.iter().map(|phase| worst(report, *phase)).collect();
    // What came after a step took it.
    let reached = Phase::ALL.iter().filter(|phase| **phase > Phase::Http && tried(report, **phase)).count() > 0;
    let mut rungs = Vec::new();
    for (phase, state) in Phase::ALL.into_iter().zip(&states) {
        let later = states.iter().skip(phase.number()).any(Option::is_some);
        let taken = if phase <= Phase::Http { reached || later || opened(report, phase) } else { tried(report, phase) };
        let state = match state {
            Some(state) => *state,
            None if !used(report, phase) => State::NotUsed,
            None if taken => State::Passed,
            None => State::NotTested,
        };
        rungs.push(Rung { phase, state, detail: detail(report, phase, state), first: false });
    }
    let worst = rungs.iter().map(|rung| rung.state).max().filter(|worst| *worst >= State::Inconclusive);
    if let Some(first) = rungs.iter_mut().find(|rung| Some(rung.state) == worst) {
        first.first = true;
    }
    rungs
}

/// Whether there is such a step on this way.
fn used(report: &Report, phase: Phase) -> bool {
    match phase {
        Phase::Dns => report.target.host.as_str().parse::<std::net::IpAddr>().is_err(),
        Phase::Proxy => report.route.proxy.is_some(),
        Phase::Tls => report.hearing.leg == Leg::Https,
        _ => true,
    }
}

/// The probes that take a step on purpose.
fn probes(phase: Phase) -> &'static [ProbeId] {
    match phase {
        Phase::Upgrade => &[ProbeId::Upgrade, ProbeId::Zombie],
        Phase::Data => &[ProbeId::Zombie, ProbeId::Sse, ProbeId::LongPoll],
        Phase::Idle => &[ProbeId::Idle, ProbeId::LongPoll],
        _ => &[],
    }
}

fn evidence(report: &Report, probe: ProbeId) -> Option<&Evidence> {
    report.hearing.evidence.get(&probe)?.get(&report.hearing.leg)
}

fn tried(report: &Report, phase: Phase) -> bool {
    probes(phase).iter().any(|probe| evidence(report, *probe).is_some_and(Evidence::asked))
}

/// Whether any connection of the deciding leg got past a step before the first request. The `tls` probe asks over the other leg, too,
/// and `also` another host.
fn opened(report: &Report, phase: Phase) -> bool {
    let aside = [ProbeId::Tls, ProbeId::Also];
    let own = report.hearing.evidence.iter().filter(|(probe, _)| !aside.contains(probe));
    let records = own.filter_map(|(_, legs)| legs.get(&report.hearing.leg)).flat_map(Evidence::records);
    let mut opened = records.filter(|record| record.opened.is_some()).peekable();
    let answered = |record: &proxyprobe_probes::exchange::Record| record.response.is_some();
    if phase == Phase::Http { opened.any(answered) } else { opened.peek().is_some() }
}

/// What is said beside the state.
fn detail(report: &Report, phase: Phase, state: State) -> String {
    if state >= State::Inconclusive {
        return brief(&roots(report, phase));
    }
    if state != State::Passed {
        return String::new();
    }
    // The times stand among the numbers.
    let roots = roots(report, phase).into_iter().filter(|finding| !finding.goes_without_saying());
    let mut noted: Vec<String> = roots.map(|finding| finding.code.in_short()).collect();
    noted.dedup();
    // What is worth knowing of a step that was taken all the same.
    let noted = match noted.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        more => Some(format!("{} things noted below", more.len())),
    };
    let parts = [Some(taken(report, phase)).filter(|taken| !taken.is_empty()), noted];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// What is said of a step that was taken.
fn taken(report: &Report, phase: Phase) -> String {
    let hearing = &report.hearing;
    match phase {
        Phase::Tcp => remote(report).map(|remote| format!("connected to {remote}")).unwrap_or_default(),
        Phase::Proxy => report.route.proxy.as_ref().map(|proxy| format!("through {proxy}")).unwrap_or_default(),
        Phase::Http => {
            let round_trip = hearing.circumstances.round_trip_ms;
            format!("our server answered, round trip {round_trip} ms")
        }
        Phase::Upgrade => {
            let mut records = evidence(report, ProbeId::Upgrade).map(Evidence::records).unwrap_or_default().into_iter();
            let untunnelled = records.any(|record| record.opened.as_ref().is_some_and(|opened| opened.via == Via::AbsoluteForm));
            // The way that a browser takes is the one that counts.
            let how = if untunnelled {
                "101, but asked without a tunnel, as no browser asks"
            } else {
                "101, and both ends agree on it"
            };
            how.to_owned()
        }
        Phase::Data => {
            let events = evidence(report, ProbeId::Sse).is_some_and(Evidence::asked).then(|| "events in time".to_owned());
            let messages = hearing.largest_message().map(|bytes| format!("messages of up to {bytes} bytes both ways"));
            events.into_iter().chain(messages).collect::<Vec<_>>().join(", ")
        }
        Phase::Idle => {
            let longest = seconds(hearing.plan.longest_idle_ms);
            match evidence(report, ProbeId::Idle).is_some_and(Evidence::asked) {
                true => format!("silences up to {longest} survived"),
                false => format!("requests held for up to {longest}"),
            }
        }
        Phase::Dns | Phase::Tls => String::new(),
    }
}

/// The address that was dialled on the deciding leg.
fn remote(report: &Report) -> Option<String> {
    let records = evidence(report, ProbeId::Reach)?.records();
    records.into_iter().find_map(|record| Some(record.opened.as_ref()?.remote.clone()))
}

/// What happened in a few words, each thing once, with its figure and the transports that it concerns.
pub(super) fn brief(findings: &[&Finding]) -> String {
    let mut said: Vec<(String, Vec<&str>)> = Vec::new();
    for finding in findings.iter().filter(|finding| State::of(finding).is_some()) {
        let words = words(finding);
        let transport = finding.transport().map(|transport| transport.title());
        match said.iter_mut().find(|(known, _)| *known == words) {
            Some((_, transports)) => transports.extend(transport.filter(|one| !transports.contains(one))),
            None => said.push((words, transport.into_iter().collect())),
        }
    }
    let one = |(words, transports): &(String, Vec<&str>)| {
        if transports.is_empty() { words.clone() } else { format!("{words} ({})", transports.join(", ")) }
    };
    said.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// What happened, with its figure.
pub(super) fn words(finding: &Finding) -> String {
    let short = finding.code.in_short();
    finding.figure().map_or(short.clone(), |figure| format!("{short}, {figure}"))
}
