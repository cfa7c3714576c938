//! A middlebox between the client and a real server: it knows every request by its route, and does to the answer what it likes.

use crate::program::{read_head, server};
use std::io::{Read, Write, copy};
use std::net::{Shutdown, SocketAddr, TcpStream};

/// The routes of all WebSockets: one of them that behaves would make no rule of what the others do.
pub(crate) const WEBSOCKETS: &[&str] = &[
    "upgrade",
    "upgrade-subprotocol",
    "zombie",
    "zombie-sizes",
    "zombie-kinds",
    "zombie-listen",
    "idle-websocket",
    "lifetime-websocket",
];
/// The routes of all event streams.
pub(crate) const STREAMS: &[&str] = &["sse", "idle-sse", "lifetime-sse"];

/// A connection whose request has been read and passed on.
pub(crate) struct Passage {
    pub(crate) route: String,
    /// The name of the connection.
    pub(crate) nonce: String,
    pub(crate) client: TcpStream,
    pub(crate) server: TcpStream,
}

impl Passage {
    /// Passes on what is left, both ways, to its end.
    pub(crate) fn pass(self) {
        self.pass_upwards();
        let (mut from, mut to) = (self.server, self.client);
        let _ = copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    }

    /// Passes on what the client says from now on.
    pub(crate) fn pass_upwards(&self) {
        let (mut from, mut to) = (self.client.try_clone().unwrap(), self.server.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }

    /// Reads the head of the answer.
    pub(crate) fn head(&mut self) -> String {
        read_head(&mut self.server)
    }

    /// Reads the whole answer: its head, and its body.
    pub(crate) fn answer(&mut self) -> (String, Vec<u8>) {
        let head = self.head();
        let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        let mut body = Vec::new();
        match length {
            Some(length) => {
                body.resize(length, 0);
                self.server.read_exact(&mut body).unwrap();
            }
            None => drop(self.server.read_to_end(&mut body)),
        }
        (head, body)
    }

    /// Says something to the client. False when it is not there any more.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> bool {
        self.client.write_all(bytes).is_ok()
    }

    /// Says something again and again, until the client has gone.
    pub(crate) fn flood(&mut self, bytes: &[u8]) {
        let many = bytes.repeat((16 * 1024 / bytes.len()).max(1));
        while self.say(&many) {}
    }
}

/// A relay to a server of ours.
pub(crate) fn relay(to: &str, attack: impl Fn(Passage) + Send + Sync + 'static) -> String {
    let to: SocketAddr = to.trim_start_matches("http://").parse().unwrap();
    let address = server(move |mut client| {
        let request = read_head(&mut client);
        // `POST /v1/run/<nonce>`, `GET /v1/<run>/<nonce>/<route>?..`
        let path = request.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
        let nonce = path.split('/').nth(3).unwrap_or_default().to_owned();
        let route = path.split('/').nth(4).unwrap_or("run").to_owned();
        #[expect(clippy::disallowed_methods, reason = "a middlebox that is not the program")]
        let Ok(mut server) = TcpStream::connect(to) else { return };
        let _ = server.write_all(request.as_bytes());
        attack(Passage { route, nonce, client, server });
    });
    format!("http://{address}")
}

/// A relay that attacks these routes and passes on all others.
pub(crate) fn on(routes: &'static [&'static str], to: &str, attack: impl Fn(Passage) + Send + Sync + 'static) -> String {
    relay(to, move |passage| if routes.contains(&passage.route.as_str()) { attack(passage) } else { passage.pass() })
}
