//! What stalls this very machine is not the path: a busy one, and a client that stands still.
//!
//! A ring of its own, because the other tests want the machine for themselves.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says how much was left open"
)]

#[path = "loopback/busy.rs"]
mod busy;
#[path = "loopback/program.rs"]
#[expect(dead_code, reason = "the other tests need more of it")]
mod program;

use busy::Busy;
use program::{BINARY, Ran, Serve, program, without_proxies};
use proxyprobe::selftest::at_once;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// How a client is kept from working.
#[derive(Clone, Copy, Debug)]
enum Stall {
    /// Others want the processors, and it is last in the queue.
    Starves,
    /// It stands still for so long at the beginning of every second.
    Bursts(Duration),
    /// It stands still once, from so long after its start, for so long.
    Once(Duration, Duration),
}

/// To whom it speaks.
#[derive(Clone, Copy, Debug)]
enum Server {
    Cleartext,
    Tls,
    /// In the same process, and stalled with it.
    Embedded,
}

type Run = (Stall, Server, &'static [&'static str]);

fn runs(stalls: &[Stall]) -> Vec<Run> {
    let lengths: [&[&str]; 2] = [&["--idle", "6"], &["--quick"]];
    let servers = [Server::Cleartext, Server::Tls, Server::Embedded];
    let of = |stall: &Stall| {
        let stall = *stall;
        lengths.into_iter().flat_map(move |flags| servers.map(|server| (stall, server, flags)))
    };
    stalls.iter().flat_map(of).collect()
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// Keeps a process from working for so long, unless it has ended.
fn stop(child: &mut Child, time: Duration) {
    if child.try_wait().unwrap().is_none() {
        signal(child, "-STOP");
        sleep(time);
        signal(child, "-CONT");
    }
}

/// The program, behind everybody else who wants the processors.
fn nice_program(arguments: &[&str]) -> Command {
    let mut command = Command::new("nice");
    command.args(["-n", "19", BINARY]);
    without_proxies(command, arguments)
}

/// The exit code of a stalled client, or what is wrong with what it says.
fn check((stall, server, flags): &Run) -> Result<i32, String> {
    let serve = Serve::start();
    let mut arguments = vec!["check", "--format", "json", "--quiet"];
    arguments.extend(*flags);
    match server {
        Server::Cleartext => arguments.extend([serve.http.as_str(), "--pin", &serve.pin]),
        Server::Tls => arguments.extend([serve.https.as_str(), "--pin", &serve.pin]),
        Server::Embedded => {}
    }
    let mut command = if matches!(stall, Stall::Starves) { nice_program(&arguments) } else { program(&arguments) };
    // A report is larger than a pipe, and nobody reads while a process stands still.
    let file = std::env::temp_dir().join(format!("proxyprobe-{}-{}.json", std::process::id(), serve.child.id()));
    let mut child = command.stdout(std::fs::File::create(&file).unwrap()).stderr(Stdio::piped()).spawn().unwrap();
    match *stall {
        Stall::Starves => {}
        Stall::Bursts(time) => {
            while child.try_wait().unwrap().is_none() {
                stop(&mut child, time);
                sleep(Duration::from_secs(1) - time);
            }
        }
        Stall::Once(at, time) => {
            sleep(at);
            stop(&mut child, time);
        }
    }
    let mut ran = Ran::of(child.wait_with_output().unwrap());
    ran.stdout = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let report = ran.json();
    let findings = report["findings"].as_array().unwrap();
    let blamed = findings.iter().any(|finding| finding["outcome"] == "degraded" || finding["outcome"] == "broken");
    let said = || format!("{stall:?} {server:?} {flags:?}: code {}, {findings:?} {}", ran.code, report["circumstances"]);
    if blamed || ![0, 3].contains(&ran.code) { Err(said()) } else { Ok(ran.code) }
}

fn all_right(runs: &[Run], together: usize) {
    let (said, wrong): (Vec<_>, Vec<_>) = at_once(together, runs, check).into_iter().partition(Result::is_ok);
    let open = said.iter().filter(|code| **code == Ok(3)).count();
    eprintln!("{} runs of a stalled client: {open} inconclusive, {} wrong", runs.len(), wrong.len());
    let wrong: Vec<String> = wrong.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_client_that_gets_little_of_the_processors_blames_nobody() {
    let _busy = Busy::start(2);
    all_right(&runs(&[Stall::Starves]), 6);
}

#[test]
fn a_client_that_stands_still_blames_nobody() {
    let second = Duration::from_secs;
    let once = [400, 1_500, 2_500, 4_000].map(|ms| Stall::Once(Duration::from_millis(ms), second(3)));
    all_right(&runs(&[&once[..], &[Stall::Bursts(Duration::from_millis(400))]].concat()), 6);
}
