//! As many connections as a server is to hold, and checks beside them.

use crate::crowd::{Kind, To, open};
use crate::idle::{FLAGS, address};
use crate::process::{Files, allow_descriptors, memory};
use crate::program::{Ran, Serve, await_line, program, run};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Of each kind.
const CONNECTIONS: usize = 9_000;

/// Holds connections for another process: says when all are open, and when asked how many of them live.
pub(crate) fn hold(kind: Kind, count: usize, to: &str, ca: &str) {
    allow_descriptors();
    let network = if kind == Kind::Events { 3 } else { 2 };
    let mut all = open(&To::new(to.parse().unwrap(), kind, ca, true), count, network);
    println!("{count}");
    for _ in std::io::stdin().lines().map_while(Result::ok) {
        println!("{}", all.iter_mut().filter_map(|one| one.lives().then_some(())).count());
    }
}

/// A process that holds connections until it is dropped.
struct Holder {
    child: Child,
    asks: ChildStdin,
    says: BufReader<ChildStdout>,
}

impl Holder {
    fn new(kind: Kind, to: &str, ca: &str) -> Self {
        let mut this = Command::new(std::env::current_exe().unwrap());
        this.args(["hold", kind.as_str(), &CONNECTIONS.to_string(), to, ca]);
        let mut child = this.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (asks, says) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, asks, says }
    }

    fn number(&mut self) -> usize {
        let mut line = String::new();
        self.says.read_line(&mut line).unwrap();
        line.trim().parse().unwrap()
    }

    fn alive(&mut self) -> usize {
        writeln!(self.asks).unwrap();
        self.number()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn measure() {
    allow_descriptors();
    let files = Files::new();
    let serve = Serve::with(&[FLAGS, &["--ca-out", &files.own()]].concat());
    let to = address(&serve.http).to_string();
    let before = memory(serve.child.id());
    let mut holders = [Kind::WebSocket, Kind::Events].map(|kind| Holder::new(kind, &to, &files.own()));
    let held = holders.each_mut().map(Holder::number);
    let grown = memory(serve.child.id()).saturating_sub(before);
    println!("One server holds {} WebSockets and {} SSE streams: {} MiB more than before.", held[0], held[1], grown >> 20);
    println!("Standard checks beside them, through:");
    for (path, verdict, codes) in PATHS {
        let ran = match path {
            None => judged(&["--pin", &serve.pin, &serve.https]),
            Some(middlebox) => behind(middlebox, &to),
        };
        let report = ran.json();
        let found = blaming(&ran);
        let right = report["verdict"] == verdict && codes.iter().all(|code| found.iter().any(|found| found == code));
        let right = if right && (!codes.is_empty() || found.is_empty()) { "right" } else { "WRONG" };
        let lag = report["circumstances"]["server_lag_ms"].as_u64().unwrap_or(0);
        let named = if found.is_empty() { "nothing to blame".to_owned() } else { found.join(", ") };
        println!("  {:24} {right}: {}, {named}; the server's timers {lag} ms late", path.unwrap_or("nothing"), report["verdict"]);
    }
    let alive = holders.each_mut().map(Holder::alive);
    println!("Then {} WebSockets answer and {} streams are open.", alive[0], alive[1]);
    assert_eq!(alive, [CONNECTIONS; 2]);
}

/// What is between, the verdict that is right, and what must be among the findings that blame the path.
const PATHS: [(Option<&str>, &str, &[&str]); 4] = [
    (None, "works", &[]),
    (Some("link:latency=0.05"), "works", &[]),
    (Some("strip-upgrade"), "broken", &["upgrade.header-stripped"]),
    (Some("forget-when-idle:after=12"), "degraded", &["idle.dropped-silently"]),
];

fn judged(arguments: &[&str]) -> Ran {
    run(&[&["check", "--format", "json", "--standard"], arguments].concat())
}

/// A check of the cleartext leg through a middlebox of the lab.
fn behind(middlebox: &str, to: &str) -> Ran {
    let mut lab = program(&["lab", "run", middlebox, "--as", "relay", "--listen", "127.0.0.1:0", "--upstream", to]);
    let mut lab = lab.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let line = await_line(&mut lab, "127.0.0.1:");
    let address = line.split_whitespace().find_map(|word| word.find("127.0.0.1:").and_then(|at| word.get(at..))).unwrap();
    let ran = judged(&["--leg", "http", &format!("http://{address}")]);
    let _ = lab.kill();
    let _ = lab.wait();
    ran
}

/// The codes of the findings that blame the path for something.
fn blaming(ran: &Ran) -> Vec<String> {
    let found = ran.json()["findings"].as_array().unwrap().clone();
    let blamed = found.iter().filter(|f| f["outcome"] == "broken" || f["outcome"] == "degraded");
    blamed.map(|f| f["code"].as_str().unwrap().to_owned()).collect()
}
