//! Flags, formats and exit codes.

use crate::program::{Serve, check, program, run};
use serde_json::json;
use std::process::Stdio;

#[test]
fn without_a_url_everything_works_and_the_report_says_that_no_network_was_tested() {
    let ran = check(&[]);
    let report = ran.json();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(report["target"]["embedded"], true);
    assert_eq!(report["verdict"], "works");
    for transport in ["websocket", "sse", "long-polling"] {
        for leg in ["http", "https"] {
            assert_eq!(report["transports"][transport]["per_leg"][leg], "works", "{transport} {leg}");
        }
    }
    assert_eq!(ran.codes(), [""; 0]);
    let text = run(&["check", "--quick"]).stdout;
    assert!(text.starts_with("Verdict: works."), "{text}");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("No network was tested"), "{text}");
    assert!(words.contains("Silences of 30 s were not tested"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn both_legs_of_a_real_server_work_with_its_pin() {
    let serve = Serve::start();
    for url in [&serve.http, &serve.https] {
        let ran = check(&["--pin", &serve.pin, url]);
        assert_eq!((ran.code, ran.codes()), (0, Vec::new()), "{url}");
    }
}

#[test]
fn one_probe_alone_judges_its_transport_alone() {
    let serve = Serve::start();
    let report = check(&["--only", "sse", &serve.http]).json();
    assert_eq!(report["transports"]["sse"]["verdict"], "works");
    assert_eq!(report["transports"]["websocket"]["verdict"], "not-tested");
}

#[test]
fn a_saved_report_is_judged_again_with_the_same_code() {
    let folder = std::env::temp_dir().join(format!("proxyprobe-saved-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (json, text) = (folder.join("report.json"), folder.join("report.txt"));
    let (save_json, save_text) = (format!("json={}", json.display()), format!("text={}", text.display()));
    let ran = run(&["check", "--quick", "--save", &save_json, "--save", &save_text]);
    assert_eq!(std::fs::read_to_string(&text).unwrap(), ran.stdout);
    let again = run(&["judge", json.to_str().unwrap()]);
    assert_eq!((again.code, again.stdout), (ran.code, ran.stdout));
    std::fs::write(&json, "{\"schema\": 99}").unwrap();
    let newer = run(&["judge", json.to_str().unwrap()]);
    assert_eq!(newer.code, 2);
    assert!(newer.stderr.contains("schema 99"), "{}", newer.stderr);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_timeline_has_a_line_for_each_connection() {
    let ran = run(&["check", "--quick", "--only", "upgrade", "--timeline"]);
    let (_, timeline) = ran.stdout.split_once("\nThe timeline\n").unwrap_or_else(|| panic!("{}", ran.stdout));
    assert!(timeline.lines().any(|line| line.contains("Upgrade: websocket")), "{timeline}");
    assert!(timeline.lines().all(|line| line.chars().count() <= 80 && line.is_ascii()), "{timeline}");
}

#[test]
fn every_code_is_explained_and_an_unknown_one_lists_them() {
    let page = run(&["explain", "upgrade.header-stripped"]);
    assert_eq!(page.code, 0);
    assert!(page.stdout.contains("## For the network team"), "{}", page.stdout);
    let unknown = run(&["explain", "nonsense"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("idle.dropped-silently"), "{}", unknown.stderr);
}

#[test]
fn mistakes_are_told_in_one_line_with_code_2() {
    for (arguments, part) in [
        (vec!["check", "ftp://x"], "only http:// and https://"),
        (vec!["check", "https://"], "no address of a server"),
        (vec!["check", "http://x:99999"], "invalid port"),
        (vec!["check", "--proxy", "http://:1", "http://x"], "names no host"),
        (vec!["check", "--proxy", "ftp://p:1", "http://x"], "must begin with"),
        (vec!["check", "--pin", "sha256:00", "https://x"], "64 hex digits"),
        (vec!["check", "--resolve", "x", "https://x"], "HOST:PORT:ADDR"),
        (vec!["check", "--header", "no colon", "https://x"], "Name: value"),
        (vec!["check", "--only", "nothing", "https://x"], "there is no probe"),
        (vec!["check", "--leg", "http", "https://x"], "the one that decides"),
        (vec!["check", "--save", "pdf=x", "https://x"], "FORMAT=FILE"),
        (vec!["check", "--ca-file", "/nonexistent", "https://x"], "cannot be read"),
        (vec!["check", "--proxy-user", "u", "--proxy", "http://p:1", "http://x"], "needs a password"),
        (vec!["serve", "--no-http"], "nothing to listen on"),
        (vec!["judge", "/nonexistent"], "cannot be read"),
    ] {
        let ran = run(&arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(part), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_closed_stdout_is_quiet_and_keeps_the_code() {
    let mut child = program(&["check", "--quick", "--quiet"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_full_disk_or_a_bad_path_for_a_saved_report_loses_no_report() {
    let ran = run(&["check", "--quick", "--save", "json=/nonexistent/report.json"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stdout.starts_with("Verdict: works"));
    assert!(ran.stderr.contains("could not be written"), "{}", ran.stderr);
}

/// The first question is answered by what requests take: on loopback no time at all, on a path of 60 ms there and back too much.
#[test]
fn the_first_question_can_be_measured() {
    let demand = ["--only", "reach,upgrade,zombie,sse,latency", "--send-rate", "50/s", "--latency-budget", "50"];
    let rows: [(&[&str], &str, &str); 2] = [(&[], "no", "sse"), (&["--lab", "link:latency=0.03"], "yes", "websocket")];
    for (lab, answer, transport) in rows {
        let ran = check(&[&demand, lab].concat());
        let report = ran.json();
        let first = &report["recommendation"]["walk"][0];
        assert_eq!((&first["answer"], &first["from"]), (&json!(answer), &json!("measured")), "{first}");
        assert_eq!(report["recommendation"]["transport"], transport, "{first}");
        assert_eq!(report["plan"]["send_every_ms"], 20);
    }
    for wrong in [["--send-rate", "often"], ["--send-rate", "1000/s"], ["--latency-budget", "0"]] {
        let ran = run(&[&["check", "--quick"], wrong.as_slice()].concat());
        assert_eq!(ran.code, 2, "{wrong:?}: {}", ran.stderr);
    }
    assert_eq!(run(&["check", "--send-rate", "5/s", "--client-sends", "occasional"]).code, 2);
}
