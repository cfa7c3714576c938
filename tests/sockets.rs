//! The rows of the table that `selftest` runs in memory, played by the real binary between real sockets, with short schedules.
//!
//! Whoever plays a row is told by the report whether timers were late. Where they were, some findings need not be made; what is
//! made must be right all the same.
//!
//! `cargo test --test sockets -- --ignored --nocapture` plays them on a machine that is kept busy by something else.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking, and says how many rows were left open")]

#[path = "loopback/busy.rs"]
mod busy;
#[path = "sockets/schedules.rs"]
mod schedules;

use busy::Busy;
use proxyprobe::report::{Report, read};
use proxyprobe::selftest::{CASES, CONTROLS, Trial, Tried, at_once, trials};
use proxyprobe_probes::finding::Finding;
use proxyprobe_probes::transport::Leg;
use schedules::{NOT_PLAYED, SCHEDULES, Schedule};
use std::process::{Command, Stdio};

/// So many runs at once: they sleep most of the time.
const AT_ONCE: usize = 8;
/// No row takes longer than this.
const LONGEST_S: &str = "60";

/// All rows whose deciding leg is TLS; `check --lab` has no other.
fn rows() -> Vec<Trial> {
    let all = trials(CASES).into_iter().chain(trials(CONTROLS));
    all.filter(|trial| trial.leg == Leg::Https).collect()
}

/// The rows that are played, the longest first.
fn played() -> Vec<Trial> {
    let skipped = |trial: &Trial| NOT_PLAYED.iter().any(|(boxes, _)| *boxes == trial.case.boxes);
    let mut played: Vec<Trial> = rows().into_iter().filter(|trial| !skipped(trial)).collect();
    played.sort_by_key(|trial| Schedule::of(trial.case.boxes).flags.len() == 1);
    played
}

/// What became of a row.
enum Played {
    /// What the table says.
    Agrees,
    /// Less than the table says, on a machine that was busy.
    Open(String),
    /// Something else.
    Differs(String),
}

fn play(trial: &Trial, busy: bool) -> Played {
    let schedule = Schedule::of(trial.case.boxes);
    let boxes = schedule.play(trial.case.boxes);
    let mut command = Command::new(env!("CARGO_BIN_EXE_proxyprobe"));
    command.args(["check", "--format", "json", "--quiet", "--timeout", LONGEST_S]).args(schedule.flags);
    for name in boxes.split(" + ").filter(|name| !name.is_empty()) {
        command.args(["--lab", name]);
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    let report = match read(&String::from_utf8_lossy(&output.stdout)) {
        Ok(report) => report,
        Err(why) => return Played::Differs(format!("{boxes}: {why}: {}", String::from_utf8_lossy(&output.stderr))),
    };
    let tried = Tried::of(trial.clone(), report);
    if tried.is_right() || is_right_but_for_the_front(&tried) {
        return Played::Agrees;
    }
    let said = describe(&boxes, &tried);
    let busy = busy || tried.report.hearing.circumstances.timers_late();
    if busy && !is_wrong(&tried) { Played::Open(said) } else { Played::Differs(said) }
}

/// The embedded server declares no front, so that what a front adds is a finding here.
fn is_right_but_for_the_front(tried: &Tried) -> bool {
    let mut expected = tried.trial.expected();
    expected.push("headers.added");
    expected.sort_unstable();
    tried.trial.case.boxes.ends_with("reverse-proxy") && tried.found == expected
}

fn describe(boxes: &str, tried: &Tried) -> String {
    let around = &tried.report.hearing.circumstances;
    let expected = (tried.trial.expected(), tried.trial.case.recommends);
    let found: Vec<String> = tried.report.judgement.findings.iter().map(|finding| finding.summary.clone()).collect();
    format!(
        "{boxes}: expected {expected:?}, found {:?} {} (timers late by {} ms here, {:?} at the server): {found:?}",
        tried.found, tried.recommended, around.client_lag_ms, around.server_lag_ms
    )
}

/// Whether the path is blamed for something that the table does not expect.
fn is_wrong(tried: &Tried) -> bool {
    let codes = tried.trial.case.codes;
    let expected = |id: &str| codes.iter().any(|code| code.split(" <- ").next() == Some(id));
    // Where sizes could not be judged, a stream that waited for bytes is said to have waited for its end, as it did.
    let not_sized = |finding: &Finding| finding.word("held_by_size") == Some("inconclusive") && expected("sse.buffered-by-size");
    let of_leg = |finding: &&Finding| finding.leg.is_none_or(|leg| leg == tried.trial.leg);
    let report: &Report = &tried.report;
    report.judgement.findings.iter().filter(of_leg).any(|f| f.blames() && !expected(f.code.id) && !not_sized(f))
}

/// Plays all rows: those that were left open, and those that differ.
fn ring(busy: bool) -> (usize, Vec<String>, Vec<String>) {
    let all = played();
    let (mut open, mut differ) = (Vec::new(), Vec::new());
    for played in at_once(AT_ONCE, &all, |trial| play(trial, busy)) {
        match played {
            Played::Agrees => {}
            Played::Open(row) => open.push(row),
            Played::Differs(row) => differ.push(row),
        }
    }
    eprintln!("{} rows over sockets: {} left open, {} differ", all.len(), open.len(), differ.len());
    for row in &open {
        eprintln!("open: {row}");
    }
    (all.len(), open, differ)
}

#[test]
fn whatever_is_said_of_rows_belongs_to_one() {
    let rows = rows();
    for (boxes, why) in NOT_PLAYED {
        assert!(rows.iter().any(|trial| trial.case.boxes == *boxes), "{boxes} is no row, so it is not left out because {why}");
    }
    let played = played();
    for schedule in SCHEDULES {
        let used = played.iter().any(|trial| std::ptr::eq(Schedule::of(trial.case.boxes), schedule));
        assert!(used, "no row is played as `{}`", schedule.rows);
    }
}

#[test]
fn the_same_rows_over_real_sockets_agree() {
    let (all, open, differ) = ring(false);
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    // A machine on which more than a few cannot be judged is too busy to tell anything.
    assert!(open.len() * 10 <= all, "{}", open.join("\n"));
}

#[test]
#[ignore = "some minutes and all of the machine"]
fn on_a_busy_machine_nothing_wrong_is_said() {
    let _busy = Busy::start(2);
    let (_, _, differ) = ring(true);
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
