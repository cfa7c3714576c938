//! The three questions in their order, with the answers taken and where they came from.

use super::{Between, Client, Sends, Situation};
use crate::transport::Transport;
use schemars::JsonSchema;
use serde::Serialize;

/// One question of the walk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// The question.
    pub question: &'static str,
    /// The answer that was taken.
    pub answer: &'static str,
    /// Where it came from: `flag`, `asked`, `measured` or `assumed`.
    pub from: &'static str,
    /// What followed.
    pub so: &'static str,
}

/// Where an answer that was given came from.
fn given(asked: bool) -> &'static str {
    if asked { "asked" } else { "flag" }
}

/// Walks them.
pub(super) fn walk(s: &Situation) -> Vec<Step> {
    let asked = s.answers.asked;
    let (answer, from) = match s.answers.client_sends {
        Sends::HighFrequency => ("yes", given(asked.client_sends)),
        Sends::Occasional => ("no", given(asked.client_sends)),
        Sends::Unknown => ("no", "assumed"),
    };
    let first = Step {
        question: "Does the client send high-frequency or latency-sensitive data through the same channel?",
        answer,
        from,
        so: if answer == "yes" { "WebSockets" } else { "go on" },
    };
    let (answer, from) = match (s.answers.network, s.middlebox_seen()) {
        (Between::Enterprise, _) => ("yes", given(asked.network)),
        (Between::Direct, _) => ("no", given(asked.network)),
        (Between::Unknown, true) => ("yes", "measured"),
        (Between::Unknown, false) if s.measured && Transport::ALL.iter().any(|transport| s.judged(*transport)) => {
            ("no", "measured")
        }
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
        Client::Constrained => ("no", given(asked.client)),
        Client::Unknown => ("yes", "assumed"),
        _ => ("yes", given(asked.client)),
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
            from: given(asked.interactive),
            so: "WebSockets, whatever the other answers",
        });
    }
    steps
}
