//! Being interrupted, and being the one that is.

use crate::program::{Ran, Serve, await_line, program};
use std::process::{Command, Stdio};

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

#[test]
fn ctrl_c_prints_what_was_measured_so_far() {
    let mut child = program(&["check", "--format", "json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    await_line(&mut child, "testing all transports");
    signal("-INT", child.id());
    let ran = Ran::of(child.wait_with_output().unwrap());
    let report = ran.json();
    assert_eq!(ran.code, 3);
    assert!(report["circumstances"]["cut_short_at_ms"].as_u64().is_some());
    let blamed = report["findings"].as_array().unwrap().iter().filter(|f| f["outcome"] == "broken" || f["outcome"] == "degraded");
    assert_eq!(blamed.count(), 0, "{}", report["findings"]);
}

#[test]
fn a_time_limit_ends_a_run_with_a_report() {
    let output = program(&["check", "--timeout", "2"]).output().unwrap();
    let ran = Ran::of(output);
    assert_eq!(ran.code, 3);
    assert!(ran.stdout.contains("The run was cut short"), "{}", ran.stdout);
    assert!(ran.stderr.contains("time is up"), "{}", ran.stderr);
}

#[test]
fn the_server_shuts_down_cleanly_on_sigterm_and_ctrl_c() {
    for name in ["-TERM", "-INT"] {
        let mut serve = Serve::start();
        signal(name, serve.child.id());
        assert_eq!(serve.child.wait().unwrap().code(), Some(0), "{name}");
    }
}

#[test]
fn a_server_that_shuts_down_in_the_middle_is_not_the_path() {
    let serve = Serve::start();
    let mut child = program(&["check", "--idle", "6", "--format", "json", "--leg", "http", &serve.http])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    await_line(&mut child, "testing all transports");
    signal("-TERM", serve.child.id());
    let ran = Ran::of(child.wait_with_output().unwrap());
    let report = ran.json();
    let blamed = report["findings"].as_array().unwrap().iter().filter(|f| f["outcome"] == "broken" || f["outcome"] == "degraded");
    assert_eq!(blamed.count(), 0, "{}", report["findings"]);
    assert_eq!(ran.code, 3);
}
