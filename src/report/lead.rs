//! The first three lines: the verdict and what to use, the first step that went wrong, and who does what next.

use super::Report;
use super::phases::{Phase, Rung, State, brief, roots, words};
use proxyprobe_probes::finding::{Verdict, seconds};
use proxyprobe_probes::transport::Transport;

/// What a terminal, a mail and a ticket show without breaking a line.
pub(super) const WIDTH: usize = 80;

/// The three lines; each fits [`WIDTH`].
pub(super) fn lead(report: &Report, path: &[Rung]) -> [String; 3] {
    [verdict(report), step(report, path), next(report)]
}

/// The first of these that fits; the last one is cut where it must be.
fn fitting(candidates: &[String]) -> String {
    let fits = |line: &&String| line.chars().count() <= WIDTH;
    match candidates.iter().find(fits) {
        Some(line) => line.clone(),
        None => {
            let last = candidates.last().map(String::as_str).unwrap_or_default();
            format!("{}…", last.chars().take(WIDTH - 1).collect::<String>())
        }
    }
}

fn verdict(report: &Report) -> String {
    let verdict = report.judgement.verdict.as_str();
    let recommendation = &report.judgement.recommendation;
    let of = |transport: Transport| {
        let legs = report.judgement.transports.get(&transport);
        legs.and_then(|legs| legs.get(&report.hearing.leg)).map_or(Verdict::NotTested, |found| found.verdict)
    };
    let chosen = Transport::ALL.into_iter().find(|transport| transport.as_str() == recommendation.transport);
    let used = match chosen {
        Some(transport) => {
            let header = recommendation.headers.first().map(|header| format!(" with {header}")).unwrap_or_default();
            let how = match of(transport) {
                _ if !header.is_empty() => "",
                Verdict::Works => ", which works here",
                Verdict::Degraded => ", which works here within limits",
                _ => "",
            };
            format!("Use {}{header}{how}", transport.in_sentence())
        }
        None if report.judgement.verdict == Verdict::Inconclusive => "No transport could be judged".to_owned(),
        None => "No transport is known to work here".to_owned(),
    };
    let others: Vec<String> = [Verdict::Broken, Verdict::Inconclusive]
        .into_iter()
        .filter_map(|verdict| {
            let named: Vec<&str> = Transport::ALL
                .into_iter()
                .filter(|transport| of(*transport) == verdict && chosen.is_some() && Some(*transport) != chosen)
                .map(Transport::in_sentence)
                .collect();
            (!named.is_empty()).then(|| format!("{}: {}", verdict.as_str(), named.join(", ")))
        })
        .collect();
    let short = format!("Verdict: {verdict}. {used}.");
    let long = format!("Verdict: {verdict}. {used} ({}).", others.join("; "));
    if others.is_empty() { short } else { fitting(&[long, short]) }
}

fn step(report: &Report, path: &[Rung]) -> String {
    let Some(rung) = path.iter().find(|rung| rung.first) else {
        let silence = seconds(report.hearing.plan.longest_idle_ms);
        let tried = path.iter().any(|rung| rung.phase == Phase::Idle && rung.state == State::Passed);
        let silence = if tried { format!("; silences up to {silence} survived") } else { String::new() };
        let passed = path.iter().filter(|rung| rung.state == State::Passed).count();
        return format!("All {passed} steps of the path that were tried passed{silence}.");
    };
    let word = match rung.state {
        State::Inconclusive => "could not be judged".to_owned(),
        state => format!("is {}", state.as_str()),
    };
    let begin = format!("Step {} of {}, {}, {word}", rung.phase.number(), Phase::ALL.len(), rung.phase.title());
    let begin_short = format!("Step {}, {}, {}", rung.phase.number(), rung.phase.title(), word.trim_start_matches("is "));
    let all = roots(report, rung.phase);
    let most = all.iter().filter_map(|finding| State::of(finding)).max();
    let worst: Vec<_> = all.into_iter().filter(|finding| State::of(finding) == most).collect();
    let first = worst.first().map(|finding| words(finding)).unwrap_or_default();
    // Where words are too long for a line, the name that `explain` knows has to do.
    let named = worst.first().map(|finding| [Some(finding.code.id.to_owned()), finding.figure()]);
    let named = named.into_iter().flatten().flatten().collect::<Vec<_>>().join(", ");
    let with_transports = brief(&worst.iter().take(1).copied().collect::<Vec<_>>());
    fitting(&[
        format!("{begin}: {}.", brief(&worst)),
        format!("{begin}: {with_transports}."),
        format!("{begin}: {first}."),
        format!("{begin_short}: {first}."),
        format!("{begin_short}: {named}."),
    ])
}

fn next(report: &Report) -> String {
    let next = &report.judgement.recommendation.next;
    fitting(&[format!("Next ({}): {}.", next.who.title(), next.what)])
}
