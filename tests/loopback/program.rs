//! Running the program, and small servers for it to meet.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;

/// What a run of the program left behind.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|why| panic!("{why}: {}\n{}", self.stdout, self.stderr))
    }

    /// The codes of all findings, and of their legs; every path has the times of messages, and what a limit does to HTTP/2 as well is
    /// no news.
    pub(crate) fn codes(&self) -> Vec<String> {
        let found = self.json();
        let by_http2 = |f: &Value| f["code"].as_str().is_some_and(|code| code.starts_with("h2."));
        let usual = |f: &Value| f["code"] == "latency.round-trip" || (by_http2(f) && !f["caused_by"].is_null());
        let all = found["findings"].as_array().unwrap().iter().filter(|f| !usual(f));
        all.map(|f| format!("{}:{}", f["leg"].as_str().unwrap_or("-"), f["code"].as_str().unwrap())).collect()
    }
}

/// The program.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_proxyprobe");

/// The program, without the proxies of whoever runs the tests.
pub(crate) fn program(arguments: &[&str]) -> Command {
    without_proxies(Command::new(BINARY), arguments)
}

/// A command with these arguments and without those proxies.
pub(crate) fn without_proxies(mut command: Command, arguments: &[&str]) -> Command {
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_ascii_lowercase());
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

pub(crate) fn run(arguments: &[&str]) -> Ran {
    Ran::of(program(arguments).output().unwrap())
}

/// A check whose report comes as JSON.
pub(crate) fn check(arguments: &[&str]) -> Ran {
    run(&[&["check", "--format", "json", "--quick"], arguments].concat())
}

/// A server of ours that is stopped when dropped.
pub(crate) struct Serve {
    pub(crate) child: Child,
    pub(crate) http: String,
    pub(crate) https: String,
    pub(crate) pin: String,
}

impl Serve {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// With further flags.
    pub(crate) fn with(flags: &[&str]) -> Self {
        let addresses = ["serve", "--self-signed", "--http", "127.0.0.1:0", "--https", "127.0.0.1:0"];
        let mut child = program(&[&addresses, flags].concat()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut after = |mark: &str| {
            let line = lines.find(|line| line.contains(mark)).unwrap_or_else(|| panic!("no line with {mark}"));
            line.split(mark).nth(1).unwrap().trim().to_owned()
        };
        let http = after("cleartext leg on ");
        let https = after("TLS leg on ");
        let pin = after("--pin ");
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, http, https, pin }
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A listener that hands each connection to a thread, for as long as the test lives.
pub(crate) fn server(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = std::sync::Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

/// A server that reads a request head and writes these bytes.
pub(crate) fn answering(bytes: impl Into<Vec<u8>>) -> SocketAddr {
    let bytes = bytes.into();
    server(move |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(&bytes);
    })
}

pub(crate) fn read_head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Waits for a line on stderr of a running program.
pub(crate) fn await_line(child: &mut Child, mark: &'static str) -> String {
    let (seen, wait) = mpsc::channel();
    let stderr = child.stderr.take().unwrap();
    // It reads on to the end: what is said later must not fill the pipe.
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if line.contains(mark) {
                let _ = seen.send(line);
            }
        }
    });
    wait.recv().unwrap_or_else(|_| panic!("the program never said {mark}"))
}
