//! What the judge makes of every middlebox of the lab: expected against found.
//!
//! The whole hearing runs over pipes in memory under a paused clock, so that hours of silence take milliseconds.

mod application;
mod cases;
mod hearing;
pub mod matrix;
mod weather;

pub use cases::{CASES, CONTROLS, Case};
pub use hearing::{Scenario, hear};
pub use weather::Weather;

use crate::lab::Spec;
use crate::report::Report;
use proxyprobe_probes::transport::Leg;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// A case on one leg, which decides.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The case.
    pub case: Case,
    /// The URL's leg.
    pub leg: Leg,
}

/// What came of a trial.
pub struct Tried {
    /// What was tried.
    pub trial: Trial,
    /// All findings of the deciding leg.
    pub found: Vec<String>,
    /// What was recommended.
    pub recommended: String,
    /// The whole report.
    pub report: Report,
}

impl Tried {
    /// What this report says of a trial.
    pub fn of(trial: Trial, report: Report) -> Self {
        let judgement = &report.judgement;
        let of_leg = judgement.findings.iter().filter(|finding| finding.leg.is_none_or(|leg| leg == trial.leg));
        let of_leg = of_leg.filter(|finding| !finding.goes_without_saying());
        let mut found: Vec<String> = of_leg
            .map(|finding| {
                let cause = finding.caused_by.map(|cause| format!(" <- {}", cause.id)).unwrap_or_default();
                format!("{}{cause}", finding.code.id)
            })
            .collect();
        found.sort_unstable();
        // One behaviour shows on several transports.
        found.dedup();
        let recommended = judgement.recommendation.transport.to_owned();
        Self { trial, found, recommended, report }
    }

    /// Whether exactly the expected was found and recommended.
    pub fn is_right(&self) -> bool {
        self.found == self.trial.expected() && self.recommended == self.trial.case.recommends
    }

    /// Whether something is called degraded or broken that is not expected to be.
    pub fn is_false_alarm(&self) -> bool {
        self.trial.case.control && self.report.judgement.findings.iter().any(|finding| finding.blames())
    }
}

/// All trials of these cases.
pub fn trials(cases: &[Case]) -> Vec<Trial> {
    cases.iter().flat_map(|case| case.legs.iter().map(|leg| Trial { case: case.clone(), leg: *leg })).collect()
}

impl Trial {
    /// The scenario: on cleartext the middleboxes see that leg alone, as those do that cannot look into TLS; where TLS decides,
    /// they see both.
    ///
    /// # Errors
    /// When a middlebox does not exist.
    pub fn scenario(&self) -> Result<Scenario, String> {
        let boxes = read(self.case.boxes)?;
        let on = if self.leg == Leg::Http { vec![Leg::Http] } else { Leg::ALL.to_vec() };
        // A front of the operator's own is declared.
        let fronted = boxes.iter().any(|spec| spec.entry.name == "reverse-proxy");
        let front_headers: &[&str] = if fronted { &["via", "x-forwarded-for", "x-forwarded-proto"] } else { &[] };
        Ok(Scenario { boxes, on, leg: self.leg, front_headers, ..Scenario::default() })
    }

    /// All findings of the deciding leg, in order: those of the case, and on TLS the inspection by whoever must see requests.
    pub fn expected(&self) -> Vec<&'static str> {
        let mut codes = self.case.codes.to_vec();
        let reached = !codes.iter().any(|code| code.starts_with("reach."));
        let inspected = read(self.case.boxes).is_ok_and(|boxes| boxes.iter().any(Spec::sees_requests));
        let said = codes.iter().any(|code| code.starts_with("tls."));
        if self.leg == Leg::Https && reached && inspected && !said {
            codes.extend(["h2.not-negotiated", "tls.intercepted-trusted-root"]);
        }
        codes.sort_unstable();
        codes
    }

    /// Runs it.
    ///
    /// # Errors
    /// When it cannot run.
    pub fn run(&self, scenario: &Scenario) -> Result<Tried, String> {
        Ok(Tried::of(self.clone(), hear(scenario)?))
    }
}

/// Reads middleboxes in a row, joined by ` + `.
///
/// # Errors
/// Which of them does not exist, or what is wrong with its settings.
pub fn read(boxes: &str) -> Result<Vec<Spec>, String> {
    boxes.split(" + ").filter(|name| !name.is_empty()).map(str::parse).collect()
}

/// Runs jobs on all processors and gives the results in their order.
pub fn in_parallel<J: Sync, R: Send>(jobs: &[J], run: impl Fn(&J) -> R + Sync) -> Vec<R> {
    at_once(thread::available_parallelism().map_or(1, NonZero::get), jobs, run)
}

/// Runs so many jobs at once and gives the results in their order.
pub fn at_once<J: Sync, R: Send>(threads: usize, jobs: &[J], run: impl Fn(&J) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(jobs.len()));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(index) else { return };
                    let result = run(job);
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
