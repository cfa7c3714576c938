//! What a fleet is made of.

use crate::ports::free_port;
use crate::program::{BINARY, Ran, program, without_proxies};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// A program that says nothing for so long fails the test instead of stopping it.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often something is looked at that is waited for.
const LOOK: Duration = Duration::from_millis(20);
/// A run that has silent connections here is under way.
const UNDER_WAY: &str = "proxyprobe_requests_open{route=\"idle-websocket\"}";

/// Whether a program is there; says so when it is not, and fails where all have to be.
pub(crate) fn installed(name: &str) -> bool {
    let there = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !there {
        let required = std::env::var("PROXYPROBE_REQUIRE_FIELD").as_deref() == Ok("1");
        assert!(!required, "CI requires the fleet ring, but {name} is not installed");
        let _ = writeln!(std::io::stderr(), "fleet: skipped, {name} is not installed");
    }
    there
}

/// A folder that is removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("proxyprobe-fleet-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A program whose lines are read. It is killed when dropped.
pub(crate) struct Talking {
    pub(crate) child: Child,
    lines: Receiver<String>,
}

impl Talking {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (say, lines) = channel();
        let outputs: [Box<dyn Read + Send>; 2] = [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for output in outputs {
            let say = say.clone();
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let _ = say.send(line);
                }
            });
        }
        Self { child, lines }
    }

    /// The next line with this in it.
    pub(crate) fn line(&self, mark: &str) -> String {
        let mut all = Vec::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            all.push(line.unwrap_or_else(|_| panic!("it never said {mark}, but {all:#?}")));
            if let Some(line) = all.last().filter(|line| line.contains(mark)) {
                return line.clone();
            }
        }
    }

    /// Everything that comes until its end, but for what it says to people.
    pub(crate) fn rest(&self) -> String {
        let all: Vec<String> = self.lines.iter().filter(|line| !line.starts_with("proxyprobe: ")).collect();
        all.join("\n")
    }

    fn after(&self, mark: &str) -> String {
        self.line(mark).split(mark).nth(1).unwrap().trim().to_owned()
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Talking {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A Redis of the test's own, without a disk.
pub(crate) struct Redis {
    talking: Talking,
    pub(crate) port: u16,
}

impl Redis {
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::at(free_port(), flags)
    }

    pub(crate) fn at(port: u16, flags: &[&str]) -> Self {
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]).args(flags);
        let talking = Talking::start(command);
        talking.line("Ready to accept connections");
        Self { talking, port }
    }

    /// Ends as a machine that loses its power.
    pub(crate) fn kill(mut self) -> u16 {
        self.talking.kill();
        self.port
    }

    /// What redis-cli says.
    pub(crate) fn ask(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(words).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The one key that ends so.
    pub(crate) fn key(&self, end: &str) -> String {
        let found = self.ask(&["--scan", "--pattern", &format!("*{end}")]);
        assert_eq!(found.lines().count(), 1, "{end}: {found}");
        found
    }
}

/// A balancer that passes TCP on to each server in turn.
pub(crate) struct Balancer {
    pub(crate) port: u16,
    servers: Arc<OnceLock<Vec<SocketAddr>>>,
}

impl Balancer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let servers: Arc<OnceLock<Vec<SocketAddr>>> = Arc::default();
        let (known, next) = (servers.clone(), AtomicUsize::new(0));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Some(all) = known.get() else { continue };
                let first = next.fetch_add(1, Ordering::Relaxed);
                // A server that is gone is passed over.
                let server = (0..all.len()).find_map(|at| TcpStream::connect(all[(first + at) % all.len()]).ok());
                if let Some(server) = server {
                    pass(client, server);
                }
            }
        });
        Self { port, servers }
    }
}

/// Passes bytes and their ends on, both ways.
fn pass(client: TcpStream, server: TcpStream) {
    let ways = [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)];
    for (mut from, mut to) in ways {
        let _ = from.set_nodelay(true);
        thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}

/// One server of the fleet.
pub(crate) struct Node {
    pub(crate) talking: Talking,
    pub(crate) http: String,
    pub(crate) https: String,
    pub(crate) admin: String,
}

impl Node {
    /// What an operator reads of it.
    pub(crate) fn read(&self, path: &str) -> String {
        get(&self.admin, path)
    }

    /// Waits until this can be read there.
    pub(crate) fn until(&self, path: &str, mark: &str) {
        wait(|| self.read(path).contains(mark).then_some(())).unwrap_or_else(|| panic!("{path} never said {mark}"));
    }
}

