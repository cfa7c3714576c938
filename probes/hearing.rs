//! A whole run as one value, and everything that is concluded from it.

use crate::causes;
use crate::circumstances::{Circumstances, refused_at_the_door, turned_down};
use crate::company::{Company, Member};
use crate::exchange::{Exchange, Proof, Record, ServerNotes, Witness};
use crate::finding::{Code, Finding, Outcome, Verdict};
use crate::latency::Times;
use crate::plan::Plan;
use crate::products::{self, Product, Seen};
use crate::reach::{self, Step};
use crate::recommend::{Answers, Price, Recommendation, Situation, recommend};
use crate::timeline::{Event, What};
use crate::tls::ServerTls;
use crate::transport::{Leg, Transport, Via};
use crate::untrusted::Untrusted;
use crate::{Evidence, ProbeId, also, zombie};
use std::collections::BTreeMap;

/// Everything that was recorded in a run.
#[derive(Clone, Debug)]
pub struct Hearing {
    /// The URL's own leg: it alone decides.
    pub leg: Leg,
    /// What was planned.
    pub plan: Plan,
    /// What was going on around it.
    pub circumstances: Circumstances,
    /// The answers to the three questions, as far as they were given.
    pub answers: Answers,
    /// Whether the deciding leg goes through a proxy.
    pub through_proxy: bool,
    /// The evidence of the probes that ran, by leg.
    pub evidence: BTreeMap<ProbeId, BTreeMap<Leg, Evidence>>,
}

/// Everything that is concluded.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// Causes before consequences.
    pub findings: Vec<Finding>,
    /// For each transport: each leg's verdict.
    pub transports: BTreeMap<Transport, BTreeMap<Leg, TransportVerdict>>,
    /// What to build, and what to ask for.
    pub recommendation: Recommendation,
    /// The verdict over all transports of the deciding leg.
    pub verdict: Verdict,
}

/// A verdict on one transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportVerdict {
    /// The verdict.
    pub verdict: Verdict,
    /// The findings that made it.
    pub because: Vec<Code>,
}

/// What the server said of the run, as far as it could be read.
#[derive(Clone, Debug, Default)]
pub struct Testimony {
    /// The newest notes of each connection.
    pub notes: BTreeMap<String, ServerNotes>,
    /// When it was last read to its end.
    pub complete_at_ms: Option<u64>,
    /// Whether it was read to its end after everything was over.
    pub complete_at_end: bool,
    /// Whether the server dropped notes.
    pub cut: bool,
    /// How many connections the server closed unread.
    pub turned_away: u64,
    /// How much the times of its notes may be wrong among themselves, in milliseconds.
    pub clock_bound_ms: u64,
    /// The most that the server's timers were late.
    pub lag_ms: Option<u64>,
}

impl Testimony {
    /// What the witness says of one connection.
    pub fn of(&self, record: &Record) -> Witness {
        let client_over = record.client.entries.last().map_or(0, |entry| entry.at_ms);
        let read_after = self.complete_at_ms.is_some_and(|read| read > client_over);
        match self.notes.get(&record.nonce) {
            Some(notes) => {
                let over = |e: &Event| matches!(e, Event::Ended(_) | Event::Closed(_));
                let whole = (self.complete_at_end || notes.timeline.first(over).is_some()) && !notes.timeline.cut;
                if whole { Witness::Whole(notes.clone()) } else { Witness::Partial(notes.clone()) }
            }
            None if self.cut => Witness::Absent,
            None if self.complete_at_end || read_after => Witness::Empty,
            None => Witness::Absent,
        }
    }
}

impl Hearing {
    /// Gives every connection what the server said of it.
    pub fn attach(&mut self, testimony: &Testimony) {
        // Of the application's own endpoint the server knows nothing.
        let of_ours = self.evidence.iter_mut().filter(|(probe, _)| **probe != ProbeId::Also);
        let records = of_ours.flat_map(|(_, legs)| legs.values_mut()).flat_map(Evidence::records_mut);
        for record in records {
            record.witness = testimony.of(record);
        }
        self.circumstances.server_turned_away = testimony.turned_away;
        let bound = &mut self.circumstances.clock_bound_ms;
        *bound = bound.saturating_add(testimony.clock_bound_ms);
    }

