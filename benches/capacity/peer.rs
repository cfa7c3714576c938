//! Servers of others that may be installed here. None of them comes with this project.

use crate::crowd::Kind;
use crate::process::Files;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// A WebSocket that echoes, by Node's `ws`, and a stream of events by Node itself.
const NODE: &str = r"
const [kind, cert, key] = process.argv.slice(1);
const fs = require('fs');
const made = kind === 'wss'
    ? require('https').createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) })
    : require('http').createServer();
if (kind === 'sse') {
    made.on('request', (_, answer) => {
        answer.writeHead(200, { 'Content-Type': 'text/event-stream' });
        answer.write(': hello\n\n');
    });
} else {
    const { WebSocketServer } = require('ws');
    new WebSocketServer({ server: made }).on('connection', (socket) => {
        socket.on('message', (data, binary) => socket.send(data, { binary }));
    });
}
made.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(made.address().port));
";

/// A server that ends when dropped.
pub(crate) struct Peer {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Peer {
    /// Node's, if Node finds what it takes.
    pub(crate) fn node(kind: Kind, files: &Files) -> Option<Self> {
        let mut node = Command::new("node");
        node.args(["-e", NODE, kind.as_str(), &files.cert(), &files.key()]);
        let mut child = node.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
        let mut line = String::new();
        let _ = BufReader::new(child.stdout.take()?).read_line(&mut line);
        let Ok(port) = line.trim().parse() else {
            let _ = child.wait();
            return None;
        };
        Some(Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)) })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What to say of one that is not here.
pub(crate) const NO_NODE: &str = "not measured: `node` with the package `ws` is not found (NODE_PATH says where it is)";
