//! What to build on this path: the three questions in their order, and then the measurements, which have the last word.
//!
//! The rules are one ordered table. The first that holds decides.

mod intervals;

use crate::finding::{Finding, Outcome, Verdict};
use crate::sse;
use crate::transport::Transport;
use crate::zombie;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The answers that were given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// Question 1: what the client sends through the same channel.
    pub client_sends: Sends,
    /// Question 2: who stands between.
    pub network: Between,
    /// Question 3: what the client is.
    pub client: Client,
    /// Collaborative or interactive features justify WebSockets whatever the other answers.
    pub interactive: bool,
}

/// What a client sends through the same channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sends {
    /// Cursors, keystrokes, game input, orders.
    HighFrequency,
    /// It mostly listens, and acts now and then by HTTP.
    Occasional,
    /// Not said.
    #[default]
    Unknown,
}

/// Who stands between users and the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Between {
    /// Enterprise proxies, or deep packet inspection.
    Enterprise,
    /// Nobody in particular: a consumer network.
    Direct,
    /// Not said.
    #[default]
    Unknown,
}

/// What the client is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Client {
    /// A browser.
    Browser,
    /// Node.
    Node,
    /// A mobile framework.
    Mobile,
    /// Something constrained, whose HTTP client knows no event streams.
    Constrained,
    /// Not said.
    #[default]
    Unknown,
}

/// Everything that a recommendation depends on.
#[derive(Clone, Debug, Default)]
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
}

/// What to build, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
    /// For how long a request may be held; none when it was not measured.
    pub long_poll_hold_seconds: Option<u64>,
    /// Headers that the server should send.
    pub headers: Vec<&'static str>,
    /// What the transport is to be used for, when not for everything.
    pub scope: Option<&'static str>,
    /// What to ask of the network team, one paragraph a finding.
    pub asks_for_network_team: Vec<String>,
}

/// One question of the walk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The question.
    pub question: &'static str,
    /// The answer that was taken.
    pub answer: &'static str,
    /// Where it came from: `flag`, `measured` or `assumed`.
    pub from: &'static str,
    /// What followed.
    pub so: &'static str,
}

/// A rule: when it holds, it decides.
struct Rule {
    id: &'static str,
    when: fn(&Situation) -> bool,
    transport: Option<Transport>,
    sentence: &'static str,
}

/// The rule that always holds.
const NOTHING_WORKS: Rule = Rule {
    id: "nothing-works",
    when: |_| true,
    transport: None,
    sentence: "No transport is known to work on this path: something between client and server must be changed first.",
};

const RULES: &[Rule] = &[
    Rule {
        id: "nothing-judged",
        when: |s| !Transport::ALL.iter().any(|t| s.judged(*t)),
        transport: None,
        sentence: "No recommendation: no transport could be judged on this path.",
    },
    Rule {
        id: "websocket-needed",
        when: |s| s.needs_websocket() && s.usable(Transport::WebSocket),
        transport: Some(Transport::WebSocket),
        sentence: "Use WebSockets: the client sends much or at once through the same channel.",
    },
    Rule {
        id: "websocket-needed-sse-instead",
        when: |s| s.needs_websocket() && s.streams(),
        transport: Some(Transport::Sse),
        sentence: "WebSockets are what the application needs, but they are not known to work here: use Server-Sent Events for what the server says and a POST for each thing that the client sends.",
    },
    Rule {
        id: "websocket-needed-long-polling-instead",
        when: |s| s.needs_websocket() && s.usable(Transport::LongPolling),
        transport: Some(Transport::LongPolling),
        sentence: "WebSockets are what the application needs, but neither they nor Server-Sent Events are known to work here: use long polling for what the server says and a POST for each thing that the client sends.",
    },
    Rule {
        id: "no-event-stream-client",
        when: |s| s.answers.client == Client::Constrained && s.usable(Transport::LongPolling),
        transport: Some(Transport::LongPolling),
        sentence: "Use long polling: the client knows no event streams.",
    },
    Rule {
        id: "no-event-stream-client-websocket",
        when: |s| s.answers.client == Client::Constrained && s.usable(Transport::WebSocket),
        transport: Some(Transport::WebSocket),
        sentence: "Use WebSockets: the client knows no event streams, and long polling is not known to work here.",
    },
    Rule {
        id: "sse-with-headers",
        when: |s| s.mended() && s.answers.client != Client::Constrained,
        transport: Some(Transport::Sse),
        sentence: "Use Server-Sent Events, and send the header X-Accel-Buffering: no: without it this path holds the stream back.",
    },
    Rule {
        id: "sse-too-late",
        when: |s| s.starved() && s.usable(Transport::LongPolling),
        transport: Some(Transport::LongPolling),
        sentence: "Use long polling: event streams get through here, but not in time.",
    },
    Rule {
        id: "sse",
        when: Situation::streams,
        transport: Some(Transport::Sse),
        sentence: "Use Server-Sent Events: the client mostly listens.",
    },
    Rule {
        id: "behind-proxies-long-polling",
        when: |s| s.enterprise() && s.usable(Transport::LongPolling),
        transport: Some(Transport::LongPolling),
        sentence: "Use long polling: Server-Sent Events are not known to work here, and behind such proxies a held request is the safest.",
    },
    Rule {
        id: "websocket-instead-of-sse",
        when: |s| s.usable(Transport::WebSocket),
        transport: Some(Transport::WebSocket),
        sentence: "Use WebSockets: Server-Sent Events are not known to work here.",
    },
    Rule {
        id: "long-polling-alone",
        when: |s| s.usable(Transport::LongPolling),
        transport: Some(Transport::LongPolling),
        sentence: "Use long polling: it is the only transport that is known to work here.",
    },
    Rule {
        id: "sse-late",
        when: |s| s.usable(Transport::Sse) && s.answers.client != Client::Constrained,
        transport: Some(Transport::Sse),
        sentence: "Use Server-Sent Events, although events come late: nothing else is known to work here.",
    },
    NOTHING_WORKS,
];

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
    Recommendation {
        rule: rule.id,
        transport: rule.transport.map_or("none", Transport::as_str),
        sentence: sentence(rule, situation),
        because,
        walk: walk(situation),
        heartbeat_seconds: intervals::heartbeat(situation, rule.transport),
        long_poll_hold_seconds: intervals::hold(situation),
        headers: if mends_stream { vec!["X-Accel-Buffering: no", "Cache-Control: no-cache, no-transform"] } else { Vec::new() },
        scope: (rule.transport == Some(Transport::WebSocket) && situation.enterprise())
            .then_some("Only for the features that need both directions; everything else by Server-Sent Events."),
        asks_for_network_team: asks,
    }
}

