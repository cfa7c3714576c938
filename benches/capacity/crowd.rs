//! Many connections on which nothing is said.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use socket2::{Domain, Socket, Type};
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// Connections of one address: an address has some 28,000 ports, and a run some 400 requests.
const OF_ADDRESS: usize = 300;
/// How long a peer may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a stream of events is silent: longer than any benchmark.
const SILENT_MS: u32 = 1_100_000;

/// What is idle.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    WebSocket,
    SecureWebSocket,
    Events,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::WebSocket, Self::SecureWebSocket, Self::Events];

    fn word(self) -> &'static str {
        match self {
            Self::WebSocket => "ws",
            Self::SecureWebSocket => "wss",
            Self::Events => "sse",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WebSocket => "WebSocket",
            Self::SecureWebSocket => "WebSocket over TLS",
            Self::Events => "SSE",
        })
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.word() == word).ok_or_else(|| word.to_owned())
    }
}

impl Kind {
    /// Its name on a command line.
    pub(crate) fn as_str(self) -> &'static str {
        self.word()
    }
}

/// Whom connections are opened to.
pub(crate) struct To {
    address: SocketAddr,
    kind: Kind,
    tls: Arc<ClientConfig>,
    /// Whether it is a server of ours, where connections belong to runs.
    ours: bool,
}

impl To {
    /// A server whose certificate is in this file.
    pub(crate) fn new(address: SocketAddr, kind: Kind, ca: &str, ours: bool) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let tls = Arc::new(versions.with_root_certificates(roots).with_no_client_auth());
        Self { address, kind, tls, ours }
    }

    fn connect(&self, from: [u8; 4]) -> Line {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
        socket.connect_timeout(&self.address.into(), PATIENCE).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        if self.kind != Kind::SecureWebSocket {
            return Line::Plain(stream);
        }
        let session = ClientConnection::new(self.tls.clone(), ServerName::try_from("127.0.0.1").unwrap()).unwrap();
        Line::Secure(Box::new(StreamOwned::new(session, stream)))
    }

    /// The name of a new run.
    fn begin(&self, from: [u8; 4]) -> String {
        let mut line = self.connect(from);
        line.write_all(b"GET /v1/run/ab HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        let _ = line.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        answer.split("\"run\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// A connection on which all that comes by itself has come.
    fn open(&self, from: [u8; 4], run: &str, number: usize) -> Idle {
        let nonce = nonce(number);
        let key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let (route, headers) = match self.kind {
            Kind::Events => (format!("idle-sse?silent_ms={SILENT_MS}"), "Accept: text/event-stream\r\n".to_owned()),
            _ => ("idle-websocket".to_owned(), format!("Connection: Upgrade\r\nUpgrade: websocket\r\n{key}")),
        };
        let path = if self.ours { format!("/v1/{run}/{nonce}/{route}") } else { "/".to_owned() };
        let mut line = self.connect(from);
        line.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n").as_bytes()).unwrap();
        let head = until(&mut line, b"\r\n\r\n");
        let status = if self.kind == Kind::Events { " 200 " } else { " 101 " };
        assert!(head.contains(status), "{head}");
        match self.kind {
            // The first words of a stream.
            Kind::Events => drop(until(&mut line, b"\n\n")),
            _ if self.ours => drop(frame(&mut line).unwrap()),
            _ => {}
        }
        Idle { line, nonce, kind: self.kind }
    }
}

/// A name that is as long as those of clients.
pub(crate) fn nonce(number: usize) -> String {
    format!("{number:024x}")
}

enum Line {
    Plain(TcpStream),
    Secure(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Read for Line {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(bytes),
            Self::Secure(stream) => stream.read(bytes),
        }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Secure(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Secure(stream) => stream.flush(),
        }
    }
}

/// One idle connection.
pub(crate) struct Idle {
    line: Line,
    nonce: String,
    kind: Kind,
}

impl Idle {
    /// Whether it is still there: a WebSocket answers, and a stream has not ended.
    pub(crate) fn lives(&mut self) -> bool {
        if self.kind == Kind::Events {
            let Line::Plain(stream) = &mut self.line else { return false };
            if stream.set_nonblocking(true).is_err() {
                return false;
            }
            // The end of the first chunk may still be there.
            return loop {
                match stream.read(&mut [0; 64]) {
                    Ok(1..) => {}
                    Ok(0) => break false,
                    Err(error) => break error.kind() == ErrorKind::WouldBlock,
                }
            };
        }
        let asked = format!("frame 1 1 {}", self.nonce);
        let echoed = |answer: String| answer.starts_with("echo 1 ") && answer.ends_with(&self.nonce);
        self.line.write_all(&masked(&asked)).is_ok() && frame(&mut self.line).is_ok_and(echoed)
    }
}

/// Opens so many connections, each few hundred from an address and in a run of their own.
pub(crate) fn open(to: &To, count: usize, network: u8) -> Vec<Idle> {
    let some = |first: usize| {
        let from = [127, 0, network, u8::try_from(2 + first / OF_ADDRESS).unwrap()];
        let run = if to.ours { to.begin(from) } else { String::new() };
        (first..count.min(first + OF_ADDRESS)).map(|number| to.open(from, &run, number)).collect::<Vec<_>>()
    };
    std::thread::scope(|all| {
        let opening: Vec<_> = (0..count).step_by(OF_ADDRESS).map(|first| all.spawn(move || some(first))).collect();
        opening.into_iter().flat_map(|some| some.join().unwrap()).collect()
    })
}

/// A short text in a frame of a client, with a mask of zeros (RFC 6455 section 5.3).
pub(crate) fn masked(text: &str) -> Vec<u8> {
    [&[0x81, 0x80 | u8::try_from(text.len()).unwrap()][..], &[0; 4], text.as_bytes()].concat()
}

/// The next frame of a server, of up to 65,535 bytes.
fn frame(line: &mut Line) -> std::io::Result<String> {
    let mut head = [0; 2];
    line.read_exact(&mut head)?;
    let mut length = usize::from(head[1]);
    if length == 126 {
        let mut long = [0; 2];
        line.read_exact(&mut long)?;
        length = usize::from(u16::from_be_bytes(long));
    }
    let mut text = vec![0; length];
    line.read_exact(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn until(line: &mut Line, mark: &[u8]) -> String {
    let (mut read, mut byte) = (Vec::new(), [0]);
    while !read.ends_with(mark) && matches!(line.read(&mut byte), Ok(1)) {
        read.push(byte[0]);
    }
    String::from_utf8_lossy(&read).into_owned()
}
