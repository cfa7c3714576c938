//! What every field test needs: a server, a client, a product in front, and their logs when something goes wrong.

use crate::ports::free_port;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_proxyprobe");
/// How long a process may take until it listens: this machine may be busy.
const READY: Duration = Duration::from_secs(20);
/// How often something is looked at that is waited for.
const LOOK: Duration = Duration::from_millis(20);
/// The longest that a client may run.
const RUN: Duration = Duration::from_secs(120);

/// A directory that is gone when the test is.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("proxyprobe-field-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        // Squid and nginx give up root before they open their logs.
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        Self(path)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process of this test's own. It is stopped by its id when it is dropped, and shows its log when the test failed.
pub(crate) struct Process {
    name: String,
    child: Child,
    dir: Dir,
    gently: bool,
}

impl Process {
    /// Starts it with its output in files of its directory.
    pub(crate) fn start(name: &str, mut command: Command, dir: Dir) -> Self {
        let output = |name: &str| fs::File::create(dir.path().join(name)).unwrap();
        command.stdin(Stdio::null()).stdout(output("stdout")).stderr(output("stderr"));
        let child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self { name: name.to_owned(), child, dir, gently: false }
    }

    /// It has children of its own, which leave only when it is asked to.
    pub(crate) fn stop_gently(mut self) -> Self {
        self.gently = true;
        self
    }

    /// Waits until it accepts connections.
    pub(crate) fn listening(mut self, port: u16) -> Self {
        self.until(|_| TcpStream::connect(("127.0.0.1", port)).ok());
        self
    }

    /// Waits until this is in its log.
    pub(crate) fn says(mut self, words: &str) -> Self {
        self.until(|process| process.log().contains(words).then_some(()));
        self
    }

    /// Waits until it has made a file.
    pub(crate) fn made(mut self, file: &Path) -> Self {
        self.until(|_| file.exists().then_some(()));
        self
    }

    fn until<T>(&mut self, look: impl Fn(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + READY;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("{} ended with {status}:\n{}", self.name, self.log());
            }
            assert!(Instant::now() < deadline, "{} is not ready:\n{}", self.name, self.log());
            thread::sleep(LOOK);
        }
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Everything that it wrote.
    pub(crate) fn log(&self) -> String {
        let mut all = String::new();
        for name in ["stdout", "stderr", "log", "cache.log", "access.log", "error.log"] {
            let bytes = fs::read(self.dir.path().join(name)).unwrap_or_default();
            if !bytes.is_empty() {
                let _ = writeln!(all, "--- {} {name}\n{}", self.name, String::from_utf8_lossy(&bytes));
            }
        }
        all
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.log();
            let from = log.len().saturating_sub(8_000);
            say(&String::from_utf8_lossy(&log.as_bytes()[from..]));
        }
        if self.gently {
            let _ = Command::new("kill").arg(self.child.id().to_string()).status();
            let deadline = Instant::now() + Duration::from_secs(5);
            while Instant::now() < deadline && self.child.try_wait().is_ok_and(|status| status.is_none()) {
                thread::sleep(LOOK);
            }
        }
        self.kill();
    }
}

/// Says something even when the test passes.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Where a program is; `None` and a word about it when it is not installed.
pub(crate) fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let found = path.split(':').chain(["/usr/sbin", "/sbin"]).map(|dir| Path::new(dir).join(program)).find(|file| file.is_file());
    if found.is_none() {
        skipped(&format!("{program} is not installed"));
    }
    found
}

/// Says that a test does not run, and fails where all have to.
pub(crate) fn skipped(why: &str) {
    assert!(std::env::var("PROXYPROBE_REQUIRE_FIELD").as_deref() != Ok("1"), "CI requires the field ring, but {why}");
    say(&format!("field: skipped, {why}"));
}

/// The paired server.
pub(crate) struct Serve {
    pub(crate) process: Process,
    pub(crate) http: u16,
    pub(crate) https: u16,
    pub(crate) pin: String,
}

impl Serve {
    /// On loopback.
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::at("127.0.0.1", (free_port(), free_port()), Command::new(BINARY), flags)
    }

    /// At an address, started by a command that ends with the binary.
    pub(crate) fn at(address: &str, (http, https): (u16, u16), mut command: Command, flags: &[&str]) -> Self {
        command.args(["serve", "--self-signed", "--name", address]);
        command.arg("--http").arg(format!("{address}:{http}")).arg("--https").arg(format!("{address}:{https}")).args(flags);
        let mut process = Process::start("proxyprobe serve", command, Dir::new());
        // It prints the fingerprint when it listens.
        let pin = process.until(|process| {
            let text = process.log();
            let rest = text.split_once("sha256:")?.1;
            rest.split_once('\n').map(|(hex, _)| format!("sha256:{}", hex.trim()))
        });
        Self { process, http, https, pin }
    }

    pub(crate) fn http_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }

    pub(crate) fn https_url(&self) -> String {
        format!("https://127.0.0.1:{}", self.https)
    }
}

