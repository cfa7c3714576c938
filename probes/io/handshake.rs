//! An opening handshake for a WebSocket that keeps everything it sees.

use super::heads::{field, raw_head};
use super::observe::{Page, Scene};
use super::websocket::{MESSAGE_BYTES, Talk};
use super::{Io, Way};
use crate::exchange::{Proof, ResponseHead};
use crate::failure::{Failure, Kind, Operation};
use crate::timeline::{Event, Why};
use crate::untrusted::Untrusted;
use crate::wire::{PROOF_HEADER, route_path};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The most bytes of a response head that are read.
const HEAD_BYTES: usize = 64 * 1024;
/// The most header fields that are read.
const FIELDS: usize = 128;
/// The most interim responses (RFC 9110 section 15.2) that are passed over.
const INTERIM: usize = 8;
/// How much of a body that came instead of a 101 is read, to look for our proof or a product's name in it.
const BODY_BYTES: usize = 4 * 1024;

/// What came of an opening handshake.
pub enum Opening {
    /// A 101.
    Open(Box<Talk<Io>>),
    /// Anything else; it is on the page.
    Not,
}

/// What a client asks for in its handshake.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The route of the run.
    pub route: &'a str,
    /// With its question mark, or empty.
    pub query: &'a str,
    /// The spelling of `websocket`.
    pub token: &'a str,
    /// Whether it offers the compression that every browser offers.
    pub compression: bool,
    /// The subprotocols that it offers, as they stand in the header; empty for none.
    pub subprotocols: &'a str,
    /// The most bytes of a message that it accepts.
    pub message: usize,
}

impl<'a> Wish<'a> {
    /// What a browser asks for.
    pub fn of(route: &'a str) -> Self {
        Self { route, query: "", token: "websocket", compression: true, subprotocols: "", message: MESSAGE_BYTES }
    }
}

/// Dials, asks for a WebSocket on a route of the run as a browser does, and writes everything down.
pub async fn open(scene: &Scene, page: &Page, route: &str, query: &str) -> Opening {
    open_as(scene, page, Wish { query, ..Wish::of(route) }).await
}

/// The same with another wish. The request has the headers that a browser sends, in a browser's order.
pub async fn open_as(scene: &Scene, page: &Page, wish: Wish<'_>) -> Opening {
    let Wish { route, query, .. } = wish;
    let Some(way) = page.dial(scene, scene.websocket()).await else { return Opening::Not };
    let path = format!("{}{query}", route_path(scene.prover.run(), page.nonce(), route));
    let key = generate_key();
    let observer = way.io.observer();
    let peer = Untrusted::new(&way.host);
    let fail = |kind, detail: Untrusted| Failure { operation: Operation::Request, kind, peer: peer.clone(), detail };
    let request = request_head(&way, &path, &key, &wish);
    let mut io = way.io;
    page.pen.note(Event::Request);
    let deadline = Instant::now() + scene.answer();
    let reading = async {
        io.write_all(request.as_bytes()).await?;
        // Without it TLS may keep the request to itself while this machine waits for an answer.
        io.flush().await?;
        read_head(&mut io).await
    };
    let (head, mut rest) = match timeout_at(deadline, reading).await {
        Err(_) => {
            page.gave_up(&observer);
            return Opening::Not;
        }
        Ok(Ok(Ok(read))) => read,
        Ok(Ok(Err(kind))) => {
            page.failed(fail(kind, Untrusted::from_bytes(&observer.first_bytes(), 120)));
            return Opening::Not;
        }
        Ok(Err(error)) => {
            match observer.ended() {
                Some((moment, end)) => page.pen.note_at(moment, Event::Ended(end)),
                None => page.failed(fail(Kind::of_io(&error), Untrusted::new(&error.to_string()))),
            }
            return Opening::Not;
        }
    };
    let in_header = head.values(PROOF_HEADER).next().map(|text| scene.prover.examine(text, page.nonce(), route));
    let status = head.status;
    let accept = head.values("sec-websocket-accept").next().map(str::to_owned);
    let length = head.values("content-length").next().and_then(|length| length.trim().parse().ok()).unwrap_or(BODY_BYTES);
    page.response(head, in_header.unwrap_or_default());
    if status != 101 {
        let _ = timeout_at(deadline, read_some(&mut io, &mut rest, length)).await;
        // The first line, or the second where a proxy has cut the body into chunks.
        let lines = rest.split(|byte| *byte == b'\n').take(2);
        let mut proofs = lines.map(|line| scene.prover.examine(&String::from_utf8_lossy(line), page.nonce(), route));
        let in_body = proofs.find(|proof| *proof != Proof::None).unwrap_or_default();
        page.proved(in_body);
        if in_header != Some(Proof::Valid) && in_body != Proof::Valid && !rest.is_empty() {
            page.pen.note(Event::Foreign(Untrusted::from_bytes(&rest, 300)));
        }
        page.pen.note(Event::Closed(Why::Done));
        return Opening::Not;
    }
    page.accepted(accept.as_deref() == Some(derive_accept_key(key.as_bytes()).as_str()));
    Opening::Open(Box::new(Talk::opened(io, rest, page, scene.prover.clone(), route, wish.message).await))
}