/// The rule's sentence, and how well the transport works here.
fn sentence(rule: &Rule, situation: &Situation) -> String {
    match rule.transport.map(|transport| situation.verdict(transport)) {
        Some(Verdict::Works) => format!("{} This works here.", rule.sentence),
        Some(Verdict::Degraded) => format!("{} This works here, within the limits that were found.", rule.sentence),
        _ => rule.sentence.to_owned(),
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
        let reads_itself = matches!(self.answers.client, Client::Node | Client::Mobile);
        let useless = match transport {
            Transport::WebSocket => found(zombie::FRAMES_ALTERED),
            Transport::Sse => found(sse::CONTENT_TYPE_CHANGED) && !reads_itself,
            Transport::LongPolling => false,
        };
        !useless && (self.verdict(transport).is_usable() || (transport == Transport::Sse && self.mended()))
    }

    /// Whether event streams can be built on, and are in time.
    fn streams(&self) -> bool {
        self.usable(Transport::Sse) && self.answers.client != Client::Constrained && !self.starved()
    }

    /// Whether everything that is wrong with event streams is mended by headers.
    fn mended(&self) -> bool {
        let mut wrong = self.findings.iter().filter(|f| f.code.probe() == "sse" && f.blames()).peekable();
        wrong.peek().is_some() && wrong.all(|f| f.word("mended_by").is_some())
    }

    /// Whether events arrive only when others follow them, or in a trickle: it works, but not for anything that should be on time.
    fn starved(&self) -> bool {
        // What holds only the beginning is satisfied by a comment there.
        let held = |f: &Finding| f.code == sse::BUFFERED_BY_SIZE && f.word("holds") != Some("first");
        !self.mended() && self.findings.iter().any(|f| held(f) || [sse::TRICKLED, sse::ONE_EVENT_BEHIND].contains(&f.code))
    }

    fn needs_websocket(&self) -> bool {
        self.answers.interactive || self.answers.client_sends == Sends::HighFrequency
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
        self.through_proxy || self.findings.iter().any(|f| f.blames() && f.code.probe() != "reach")
    }
}

fn walk(s: &Situation) -> Vec<Step> {
    let (answer, from) = match s.answers.client_sends {
        Sends::HighFrequency => ("yes", "flag"),
        Sends::Occasional => ("no", "flag"),
        Sends::Unknown => ("no", "assumed"),
    };
    let first = Step {
        question: "Does the client send high-frequency or latency-sensitive data through the same channel?",
        answer,
        from,
        so: if answer == "yes" { "WebSockets" } else { "go on" },
    };
    let (answer, from) = match (s.answers.network, s.middlebox_seen()) {
        (Between::Enterprise, _) => ("yes", "flag"),
        (Between::Direct, _) => ("no", "flag"),
        (Between::Unknown, true) => ("yes", "measured"),
        (Between::Unknown, false) if Transport::ALL.iter().any(|transport| s.judged(*transport)) => ("no", "measured"),
        (Between::Unknown, false) => ("no", "assumed"),
    };
    let second = Step {
        question: "Will users sit behind enterprise or DPI proxies?",
        answer,
        from,
        so: if answer == "yes" {
            "SSE by default, WebSockets only where both directions are needed"
        } else {
            "either works; SSE is simpler for one-way push"
        },
    };
    let (answer, from) = match s.answers.client {
        Client::Constrained => ("no", "flag"),
        Client::Unknown => ("yes", "assumed"),
        _ => ("yes", "flag"),
    };
    let third = Step {
        question: "Does the HTTP client support SSE?",
        answer,
        from,
        so: if answer == "yes" { "SSE" } else { "long polling" },
    };
    let mut steps = vec![first, second, third];
    if s.answers.interactive {
        steps.push(Step {
            question: "Is the feature collaborative or interactive?",
            answer: "yes",
            from: "flag",
            so: "WebSockets, whatever the other answers",
        });
    }
    steps
}

#[cfg(test)]
mod tests;
