//! What becomes of a report: saved, shared, left with the server, compared, repeated.

use crate::program::{Ran, Serve, program, run};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// A folder that is removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("proxyprobe-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn read(file: impl AsRef<Path>) -> Value {
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn a_report_is_left_with_a_server_that_keeps_them() {
    let shelf = Folder::new("shelf");
    let kept = shelf.file("");
    let serve = Serve::with(&["--keep-reports", &kept]);
    let copy = shelf.file("copy.txt");
    let save = format!("json={copy}");
    let ran = run(&["check", "--quick", "--only", "sse", "--upload", "--redact", "share", "--save", &save, &serve.http]);
    let id = ran.stderr.split(" days as ").nth(1).unwrap_or_else(|| panic!("{}", ran.stderr)).trim();
    assert_eq!(read(shelf.0.join(format!("{id}.json"))), read(&copy));
}

#[test]
fn a_server_that_keeps_no_reports_says_so_and_the_report_is_there() {
    let serve = Serve::start();
    let ran = run(&["check", "--quick", "--only", "sse", "--upload", &serve.http]);
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("started without --keep-reports"), "{}", ran.stderr);
    assert!(ran.stdout.starts_with("Verdict: "));
}

#[test]
fn before_and_after_are_compared() {
    let folder = Folder::new("diff");
    let (before, after) = (folder.file("before.json"), folder.file("after.json"));
    let lab = |box_: &str, file: &str| run(&["check", "--quick", "--lab", box_, "--save", &format!("json={file}")]);
    lab("strip-upgrade", &before);
    run(&["check", "--quick", "--save", &format!("json={after}")]);
    let changed = run(&["diff", &before, &after]);
    assert_eq!(changed.code, 1, "{}", changed.stderr);
    for line in ["- verdict: broken -> works", "- WebSocket: broken -> works", "- gone: upgrade.header-stripped"] {
        assert!(changed.stdout.contains(line), "{}", changed.stdout);
    }
    let same = run(&["diff", &before, &before]);
    assert_eq!((same.code, same.stdout.contains("Nothing changed.")), (0, true), "{}", same.stdout);
    assert_eq!(run(&["diff", &before, "/nonexistent"]).code, 2);
}

#[test]
fn a_report_that_is_judged_otherwise_today_says_what_changed() {
    let folder = Folder::new("changed");
    let file = folder.file("report.json");
    run(&["check", "--quick", "--lab", "strip-upgrade", "--save", &format!("json={file}")]);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"code\": \"upgrade.header-stripped\"", "\"code\": \"upgrade.refused\"")).unwrap();
    let judged = run(&["judge", &file]);
    assert!(judged.stdout.contains("What changed since this was saved"), "{}", judged.stdout);
    assert!(judged.stdout.contains("- gone: upgrade.refused"), "{}", judged.stdout);
    assert!(judged.stdout.contains("- new: upgrade.header-stripped"), "{}", judged.stdout);
}

#[test]
fn repeated_runs_are_counted_and_the_worst_is_shown() {
    let ran = run(&["check", "--quick", "--only", "upgrade", "--repeat", "2", "--lab", "strip-upgrade", "--format", "json"]);
    let report = ran.json();
    assert_eq!(ran.code, 1);
    let runs = report["series"]["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    for one in runs {
        assert_eq!(one["verdict"], "broken");
        assert_eq!(one["findings"][0]["code"], "upgrade.header-stripped");
    }
    let timed = run(&["check", "--quick", "--only", "upgrade", "--for", "1ms"]);
    assert!(timed.stdout.contains("Run 1 of 1 is shown"), "{}", timed.stdout);
    assert_eq!(run(&["check", "--for", "soon"]).code, 2);
}

#[test]
fn what_is_shared_names_neither_host_nor_user_and_secrets_are_in_no_command_line() {
    let serve = Serve::start();
    let folder = Folder::new("shared");
    let save = format!("markdown={}", folder.file("jdoe.md"));
    let flags = ["check", "--quick", "--only", "sse", "--header", "X-Api-Key: s3cret", "--redact", "share", "--save", &save];
    let resolve = ["--resolve", "probe.corp.example:0:127.0.0.1"];
    let port = serve.http.rsplit(':').next().unwrap();
    let resolve = [resolve[0], &resolve[1].replace(":0:", &format!(":{port}:"))];
    let url = format!("http://probe.corp.example:{port}");
    let ran = run(&[&flags[..], &resolve[..], &[&url]].concat());
    let saved = std::fs::read_to_string(folder.file("jdoe.md")).unwrap();
    for text in [&ran.stdout, &saved] {
        assert!(text.contains("host-1"), "{text}");
        for private in ["corp.example", "jdoe", "s3cret"] {
            assert!(!text.contains(private), "{private}: {text}");
        }
    }
}

#[test]
fn the_questions_are_asked_and_answered() {
    let asked = |arguments: &[&str], answers: &str| {
        let mut child = program(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
        Ran::of(child.wait_with_output().unwrap())
    };
    let advice = asked(&["advise"], "1\n3\n1\n2\n");
    assert_eq!(advice.code, 0);
    assert!(advice.stdout.starts_with("Use WebSockets"), "{}", advice.stdout);
    assert!(advice.stderr.contains("enterprise or DPI proxies?"), "{}", advice.stderr);
    let check = asked(&["check", "--quick", "--only", "long_poll", "--ask", "--client", "constrained"], "2\n1\n2\n");
    assert!(check.stdout.contains("no (asked)") && check.stdout.contains("no (flag)"), "{}", check.stdout);
    let nobody = asked(&["advise"], "");
    assert_eq!(nobody.code, 2);
    assert!(nobody.stderr.contains("--client-sends"), "{}", nobody.stderr);
}