/// The head of an opening handshake, with the headers of a browser in a browser's order.
pub(crate) fn request_head(way: &Way, path: &str, key: &str, wish: &Wish<'_>) -> String {
    let mut head = format!("GET {}{path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\n", way.prefix, way.host);
    head.push_str("Pragma: no-cache\r\nCache-Control: no-cache\r\n");
    for (name, value) in &way.headers_for("GET", path) {
        if let Ok(value) = std::str::from_utf8(value.as_bytes()) {
            let name = title_case(name.as_str());
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    head.push_str(&format!("Upgrade: {}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n", wish.token));
    // Every browser offers it (RFC 7692); our server never accepts, so that an acceptance is somebody else's.
    if wish.compression {
        head.push_str("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n");
    }
    if !wish.subprotocols.is_empty() {
        head.push_str(&format!("Sec-WebSocket-Protocol: {}\r\n", wish.subprotocols));
    }
    head.push_str("\r\n");
    head
}

/// `user-agent` as browsers write it: `User-Agent`.
fn title_case(name: &str) -> String {
    let mut first = true;
    let raise = |c: char| {
        let raised = if first { c.to_ascii_uppercase() } else { c };
        first = c == '-';
        raised
    };
    name.chars().map(raise).collect()
}

/// Reads up to the end of a head that is not interim, or says why that is not to be had: it is no HTTP, or more than is read.
pub(crate) async fn read_head(io: &mut Io) -> std::io::Result<Result<(ResponseHead, Vec<u8>), Kind>> {
    let mut bytes = Vec::new();
    for _ in 0..=INTERIM {
        let (head, length) = loop {
            let mut fields = [httparse::EMPTY_HEADER; FIELDS];
            let mut response = httparse::Response::new(&mut fields);
            match response.parse(&bytes) {
                Ok(httparse::Status::Complete(length)) => break (recorded(&response, &bytes), length),
                Ok(httparse::Status::Partial) if bytes.len() < HEAD_BYTES => {}
                Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => return Ok(Err(Kind::TooLarge)),
                Err(_) => return Ok(Err(Kind::NotHttp)),
            }
            if io.read_buf(&mut bytes).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        };
        bytes.drain(..length);
        if !(100..200).contains(&head.status) || head.status == 101 {
            return Ok(Ok((head, bytes)));
        }
    }
    Ok(Err(Kind::TooLarge))
}

fn recorded(response: &httparse::Response<'_, '_>, bytes: &[u8]) -> ResponseHead {
    ResponseHead {
        status: response.code.unwrap_or_default(),
        version: if response.version == Some(0) { "1.0" } else { "1.1" }.to_owned(),
        headers: response.headers.iter().map(|header| field(header.name, header.value)).collect(),
        raw: raw_head(bytes),
    }
}

/// Reads a body of this length, or as much of it as is looked at.
pub(crate) async fn read_some(io: &mut Io, rest: &mut Vec<u8>, length: usize) {
    // A chunked body ends with an empty chunk (RFC 9112 section 7.1).
    while rest.len() < length.min(BODY_BYTES) && !rest.ends_with(b"\r\n0\r\n\r\n") {
        if !matches!(io.read_buf(rest).await, Ok(size) if size > 0) {
            return;
        }
    }
}
