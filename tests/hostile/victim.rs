//! The client under attack, and what must hold of it whatever it meets.

use crate::program::{Ran, program};
use proxyprobe_probes::plan::{Depth, Plan};
use serde_json::Value;
use std::io::Read;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The most memory of the client at any time, in KiB. It holds for the build without optimisation, which needs more than a release.
const MEMORY_KIB: u64 = 64 * 1024;

/// What came of a run under attack.
pub(crate) struct Met {
    pub(crate) code: i32,
    /// The findings that are more than notes, by leg and code, each once.
    pub(crate) codes: Vec<String>,
    pub(crate) report: Value,
}

impl Met {
    /// The words of the first finding of this code.
    pub(crate) fn summary(&self, code: &str) -> &str {
        let all = self.report["findings"].as_array().unwrap();
        let found = all.iter().find(|finding| finding["code"] == code).unwrap_or_else(|| panic!("no {code}: {:?}", self.codes));
        found["summary"].as_str().unwrap()
    }
}

/// What every output must be free of.
pub(crate) fn is_clean(text: &str) -> bool {
    text.chars().all(|c| {
        c == '\n' || !(c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
    })
}

/// Runs a quick check on the cleartext leg.
pub(crate) fn attacked(arguments: &[&str]) -> Met {
    check(&[&["--leg", "http"], arguments].concat())
}

/// Runs a quick check, and asserts what must hold whatever it meets.
pub(crate) fn check(arguments: &[&str]) -> Met {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let file = std::env::temp_dir().join(format!("proxyprobe-hostile-{}-{number}.txt", std::process::id()));
    let text = format!("text={}", file.display());
    let all = [&["check", "--quick", "--format", "json", "--save", &text], arguments].concat();
    let mut child = program(&all).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let memory = std::thread::spawn(move || peak_kib(pid));
    let mut stderr = child.stderr.take().unwrap();
    let said = std::thread::spawn(move || {
        let mut said = String::new();
        stderr.read_to_string(&mut said).unwrap();
        said
    });
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    let code = child.wait().unwrap().code().unwrap();
    let peak_kib = memory.join().unwrap();
    let ran = Ran { code, stdout, stderr: said.join().unwrap() };
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    let saved = std::fs::read_to_string(&file).unwrap_or_else(|why| panic!("{why}: {}", ran.stderr));
    let _ = std::fs::remove_file(&file);
    let report = ran.json();
    let took_ms = report["duration_ms"].as_u64().unwrap();
    assert!((1..MEMORY_KIB).contains(&peak_kib), "{peak_kib} KiB");
    assert!(is_clean(&ran.stdout) && is_clean(&ran.stderr) && is_clean(&saved), "{:?}", ran.codes());
    assert!(saved.starts_with("Verdict: "), "{saved}");
    // It ends by itself, before its time is up.
    assert!(took_ms < Plan::new(Depth::Quick, None).most_ms(), "{took_ms} ms");
    assert_eq!(report["circumstances"]["cut_short_at_ms"], Value::Null, "{took_ms} ms");
    let told = |finding: &&Value| finding["outcome"] != "note";
    let name = |finding: &Value| format!("{}:{}", finding["leg"].as_str().unwrap_or("-"), finding["code"].as_str().unwrap());
    let mut codes: Vec<String> = report["findings"].as_array().unwrap().iter().filter(told).map(name).collect();
    codes.sort();
    codes.dedup();
    Met { code, codes, report }
}

/// The most memory that a process had, in KiB (proc(5), `VmHWM`), looked at again and again until it is gone. What the kernel says of
/// a process that has ended counts in what its parent had when it started it.
fn peak_kib(pid: u32) -> u64 {
    let mut peak = 0;
    while let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) {
        let Some(line) = status.lines().find(|line| line.starts_with("VmHWM")) else { break };
        peak = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    peak
}
