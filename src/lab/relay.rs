//! Carrying bytes, and ends, from one stream to another.

use super::{Middlebox, Onward};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::io::{Cursor, ErrorKind, Result};
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
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

impl Counts {
    /// Those of the end that is named; otherwise both.
    pub fn of(word: &str) -> Self {
        match word {
            "client" => Counts::Client,
            "server" => Counts::Server,
            _ => Counts::Both,
        }
    }
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
///
/// Neither way waits for the other, and the limit waits for nobody: a side that reads nothing stops no more than its own bytes.
pub async fn until(client: Io, server: Io, limit: Option<Limit>, over: impl FnOnce((Io, Io))) {
    let (mut from_client, mut to_client) = split(client);
    let (mut from_server, mut to_server) = split(server);
    let due = Mutex::new(limit.map(|limit| Instant::now() + limit.after()));
    let heard = |side| {
        if let Some(limit) = limit.filter(|limit| limit.renewed_by(side)) {
            *due.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + limit.after());
        }
    };
    let limited = async {
        loop {
            let moment = *due.lock().unwrap_or_else(PoisonError::into_inner);
            at(moment).await;
            if moment == *due.lock().unwrap_or_else(PoisonError::into_inner) {
                return;
            }
        }
    };
    let passed = async {
        let up = forward(&mut from_client, &mut to_server, || heard(Counts::Client));
        let down = forward(&mut from_server, &mut to_client, || heard(Counts::Server));
        let (mut up, mut down) = (pin!(up), pin!(down));
        tokio::select! {
            biased;
            ended = &mut up => if ended == Ended::Fin { down.await } else { ended },
            ended = &mut down => if ended == Ended::Fin { up.await } else { ended },
        }
    };
    let ended = tokio::select! {
        biased;
        ended = passed => Some(ended),
        () = limited => None,
    };
    let (client, server) = (from_client.unsplit(to_client), from_server.unsplit(to_server));
    match ended {
        None => over((client, server)),
        Some(Ended::Reset) => {
            client.abort();
            server.abort();
        }
        Some(Ended::Fin) => {}
    }
}

/// Waits for a moment; for ever, when there is none.
pub async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Passes on one way until it ends, and then ends the other side too unless it was a reset; says each time when something was heard.
async fn forward(from: &mut ReadHalf<Io>, to: &mut WriteHalf<Io>, heard: impl Fn()) -> Ended {
    let ended = copy(from, to, heard).await;
    if ended == Ended::Fin {
        let _ = to.shutdown().await;
    }
    ended
}

/// Reads and forgets until the stream ends.
pub async fn swallow(from: &mut (impl AsyncRead + Unpin)) {
    let mut bytes = vec![0; 16 * 1024];
    while matches!(from.read(&mut bytes).await, Ok(size) if size > 0) {}
}

/// Passes on one way until it ends, however, and then ends the other side too.
pub async fn one_way(from: &mut ReadHalf<Io>, to: &mut WriteHalf<Io>) {
    copy(from, to, || {}).await;
    let _ = to.shutdown().await;
}

/// Passes on one way until either side ends, and tells the other side nothing of it.
pub async fn copy(from: &mut ReadHalf<Io>, to: &mut WriteHalf<Io>, heard: impl Fn()) -> Ended {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut bytes).await;
        heard();
        let size = match read {
            Ok(0) => return Ended::Fin,
            Ok(size) => size,
            // TLS that ends without its farewell: a FIN below it.
            Err(why) if why.kind() == ErrorKind::UnexpectedEof => return Ended::Fin,
            Err(_) => return Ended::Reset,
        };
        let sent = to.write_all(bytes.get(..size).unwrap_or_default()).await;
        if sent.is_err() || to.flush().await.is_err() {
            return Ended::Reset;
        }
    }
}

/// Leaves a connection open for longer than any run: whoever was not told is left with it.
pub async fn leave_open(io: Io) {
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    drop(io);
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