/// The client's command, to be run in some namespace.
pub(crate) fn binary() -> Command {
    Command::new(BINARY)
}

/// A client under way.
pub(crate) struct Running {
    process: Process,
    started: Instant,
    what: String,
}

/// What a client said.
pub(crate) struct Checked {
    pub(crate) code: i32,
    pub(crate) report: Value,
    /// All output.
    pub(crate) output: String,
}

/// Runs `check` to its end.
pub(crate) fn check(what: &str, flags: &[&str]) -> Checked {
    start_check(what, binary(), flags).finish()
}

/// Runs `check` to its end with these variables alone.
pub(crate) fn check_with(what: &str, flags: &[&str], variables: &[(&str, &str)]) -> Checked {
    let mut command = Command::new("/usr/bin/env");
    command.arg("-i").args(variables.iter().map(|(name, value)| format!("{name}={value}"))).arg(BINARY);
    start_check(what, command, flags).finish()
}

/// Starts `check` without any setting of the environment; `what` names its report.
pub(crate) fn start_check(what: &str, mut command: Command, flags: &[&str]) -> Running {
    command.env_clear().args(["check", "--format", "json"]).args(flags);
    let process = Process::start(&format!("proxyprobe check ({what})"), command, Dir::new());
    Running { process, started: Instant::now(), what: what.to_owned() }
}

impl Running {
    /// Waits until so long after its start.
    pub(crate) fn sleep_until(&self, since_start: Duration) {
        thread::sleep(since_start.saturating_sub(self.started.elapsed()));
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Checked {
        let status = loop {
            if let Some(status) = self.process.child.try_wait().unwrap() {
                break status;
            }
            assert!(self.started.elapsed() < RUN, "{} does not end", self.process.name);
            thread::sleep(LOOK);
        };
        let text = fs::read_to_string(self.process.dir.path().join("stdout")).unwrap();
        let output = self.process.log();
        let report = serde_json::from_str(&text).unwrap_or_else(|error| panic!("no report ({error}), {status}:\n{output}"));
        if let Ok(dir) = std::env::var("PROXYPROBE_FIELD_REPORTS") {
            fs::create_dir_all(&dir).unwrap();
            fs::write(Path::new(&dir).join(format!("{}.json", self.what.replace(' ', "-"))), &text).unwrap();
        }
        Checked { code: status.code().unwrap_or(-1), report, output }
    }
}

impl Checked {
    pub(crate) fn findings(&self) -> impl Iterator<Item = &Value> {
        self.report["findings"].as_array().unwrap().iter()
    }

    /// The finding of this code on this leg.
    #[track_caller]
    pub(crate) fn finding(&self, leg: &str, code: &str) -> &Value {
        let found = self.findings().find(|finding| finding["code"] == code && finding["leg"] == leg);
        found.unwrap_or_else(|| panic!("no {code} on the {leg} leg:\n{}", self.summary()))
    }

    /// The codes that blame the path on a leg, without those that others explain.
    pub(crate) fn blamed(&self, leg: &str) -> Vec<&str> {
        let blames = |f: &&Value| (f["outcome"] == "degraded" || f["outcome"] == "broken") && f["caused_by"].is_null();
        let mut codes: Vec<&str> =
            self.findings().filter(blames).filter(|f| f["leg"] == leg).map(|f| f["code"].as_str().unwrap()).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }

    /// What was concluded, for people who look at a failed test.
    pub(crate) fn summary(&self) -> String {
        let mut text = format!("exit code {}, verdict {}\n", self.code, self.report["verdict"]);
        for f in self.findings() {
            let _ = writeln!(
                text,
                "  {} {} {} decisive={} caused_by={}: {} {}",
                f["leg"], f["code"], f["outcome"], f["decisive"], f["caused_by"], f["summary"], f["measured"]
            );
        }
        for (transport, verdict) in self.report["transports"].as_object().unwrap() {
            let _ = writeln!(text, "  {transport}: {} {} {}", verdict["verdict"], verdict["because"], verdict["per_leg"]);
        }
        let _ = writeln!(text, "  recommendation: {}", self.report["recommendation"]["sentence"]);
        text
    }

    /// The exit code and the verdict, with all that was found when they are others.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32, verdict: &str) {
        let found = (self.code, self.report["verdict"].as_str().unwrap());
        assert!(found == (code, verdict), "expected {code} and {verdict}:\n{}", self.summary());
    }

    /// Everything that holds of a run of which no part went wrong.
    #[track_caller]
    pub(crate) fn expect_works(&self) {
        self.expect(0, "works");
        for leg in ["http", "https"] {
            assert_eq!(self.blamed(leg), [""; 0], "{}", self.summary());
            for transport in ["websocket", "sse", "long-polling"] {
                assert_eq!(self.report["transports"][transport]["per_leg"][leg], "works", "{transport}:\n{}", self.summary());
            }
        }
    }
}