/// Looks until there is something, for so long that only a mistake takes longer.
pub(crate) fn wait<T>(look: impl Fn() -> Option<T>) -> Option<T> {
    let looks = PATIENCE.as_millis() / LOOK.as_millis();
    (0..looks).find_map(|_| {
        let found = look();
        if found.is_none() {
            thread::sleep(LOOK);
        }
        found
    })
}

/// Sends a request and reads the answer to its end.
pub(crate) fn get(url: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Two nodes behind a balancer.
pub(crate) struct Fleet {
    pub(crate) nodes: Vec<Node>,
    pub(crate) http: String,
    pub(crate) https: String,
    pin: String,
    _folder: Folder,
}

pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

impl Fleet {
    /// Whose store is on this port. All nodes have these flags; each is started by its own command, where there is one.
    pub(crate) fn start(store: u16, flags: &[&str], commands: [Option<Command>; 2]) -> Self {
        let folder = Folder::new();
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
        let pin = format!("sha256:{}", proxyprobe_probes::io::proof::sha256_hex(certificate.der()));
        let (cert, key) = (folder.file("cert.pem", &certificate.pem()), folder.file("key.pem", &key.serialize_pem()));
        let secret = folder.file("secret", SECRET);
        let (http, https) = (Balancer::start(), Balancer::start());
        let (public_http, public_https) = (http.port.to_string(), https.port.to_string());
        let store = format!("redis://127.0.0.1:{store}");
        let any = "127.0.0.1:0";
        let own = ["serve", "--http", any, "--https", any, "--admin", any, "--cert", &cert, "--key", &key, "--store", &store];
        let shared = ["--secret-file", &secret, "--public-http", &public_http, "--public-https", &public_https];
        let start = |command: Option<Command>| {
            let command = command.unwrap_or_else(|| Command::new(BINARY));
            let talking = Talking::start(without_proxies(command, &[&own[..], &shared, flags].concat()));
            let (http, https) = (talking.after("cleartext leg on "), talking.after("TLS leg on "));
            Node { http, https, admin: talking.after("admin on "), talking }
        };
        let nodes: Vec<Node> = commands.into_iter().map(start).collect();
        let address = |url: &str| url.split("://").nth(1).unwrap().parse().unwrap();
        http.servers.set(nodes.iter().map(|node| address(&node.http)).collect()).unwrap();
        https.servers.set(nodes.iter().map(|node| address(&node.https)).collect()).unwrap();
        let url = |scheme: &str, port: &str| format!("{scheme}://127.0.0.1:{port}");
        Self { nodes, http: url("http", &public_http), https: url("https", &public_https), pin, _folder: folder }
    }

    /// With nothing special, when both nodes know each other.
    pub(crate) fn with(store: u16, flags: &[&str]) -> Self {
        let fleet = Self::start(store, flags, [None, None]);
        fleet.complete();
        fleet
    }

    /// Waits until both nodes know each other.
    pub(crate) fn complete(&self) {
        for node in &self.nodes {
            node.until("/metrics", "proxyprobe_store_nodes 2");
        }
    }

    /// Waits until a run has silent connections at a node, and says at which.
    pub(crate) fn under_way(&self) -> usize {
        let at = wait(|| self.nodes.iter().position(|node| node.read("/metrics").contains(UNDER_WAY)));
        at.unwrap_or_else(|| panic!("no run is under way"))
    }

    /// A quick check of this server.
    pub(crate) fn check(&self, flags: &[&str]) -> Ran {
        Ran::of(self.checking(&[&["--quick"], flags].concat()).output().unwrap())
    }

    /// A check to come.
    pub(crate) fn checking(&self, flags: &[&str]) -> Command {
        program(&[&["check", "--format", "json", "--pin", &self.pin], flags].concat())
    }
}

/// How many connections of a report have which kind of witness.
pub(crate) fn witnesses(report: &Value) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    count(&report["probes"], &mut all);
    all
}

fn count(value: &Value, all: &mut BTreeMap<String, usize>) {
    match value {
        Value::Object(fields) => {
            if let Some(witness) = fields.get("witness") {
                let kind = witness.as_str().or(witness.as_object().and_then(|kinds| Some(kinds.keys().next()?.as_str())));
                *all.entry(kind.unwrap_or("none").to_owned()).or_default() += 1;
            }
            fields.values().for_each(|field| count(field, all));
        }
        Value::Array(items) => items.iter().for_each(|item| count(item, all)),
        _ => {}
    }
}
