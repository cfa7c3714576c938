//! The client under attack, and what must hold of it whatever it meets.

use crate::program::{Ran, program};
use proxyprobe_probes::plan::{Depth, Plan};
use serde_json::Value;
use std::io::Read;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most memory of the client at any time, in KiB. It holds for the build without optimisation, which needs more than a release,
/// and for what this very process had when it started the client, which the kernel counts in.
const MEMORY_KIB: i64 = 64 * 1024;

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
    #[expect(clippy::zombie_processes, reason = "it is waited for by its id, for what it used")]
    let mut child = program(&all).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let said = std::thread::spawn(move || {
        let mut said = String::new();
        stderr.read_to_string(&mut said).unwrap();
        said
    });
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    let (code, peak_kib) = wait(child.id());
    let ran = Ran { code, stdout, stderr: said.join().unwrap() };
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    let saved = std::fs::read_to_string(&file).unwrap_or_else(|why| panic!("{why}: {}", ran.stderr));
    let _ = std::fs::remove_file(&file);
    let report = ran.json();
    let took_ms = report["duration_ms"].as_u64().unwrap();
    assert!(peak_kib < MEMORY_KIB, "{peak_kib} KiB");
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

/// Waits for a process; gives its exit code and the most memory that it had, in KiB (wait4(2), `ru_maxrss`).
fn wait(pid: u32) -> (i32, i64) {
    let pid = libc::pid_t::try_from(pid).unwrap();
    let mut status = 0;
    #[expect(unsafe_code, reason = "no safe wrapper gives the memory of a process that has ended")]
    // SAFETY: both pointers are to values that live through the call, and zeros are a valid `rusage`.
    let (waited, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::wait4(pid, &raw mut status, 0, &raw mut usage), usage)
    };
    assert_eq!(waited, pid);
    assert!(libc::WIFEXITED(status), "it was killed: {status}");
    (libc::WEXITSTATUS(status), usage.ru_maxrss)
}
