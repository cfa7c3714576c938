//! `check`: from flags to a run.

use super::embedded::embedded;
use super::route::route;
use super::values::{answers, format_of, plan, probes, read_save, read_url};
use super::{Outcome, Terminal, interrupted};
use crate::check::{self, check};
use crate::cli::{Check, Environment, LegChoice};
use crate::console::{Console, Say};
use crate::exit;
use proxyprobe_probes::io::pen::Entropy;
use proxyprobe_probes::transport::Leg;
use std::sync::Arc;
use std::time::Duration;
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
    let options = check::Options {
        leg,
        legs: match flags.leg {
            LegChoice::Http => vec![Leg::Http],
            LegChoice::Https => vec![Leg::Https],
            LegChoice::Both => Leg::ALL.to_vec(),
        },
        probes: probes(&flags.only, &flags.skip)?,
        plan: plan(&flags),
        answers: answers(&flags),
        entropy: Entropy::system(),
        embedded: embedded.is_some(),
        url: flags.url.clone().or(embedded.as_ref().map(|embedded| embedded.words.clone())).unwrap_or_default(),
    };
    if !options.legs.contains(&leg) {
        return Err(format!("--leg leaves out the {leg} leg, but the URL is of that leg and it is the one that decides"));
    }
    let route = Arc::new(route(&flags.route, &environment, target, embedded.as_ref())?);
    let (stop, at_once) = (CancellationToken::new(), CancellationToken::new());
    let within = flags.timeout.map(Duration::from_secs);
    let watch = tokio::spawn(interruptions(stop.clone(), at_once.clone(), within, terminal.say));
    let report = tokio::select! {
        report = check(options, route, &console, stop) => Some(report),
        () = at_once.cancelled() => None,
    };
    watch.abort();
    console.finish();
    let Some(report) = report else { return Ok(Outcome { print: String::new(), code: exit::INCONCLUSIVE }) };
    for (format, file) in saves {
        if let Err(error) = std::fs::write(file, report.render(format, false)) {
            (terminal.say)(&format!("proxyprobe: the report could not be written to {file}: {error}"));
        }
    }
    Ok(Outcome { print: report.render(format, colour), code: exit::of(report.judgement.verdict) })
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
