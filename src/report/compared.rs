//! The same check through the proxy and without it, side by side.

use super::Report;
use super::changes::same;
use proxyprobe_probes::finding::{Finding, Verdict};
use proxyprobe_probes::transport::{Leg, Transport};
use proxyprobe_probes::untrusted::Untrusted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a run without the proxy found, and what differs from the run through it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Compared {
    /// When the run without the proxy began (RFC 3339).
    pub started_at: Untrusted,
    /// Its verdict.
    pub direct: Verdict,
    /// Each transport on the deciding leg, through the proxy and without it.
    pub transports: BTreeMap<Transport, Pair<Verdict>>,
    /// The findings that only one of the runs has, or that have other figures.
    pub findings: Vec<Difference>,
}

/// A value of either run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pair<T> {
    /// Through the proxy.
    pub through_proxy: T,
    /// Without it.
    pub direct: T,
}

/// One finding that the runs do not share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// Its code.
    pub code: Untrusted,
    /// The transport that it is about.
    pub transport: Option<Transport>,
    /// Its leg.
    pub leg: Option<Leg>,
    /// Its figure in either run, or that it was seen; none where it was not.
    pub seen: Pair<Option<Untrusted>>,
}

impl Compared {
    /// Compares a run through the proxy with one without it.
    pub fn new(through_proxy: &Report, direct: &Report) -> Self {
        let transports = Transport::ALL.into_iter().map(|transport| {
            let pair = Pair { through_proxy: verdict(through_proxy, transport), direct: verdict(direct, transport) };
            (transport, pair)
        });
        let own = |report: &Report| -> Vec<Finding> {
            report.judgement.findings.iter().filter(|finding| finding.caused_by.is_none()).cloned().collect()
        };
        Self {
            started_at: Untrusted::new(&direct.started_at),
            direct: direct.judgement.verdict,
            transports: transports.collect(),
            findings: differences(&own(through_proxy), &own(direct)),
        }
    }

    /// What it comes to, a sentence each.
    pub(super) fn words(&self) -> Vec<String> {
        let mut lines = vec![self.in_short().to_owned()];
        for (transport, pair) in &self.transports {
            let (through, direct) = (pair.through_proxy.as_str(), pair.direct.as_str());
            lines.push(format!("{}: {through} through the proxy, {direct} without it.", transport.title()));
        }
        for one in &self.findings {
            let transport = one.transport.map(|transport| transport.title().to_owned());
            let place: Vec<String> = transport.into_iter().chain(one.leg.map(|leg| format!("{leg} leg"))).collect();
            let place = if place.is_empty() { String::new() } else { format!(" ({})", place.join(", ")) };
            let said = |seen: &Option<Untrusted>| seen.as_ref().map_or("not seen".to_owned(), Untrusted::to_string);
            let (through, direct) = (said(&one.seen.through_proxy), said(&one.seen.direct));
            lines.push(format!("{}{place}: {through} through the proxy, {direct} without it.", one.code));
        }
        lines
    }

    fn in_short(&self) -> &'static str {
        let pairs = || self.transports.values();
        let judged = |verdict: Verdict| matches!(verdict, Verdict::Works | Verdict::Degraded | Verdict::Broken);
        let better = |one: Verdict, other: Verdict| judged(one) && judged(other) && one < other;
        let helps = pairs().any(|pair| better(pair.direct, pair.through_proxy));
        let harms = pairs().any(|pair| better(pair.through_proxy, pair.direct));
        match () {
            () if !pairs().any(|pair| judged(pair.direct)) => {
                "Without the proxy nothing could be judged: the proxy may be the only way out of this network."
            }
            () if !pairs().any(|pair| judged(pair.through_proxy)) => {
                "Through the proxy nothing could be judged; without it the server can be reached."
            }
            () if helps && harms => "The proxy's way and the direct way fail differently.",
            () if helps => {
                "Without the proxy it goes better: the proxy, or what stands behind it, is the likely cause of what fails here."
            }
            () if harms => "Through the proxy it goes better than without it.",
            () if !self.findings.is_empty() => "Every transport has the same verdict without the proxy.",
            () if pairs().all(|pair| pair.through_proxy == Verdict::Works) => "Without the proxy everything works, too.",
            () => "Without the proxy everything is the same: what was found is not the proxy's doing.",
        }
    }
}

