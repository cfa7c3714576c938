//! `check`: from flags to a run.

use super::embedded::embedded;
use super::questions::{answers, ask};
use super::route::route;
use super::values::{format_of, plan, printed, probes, read_save, read_url, redaction_of};
use super::{Outcome, Terminal, interrupted};
use crate::check::{self, Progress, Ran, check};
use crate::cli::{Check, Environment, LegChoice};
use crate::console::{Console, Say};
use crate::exit;
use crate::net::Route;
use crate::report::{About, Format, Report, Series};
use crate::upload;
use proxyprobe_probes::io::observe::Scene;
use proxyprobe_probes::io::pen::Entropy;
use proxyprobe_probes::transport::Leg;
use proxyprobe_probes::untrusted::Untrusted;
use proxyprobe_probes::wire::Kept;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(super) async fn check_command(flags: Check, environment: Environment, terminal: Terminal) -> Result<Outcome, String> {
    let format = format_of(flags.format);
    let saves = flags.save.iter().map(|save| read_save(save)).collect::<Result<Vec<_>, _>>()?;
    let colour = terminal.stdout && !flags.no_color && !environment.no_color;
    let console = Console::new(terminal.say, terminal.stderr, flags.quiet);
    let (target, leg, embedded) = match &flags.url {
        Some(url) => {
            let (target, leg) = read_url(url)?;
            (target, leg, None)
        }
        None => {
            let embedded = embedded(&flags.lab).await?;
            (embedded.target.clone(), Leg::Https, Some(embedded))
        }
    };
    let answers = match flags.ask {
        true => ask(&flags.answers, terminal, &mut std::io::stdin().lock())?,
        false => answers(&flags.answers),
    };
    let options = check::Options {
        leg,
        legs: match flags.leg {
            LegChoice::Http => vec![Leg::Http],
            LegChoice::Https => vec![Leg::Https],
            LegChoice::Both => Leg::ALL.to_vec(),
        },
        probes: probes(&flags.only, &flags.skip)?,
        plan: plan(&flags),
        answers,
        entropy: Entropy::system(),
        embedded: embedded.is_some(),
        url: flags.url.clone().or(embedded.as_ref().map(|embedded| embedded.words.clone())).unwrap_or_default(),
    };
    if !options.legs.contains(&leg) {
        return Err(format!("--leg leaves out the {leg} leg, but the URL is of that leg and it is the one that decides"));
    }
    let (stop, at_once) = (CancellationToken::new(), CancellationToken::new());
    let within = flags.timeout.map(Duration::from_secs);
    let watch = tokio::spawn(interruptions(stop.clone(), at_once.clone(), within, terminal.say));
    let way = || route(&flags.route, &environment, target.clone(), embedded.as_ref(), terminal.say);
    let ran = tokio::select! {
        ran = repeatedly(&flags, options, way, &console, &stop) => Some(ran?),
        () = at_once.cancelled() => None,
    };
    watch.abort();
    console.finish();
    let Some(Ran { mut report, door }) = ran else { return Ok(Outcome { print: String::new(), code: exit::INCONCLUSIVE }) };
    report.about.note = flags.note.as_deref().map(Untrusted::new);
    report.about.command = Some(Untrusted::new(&environment.command));
    let report = report.redacted(redaction_of(flags.redact)).map_err(|why| why.to_string())?;
    for (format, file) in saves {
        if let Err(error) = std::fs::write(file, report.render(format, false)) {
            (terminal.say)(&format!("proxyprobe: the report could not be written to {file}: {error}"));
        }
    }
    if flags.upload {
        (terminal.say)(&match leave_report(door.as_ref(), &report).await {
            Ok(kept) => {
                let days = kept.seconds / (24 * 60 * 60);
                format!("proxyprobe: the report was left with the server, which keeps it for {days} days as {}", kept.id)
            }
            Err(why) => format!("proxyprobe: the report was not left with the server: {why}. --save keeps it here."),
        });
    }
    Ok(Outcome { print: printed(&report, format, colour, flags.timeline), code: exit::of(report.judgement.verdict) })
}

async fn leave_report(door: Option<&Scene>, report: &Report) -> Result<Kept, String> {
    let door = door.ok_or("the server was not reached")?;
    upload::leave(door, report.render(Format::Json, false)).await
}

/// Checks as often as the flags ask for, each time anew from the name of the server on, and gives the report to be shown.
async fn repeatedly(
    flags: &Check,
    options: check::Options,
    way: impl Fn() -> Result<Route, String>,
    console: &Console,
    stop: &CancellationToken,
) -> Result<Ran, String> {
    if flags.repeat.is_none() && flags.during.is_none() {
        return Ok(check(options, Arc::new(way()?), console, stop.clone()).await);
    }
    let begun = Instant::now();
    let (mut series, mut shown) = (Series::default(), None);
    loop {
        let number = series.runs.len() + 1;
        let of = flags.repeat.map(|times| format!(" of {times}")).unwrap_or_default();
        let numbered = Numbered { console, prefix: format!("run {number}{of}: ") };
        let Ran { report, door } = check(options.clone(), Arc::new(way()?), &numbered, stop.clone()).await;
        let shown_now = series.add(shown.take(), report);
        let enough = match (flags.repeat, flags.during) {
            (Some(times), _) => series.runs.len() >= times as usize,
            (None, Some(during)) => begun.elapsed() >= during,
            (None, None) => true,
        };
        if enough || stop.is_cancelled() {
            let about = About { series: Some(series), ..shown_now.about.clone() };
            return Ok(Ran { report: Report { about, ..shown_now }, door });
        }
        shown = Some(shown_now);
    }
}

/// Says which of several runs it is.
struct Numbered<'a> {
    console: &'a Console,
    prefix: String,
}

impl Progress for Numbered<'_> {
    fn step(&self, what: &str, lasts: Option<Duration>) {
        self.console.step(&format!("{}{what}", self.prefix), lasts);
    }
}

/// Stops the run at the first Ctrl-C or when time is up, and ends it without a report at the second.
async fn interruptions(stop: CancellationToken, at_once: CancellationToken, within: Option<Duration>, say: Say) {
    let time_is_up = async {
        match within {
            Some(within) => tokio::time::sleep(within).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = interrupted() => say("proxyprobe: interrupted; reporting what was measured so far"),
        () = time_is_up => say("proxyprobe: time is up; reporting what was measured so far"),
    }
    stop.cancel();
    interrupted().await;
    at_once.cancel();
}
