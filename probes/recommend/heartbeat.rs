//! What a heartbeat should be: by whom, of what kind, and what else was measured to be enough, or not.

use super::Situation;
use crate::finding::Finding;
use crate::idle::{KEEPALIVE_IGNORED, Sign, Speaker};
use crate::transport::Transport;
use schemars::JsonSchema;
use serde::Serialize;

/// A heartbeat, but for how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Heartbeat {
    /// Who begins.
    pub by: Speaker,
    /// What is sent.
    pub kind: Kind,
    /// What kept connections up, each alone, that would have ended in silence; empty where no silence ended any.
    pub enough: Vec<Sign>,
    /// What did not.
    pub not_enough: Vec<Sign>,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A small message that the other side answers: whatever a timer counts, this has it, and either end notices when it stays away.
    AnsweredMessage,
    /// A line of comment in an event stream.
    Comment,
    /// An event in an event stream.
    Event,
}

/// What it should be on this transport.
pub(super) fn heartbeat(s: &Situation, transport: Transport) -> Heartbeat {
    let findings = || s.findings.iter().filter(|f| f.code.probe() == "idle" && f.transport() == Some(transport));
    let signs = |f: &Finding, name: &str| -> Vec<Sign> {
        let names = f.measured.get(name).and_then(|value| value.as_array());
        names.into_iter().flatten().filter_map(|name| Sign::of(name.as_str()?)).collect()
    };
    let not_enough: Vec<Sign> = findings().filter(|f| f.code == KEEPALIVE_IGNORED).flat_map(|f| signs(f, "kinds")).collect();
    let mut enough: Vec<Sign> = Vec::new();
    for sign in findings().flat_map(|f| signs(f, "enough")) {
        if !enough.contains(&sign) && !not_enough.contains(&sign) {
            enough.push(sign);
        }
    }
    let (by, kind) = match transport {
        Transport::Sse if not_enough.contains(&Sign::Comments) => (Speaker::Server, Kind::Event),
        Transport::Sse => (Speaker::Server, Kind::Comment),
        Transport::WebSocket | Transport::LongPolling => (Speaker::Client, Kind::AnsweredMessage),
    };
    Heartbeat { by, kind, enough, not_enough }
}

impl Heartbeat {
    /// What is to be done so often, sentence by sentence.
    pub fn words(&self, seconds: u64) -> Vec<String> {
        let first = match self.kind {
            Kind::AnsweredMessage => format!(
                "The client sends a small message of its own at least every {seconds} s while there is nothing else to say, and \
                 the server answers it."
            ),
            Kind::Comment => format!(
                "The server sends a comment line, such as `: ping`, at least every {seconds} s while there is nothing else to say."
            ),
            Kind::Event => format!(
                "The server sends an event, and no mere comment, at least every {seconds} s while there is nothing else to say."
            ),
        };
        let listed = |signs: &[Sign]| signs.iter().map(|sign| sign.in_sentence()).collect::<Vec<_>>().join(", ");
        let others: Vec<Sign> = self.enough.iter().copied().filter(|sign| !self.is_sign(*sign)).collect();
        let mut words = vec![first];
        if !others.is_empty() {
            words.push(format!("Here each of these was enough, too: {}.", listed(&others)));
        }
        if !self.not_enough.is_empty() {
            words.push(format!("These do not keep a connection up here: {}.", listed(&self.not_enough)));
        }
        words
    }

    /// Whether it is this that is sent anyway.
    fn is_sign(&self, sign: Sign) -> bool {
        match self.kind {
            Kind::AnsweredMessage => sign == Sign::AnsweredMessages,
            Kind::Comment => sign == Sign::Comments,
            Kind::Event => false,
        }
    }
}
