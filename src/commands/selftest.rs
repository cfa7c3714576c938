//! `selftest`: every middlebox of the lab, in memory; expected against found.

use super::{Outcome, Terminal};
use crate::cli::{Selftest, TableFormat};
use crate::exit;
use crate::selftest::matrix::{self, Weathered};
use crate::selftest::{CASES, CONTROLS, Case, Trial, Weather, in_parallel, trials};

pub(super) fn selftest(flags: &Selftest, terminal: Terminal) -> Result<Outcome, String> {
    let wanted = |case: &&Case| flags.only.as_ref().is_none_or(|only| case.boxes.contains(only.as_str()));
    let controls: Vec<Case> = CONTROLS.iter().filter(wanted).cloned().collect();
    let seeds = match (flags.seed, flags.seeds) {
        (Some(seed), _) => seed..seed.saturating_add(1),
        (None, Some(seeds)) => 0..seeds,
        (None, None) => {
            let cases: Vec<Case> = CASES.iter().filter(wanted).cloned().chain(controls).collect();
            if cases.is_empty() {
                return Err("no row of the table has this in its name; `proxyprobe lab list` names the middleboxes".to_owned());
            }
            let all = trials(&cases);
            (terminal.say)(&format!("proxyprobe: {} trials in memory", all.len()));
            let tried =
                in_parallel(&all, |trial| trial.run(&trial.scenario()?)).into_iter().collect::<Result<Vec<_>, String>>()?;
            let print = match flags.format {
                TableFormat::Text => matrix::table(&tried, false),
                TableFormat::Markdown => matrix::page(&tried),
            };
            return Ok(outcome(print, tried.iter().any(|tried| !tried.is_right())));
        }
    };
    let all: Vec<_> = seeds.flat_map(|seed| trials(&controls).into_iter().map(move |trial| (seed, trial))).collect();
    if all.is_empty() {
        return Err("seeds are for controls, and no control has this in its name".to_owned());
    }
    (terminal.say)(&format!("proxyprobe: {} trials in memory", all.len()));
    let run = |(seed, trial): &(u64, Trial)| {
        let tried = trial.scenario().and_then(|scenario| trial.run(&Weather::of(*seed).over(scenario)))?;
        Ok(Weathered::of(*seed, tried))
    };
    let all = in_parallel(&all, run).into_iter().collect::<Result<Vec<_>, String>>()?;
    Ok(outcome(matrix::weather(&all), all.iter().any(|one| one.alarm)))
}

fn outcome(print: String, wrong: bool) -> Outcome {
    Outcome { print, code: if wrong { exit::FAULTY } else { exit::WORKS } }
}