    /// Draws all conclusions. Pure: the same hearing gives the same judgement anywhere.
    pub fn judge(&self) -> Judgement {
        let mut findings = Vec::new();
        let server_tls = self.server_tls();
        for evidence in self.evidence.values() {
            for (leg, evidence) in evidence {
                let (company, server_tls) = (self.company(*leg), server_tls.clone());
                let post_at_first = self.post_at_first(*leg);
                let around = Circumstances { company, server_tls, post_at_first, ..self.circumstances.clone() };
                let via =
                    evidence.records().into_iter().find_map(|record| record.opened.as_ref()).map(|opened| opened.via.as_str());
                for mut finding in evidence.judge(&around) {
                    if let Some(via) = via {
                        finding.measured.entry("via").or_insert(via.into());
                    }
                    findings.push(Finding { leg: Some(*leg), decisive: finding.decisive && *leg == self.leg, ..finding });
                }
            }
        }
        let findings = causes::arrange(findings);
        let transports: BTreeMap<Transport, BTreeMap<Leg, TransportVerdict>> = Transport::ALL
            .into_iter()
            .map(|transport| {
                (transport, Leg::ALL.into_iter().map(|leg| (leg, self.transport(transport, leg, &findings))).collect())
            })
            .collect();
        let decided: BTreeMap<Transport, Verdict> = transports
            .iter()
            .map(|(transport, legs)| (*transport, legs.get(&self.leg).map_or(Verdict::NotTested, |verdict| verdict.verdict)))
            .collect();
        let recommendation = recommend(&Situation {
            answers: self.answers,
            verdicts: decided.clone(),
            findings: findings.iter().filter(|finding| finding.decisive && finding.caused_by.is_none()).cloned().collect(),
            through_proxy: self.through_proxy,
            longest_idle_ms: self.plan.longest_idle_ms,
            leg: self.leg,
            elsewhere: transports
                .iter()
                .filter_map(|(transport, legs)| Some((*transport, legs.get(&self.leg.other())?.verdict)))
                .collect(),
            price: self.price(),
            times: self.times(),
            measured: true,
        });
        Judgement { findings, transports, recommendation, verdict: overall(decided.values().copied()) }
    }

    /// Whether the POST that starts a run was answered on this leg.
    fn post_at_first(&self, leg: Leg) -> Option<bool> {
        let Evidence::Reach(all) = self.evidence.get(&ProbeId::Reach)?.get(&leg)? else { return None };
        let by = |step: Step| all.iter().filter(move |one| one.asked.step == step).map(|one| one.record.proof == Proof::Valid);
        match (by(Step::Start).next()?, by(Step::StartByGet).any(|valid| valid)) {
            (true, _) => Some(true),
            // That another method got through is what makes it the method's fault.
            (false, got) => got.then_some(false),
        }
    }

    /// What messages and requests took on the deciding leg, where the machines were quiet enough to tell.
    fn times(&self) -> Option<Times> {
        match self.evidence.get(&ProbeId::Latency)?.get(&self.leg)? {
            Evidence::Latency(all) if !self.circumstances.timers_late() => Some(Times::of(all)),
            _ => None,
        }
    }

    /// What a request costs on the deciding leg: as the requests of the latency probe show, or else all others, without those that
    /// are held on purpose and streams that say nothing until they have something to say.
    fn price(&self) -> Option<Price> {
        if let Some(price) = self.times().as_ref().and_then(Price::measured) {
            return Some(price);
        }
        let at_once = [ProbeId::Reach, ProbeId::Upgrade, ProbeId::Zombie, ProbeId::Idle, ProbeId::Lifetime];
        let all = at_once.iter().filter_map(|probe| self.evidence.get(probe)?.get(&self.leg));
        Price::of(all.flat_map(Evidence::records))
    }

    /// What is known of TLS to the paired server.
    pub fn server_tls(&self) -> ServerTls {
        match self.evidence.get(&ProbeId::Tls).and_then(|legs| legs.get(&Leg::Https)) {
            Some(Evidence::Tls(all)) => ServerTls::of(all),
            _ => ServerTls::Unknown,
        }
    }

    /// What is to be said of each endpoint of the application's that was visited.
    pub fn also(&self) -> Vec<String> {
        let server = self.server_tls();
        let legs = self.evidence.get(&ProbeId::Also).into_iter().flat_map(BTreeMap::values);
        legs.flat_map(|evidence| match evidence {
            Evidence::Also(all) => also::told(all, &server),
            _ => Vec::new(),
        })
        .collect()
    }

    /// Why a probe did not run on a leg, when it did not.
    pub fn not_run(&self, probe: ProbeId, leg: Leg, findings: &[Finding]) -> Option<Code> {
        let ran = self.evidence.get(&probe).and_then(|legs| legs.get(&leg)).is_some_and(Evidence::asked);
        let first =
            |found: &dyn Fn(&&Finding) -> bool| findings.iter().filter(|f| f.leg == Some(leg)).find(found).map(|f| f.code);
        match probe {
            _ if ran => None,
            // What keeps the paired server away says nothing of another host.
            ProbeId::Also => first(&|f| f.code.probe() == "also"),
            _ => first(&|f| f.code.probe() == "reach" && !causes::EXPLAINS_NOTHING.contains(&f.code))
                .or_else(|| first(&|f| f.code.probe() == "upgrade" && f.blames()))
                .or_else(|| first(&|f| f.outcome == Outcome::Inconclusive)),
        }
    }

