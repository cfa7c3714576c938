//! Carrying bytes, and ends, from one stream to another.

use super::head::Head;
use proxyprobe_probes::io::Io;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::time::{Instant, sleep_until};

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// FIN.
    Fin,
    /// RST.
    Reset,
}

/// Passes everything on until both sides have ended; a reset on one side is a reset on the other.
pub async fn pass(client: Io, server: Io) {
    until(client, server, None, |client, server| {
        drop((client, server));
    })
    .await;
}

/// Passes everything on, either way, and calls `over` with both streams when `deadline` passes since the last byte (`idle`) or
/// since the beginning.
pub async fn until(client: Io, server: Io, limit: Option<Limit>, over: impl FnOnce(Io, Io)) {
    let (mut from_client, mut to_client) = split(client);
    let (mut from_server, mut to_server) = split(server);
    let (mut up, mut down) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    let (mut client_done, mut server_done) = (false, false);
    let mut due = limit.map(|limit| Instant::now() + limit.after());
    while !(client_done && server_done) {
        let far = Instant::now() + std::time::Duration::from_secs(1_000_000);
        tokio::select! {
            biased;
            read = from_client.read(&mut up), if !client_done => match forward(read, &up, &mut to_server).await {
                None => {}
                Some(Ended::Fin) => client_done = true,
                Some(Ended::Reset) => {
                    from_server.unsplit(to_server).abort();
                    return;
                }
            },
            read = from_server.read(&mut down), if !server_done => match forward(read, &down, &mut to_client).await {
                None => {}
                Some(Ended::Fin) => server_done = true,
                Some(Ended::Reset) => {
                    from_client.unsplit(to_client).abort();
                    return;
                }
            },
            () = sleep_until(due.unwrap_or(far)), if due.is_some() => {
                over(from_client.unsplit(to_client), from_server.unsplit(to_server));
                return;
            }
        }
        if let Some(Limit::Idle(after)) = limit {
            due = Some(Instant::now() + after);
        }
    }
}

/// When a connection is over for a middlebox.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// After so much silence.
    Idle(std::time::Duration),
    /// After so much time.
    Age(std::time::Duration),
}

impl Limit {
    fn after(self) -> std::time::Duration {
        match self {
            Limit::Idle(after) | Limit::Age(after) => after,
        }
    }
}

async fn forward(read: std::io::Result<usize>, bytes: &[u8], to: &mut WriteHalf<Io>) -> Option<Ended> {
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
        Err(_) => Some(Ended::Reset),
    }
}

/// Waits for the head of the server's answer; a client that leaves meanwhile takes the server's side with it.
pub async fn answer(client: &mut Io, server: &mut Io) -> Option<Head> {
    let mut early = [0; 1];
    tokio::select! {
        biased;
        answer = Head::read(server) => answer,
        // Nobody speaks behind a request before it is answered: whatever comes is an end.
        _ = client.read(&mut early) => None,
    }
}

/// Reads and forgets until the stream ends.
pub async fn swallow(from: &mut ReadHalf<Io>) {
    let mut bytes = vec![0; 16 * 1024];
    while matches!(from.read(&mut bytes).await, Ok(size) if size > 0) {}
}

/// Passes on one way until it ends, and then ends the other side too.
pub async fn one_way(from: &mut ReadHalf<Io>, to: &mut WriteHalf<Io>) {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut bytes).await;
        if forward(read, &bytes, to).await.is_some() {
            return;
        }
    }
}
