//! What middleboxes do to event streams: hold, delay, edit, withhold the head.

use super::Middlebox;
use super::head::Head;
use super::relay::{self, pass};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, sleep_until};

/// Holds a stream until it ends, unless the server asks not to.
#[derive(Clone, Copy, Debug)]
pub struct HoldStream {
    /// Whether `X-Accel-Buffering: no` is obeyed, as nginx does.
    pub obeys_hint: bool,
}

/// Delays every piece of a stream: by a constant, or until the next piece comes.
#[derive(Clone, Copy, Debug)]
pub enum DelayEvents {
    /// By so much.
    By(Duration),
    /// Until the next one.
    OneBehind,
}

/// Changes a stream.
#[derive(Clone, Copy, Debug)]
pub enum EditEvents {
    /// Its content type.
    ContentType,
    /// Its text: a line that is none of an event stream.
    Inject,
    /// Every event twice.
    Twice,
    /// It is ended after so long.
    CutAfter(Duration),
}

/// Holds the head of the answer back.
#[derive(Clone, Copy, Debug)]
pub struct WithholdHead {
    /// For how long.
    pub lasts: Duration,
}

/// Forwards a request for an event stream and reads the head of the answer; everything else passes.
async fn stream(mut client: Io, mut server: Io) -> Option<(Io, Io, Head)> {
    let request = Head::read(&mut client).await?;
    request.write(&mut server).await.ok()?;
    if !request.wants_events() {
        pass(client, server).await;
        return None;
    }
    let answer = relay::answer(&mut client, &mut server).await?;
    Some((client, server, answer))
}

async fn piece(server: &mut Io) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    matches!(server.read_buf(&mut bytes).await, Ok(size) if size > 0).then_some(bytes)
}

/// Whether this piece is the last one of a chunked body (RFC 9112 section 7.1).
fn is_last(bytes: &[u8]) -> bool {
    bytes.ends_with(b"0\r\n\r\n")
}

impl Middlebox for HoldStream {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        let obeys_hint = self.obeys_hint;
        Box::pin(async move {
            let Some((mut client, mut server, answer)) = stream(client, server).await else { return };
            if obeys_hint && answer.get("x-accel-buffering") == Some("no") {
                if answer.write(&mut client).await.is_ok() {
                    pass(client, server).await;
                }
                return;
            }
            let mut held = Vec::new();
            while let Some(bytes) = piece(&mut server).await {
                held.extend_from_slice(&bytes);
                if is_last(&bytes) {
                    break;
                }
            }
            let _ = answer.write(&mut client).await;
            let _ = client.write_all(&held).await;
            let _ = client.shutdown().await;
        })
    }
}

impl Middlebox for DelayEvents {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        let how = *self;
        Box::pin(async move {
            let Some((mut client, mut server, answer)) = stream(client, server).await else { return };
            if answer.write(&mut client).await.is_err() {
                return;
            }
            let mut queue: std::collections::VecDeque<(Instant, Vec<u8>)> = std::collections::VecDeque::new();
            let mut open = true;
            loop {
                let due = queue.front().map(|(due, _)| *due);
                let far = Instant::now() + Duration::from_secs(86_400);
                tokio::select! {
                    biased;
                    bytes = piece(&mut server), if open => match bytes {
                        Some(bytes) => {
                            let last = is_last(&bytes);
                            match how {
                                DelayEvents::By(delay) => queue.push_back((Instant::now() + delay, bytes)),
                                DelayEvents::OneBehind => {
                                    queue.iter_mut().for_each(|(due, _)| *due = Instant::now());
                                    let due = if last { Instant::now() } else { far };
                                    queue.push_back((due, bytes));
                                }
                            }
                        }
                        None => {
                            open = false;
                            queue.iter_mut().for_each(|(due, _)| *due = Instant::now());
                        }
                    },
                    () = sleep_until(due.unwrap_or(far)), if due.is_some() => {
                        let Some((_, bytes)) = queue.pop_front() else { continue };
                        if client.write_all(&bytes).await.is_err() || client.flush().await.is_err() {
                            return;
                        }
                    }
                }
                if !open && queue.is_empty() {
                    let _ = client.shutdown().await;
                    return;
                }
            }
        })
    }
}

impl Middlebox for EditEvents {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        let how = *self;
        Box::pin(async move {
            let Some((mut client, mut server, mut answer)) = stream(client, server).await else { return };
            if let EditEvents::ContentType = how {
                answer.set("Content-Type", "text/plain");
            }
            if answer.write(&mut client).await.is_err() {
                return;
            }
            let end = Instant::now() + if let EditEvents::CutAfter(after) = how { after } else { Duration::from_secs(86_400) };
            loop {
                let bytes = tokio::select! {
                    biased;
                    bytes = piece(&mut server) => bytes,
                    () = sleep_until(end) => None,
                };
                let Some(bytes) = bytes else { break };
                let is_event = bytes.windows(5).any(|five| five == b"data:");
                let extra = match how {
                    // A chunk of its own.
                    EditEvents::Inject if is_event && !is_last(&bytes) => b"c\r\n<!-- ad -->\n\r\n".to_vec(),
                    EditEvents::Twice if is_event && !is_last(&bytes) => bytes.clone(),
                    _ => Vec::new(),
                };
                if client.write_all(&bytes).await.is_err()
                    || client.write_all(&extra).await.is_err()
                    || client.flush().await.is_err()
                {
                    return;
                }
            }
            let _ = client.shutdown().await;
        })
    }
}

impl Middlebox for WithholdHead {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        let lasts = self.lasts;
        Box::pin(async move {
            let Some((mut client, server, answer)) = stream(client, server).await else { return };
            sleep(lasts).await;
            if answer.write(&mut client).await.is_ok() {
                pass(client, server).await;
            }
        })
    }
}