    /// The products that left their marks on the path, the surest first, each once. The server's declared front is none of them.
    pub fn products(&self) -> Vec<Product> {
        // The application's own endpoint is another host, with a front of its own.
        let of_ours = || self.evidence.iter().filter(|(probe, _)| **probe != ProbeId::Also);
        let all = || of_ours().flat_map(|(_, legs)| legs.values());
        let front: Vec<Untrusted> = all()
            .flat_map(|evidence| match evidence {
                Evidence::Headers(all) => all.iter().flat_map(|one| one.asked.front_headers.clone()).collect(),
                _ => Vec::new(),
            })
            .collect();
        let mut seen: Vec<Seen<'_>> = Vec::new();
        for evidence in all() {
            match evidence {
                Evidence::Tls(all) => {
                    let chains = all.iter().flat_map(|one| &one.asked.examined.chain);
                    seen.extend(chains.map(|one| Seen::Certificate(one.issuer.as_str())));
                }
                Evidence::Headers(all) => {
                    for one in all {
                        let notes = one.record.witness.notes();
                        seen.extend(notes.into_iter().flat_map(|notes| products::behaviours(&one.asked.sent, notes)));
                    }
                }
                Evidence::Reach(all) => {
                    seen.extend(all.iter().filter_map(|one| one.asked.body.as_ref()).map(|body| Seen::Page(body.as_str())));
                }
                _ => {}
            }
            for record in evidence.records() {
                seen.extend(record.witness.notes().into_iter().flat_map(|notes| products::of_request(&notes.request)));
                seen.extend(record.response.iter().flat_map(products::of_response));
            }
        }
        products::identify(seen, &front)
    }

    /// The size in bytes of the largest message that was tried on the deciding leg's WebSockets; none where no sizes were.
    pub fn largest_message(&self) -> Option<u32> {
        match self.evidence.get(&ProbeId::Zombie)?.get(&self.leg)? {
            Evidence::Zombie(all) => {
                let sizes = |one: &Exchange<zombie::Asked>| {
                    let sent = one.record.client.sent(What::Frame);
                    sent.into_iter().filter_map(|number| one.asked.size(number)).max()
                };
                all.iter().filter_map(sizes).max()
            }
            _ => None,
        }
    }

    /// Whether HTTP/2 was asked for on the deciding leg.
    pub fn tried_http2(&self) -> bool {
        self.evidence.get(&ProbeId::H2).and_then(|legs| legs.get(&self.leg)).is_some_and(|all| !all.records().is_empty())
    }

    /// What the connections of a leg did together.
    fn company(&self, leg: Leg) -> Company {
        let busy = |probe: ProbeId| matches!(probe, ProbeId::Zombie | ProbeId::Sse | ProbeId::Lifetime);
        let mut members = Vec::new();
        // What the latency probe opens lives for a moment, at a beat of its own; and what treats HTTP/2 in some way says nothing of
        // connections that are no more than one request.
        let apart = [ProbeId::Also, ProbeId::Latency, ProbeId::H2];
        for (probe, legs) in self.evidence.iter().filter(|(probe, _)| !apart.contains(probe)) {
            for (leg, evidence) in legs {
                let records = match evidence {
                    // What is kept up by one sign of life is neither silent nor busy: its end is compared with those of the ladder.
                    Evidence::Idle(all) => all.iter().filter(|one| one.asked.kept.is_none()).map(|one| &one.record).collect(),
                    // What ends by the kind of a message, or as it was asked to, ends with nothing else.
                    Evidence::Zombie(all) => {
                        let apart = [zombie::Part::Kinds, zombie::Part::KindsAgain, zombie::Part::Listen];
                        all.iter().filter(|one| !apart.contains(&one.asked.part)).map(|one| &one.record).collect()
                    }
                    // Another port may be treated in another way.
                    Evidence::Upgrade(all) => all.iter().filter(|one| one.asked.port.is_none()).map(|one| &one.record).collect(),
                    // What holds streams of one form, or too many at once, is no trouble of the path.
                    Evidence::Sse(all) => all.iter().filter(|one| one.asked.kind.is_usual()).map(|one| &one.record).collect(),
                    other => other.records(),
                };
                members.extend(records.into_iter().map(|record| Member { leg: *leg, busy: busy(*probe), record }));
            }
        }
        let ladder = self.evidence.get(&ProbeId::Idle).and_then(|legs| legs.get(&leg)).map(Evidence::records).unwrap_or_default();
        // Some of a kind came in and some did not; where a proxy lets no tunnel through, none does.
        let tunnelled = |record: &Record| record.opened.as_ref().is_none_or(|opened| opened.via != Via::AbsoluteForm);
        let connections_limited = self.circumstances.server_turned_away == 0
            && [true, false].into_iter().any(|kind| {
                let mut of_kind = ladder.iter().filter(|record| tunnelled(record) == kind);
                of_kind.clone().any(|record| refused_at_the_door(record)) && of_kind.any(|record| !refused_at_the_door(record))
            })
            || self.turned_down_beyond(leg);
        Company { connections_limited, ..Company::of(leg, &members) }
    }

