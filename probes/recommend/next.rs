//! The next action, and who takes it.

use super::Situation;
use crate::finding::{Finding, Outcome};
use crate::transport::Transport;
use schemars::JsonSchema;
use serde::Serialize;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Next {
    /// Who does it.
    pub who: Who,
    /// What, as a phrase that can be read aloud after the name of who does it.
    pub what: String,
}

/// Who can do something about a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// Those who build the application.
    Developers,
    /// Those who run the network.
    NetworkTeam,
    /// The reader, who ran this.
    You,
}

impl Who {
    /// As a sentence names them.
    pub fn title(self) -> &'static str {
        match self {
            Who::Developers => "developers",
            Who::NetworkTeam => "network team",
            Who::You => "you",
        }
    }
}

/// What comes next: build on what works, be it over TLS; where nothing does, have the worst mended; where nothing is known, find out.
pub(super) fn next(s: &Situation, chosen: Option<Transport>, heartbeat: Option<u64>, hold: Option<u64>) -> Next {
    if let Some(transport) = chosen {
        return Next { who: Who::Developers, what: build(s, transport, heartbeat, hold) };
    }
    let over_tls = s.over_tls();
    if !over_tls.is_empty() {
        let named = Transport::ALL.into_iter().filter(|transport| over_tls.contains(&transport.as_str()));
        let named: Vec<&str> = named.map(Transport::in_sentence).collect();
        return Next { who: Who::Developers, what: format!("use TLS, where this works: {}", named.join(", ")) };
    }
    let first = |outcome: Outcome| s.findings.iter().find(|finding| finding.outcome == outcome);
    let asks = |finding: &Finding| finding.code.section("Ask");
    if let Some(finding) = first(Outcome::Broken).or_else(|| first(Outcome::Degraded)) {
        return Next { who: Who::NetworkTeam, what: asks(finding) };
    }
    let what = first(Outcome::Inconclusive).or_else(|| first(Outcome::Note)).map(asks);
    Next { who: Who::You, what: what.unwrap_or_else(|| "run again; nothing was judged this time".to_owned()) }
}

fn build(s: &Situation, transport: Transport, heartbeat: Option<u64>, hold: Option<u64>) -> String {
    // What the client would have sent through the WebSocket that it needs goes another way.
    let substitute = s.needs_websocket() && transport != Transport::WebSocket;
    let name = format!("{}{}", transport.in_sentence(), if substitute { " and a POST per action" } else { "" });
    let every = |seconds: u64| format!("heartbeat every {seconds} s");
    match transport {
        Transport::LongPolling => match hold {
            Some(seconds) => format!("use {name}, and answer each poll within {seconds} s"),
            None => format!("use {name}"),
        },
        Transport::Sse if s.mended() && !s.mended_by_headers() => match heartbeat {
            Some(seconds) => format!("{name} in the form that passes here, {}", every(seconds)),
            None => format!("{name} in the form that passes here"),
        },
        Transport::Sse if s.mended() => match heartbeat {
            Some(seconds) => format!("{name} with X-Accel-Buffering: no, {}", every(seconds)),
            None => format!("{name} with the header X-Accel-Buffering: no"),
        },
        _ => match heartbeat {
            Some(seconds) => format!("use {name}, with a {}", every(seconds)),
            None => format!("use {name}"),
        },
    }
}
