//! Heads of requests and answers, to be read, changed and passed on.

use super::{Onward, relay};
use proxyprobe_probes::io::Io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Reads the client's request. Each connection carries one request, so that the next one is met at its head again: what is no
/// upgrade asks for the connection to be closed after the answer (RFC 9112 section 9.6).
pub async fn request(client: &mut Io) -> Option<Head> {
    let mut request = Head::read(client).await?;
    request.stand_alone();
    Some(request)
}

/// Sends a request on its way, and everything behind it; whatever is answered passes.
pub async fn pass_on(request: &Head, client: Io, onward: Onward) {
    if let Ok(mut server) = onward.open().await
        && request.write(&mut server).await.is_ok()
    {
        relay::pass(client, server).await;
    }
}

/// Sends a request on its way and waits for the head of the answer; interim answers (RFC 9110 section 15.2) pass, and so does
/// the request's body.
///
/// A client that leaves meanwhile takes the server's side with it.
pub async fn answer(request: &Head, client: &mut Io, server: &mut Io) -> Option<Head> {
    request.write(server).await.ok()?;
    let (mut read, mut body) = (Vec::new(), Vec::new());
    loop {
        while let Some(head) = Head::take(&mut read) {
            if !(100..200).contains(&head.status()) || head.status() == 101 {
                return Some(Head { rest: read, ..head });
            }
            head.write(client).await.ok()?;
        }
        tokio::select! {
            biased;
            got = server.read_buf(&mut read) => if !matches!(got, Ok(size) if size > 0) || read.len() > LIMIT {
                return None;
            },
            got = client.read_buf(&mut body) => {
                if !matches!(got, Ok(size) if size > 0) {
                    return None;
                }
                server.write_all(&body).await.ok()?;
                server.flush().await.ok()?;
                body.clear();
            }
        }
    }
}

/// A connection that a middlebox has let go so far: a request, and the answer's head, which the client has not got yet.
pub struct Asked {
    /// The client's stream.
    pub client: Io,
    /// The server's.
    pub server: Io,
    /// What was asked.
    pub request: Head,
    /// The answer.
    pub answer: Head,
}

/// Forwards a request for which `concerns` holds and waits for the head of the answer; every other request passes.
pub async fn asked(mut client: Io, onward: Onward, concerns: impl Fn(&Head) -> bool) -> Option<Asked> {
    let request = request(&mut client).await?;
    if !concerns(&request) {
        pass_on(&request, client, onward).await;
        return None;
    }
    let mut server = onward.open().await.ok()?;
    let answer = answer(&request, &mut client, &mut server).await?;
    Some(Asked { client, server, request, answer })
}

/// Forwards a request for a WebSocket up to its 101; everything else passes, with whatever is answered to it.
pub async fn switched(client: Io, onward: Onward) -> Option<Asked> {
    let mut asked = asked(client, onward, Head::wants_websocket).await?;
    if asked.answer.status() == 101 {
        return Some(asked);
    }
    asked.answer.write(&mut asked.client).await.ok()?;
    relay::pass(asked.client, asked.server).await;
    None
}

/// A head as it stands on the wire: the first line and the header lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The request line or the status line.
    pub first: String,
    /// Names and values, in order.
    pub fields: Vec<(String, String)>,
    /// Bytes that had arrived behind it.
    pub rest: Vec<u8>,
}

/// The most bytes of a head.
const LIMIT: usize = 64 * 1024;

impl Head {
    /// Reads a head; none when the stream ends or the head is too large.
    pub async fn read(io: &mut Io) -> Option<Head> {
        let mut bytes = Vec::new();
        loop {
            if let Some(head) = Head::take(&mut bytes) {
                return Some(Head { rest: bytes, ..head });
            }
            if bytes.len() > LIMIT || !matches!(io.read_buf(&mut bytes).await, Ok(size) if size > 0) {
                return None;
            }
        }
    }

    /// Reads a head, and gives the stream back as if nothing had been read.
    pub async fn peek(mut io: Io) -> Option<(Io, Head)> {
        let mut bytes = Vec::new();
        loop {
            if let Some(head) = Head::take(&mut bytes.clone()) {
                return Some((relay::unread(io, bytes), head));
            }
            if bytes.len() > LIMIT || !matches!(io.read_buf(&mut bytes).await, Ok(size) if size > 0) {
                return None;
            }
        }
    }

    /// Takes a whole head off the front of what was read.
    fn take(bytes: &mut Vec<u8>) -> Option<Head> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let rest = bytes.split_off(end);
        // A character for each byte, so that what is no ASCII is passed on as it came (RFC 9110 section 5.5).
        let text: String = std::mem::replace(bytes, rest).into_iter().map(char::from).collect();
        let mut lines = text.trim_end().split("\r\n");
        let first = lines.next()?.to_owned();
        let field = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        Some(Head { first, fields: lines.filter_map(field).collect(), rest: Vec::new() })
    }

    /// Writes it, with what had arrived behind it.
    pub async fn write(&self, io: &mut Io) -> std::io::Result<()> {
        let mut text = format!("{}\r\n", self.first);
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        let octets: Vec<u8> = text.chars().map(|letter| u8::try_from(letter).unwrap_or(b'?')).collect();
        io.write_all(&octets).await?;
        io.write_all(&self.rest).await?;
        io.flush().await
    }

    /// The first value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Takes a field away.
    pub fn remove(&mut self, name: &str) {
        self.fields.retain(|(found, _)| !found.eq_ignore_ascii_case(name));
    }

    /// Sets a field.
    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.fields.push((name.to_owned(), value.to_owned()));
    }

    /// Makes a request the only one of its connection, unless it asks for another protocol.
    pub fn stand_alone(&mut self) {
        if self.get("upgrade").is_none() {
            self.set("Connection", "close");
        }
    }

    /// The path of a request.
    pub fn path(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }

    /// The status of an answer.
    pub fn status(&self) -> u16 {
        self.first.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// Whether a request asks for a WebSocket.
    pub fn wants_websocket(&self) -> bool {
        self.get("upgrade").is_some_and(|token| token.eq_ignore_ascii_case("websocket"))
    }

    /// Whether an answer is an event stream by its type.
    pub fn is_event_stream(&self) -> bool {
        self.get("content-type").is_some_and(|of| of.to_ascii_lowercase().starts_with("text/event-stream"))
    }

    /// Whether a request asks for an event stream.
    pub fn wants_events(&self) -> bool {
        self.get("accept").is_some_and(|types| types.contains("text/event-stream"))
    }
}
