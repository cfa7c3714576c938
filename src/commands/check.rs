//! `check`: from flags to a run.

use super::also::{applications, check_flags};
use super::embedded::embedded;
use super::process_list;
use super::questions::{answers, ask, demand};
use super::route::{Ways, credentials};
use super::values::{format_of, plan, printed, probes, read_file, read_save, read_url, redaction_of};
use super::{Outcome, Terminal, interrupted};
use crate::check::{self, Progress, Ran, check};
use crate::cli::{Check, Environment, LegChoice};
use crate::console::{Console, Say};
use crate::exit;
use crate::net::secret::Secret;
use crate::report::{Compared, Format, Report, Series};
use crate::upload;
use proxyprobe_probes::Evidence;
use proxyprobe_probes::failure::Kind;
use proxyprobe_probes::io::observe::Scene;
use proxyprobe_probes::io::pen::Entropy;
use proxyprobe_probes::recommend::Answers;
use proxyprobe_probes::transport::Leg;
use proxyprobe_probes::untrusted::Untrusted;
use proxyprobe_probes::wire::Kept;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(super) async fn check_command(flags: Check, environment: Environment, terminal: Terminal) -> Result<Outcome, String> {
    let format = format_of(flags.format);
    check_flags(&flags)?;
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
    let demand = demand(&flags.demand);
    let answers = match flags.ask {
        true => ask(&flags.answers, demand, terminal, &mut std::io::stdin().lock())?,
        false => Answers { demand, ..answers(&flags.answers) },
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
        token: token(&flags, &environment, terminal.say)?,
        embedded: embedded.is_some(),
        url: flags.url.clone().or(embedded.as_ref().map(|embedded| embedded.words.clone())).unwrap_or_default(),
        also: Vec::new(),
    };
    if !options.legs.contains(&leg) {
        return Err(format!("--leg leaves out the {leg} leg, but the URL is of that leg and it is the one that decides"));
    }
    let (stop, at_once) = (CancellationToken::new(), CancellationToken::new());
    let within = flags.timeout.map(Duration::from_secs);
    let watch = tokio::spawn(interruptions(stop.clone(), at_once.clone(), within, terminal.say));
    let ways = Ways {
        flags: &flags.route,
        environment: &environment,
        target,
        embedded: embedded.as_ref(),
        credentials: credentials(&flags.route, &environment)?,
        say: terminal.say,
    };
    let several = is_repeated(&flags);
    let mut so_far = SoFar::default();
    let ended = tokio::select! {
        ended = runs(&flags, options, &ways, &console, &stop, &mut so_far) => ended,
        () = at_once.cancelled() => Ok(()),
    };
    watch.abort();
    console.finish();
    let Some(Ran { mut report, door }) = so_far.whole(several) else {
        return ended.map(|()| Outcome { print: String::new(), code: exit::INCONCLUSIVE });
    };
    if let Err(why) = ended {
        (terminal.say)(&format!("proxyprobe: {why}; reporting what was measured before"));
    }
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

/// The token for the server: from the flag, a file or the environment.
fn token(flags: &Check, environment: &Environment, say: Say) -> Result<Option<Secret>, String> {
    if let Some(token) = &flags.token {
        if !process_list::hide_all(token) {
            say("proxyprobe: --token can be seen in this machine's list of processes: give it by --token-file");
        }
        return Ok(Some(Secret::new(token)));
    }
    let Some(file) = &flags.token_file else { return Ok(environment.token.clone()) };
    let text = String::from_utf8_lossy(&read_file(file)?).into_owned();
    Ok(Some(Secret::new(text.lines().next().unwrap_or_default().trim())))
}

async fn leave_report(door: Option<&Scene>, report: &Report) -> Result<Kept, String> {
    let door = door.ok_or("the server was not reached")?;
    upload::leave(door, report.render(Format::Json, false)).await
}

/// What the runs have given so far. It is there also when a later one is not waited for.
#[derive(Default)]
struct SoFar {
    series: Series,
    shown: Option<Report>,
    door: Option<Scene>,
}

impl SoFar {
    fn add(&mut self, Ran { report, door }: Ran) {
        self.shown = Some(self.series.add(self.shown.take(), report));
        self.door = door;
    }

    /// The report to be shown; where it is one of `several`, with how often each thing was seen.
    fn whole(self, several: bool) -> Option<Ran> {
        let mut report = self.shown?;
        report.about.series = several.then_some(self.series);
        Some(Ran { report, door: self.door })
    }
}

fn is_repeated(flags: &Check) -> bool {
    flags.repeat.is_some() || flags.during.is_some()
}

/// Checks as often as the flags ask for, each time anew from the name of the server on.
async fn runs(
    flags: &Check,
    options: check::Options,
    ways: &Ways<'_>,
    console: &Console,
    stop: &CancellationToken,
    so_far: &mut SoFar,
) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let number = so_far.series.runs.len() + 1;
        let of = flags.repeat.map(|times| format!(" of {times}")).unwrap_or_default();
        let prefix = if is_repeated(flags) { format!("run {number}{of}: ") } else { String::new() };
        let numbered = Named { console, prefix };
        let route = ways.set()?;
        let also = applications(flags, ways, ways.embedded.is_none().then(|| route.proxies()))?;
        let ran = check(check::Options { also, ..options.clone() }, Arc::new(route), &numbered, stop.clone()).await;
        // A password that was refused is not sent again by the next run: accounts are locked after a few.
        let locked_out = was_refused(&ran.report);
        so_far.add(ran);
        let enough = match (flags.repeat, flags.during) {
            (Some(times), _) => so_far.series.runs.len() >= times as usize,
            (None, Some(during)) => begun.elapsed() >= during,
            (None, None) => true,
        };
        if enough || locked_out || stop.is_cancelled() {
            break;
        }
    }
    let Some(report) = so_far.shown.as_mut().filter(|_| flags.compare_direct && !stop.is_cancelled()) else { return Ok(()) };
    if report.route.proxy.is_none() {
        (ways.say)("proxyprobe: no proxy is in use, so there is nothing to compare with --compare-direct");
        return Ok(());
    }
    let without = Named { console, prefix: "without the proxy: ".to_owned() };
    let direct = check(options, Arc::new(ways.direct()?), &without, stop.clone()).await;
    // Half a run would differ in what it did not come to.
    if !stop.is_cancelled() {
        report.about.without_proxy = Some(Compared::new(report, &direct.report));
    }
    Ok(())
}

/// Whether a proxy refused credentials, on the way to the server or to the application.
fn was_refused(report: &Report) -> bool {
    let mut records = report.hearing.evidence.values().flat_map(BTreeMap::values).flat_map(Evidence::records);
    records.any(|record| {
        let failed = record.client.failed().map(|(_, failure)| &failure.kind);
        failed.is_some_and(|kind| matches!(kind, Kind::CredentialsRefused { .. }))
    })
}

/// Says which of several runs it is.
struct Named<'a> {
    console: &'a Console,
    prefix: String,
}

impl Progress for Named<'_> {
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
