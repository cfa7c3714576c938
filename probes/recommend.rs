//! What to build on this path: the three questions in their order, and then the measurements, which have the last word.
//!
//! The rules are one ordered table. The first that holds decides.

mod answers;
mod demand;
mod heartbeat;
mod intervals;
mod next;
mod price;
mod rules;
mod walk;

pub use answers::{Answers, Asked, Between, Client, Sends};
pub use demand::Demand;
pub use heartbeat::{Heartbeat, Kind};
pub use next::{Next, Who};
pub use price::Price;
pub use walk::Step;

use crate::finding::{Code, Finding, Outcome, Verdict};
use crate::latency::{self, Times};
use crate::transport::{Leg, Transport};
use crate::zombie;
use crate::{headers, reach, sse, tls};
use rules::{NOTHING_WORKS, RULES, Rule};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use walk::walk;

/// A connection has proven itself when it carried answers for this many seconds: an answer may take ten
/// ([`crate::plan::Plan::ANSWER_MAX_MS`]), what closes early does so within two, and a zombie says nothing.
const HEALTHY_AFTER_S: u64 = 10;

/// Everything that a recommendation depends on.
#[derive(Clone, Debug)]
pub struct Situation {
    /// The answers that were given.
    pub answers: Answers,
    /// The verdicts of the deciding leg.
    pub verdicts: BTreeMap<Transport, Verdict>,
    /// The decisive findings that nothing else explains.
    pub findings: Vec<Finding>,
    /// Whether the deciding leg goes through a proxy.
    pub through_proxy: bool,
    /// The longest silence that was tried.
    pub longest_idle_ms: u64,
    /// The leg that decides.
    pub leg: Leg,
    /// The verdicts of the other leg.
    pub elsewhere: BTreeMap<Transport, Verdict>,
    /// What a request costs here.
    pub price: Option<Price>,
    /// What messages and requests took here, where that was measured.
    pub times: Option<Times>,
    /// Whether the verdicts are of a path, and not of none in particular.
    pub measured: bool,
}

/// What to build, and why.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Recommendation {
    /// The rule that decided.
    pub rule: &'static str,
    /// The transport, or `none`.
    pub transport: &'static str,
    /// One sentence that can be read aloud.
    pub sentence: String,
    /// The codes that weighed in.
    pub because: Vec<&'static str>,
    /// The questions, the answers taken, where they came from, and what followed.
    pub walk: Vec<Step>,
    /// How often something must be sent so that a silent connection survives; none when it was not measured.
    pub heartbeat_seconds: Option<u64>,
    /// By whom, and of what kind; none where there is no such time.
    pub heartbeat: Option<Heartbeat>,
    /// For how long a request may be held; none when it was not measured.
    pub long_poll_hold_seconds: Option<u64>,
    /// Headers that the server should send.
    pub headers: Vec<&'static str>,
    /// What each thing that the client sends costs, where requests take the place of the messages that the application needs.
    pub price: Option<Price>,
    /// The transports that do not work on the cleartext leg and work over TLS.
    pub over_tls: Vec<&'static str>,
    /// What else to fall back to on this path, best first.
    pub fall_back_to: Vec<&'static str>,
    /// After how many seconds with answers a connection counts as good; that it opened proves nothing.
    pub healthy_after_seconds: u64,
    /// Who does what next.
    pub next: Next,
    /// What the transport is to be used for, when not for everything.
    pub scope: Option<&'static str>,
    /// What to ask of the network team, one paragraph a finding.
    pub asks_for_network_team: Vec<String>,
}