fn verdict(report: &Report, transport: Transport) -> Verdict {
    let legs = report.judgement.transports.get(&transport);
    legs.and_then(|legs| legs.get(&report.hearing.leg)).map_or(Verdict::NotTested, |found| found.verdict)
}

fn differences(through_proxy: &[Finding], direct: &[Finding]) -> Vec<Difference> {
    let alike = |one: &Finding, other: &Finding| {
        one.code == other.code && one.leg == other.leg && PLACE.iter().all(|name| one.word(name) == other.word(name))
    };
    let seen = |finding: &Finding| Untrusted::new(&finding.figure().unwrap_or_else(|| "seen".to_owned()));
    let difference = |finding: &Finding, seen| Difference {
        code: Untrusted::new(finding.code.id),
        transport: finding.transport(),
        leg: finding.leg,
        seen,
    };
    let mut all = Vec::new();
    for finding in through_proxy {
        match direct.iter().find(|other| alike(finding, other)) {
            Some(other) if figures_agree(finding, other) => {}
            other => all.push(difference(finding, Pair { through_proxy: Some(seen(finding)), direct: other.map(seen) })),
        }
    }
    let only_direct = direct.iter().filter(|finding| !through_proxy.iter().any(|other| alike(finding, other)));
    all.extend(only_direct.map(|finding| difference(finding, Pair { through_proxy: None, direct: Some(seen(finding)) })));
    all.dedup();
    all
}

/// What tells findings of one code apart, beside the leg.
const PLACE: &[&str] = &["transport", "direction", "first_speaker"];

fn figures_agree(one: &Finding, other: &Finding) -> bool {
    let mut numbers = one.measured.iter().filter(|(_, value)| value.is_number());
    numbers.all(|(name, value)| other.measured.get(name).is_some_and(|now| same(name, value, now)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxyprobe_probes::{idle, sse};

    fn compared(pairs: [(Verdict, Verdict); 3], findings: Vec<Difference>) -> Compared {
        let pair = |(through_proxy, direct)| Pair { through_proxy, direct };
        let transports = Transport::ALL.into_iter().zip(pairs.map(pair)).collect();
        Compared { started_at: Untrusted::new("T"), direct: Verdict::Works, transports, findings }
    }

    #[test]
    fn what_it_comes_to_is_said_first() {
        use Verdict::{Broken, Degraded, Inconclusive, Works};
        for (pairs, expected) in [
            ([(Broken, Works), (Degraded, Works), (Works, Works)], "Without the proxy it goes better"),
            ([(Works, Works), (Works, Broken), (Works, Works)], "Through the proxy it goes better"),
            ([(Broken, Works), (Works, Broken), (Works, Works)], "The proxy's way and the direct way"),
            ([(Broken, Inconclusive), (Works, Inconclusive), (Works, Inconclusive)], "Without the proxy nothing"),
            ([(Inconclusive, Works), (Inconclusive, Works), (Inconclusive, Works)], "Through the proxy nothing"),
            ([(Broken, Broken), (Works, Works), (Works, Works)], "Without the proxy everything is the same"),
            ([(Works, Works), (Works, Works), (Works, Works)], "Without the proxy everything works, too"),
            // What could not be judged once is no difference.
            ([(Broken, Inconclusive), (Works, Works), (Works, Works)], "Without the proxy everything is the same"),
        ] {
            let lines = compared(pairs, Vec::new()).words();
            assert!(lines[0].starts_with(expected), "{pairs:?}: {}", lines[0]);
            assert_eq!(lines.len(), 4);
        }
    }

    #[test]
    fn figures_are_side_by_side_and_small_differences_are_none() {
        let idle = |after: u64| Finding::at(idle::CLOSED, after, "").on(Transport::Sse).with("after_ms", after);
        let held = || Finding::new(sse::BUFFERED_UNTIL_END, "").on(Transport::Sse);
        assert_eq!(differences(&[idle(30_000)], &[idle(30_100)]), []);
        let all = differences(&[idle(30_000), held()], &[idle(60_000)]);
        let lines = compared([(Verdict::Works, Verdict::Works); 3], all).words();
        assert_eq!(
            lines[4..],
            [
                "idle.closed (SSE): after 30.0 s through the proxy, after 60.0 s without it.",
                "sse.buffered-until-end (SSE): seen through the proxy, not seen without it."
            ]
        );
    }
}
