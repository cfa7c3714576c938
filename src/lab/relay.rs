//! Carrying bytes, and ends, from one stream to another.

use super::{Middlebox, Onward};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::io::{Cursor, ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf, split};
use tokio::time::{Instant, sleep_until};

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// FIN.
    Fin,
    /// RST.
    Reset,
}

/// Does nothing to anything.
pub struct Passes;

impl Middlebox for Passes {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        Box::pin(through(client, onward))
    }
}

/// Opens the way onward and passes everything on.
pub async fn through(client: Io, onward: Onward) {
    if let Ok(server) = onward.open().await {
        pass(client, server).await;
    }
}

/// Passes everything on until both sides have ended; a reset on one side is a reset on the other.
pub async fn pass(client: Io, server: Io) {
    until(client, server, None, drop).await;
}

/// Which bytes show a middlebox that a connection is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// Those of both directions.
    Both,
    /// Those of the client.
    Client,
    /// Those of the server.
    Server,
}

/// When a connection is over for a middlebox.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// After so much time without bytes that count.
    Idle(Duration, Counts),
    /// After so much time.
    Age(Duration),
}

impl Limit {
    fn after(self) -> Duration {
        match self {
            Limit::Idle(after, _) | Limit::Age(after) => after,
        }
    }

    /// Whether bytes from this side begin the time anew.
    fn renewed_by(self, side: Counts) -> bool {
        matches!(self, Limit::Idle(_, counts) if counts == Counts::Both || counts == side)
    }
}

/// Passes everything on, either way, and calls `over` with both streams, the client's first, when the limit is reached.
pub async fn until(client: Io, server: Io, limit: Option<Limit>, over: impl FnOnce((Io, Io))) {
    let (mut from_client, mut to_client) = split(client);
    let (mut from_server, mut to_server) = split(server);
    let (mut up, mut down) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    let (mut client_done, mut server_done) = (false, false);
    let mut due = limit.map(|limit| Instant::now() + limit.after());
    while !(client_done && server_done) {
        let side = tokio::select! {
            biased;
            read = from_client.read(&mut up), if !client_done => {
                match forward(read, &up, &mut to_server).await {
                    None => {}
                    Some(Ended::Fin) => client_done = true,
                    Some(Ended::Reset) => {
                        from_server.unsplit(to_server).abort();
                        from_client.unsplit(to_client).abort();
                        return;
                    }
                }
                Counts::Client
            }
            read = from_server.read(&mut down), if !server_done => {
                match forward(read, &down, &mut to_client).await {
                    None => {}
                    Some(Ended::Fin) => server_done = true,
                    Some(Ended::Reset) => {
                        from_client.unsplit(to_client).abort();
                        from_server.unsplit(to_server).abort();
                        return;
                    }
                }
                Counts::Server
            }
            () = at(due) => {
                over((from_client.unsplit(to_client), from_server.unsplit(to_server)));
                return;
            }
        };
        if let Some(limit) = limit.filter(|limit| limit.renewed_by(side)) {
            due = Some(Instant::now() + limit.after());
        }
    }
}

/// Waits for a moment; for ever, when there is none.
pub async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

async fn forward(read: Result<usize>, bytes: &[u8], to: &mut WriteHalf<Io>) -> Option<Ended> {
    match read {
        Ok(0) => {
            let _ = to.shutdown().await;
            Some(Ended::Fin)
        }
        Ok(size) => {
            let sent = to.write_all(bytes.get(..size).unwrap_or_default()).await;
            let sent = match sent {
                Ok(()) => to.flush().await,
                failed => failed,
            };
            sent.is_err().then_some(Ended::Reset)
        }
        // TLS that ends without its farewell: a FIN below it.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            let _ = to.shutdown().await;
            Some(Ended::Fin)
        }
        Err(_) => Some(Ended::Reset),
    }
}

/// Reads and forgets until the stream ends.
pub async fn swallow(from: &mut (impl AsyncRead + Unpin)) {
    let mut bytes = vec![0; 16 * 1024];
    while matches!(from.read(&mut bytes).await, Ok(size) if size > 0) {}
}

/// Passes on one way until it ends, and then ends the other side too.
pub async fn one_way(from: &mut ReadHalf<Io>, to: &mut WriteHalf<Io>) {
    copy(from, to).await;
    let _ = to.shutdown().await;
}

/// Passes on one way until either side ends.
pub async fn copy(from: &mut ReadHalf<Io>, to: &mut WriteHalf<Io>) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(size) = from.read(&mut bytes).await
        && size > 0
    {
        let written = to.write_all(bytes.get(..size).unwrap_or_default()).await;
        if written.is_err() || to.flush().await.is_err() {
            return;
        }
    }
}

/// The first byte that the client sends, and the stream as if nothing had been read.
pub async fn peek(mut client: Io) -> Option<(Io, u8)> {
    let mut first = [0];
    client.read_exact(&mut first).await.ok()?;
    Some((unread(client, first.to_vec()), *first.first()?))
}

/// Puts bytes back in front of a stream.
pub fn unread(io: Io, bytes: Vec<u8>) -> Io {
    let observer = io.observer();
    Io::over(Unread { bytes: Cursor::new(bytes), io }, observer)
}

struct Unread {
    bytes: Cursor<Vec<u8>>,
    io: Io,
}

impl AsyncRead for Unread {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        if self.bytes.position() < self.bytes.get_ref().len() as u64 {
            return Pin::new(&mut self.bytes).poll_read(cx, buf);
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Unread {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