/// Walks the questions and the rules.
pub fn recommend(situation: &Situation) -> Recommendation {
    let rule = RULES.iter().find(|rule| (rule.when)(situation)).unwrap_or(&NOTHING_WORKS);
    let codes = |wanted: &dyn Fn(&Finding) -> bool| {
        let mut codes: Vec<&'static str> = Vec::new();
        for finding in situation.findings.iter().filter(|finding| wanted(finding)) {
            if !codes.contains(&finding.code.id) {
                codes.push(finding.code.id);
            }
        }
        codes
    };
    let mut because = codes(&Finding::blames);
    if because.is_empty() && rule.transport.is_none() {
        because = codes(&|finding| finding.outcome == Outcome::Inconclusive);
    }
    let mut asks: Vec<String> = Vec::new();
    for finding in situation.findings.iter().filter(|finding| finding.blames()) {
        let ask = finding.code.section("For the network team");
        if !asks.contains(&ask) {
            asks.push(ask);
        }
    }
    let mends_stream = rule.transport == Some(Transport::Sse) && situation.mended();
    let heartbeat_seconds = intervals::heartbeat(situation, rule.transport);
    let long_poll_hold_seconds = intervals::hold(situation);
    Recommendation {
        rule: rule.id,
        transport: rule.transport.map_or("none", Transport::as_str),
        sentence: sentence(rule, situation),
        because,
        walk: walk(situation),
        heartbeat_seconds,
        heartbeat: rule.transport.filter(|_| heartbeat_seconds.is_some()).map(|t| heartbeat::heartbeat(situation, t)),
        long_poll_hold_seconds,
        headers: if mends_stream { vec!["X-Accel-Buffering: no", "Cache-Control: no-cache, no-transform"] } else { Vec::new() },
        price: situation.price.filter(|_| situation.needs_websocket() && rule.is_substitute()),
        over_tls: situation.over_tls(),
        fall_back_to: situation.fall_back_to(rule.transport),
        healthy_after_seconds: HEALTHY_AFTER_S,
        next: next::next(situation, rule.transport, heartbeat_seconds, long_poll_hold_seconds),
        scope: (rule.transport == Some(Transport::WebSocket) && situation.enterprise())
            .then_some("Only for the features that need both directions; everything else by Server-Sent Events."),
        asks_for_network_team: asks,
    }
}

/// What the answers alone lead to, where every transport would work.
pub fn by_answers(answers: Answers) -> Recommendation {
    let verdicts = Transport::ALL.into_iter().map(|transport| (transport, Verdict::Works)).collect();
    recommend(&Situation { answers, verdicts, measured: false, ..Situation::default() })
}

/// The rule's sentence, and how well the transport works here.
fn sentence(rule: &Rule, situation: &Situation) -> String {
    match rule.transport.map(|transport| situation.verdict(transport)).filter(|_| situation.measured) {
        Some(Verdict::Works) => format!("{} This works here.", rule.sentence),
        Some(Verdict::Degraded) => format!("{} This works here, within the limits that were found.", rule.sentence),
        _ => rule.sentence.to_owned(),
    }
}

impl Default for Situation {
    fn default() -> Self {
        Self {
            answers: Answers::default(),
            verdicts: BTreeMap::new(),
            findings: Vec::new(),
            through_proxy: false,
            longest_idle_ms: 0,
            leg: Leg::Https,
            elsewhere: BTreeMap::new(),
            price: None,
            times: None,
            measured: true,
        }
    }
}

impl Situation {
    fn verdict(&self, transport: Transport) -> Verdict {
        self.verdicts.get(&transport).copied().unwrap_or(Verdict::NotTested)
    }

    fn judged(&self, transport: Transport) -> bool {
        !matches!(self.verdict(transport), Verdict::Inconclusive | Verdict::NotTested)
    }

    /// Whether an application can be built on it; a stream that a header mends counts. What changes messages does not, nor does
    /// a stream of a type that no EventSource accepts, unless the client reads streams by itself.
    fn usable(&self, transport: Transport) -> bool {
        let found = |code| self.findings.iter().any(|f| f.code == code);
        let useless = match transport {
            Transport::WebSocket => found(zombie::FRAMES_ALTERED) || found(zombie::SMALL_FRAMES_ALTERED),
            Transport::Sse => found(sse::CONTENT_TYPE_CHANGED) && !self.reads_itself(),
            Transport::LongPolling => false,
        };
        !useless && (self.verdict(transport).is_usable() || (transport == Transport::Sse && self.mended()))
    }

    /// Whether event streams can be built on, and are in time.
    fn streams(&self) -> bool {
        self.usable(Transport::Sse) && self.answers.client != Client::Constrained && !self.starved()
    }

