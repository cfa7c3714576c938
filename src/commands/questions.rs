//! The answers to the three questions: from flags, or asked on the terminal.

use super::Terminal;
use crate::cli::{AnswerFlags, ClientChoice, DemandFlags, NetworkChoice, SendsChoice};
use proxyprobe_probes::recommend::{Answers, Between, Client, Demand, Sends};
use std::io::BufRead;

/// What flags say.
pub(super) fn answers(flags: &AnswerFlags) -> Answers {
    Answers {
        client_sends: match flags.client_sends {
            Some(SendsChoice::HighFrequency) => Sends::HighFrequency,
            Some(SendsChoice::Occasional) => Sends::Occasional,
            Some(SendsChoice::Unknown) | None => Sends::Unknown,
        },
        network: match flags.network {
            Some(NetworkChoice::Enterprise) => Between::Enterprise,
            Some(NetworkChoice::Direct) => Between::Direct,
            Some(NetworkChoice::Unknown) | None => Between::Unknown,
        },
        client: match flags.client {
            Some(ClientChoice::Browser) => Client::Browser,
            Some(ClientChoice::Node) => Client::Node,
            Some(ClientChoice::Mobile) => Client::Mobile,
            Some(ClientChoice::Constrained) => Client::Constrained,
            Some(ClientChoice::Unknown) | None => Client::Unknown,
        },
        interactive: flags.interactive,
        ..Answers::default()
    }
}

/// What is to be measured in place of the first answer.
pub(super) fn demand(flags: &DemandFlags) -> Option<Demand> {
    (flags.send_rate.is_some() || flags.latency_budget.is_some())
        .then(|| Demand { send_every_ms: flags.send_rate, budget_ms: flags.latency_budget.unwrap_or(Demand::BUDGET_MS) })
}

/// What flags say, and for the rest what a person answers: one number a line, from `input`. What is measured is not asked for.
pub(super) fn ask(
    flags: &AnswerFlags,
    demand: Option<Demand>,
    terminal: Terminal,
    input: &mut impl BufRead,
) -> Result<Answers, String> {
    let mut answers = Answers { demand, ..answers(flags) };
    let mut choose = |question: &str, choices: &[&str]| choose(question, choices, terminal, input);
    if flags.client_sends.is_none() && answers.demand.is_none() {
        let question = "1. Does the client send high-frequency or latency-sensitive data through the same channel?";
        let choices =
            ["yes: cursors, keystrokes, game input, orders", "no: it mostly listens, and acts now and then", "I don't know"];
        answers.client_sends = [Sends::HighFrequency, Sends::Occasional, Sends::Unknown]
            .get(choose(question, &choices)?)
            .copied()
            .unwrap_or_default();
        answers.asked.client_sends = answers.client_sends != Sends::Unknown;
    }
    if flags.network.is_none() {
        let question = "2. Will users sit behind enterprise or DPI proxies?";
        let choices = ["yes", "no: direct or consumer networks", "I don't know"];
        answers.network = [Between::Enterprise, Between::Direct, Between::Unknown]
            .get(choose(question, &choices)?)
            .copied()
            .unwrap_or_default();
        answers.asked.network = answers.network != Between::Unknown;
    }
    if flags.client.is_none() {
        let question = "3. What is the client? (Does its HTTP library support SSE?)";
        let choices = ["a browser", "Node", "a mobile framework", "constrained or IoT, without SSE", "I don't know"];
        let clients = [Client::Browser, Client::Node, Client::Mobile, Client::Constrained, Client::Unknown];
        answers.client = clients.get(choose(question, &choices)?).copied().unwrap_or_default();
        answers.asked.client = answers.client != Client::Unknown;
    }
    if !flags.interactive {
        let choices = ["yes: people work on the same thing at the same time", "no"];
        answers.interactive = choose("Is the feature collaborative or interactive?", &choices)? == 0;
        answers.asked.interactive = answers.interactive;
    }
    Ok(answers)
}

/// So many answers that are none, and nobody is there to answer.
const ATTEMPTS: usize = 3;

fn choose(question: &str, choices: &[&str], terminal: Terminal, input: &mut impl BufRead) -> Result<usize, String> {
    (terminal.say)(question);
    for (index, choice) in choices.iter().enumerate() {
        (terminal.say)(&format!("   {}  {choice}", index + 1));
    }
    for _ in 0..ATTEMPTS {
        let mut line = String::new();
        let read = input.read_line(&mut line).map_err(|error| format!("the answer could not be read: {error}"))?;
        if read == 0 {
            return Err(
                "the questions need answers: a number and Enter for each, or --client-sends, --network and --client".to_owned()
            );
        }
        match line.trim().parse::<usize>() {
            Ok(number) if (1..=choices.len()).contains(&number) => return Ok(number - 1),
            _ => (terminal.say)(&format!("Please type a number from 1 to {}.", choices.len())),
        }
    }
    Err("no question was answered".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENT: Terminal = Terminal { stdout: false, stderr: false, say: |_| {} };

    #[test]
    fn numbers_become_answers_and_what_flags_say_is_not_asked() {
        let all = ask(&AnswerFlags::default(), None, SILENT, &mut "2\n1\n4\n2\n".as_bytes()).unwrap();
        assert_eq!(
            (all.client_sends, all.network, all.client, all.interactive),
            (Sends::Occasional, Between::Enterprise, Client::Constrained, false)
        );
        assert!(all.asked.client_sends && all.asked.network && all.asked.client && !all.asked.interactive);
        let flags = AnswerFlags {
            client_sends: Some(SendsChoice::HighFrequency),
            client: Some(ClientChoice::Node),
            ..AnswerFlags::default()
        };
        let rest = ask(&flags, None, SILENT, &mut "x\n3\n1\n".as_bytes()).unwrap();
        assert_eq!(
            (rest.client_sends, rest.network, rest.client, rest.interactive),
            (Sends::HighFrequency, Between::Unknown, Client::Node, true)
        );
        assert!(!rest.asked.client_sends && !rest.asked.network && rest.asked.interactive);
    }

    #[test]
    fn nobody_there_is_said() {
        assert!(ask(&AnswerFlags::default(), None, SILENT, &mut "".as_bytes()).unwrap_err().contains("--client-sends"));
        assert!(ask(&AnswerFlags::default(), None, SILENT, &mut "a\nb\nc\n".as_bytes()).is_err());
    }
}
