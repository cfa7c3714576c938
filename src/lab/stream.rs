//! What the middleboxes for streamed answers share: one request and its answer, with the body taken out of its framing.

use super::head::{self, Asked, Head};
use super::{Onward, relay};
use proxyprobe_probes::io::Io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// One request that was passed on, and its answer, whose body is still to come.
pub(super) struct Stream {
    /// The request.
    pub(super) request: Head,
    /// The head of the answer.
    pub(super) answer: Head,
    client: Io,
    server: Io,
    body: Body,
}

impl Stream {
    /// Passes a request for an event stream on and reads the head of the answer; everything else just passes.
    pub(super) async fn of_events(client: Io, onward: Onward) -> Option<Self> {
        Self::of(client, onward, Head::wants_events).await
    }

    /// The same for requests of another choice. What switches protocols passes in any case.
    pub(super) async fn of(client: Io, onward: Onward, chosen: impl Fn(&Head) -> bool) -> Option<Self> {
        let Asked { client, server, request, answer } = head::asked(client, onward, chosen).await?;
        let body = Body::of(&answer);
        let stream = Self { request, answer, client, server, body };
        if stream.answer.status() == 101 {
            stream.pass().await;
            return None;
        }
        Some(stream)
    }

    /// Leaves the answer alone, head and all.
    pub(super) async fn pass(mut self) {
        if self.answer.write(&mut self.client).await.is_ok() {
            relay::pass(self.client, self.server).await;
        }
    }

    /// Writes the head of the answer; the body follows in pieces of our own, so that a length would be wrong.
    pub(super) async fn begin(&mut self) -> bool {
        let mut head = self.answer.clone();
        head.rest.clear();
        if !self.body.chunked() {
            head.remove("content-length");
            head.set("Connection", "close");
        }
        head.write(&mut self.client).await.is_ok()
    }

    /// The next piece of the body as the server sent it; none at its end. Nothing is lost when this is dropped half-way.
    pub(super) async fn next(&mut self) -> Option<Vec<u8>> {
        self.body.next(&mut self.server).await
    }

    /// The body to its end.
    pub(super) async fn rest(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(piece) = self.next().await {
            all.extend(piece);
        }
        all
    }

    /// Sends a piece of the body to the client.
    pub(super) async fn say(&mut self, bytes: &[u8]) -> bool {
        if bytes.is_empty() {
            return true;
        }
        let framed = if self.body.chunked() {
            [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
        } else {
            bytes.to_vec()
        };
        self.write(&framed).await
    }

    /// Sends bytes to the client as they are.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> bool {
        self.client.write_all(bytes).await.is_ok() && self.client.flush().await.is_ok()
    }

    /// Ends the answer, as complete as the server's was.
    pub(super) async fn end(mut self) {
        if self.body.complete && self.body.chunked() {
            let _ = self.client.write_all(b"0\r\n\r\n").await;
        }
        let _ = self.client.shutdown().await;
    }

    /// Ends it in the middle.
    pub(super) async fn cut(mut self) {
        let _ = self.client.shutdown().await;
    }
}

/// The shortest time between two pieces: what writes without a pause spins.
pub(super) const LEAST: Duration = Duration::from_millis(1);

/// How the end of a body is found (RFC 9112 section 6.3).
enum Framing {
    /// Bytes left of the chunk under way, with the line end behind it.
    Chunked(usize),
    /// Bytes left.
    Length(usize),
    /// The end of the connection.
    Close,
}

/// How much is read at once.
const READ_BYTES: usize = 16 * 1024;

struct Body {
    framing: Framing,
    raw: Vec<u8>,
    complete: bool,
}

impl Body {
    fn of(answer: &Head) -> Self {
        let chunked = answer.get("transfer-encoding").is_some_and(|codings| codings.to_ascii_lowercase().contains("chunked"));
        let length = answer.get("content-length").and_then(|length| length.parse().ok());
        let framing = match length {
            _ if chunked => Framing::Chunked(0),
            Some(length) => Framing::Length(length),
            None => Framing::Close,
        };
        Self { framing, raw: answer.rest.clone(), complete: false }
    }

    fn chunked(&self) -> bool {
        matches!(self.framing, Framing::Chunked(_))
    }

    async fn next(&mut self, server: &mut Io) -> Option<Vec<u8>> {
        loop {
            let piece = self.take();
            if !piece.is_empty() {
                return Some(piece);
            }
            if self.complete {
                return None;
            }
            // As large as proxies read, so that what is sent in one piece is one here.
            self.raw.reserve(READ_BYTES);
            if !matches!(server.read_buf(&mut self.raw).await, Ok(size) if size > 0) {
                self.complete = matches!(self.framing, Framing::Close);
                return None;
            }
        }
    }

    /// All that can be read of what has arrived.
    fn take(&mut self) -> Vec<u8> {
        let mut piece = Vec::new();
        loop {
            match &mut self.framing {
                Framing::Close => return std::mem::take(&mut self.raw),
                Framing::Length(left) => {
                    piece.extend(self.raw.drain(..self.raw.len().min(*left)));
                    *left -= piece.len();
                    self.complete = *left == 0;
                    return piece;
                }
                Framing::Chunked(0) => {
                    let Some(end) = self.raw.windows(2).position(|two| two == b"\r\n") else { return piece };
                    let line: Vec<u8> = self.raw.drain(..end + 2).collect();
                    let digits: String = String::from_utf8_lossy(&line).chars().take_while(char::is_ascii_hexdigit).collect();
                    let Ok(size @ 1..) = usize::from_str_radix(&digits, 16) else {
                        self.complete = true;
                        return piece;
                    };
                    self.framing = Framing::Chunked(size.saturating_add(2));
                }
                Framing::Chunked(left) => {
                    let taken = self.raw.len().min(*left);
                    let data = taken.min(left.saturating_sub(2));
                    piece.extend(self.raw.drain(..taken).take(data));
                    *left -= taken;
                    if *left > 0 {
                        return piece;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunked_body_reads_the_same_however_it_is_cut() {
        let raw = b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n";
        for size in 1..=raw.len() {
            let mut body = Body { framing: Framing::Chunked(0), raw: Vec::new(), complete: false };
            let mut text = Vec::new();
            for piece in raw.chunks(size) {
                body.raw.extend_from_slice(piece);
                text.extend(body.take());
            }
            assert_eq!((text.as_slice(), body.complete), (&b"hello world"[..], true), "pieces of {size}");
        }
    }
}
