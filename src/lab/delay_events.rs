//! Passes every piece of a stream on a constant time later.

use super::Middlebox;
use super::stream::Stream;
use proxyprobe_probes::io::{BoxFuture, Io};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Delays every piece.
#[derive(Clone, Copy, Debug)]
pub struct DelayEvents {
    /// By so much.
    pub by: Duration,
}

impl Middlebox for DelayEvents {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        let by = self.by;
        Box::pin(async move {
            let Some(mut stream) = Stream::of_events(client, server).await else { return };
            if !stream.begin().await {
                return;
            }
            let mut queue: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
            let mut open = true;
            while open || !queue.is_empty() {
                let due = queue.front().map_or_else(Instant::now, |(due, _)| *due);
                tokio::select! {
                    biased;
                    piece = stream.next(), if open => match piece {
                        Some(piece) => queue.push_back((Instant::now() + by, piece)),
                        None => open = false,
                    },
                    () = sleep_until(due), if !queue.is_empty() => {
                        let Some((_, piece)) = queue.pop_front() else { continue };
                        if !stream.say(&piece).await {
                            return;
                        }
                    }
                }
            }
            stream.end().await;
        })
    }
}
