//! The three questions in their order, with the answers taken and where they came from.

use super::demand::slowest;
use super::{Between, Client, Demand, Sends, Situation};
use crate::transport::Transport;
use schemars::JsonSchema;
use serde::Serialize;
use std::borrow::Cow;

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
    pub so: Cow<'static, str>,
}

const FIRST: &str = "Does the client send high-frequency or latency-sensitive data through the same channel?";

/// The first question, answered by what requests took here.
fn by_figures(s: &Situation, demand: Demand) -> Step {
    let Demand { send_every_ms, budget_ms } = demand;
    let sending = send_every_ms.map_or_else(String::new, |every| format!(", one every {every} ms,"));
    let message = s.times.as_ref().and_then(|times| slowest(&times.messages));
    let beside = message.map_or_else(String::new, |ms| {
        let too = if ms > budget_ms { ", which is too slow as well" } else { "" };
        format!("; a WebSocket message takes {ms} ms{too}")
    });
    let (answer, from, so) = match s.demand_met() {
        Some((true, ms)) => (
            "no",
            "measured",
            format!("requests{sending} take up to {ms} ms here, within the {budget_ms} ms that were asked for; go on"),
        ),
        // Some were not answered at all.
        Some((false, ms)) if ms <= budget_ms => {
            ("yes", "measured", format!("WebSockets, because some of the requests{sending} were not answered{beside}"))
        }
        Some((false, ms)) => (
            "yes",
            "measured",
            format!(
                "WebSockets, because requests{sending} take up to {ms} ms here, more than the {budget_ms} ms that were asked for{beside}"
            ),
        ),
        None => ("yes", "assumed", "WebSockets, because what requests take could not be measured".to_owned()),
    };
    Step { question: FIRST, answer, from, so: so.into() }
}

/// Where an answer that was given came from.
fn given(asked: bool) -> &'static str {
    if asked { "asked" } else { "flag" }
}

/// Walks them.
pub(super) fn walk(s: &Situation) -> Vec<Step> {
    let asked = s.answers.asked;
    let first = match s.answers.demand {
        Some(demand) => by_figures(s, demand),
        None => {
            let (answer, from) = match s.answers.client_sends {
                Sends::HighFrequency => ("yes", given(asked.client_sends)),
                Sends::Occasional => ("no", given(asked.client_sends)),
                Sends::Unknown => ("no", "assumed"),
            };
            Step { question: FIRST, answer, from, so: if answer == "yes" { "WebSockets" } else { "go on" }.into() }
        }
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
        }
        .into(),
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
        so: if answer == "yes" { "SSE" } else { "long polling" }.into(),
    };
    let mut steps = vec![first, second, third];
    if s.answers.interactive {
        steps.push(Step {
            question: "Is the feature collaborative or interactive?",
            answer: "yes",
            from: given(asked.interactive),
            so: "WebSockets, whatever the other answers".into(),
        });
    }
    steps
}
