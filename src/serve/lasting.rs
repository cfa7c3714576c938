//! Answers that last: a stream of events is open for minutes and has little to write. What HTTP's own machinery keeps for each
//! connection, 16 KiB of buffers and its state, would be most of what such a stream costs.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Body;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use proxyprobe_probes::io::Io;
use proxyprobe_probes::io::testify::Reply;
use std::convert::Infallible;
use std::fmt::Write;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What may wait for a peer that does not read, beside one piece of a body: then the body waits, too.
const WAITING: usize = 32 * 1024;
/// What a peer may say while an answer lasts, which is kept for the next request. With more it is left unread.
const AHEAD: usize = 512;

/// A stream of which something was read that comes again.
pub(super) struct Line {
    io: Io,
    first: Bytes,
}

impl Line {
    pub(super) fn new(io: Io, first: Bytes) -> Self {
        Self { io, first }
    }

    /// The same, with this to come before all else.
    pub(super) fn before(self, first: Bytes) -> Self {
        // Copied: what is left of a buffer keeps all of it.
        Self { io: self.io, first: [first, self.first].concat().into() }
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let size = self.first.len().min(buf.remaining());
        let part = self.first.split_to(size);
        buf.put_slice(&part);
        if self.first.is_empty() {
            self.first = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Writes an answer in chunks (RFC 9112 section 7.1) to its end, and watches whether the peer leaves. Whether it did not is the
/// result.
pub(super) struct Stream {
    line: Line,
    body: UnsyncBoxBody<Bytes, Infallible>,
    /// What is to be written.
    out: BytesMut,
    flushed: bool,
    over: bool,
    ahead: Vec<u8>,
}

impl Stream {
    pub(super) fn new(line: Line, reply: Reply) -> Self {
        let (head, body) = reply.into_parts();
        let mut out = BytesMut::new();
        let _ = write!(out, "HTTP/1.1 {}\r\n", head.status);
        for (name, value) in &head.headers {
            out.put_slice(name.as_str().as_bytes());
            out.put_slice(b": ");
            out.put_slice(value.as_bytes());
            out.put_slice(b"\r\n");
        }
        out.put_slice(b"transfer-encoding: chunked\r\n");
        // RFC 9110 section 6.6.1: whoever has a clock says so.
        if let Ok(date) = DateTimePrinter::new().timestamp_to_rfc9110_string(&Timestamp::now()) {
            let _ = write!(out, "date: {date}\r\n");
        }
        out.put_slice(b"\r\n");
        Self { line, body, out, flushed: true, over: false, ahead: Vec::new() }
    }

    /// The connection, on which the next request may come.
    pub(super) fn into_line(self) -> Line {
        self.line.before(self.ahead.into())
    }

    /// Writes what waits; whether nothing waits any more.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let size = ready!(Pin::new(&mut self.line).poll_write(cx, &self.out))?;
            if size == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.advance(size);
            self.flushed = false;
        }
        if !self.flushed {
            ready!(Pin::new(&mut self.line).poll_flush(cx))?;
            self.flushed = true;
            self.out = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }

    /// Reads what comes; ends when the peer has left, or said more than is kept.
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.ahead.len() < AHEAD {
            let mut bytes = [0; AHEAD];
            let mut read = ReadBuf::new(bytes.get_mut(self.ahead.len()..).unwrap_or_default());
            ready!(Pin::new(&mut self.line).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            self.ahead.extend_from_slice(read.filled());
        }
        Poll::Pending
    }
}

impl Future for Stream {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let this = &mut *self;
        loop {
            let full = this.out.len() >= WAITING;
            // What is there is written together, as the head and what the body begins with.
            if !this.over
                && !full
                && let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx)
            {
                let data = frame.and_then(Result::ok).map(|frame| frame.into_data().unwrap_or_default());
                this.over = data.is_none();
                this.push(&data.unwrap_or_default());
                continue;
            }
            match this.poll_out(cx) {
                Poll::Ready(Err(_)) => return Poll::Ready(false),
                Poll::Ready(Ok(())) if this.over => return Poll::Ready(true),
                Poll::Ready(Ok(())) if full => {}
                _ => return this.poll_ahead(cx).map(|_| false),
            }
        }
    }
}

impl Stream {
    /// Puts a chunk behind what waits; the empty one is the last.
    fn push(&mut self, data: &[u8]) {
        if data.is_empty() && !self.over {
            return;
        }
        let _ = write!(self.out, "{:x}\r\n", data.len());
        self.out.put_slice(data);
        self.out.put_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http::Response;
    use http_body_util::{BodyExt, StreamBody};
    use hyper::body::Frame;
    use proxyprobe_probes::io::pipe::{Link, pipe};
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::sleep;

    /// An answer of so many pieces, one in a second.
    fn reply(pieces: u32, size: usize) -> Reply {
        let frames = stream::unfold(0, move |number| async move {
            if number > 0 {
                sleep(Duration::from_secs(1)).await;
            }
            (number < pieces).then(|| (Ok(Frame::data(Bytes::from(vec![b'x'; size]))), number + 1))
        });
        Response::builder().header("x-odd", "1").body(StreamBody::new(frames).boxed_unsync()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_comes_in_chunks_and_what_was_said_meanwhile_comes_next() {
        let (server, mut client) = pipe(Link::default());
        let writing = tokio::spawn(async move {
            let mut stream = Stream::new(Line::new(server, Bytes::from_static(b"GET")), reply(2, 3));
            let over = (&mut stream).await;
            let mut line = stream.into_line();
            let mut next = vec![0; 8];
            line.read_exact(&mut next).await.unwrap();
            (over, next)
        });
        let mut head = [0; 1024];
        let size = client.read(&mut head).await.unwrap();
        client.write_all(b" / HT").await.unwrap();
        let text = String::from_utf8_lossy(head.get(..size).unwrap()).into_owned();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\nx-odd: 1\r\ntransfer-encoding: chunked\r\ndate: "), "{text}");
        assert!(text.ends_with(" GMT\r\n\r\n3\r\nxxx\r\n"), "{text}");
        let mut rest = [0; 13];
        client.read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b"3\r\nxxx\r\n0\r\n\r\n");
        assert_eq!(writing.await.unwrap(), (true, b"GET / HT".to_vec()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_is_noticed_at_once() {
        for abort in [false, true] {
            let (server, mut client) = pipe(Link::default());
            let leaving = tokio::spawn(async move {
                let mut byte = [0];
                client.read_exact(&mut byte).await.unwrap();
                if abort { client.abort() } else { drop(client) }
            });
            assert!(!Stream::new(Line::new(server, Bytes::new()), reply(1_000_000, 1)).await);
            leaving.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_holds_the_answer_up() {
        let (server, _client) = pipe(Link::default());
        let mut stream = Stream::new(Line::new(server, Bytes::new()), reply(1_000, 4096));
        assert!(tokio::time::timeout(Duration::from_secs(2_000), &mut stream).await.is_err());
        assert!(stream.out.len() < 2 * WAITING);
    }
}