    /// Whether something in between answered some connections of a ladder with an error and let others of their kind in.
    fn turned_down_beyond(&self, leg: Leg) -> bool {
        let Some(Evidence::Idle(all)) = self.evidence.get(&ProbeId::Idle).and_then(|legs| legs.get(&leg)) else { return false };
        Transport::ALL.into_iter().any(|transport| {
            let mut of_kind = all.iter().filter(|one| one.asked.transport == transport).map(|one| &one.record);
            of_kind.clone().any(turned_down) && of_kind.any(|record| record.proof == Proof::Valid)
        })
    }

    fn transport(&self, transport: Transport, leg: Leg, findings: &[Finding]) -> TransportVerdict {
        let about: Vec<&Finding> = findings.iter().filter(|f| f.leg == Some(leg) && concerns(f, transport)).collect();
        let of = |outcome: Outcome| -> Vec<Code> {
            let mut codes: Vec<Code> = Vec::new();
            // What another transport's absolute-form attempt showed decides nothing; the leg decides elsewhere.
            for finding in about.iter().filter(|f| f.outcome == outcome && (f.decisive || leg != self.leg)) {
                if !codes.contains(&finding.code) {
                    codes.push(finding.code);
                }
            }
            codes
        };
        for (outcome, verdict) in [
            (Outcome::Broken, Verdict::Broken),
            (Outcome::Degraded, Verdict::Degraded),
            (Outcome::Inconclusive, Verdict::Inconclusive),
        ] {
            let because = of(outcome);
            if !because.is_empty() {
                return TransportVerdict { verdict, because };
            }
        }
        let unreached =
            about.iter().find(|f| matches!(f.code, c if c == reach::REDIRECTED_TO_HTTPS || c == reach::SELF_SIGNED_SERVER));
        let ran = |probe: ProbeId| self.evidence.get(&probe).and_then(|legs| legs.get(&leg)).is_some_and(Evidence::asked);
        let principal: &[ProbeId] = match transport {
            Transport::WebSocket => &[ProbeId::Upgrade, ProbeId::Zombie],
            Transport::Sse => &[ProbeId::Sse],
            Transport::LongPolling => &[ProbeId::LongPoll],
        };
        match unreached {
            Some(finding) => TransportVerdict { verdict: Verdict::NotTested, because: vec![finding.code] },
            None if principal.iter().all(|probe| ran(*probe)) => {
                TransportVerdict { verdict: Verdict::Works, because: Vec::new() }
            }
            None => TransportVerdict { verdict: Verdict::NotTested, because: Vec::new() },
        }
    }
}

/// Whether a finding is about a transport.
fn concerns(finding: &Finding, transport: Transport) -> bool {
    match (finding.code.probe(), finding.word("transport")) {
        (_, Some(named)) => named == transport.as_str(),
        ("upgrade" | "zombie", None) => transport == Transport::WebSocket,
        ("sse", None) => transport == Transport::Sse,
        ("long_poll", None) => transport == Transport::LongPolling,
        // Times, what the path makes of HTTP/2, and what was not judged: no transport is the worse for it.
        ("latency" | "h2", None) => false,
        // Reaching concerns all of them.
        _ => true,
    }
}

/// Wrong beats unknown beats right: what is proven to be broken is not hidden by what could not be judged.
fn overall(verdicts: impl Iterator<Item = Verdict> + Clone) -> Verdict {
    let any = |wanted: Verdict| verdicts.clone().any(|verdict| verdict == wanted);
    match () {
        () if any(Verdict::Broken) => Verdict::Broken,
        () if any(Verdict::Degraded) => Verdict::Degraded,
        () if any(Verdict::Inconclusive) => Verdict::Inconclusive,
        () if any(Verdict::Works) => Verdict::Works,
        () => Verdict::Inconclusive,
    }
}
