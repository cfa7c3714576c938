//! What the middleboxes for streamed answers share: one request and its answer, with the body taken out of its framing.

use super::head::{self, Asked, Head};
use super::{Onward, relay};
use proxyprobe_probes::io::Io;
use std::io::ErrorKind;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// One request that was passed on, and its answer, whose body is still to come.
pub(super) struct Stream {
    /// The request.
    pub(super) request: Head,
    /// The head of the answer.
    pub(super) answer: Head,
    /// The client's side and the server's; none when the client has reset the connection.
    ends: Option<(Io, Io)>,
    /// What the client sent behind its request, on its way to the server; and whether more may come.
    early: Vec<u8>,
    listens: bool,
    body: Body,
    /// Whether the length that the server told is not told to the client.
    remade: bool,
}

impl Stream {
    /// Passes a request on and reads the head of the answer, which is one to a request for an event stream or of its type;
    /// everything else just passes.
    pub(super) async fn of_events(client: Io, onward: Onward) -> Option<Self> {
        let stream = Self::of(client, onward, |request| !request.wants_websocket()).await?;
        if !stream.request.wants_events() && !stream.answer.is_event_stream() {
            stream.pass().await;
            return None;
        }
        Some(stream)
    }

    /// The same for requests of another choice. What switches protocols or has no body passes in any case.
    pub(super) async fn of(client: Io, onward: Onward, chosen: impl Fn(&Head) -> bool) -> Option<Self> {
        let Asked { client, server, request, answer } = head::asked(client, onward, chosen).await?;
        let body = Body::of(&answer);
        let ends = Some((client, server));
        let stream = Self { request, answer, ends, early: Vec::new(), listens: true, body, remade: false };
        // RFC 9112 section 6.3.
        if matches!(stream.answer.status(), 101 | 204 | 304) || stream.request.first.starts_with("HEAD ") {
            stream.pass().await;
            return None;
        }
        Some(stream)
    }

    /// Leaves the answer alone, head and all.
    pub(super) async fn pass(mut self) {
        let Some((mut client, server)) = self.ends.take() else { return };
        if self.answer.write(&mut client).await.is_ok() {
            relay::pass(client, server).await;
        }
    }

    /// Writes the head of the answer; the body follows in pieces of our own.
    pub(super) async fn begin(&mut self) -> bool {
        self.answer.rest.clear();
        match &mut self.ends {
            Some((client, _)) => self.answer.write(client).await.is_ok(),
            None => false,
        }
    }

    /// The same for a body that becomes another one, so that its length would be wrong.
    pub(super) async fn begin_another(&mut self) -> bool {
        if matches!(self.body.framing, Framing::Length(_)) {
            self.remade = true;
            self.answer.remove("content-length");
            self.answer.set("Connection", "close");
        }
        self.begin().await
    }

    /// The next piece of the body as the server sent it; none at its end. Nothing is lost when this is dropped half-way.
    ///
    /// Meanwhile the client is heard: what it says and how it leaves is passed on at once.
    pub(super) async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(next) = self.body.next() {
                return next;
            }
            let (client, server) = self.ends.as_mut()?;
            while !self.early.is_empty() {
                let size = server.write(&self.early).await.unwrap_or(self.early.len());
                self.early.drain(..size);
            }
            // As large as proxies read, so that what is sent in one piece is one here.
            self.body.raw.reserve(READ_BYTES);
            let left = tokio::select! {
                biased;
                read = server.read_buf(&mut self.body.raw) => {
                    self.body.heard(&read);
                    continue;
                }
                read = client.read_buf(&mut self.early), if self.listens => read,
            };
            match left {
                Ok(size) if size > 0 => {}
                Err(why) if why.kind() != ErrorKind::UnexpectedEof => {
                    if let Some((_, server)) = self.ends.take() {
                        server.abort();
                    }
                }
                _ => {
                    self.listens = false;
                    let _ = server.shutdown().await;
                }
            }
        }
    }

    /// The body to its end, or as much of it as is kept.
    pub(super) async fn rest(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        while all.len() < KEPT
            && let Some(piece) = self.next().await
        {
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
        let Some((client, _)) = &mut self.ends else { return false };
        client.write_all(bytes).await.is_ok() && client.flush().await.is_ok()
    }

    /// Ends the answer, as complete as the server's was and in the way that the server's ended.
    pub(super) async fn end(mut self) {
        let Some((mut client, _server)) = self.ends.take() else { return };
        match self.body.over {
            Some(Over::Whole) if self.body.chunked() => {
                let _ = client.write_all(b"0\r\n\r\n").await;
            }
            Some(Over::Reset) => return client.abort(),
            // Nothing else tells that something is missing.
            Some(Over::Cut) if self.remade => return client.abort(),
            _ => {}
        }
        let _ = client.shutdown().await;
    }

    /// Ends it in the middle.
    pub(super) async fn cut(mut self) {
        match self.ends.take() {
            Some((client, _server)) if self.remade => client.abort(),
            Some((mut client, _server)) => {
                let _ = client.shutdown().await;
            }
            None => {}
        }
    }
}

