//! A server that dies in the middle of a run is not a middlebox.

use crate::haproxy::Front;
use crate::harness::{Checked, Serve, binary, check, start_check};
use crate::squid::Squid;
use std::thread;
use std::time::Duration;

/// How the server is reached.
#[derive(Clone, Copy, Debug)]
enum Path {
    Direct,
    Squid,
    HaProxy,
}

/// Runs `check` and kills the server so many milliseconds after it began; `None` when the product is not installed.
fn killed(path: Path, scheme: &str, at_ms: u64, idle_s: u64) -> Option<Checked> {
    let (mut server, url, proxy, _kept) = match path {
        Path::HaProxy => {
            let Front { haproxy, server, url } = Front::patient()?;
            (server, url, None, Some(haproxy))
        }
        Path::Squid => {
            let squid = Squid::open()?;
            let server = Serve::start(&[]);
            let proxy = squid.url();
            let url = if scheme == "http" { server.http_url() } else { server.https_url() };
            (server, url, Some(proxy), Some(squid.process))
        }
        Path::Direct => {
            let server = Serve::start(&[]);
            let url = if scheme == "http" { server.http_url() } else { server.https_url() };
            (server, url, None, None)
        }
    };
    let (pin, idle) = (server.pin.clone(), idle_s.to_string());
    let mut flags = vec![url.as_str(), "--pin", &pin, "--idle", &idle];
    if let Some(proxy) = &proxy {
        flags.extend(["--proxy", proxy]);
    }
    let running = start_check(&format!("killed {path:?} {scheme} {at_ms} ms of {idle_s} s"), binary(), &flags);
    running.sleep_until(Duration::from_millis(at_ms));
    server.process.kill();
    Some(running.finish())
}

const WAYS: [(Path, &str); 5] =
    [(Path::Direct, "http"), (Path::Direct, "https"), (Path::Squid, "http"), (Path::Squid, "https"), (Path::HaProxy, "http")];

/// A case: the way, when the server is killed, and the longest rung.
type Case = ((Path, &'static str), u64, u64);

/// Runs all cases at once, and gives what was concluded of those in which the path is blamed or the exit code is another.
fn wrong(cases: &[Case], codes: &[i32]) -> Vec<String> {
    thread::scope(|scope| {
        let runs: Vec<_> = cases.iter().map(|case| (case, scope.spawn(|| killed(case.0.0, case.0.1, case.1, case.2)))).collect();
        let mut wrong = Vec::new();
        for (case, run) in runs {
            let Some(checked) = run.join().unwrap() else { continue };
            let blamed = checked.findings().any(|f| f["outcome"] == "degraded" || f["outcome"] == "broken");
            if blamed || !codes.contains(&checked.code) {
                wrong.push(format!("{case:?}: {}", checked.summary()));
            }
        }
        wrong
    })
}

#[test]
fn a_server_that_is_killed_is_not_blamed_on_the_path() {
    let times = [(3_000, 12), (11_000, 12), (15_000, 20)];
    let cases: Vec<Case> = WAYS.into_iter().flat_map(|way| times.map(|(at_ms, idle_s)| (way, at_ms, idle_s))).collect();
    let wrong = wrong(&cases, &[3]);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "two minutes: the same for every 300 ms of a short run"]
fn whenever_a_server_is_killed_the_path_is_not_blamed() {
    let mut all = Vec::new();
    for at_ms in (100..9_000).step_by(300) {
        // Killed after the end of a run, the server cannot be missed.
        all.extend(wrong(&WAYS.map(|way| (way, at_ms, 6)), &[0, 3]));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn a_stopped_server_is_named() {
    let mut server = Serve::start(&[]);
    let (http, https, pin) = (server.http_url(), server.https_url(), server.pin.clone());
    server.process.kill();
    for (leg, url) in [("http", &http), ("https", &https)] {
        let checked = check(&format!("stopped direct {leg}"), &[url, "--pin", &pin, "--idle", "2"]);
        checked.expect(3, "inconclusive");
        let sentence = checked.finding(leg, "reach.connect-refused")["summary"].as_str().unwrap().to_owned();
        let address = url.split("//").nth(1).unwrap();
        assert!(sentence.contains(address), "{sentence}");
    }
}