    /// Whether the client reads streams by itself, and so may ask for any form of them.
    fn reads_itself(&self) -> bool {
        matches!(self.answers.client, Client::Node | Client::Mobile)
    }

    /// What is wrong with event streams.
    fn wrong_with_streams(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|f| f.code.probe() == "sse" && f.blames())
    }

    /// Whether everything that is wrong with event streams is mended by another form of them that the client can have.
    fn mended(&self) -> bool {
        // An EventSource cannot choose what it asks for, and takes no other type.
        let for_it = |f: &Finding| f.measured.get("mended_for_event_source") != Some(&false.into()) || self.reads_itself();
        let mut wrong = self.wrong_with_streams().peekable();
        wrong.peek().is_some() && wrong.all(|f| f.word("mended_by").is_some() && for_it(f))
    }

    /// Whether headers of the server's are enough for that.
    fn mended_by_headers(&self) -> bool {
        self.wrong_with_streams().all(|f| f.word("mended_by").is_some_and(|by| by.contains("X-Accel-Buffering")))
    }

    /// Whether events arrive only when others follow them, or in a trickle: it works, but not for anything that should be on time.
    fn starved(&self) -> bool {
        // What holds only the beginning is satisfied by a comment there.
        let held = |f: &Finding| f.code == sse::BUFFERED_BY_SIZE && f.word("holds") != Some("first");
        !self.mended() && self.findings.iter().any(|f| held(f) || [sse::TRICKLED, sse::ONE_EVENT_BEHIND].contains(&f.code))
    }

    /// The transports that an application can be built on over TLS and not without.
    fn over_tls(&self) -> Vec<&'static str> {
        let works_there = |transport: &Transport| self.elsewhere.get(transport) == Some(&Verdict::Works);
        let all = Transport::ALL.into_iter().filter(|transport| self.leg == Leg::Http && !self.usable(*transport));
        all.filter(works_there).map(Transport::as_str).collect()
    }

    /// What can be used here beside what is recommended: what needs the least of a network first.
    fn fall_back_to(&self, chosen: Option<Transport>) -> Vec<&'static str> {
        let order = [Transport::Sse, Transport::LongPolling, Transport::WebSocket].into_iter();
        let fits = |transport: &Transport| *transport != Transport::Sse || self.streams();
        let others = order.filter(|transport| chosen.is_some() && Some(*transport) != chosen);
        others.filter(fits).filter(|transport| self.usable(*transport)).map(Transport::as_str).collect()
    }

    fn needs_websocket(&self) -> bool {
        // Where it was not measured whether requests would do, nobody may rely on them.
        let too_much = self.answers.demand.is_some() && !self.demand_met().is_some_and(|(met, _)| met);
        self.answers.interactive || self.answers.client_sends == Sends::HighFrequency || too_much
    }

    /// Whether requests meet what the client needs, and what they took; none where there is no such need, or no measurement.
    fn demand_met(&self) -> Option<(bool, u64)> {
        self.answers.demand?.met(self.times.as_ref()?)
    }

    /// Whether requests of the client's own do not get through beside a stream, or at all.
    fn requests_stopped(&self) -> bool {
        self.findings.iter().any(|f| [latency::UPLOAD_STALLED, latency::UPLOAD_REFUSED].contains(&f.code))
    }

    /// What was measured outranks an assumption, and an answer that was given outranks both.
    fn enterprise(&self) -> bool {
        match self.answers.network {
            Between::Enterprise => true,
            Between::Direct => false,
            Between::Unknown => self.middlebox_seen(),
        }
    }

    fn middlebox_seen(&self) -> bool {
        const LOOKED_INTO: &[Code] = &[
            reach::ANSWERED_BY_MIDDLEBOX,
            tls::INTERCEPTED_TRUSTED_ROOT,
            headers::ADDED,
            headers::REMOVED,
            headers::CHANGED,
            headers::HTTP_VERSION_LOWERED,
        ];
        let seen = |f: &Finding| f.blames() && f.code.probe() != "reach" || LOOKED_INTO.contains(&f.code);
        self.through_proxy || self.findings.iter().any(seen)
    }
}

#[cfg(test)]
mod tests;