/// The most of one answer that a middlebox keeps to itself: far more than any event stream holds back unnoticed, and little
/// enough for a hundred of them at once.
pub(super) const KEPT: usize = 16 * 1024 * 1024;

/// The shortest time between two pieces: what writes without a pause spins.
pub(super) const LEAST: Duration = Duration::from_millis(1);

/// How the end of a body is found (RFC 9112 section 6.3).
enum Framing {
    /// Bytes left of the chunk under way, with the line end behind it.
    Chunked(usize),
    /// The lines behind the last chunk.
    Trailers,
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
    over: Option<Over>,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// Where it should.
    Whole,
    /// Before.
    Cut,
    /// By a RST.
    Reset,
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
        Self { framing, raw: answer.rest.clone(), over: None }
    }

    fn chunked(&self) -> bool {
        matches!(self.framing, Framing::Chunked(_) | Framing::Trailers)
    }

    /// The next piece, or its end; nothing as long as neither has come.
    fn next(&mut self) -> Option<Option<Vec<u8>>> {
        let piece = if self.over.is_none() { self.take() } else { Vec::new() };
        if piece.is_empty() { self.over.map(|_| None) } else { Some(Some(piece)) }
    }

    /// The server has sent something, or has ended.
    fn heard(&mut self, read: &std::io::Result<usize>) {
        let fin = if matches!(self.framing, Framing::Close) { Over::Whole } else { Over::Cut };
        match read {
            Ok(0) => self.over = Some(fin),
            Ok(_) => {}
            Err(why) if why.kind() == ErrorKind::UnexpectedEof => self.over = Some(fin),
            Err(_) => self.over = Some(Over::Reset),
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
                    if *left == 0 {
                        self.over = Some(Over::Whole);
                    }
                    return piece;
                }
                Framing::Chunked(0) => {
                    let Some(end) = self.raw.windows(2).position(|two| two == b"\r\n") else {
                        // No size of a chunk and no trailer needs so many bytes.
                        if self.raw.len() > READ_BYTES {
                            self.over = Some(Over::Cut);
                        }
                        return piece;
                    };
                    let line: Vec<u8> = self.raw.drain(..end + 2).collect();
                    let digits: String = String::from_utf8_lossy(&line).chars().take_while(char::is_ascii_hexdigit).collect();
                    match usize::from_str_radix(&digits, 16) {
                        Ok(0) => {
                            self.framing = Framing::Trailers;
                            continue;
                        }
                        Ok(size) => {
                            self.framing = Framing::Chunked(size.saturating_add(2));
                            continue;
                        }
                        Err(_) => self.over = Some(Over::Cut),
                    }
                    return piece;
                }
                Framing::Trailers => {
                    let Some(end) = self.raw.windows(2).position(|two| two == b"\r\n") else {
                        // No size of a chunk and no trailer needs so many bytes.
                        if self.raw.len() > READ_BYTES {
                            self.over = Some(Over::Cut);
                        }
                        return piece;
                    };
                    self.raw.drain(..end + 2);
                    if end == 0 {
                        self.over = Some(Over::Whole);
                        return piece;
                    }
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
        let raw = b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n";
        for size in 1..=raw.len() {
            let mut body = Body { framing: Framing::Chunked(0), raw: Vec::new(), over: None };
            let mut text = Vec::new();
            for piece in raw.chunks(size) {
                body.raw.extend_from_slice(piece);
                text.extend(body.take());
            }
            assert_eq!((text.as_slice(), body.over), (&b"hello world"[..], Some(Over::Whole)), "pieces of {size}");
        }
    }
}
