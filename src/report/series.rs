//! Several runs of one check: k of n, and when.

use super::Report;
use super::changes::weighs;
use proxyprobe_probes::finding::Verdict;
use proxyprobe_probes::transport::{Leg, Transport};
use proxyprobe_probes::untrusted::Untrusted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What each of several runs found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// The runs, in order.
    pub runs: Vec<Ran>,
    /// Which of them the rest of the report is about, counted from 0: the worst, and among equals the first.
    pub shown: usize,
}

/// What one run found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ran {
    /// When it began (RFC 3339).
    pub started_at: Untrusted,
    /// Its verdict.
    pub verdict: Verdict,
    /// What it found that counts for the verdict or could not be judged.
    pub findings: Vec<Seen>,
}

/// One finding of one run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// Its code.
    pub code: Untrusted,
    /// The transport that it is about.
    pub transport: Option<Transport>,
    /// Its leg.
    pub leg: Option<Leg>,
}

/// So many times are listed for one finding; a day of runs would fill pages.
const TIMES: usize = 12;

impl Series {
    /// Adds a run, and gives back the report to be shown: this one, or the one before.
    pub fn add(&mut self, shown: Option<Report>, next: Report) -> Report {
        let mut findings: Vec<Seen> = Vec::new();
        for finding in next.judgement.findings.iter().filter(|finding| weighs(finding.outcome) && finding.caused_by.is_none()) {
            let seen = Seen { code: Untrusted::new(finding.code.id), transport: finding.transport(), leg: finding.leg };
            if !findings.contains(&seen) {
                findings.push(seen);
            }
        }
        self.runs.push(Ran { started_at: Untrusted::new(&next.started_at), verdict: next.judgement.verdict, findings });
        match shown {
            Some(shown) if badness(shown.judgement.verdict) >= badness(next.judgement.verdict) => shown,
            _ => {
                self.shown = self.runs.len() - 1;
                next
            }
        }
    }

    /// How often each verdict and each finding was seen, a sentence each.
    pub fn words(&self) -> Vec<String> {
        let n = self.runs.len();
        let mut lines = vec![format!("Run {} of {n} is shown here, the worst.", self.shown + 1)];
        for verdict in [Verdict::Broken, Verdict::Degraded, Verdict::Inconclusive, Verdict::Works] {
            let k = self.runs.iter().filter(|run| run.verdict == verdict).count();
            if k > 0 {
                lines.push(format!("Verdict {}: {k} of {n} runs.", verdict.as_str()));
            }
        }
        let mut all: Vec<&Seen> = self.runs.iter().flat_map(|run| &run.findings).collect();
        all.sort();
        all.dedup();
        for seen in all {
            let times: Vec<&str> =
                self.runs.iter().filter(|run| run.findings.contains(seen)).map(|run| run.started_at.as_str()).collect();
            let transport = seen.transport.map(|transport| transport.title().to_owned());
            let place: Vec<String> = transport.into_iter().chain(seen.leg.map(|leg| format!("{leg} leg"))).collect();
            lines.push(format!("{} ({}): {} of {n} runs{}.", seen.code, place.join(", "), times.len(), when(&times, n)));
        }
        lines
    }
}

/// The beginnings of the runs in which something was seen, where it was not in all of them.
fn when(times: &[&str], of: usize) -> String {
    if times.len() == of {
        return String::new();
    }
    let shown: Vec<&str> = times.iter().take(TIMES).copied().collect();
    let more = times.len().saturating_sub(TIMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(", begun at {}{more}", shown.join(", "))
}

/// Wrong is worse than unknown.
fn badness(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Broken => 3,
        Verdict::Degraded => 2,
        Verdict::Inconclusive => 1,
        Verdict::Works | Verdict::NotTested => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_now_and_then_is_told_with_its_times() {
        let run = |at: &str, verdict, codes: &[&str]| Ran {
            started_at: Untrusted::new(at),
            verdict,
            findings: codes
                .iter()
                .map(|code| Seen { code: Untrusted::new(code), transport: Some(Transport::Sse), leg: Some(Leg::Https) })
                .collect(),
        };
        let runs = vec![run("T1", Verdict::Works, &[]), run("T2", Verdict::Broken, &["sse.cut"]), run("T3", Verdict::Works, &[])];
        let words = Series { runs, shown: 1 }.words();
        assert_eq!(
            words,
            [
                "Run 2 of 3 is shown here, the worst.",
                "Verdict broken: 1 of 3 runs.",
                "Verdict works: 2 of 3 runs.",
                "sse.cut (SSE, https leg): 1 of 3 runs, begun at T2."
            ]
        );
    }
}
