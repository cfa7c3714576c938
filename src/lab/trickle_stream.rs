//! Lets a stream through drop by drop, as scanners do to keep the client waiting ("client comforting", "data trickling").

use super::Middlebox;
use super::stream::Stream;
use proxyprobe_probes::io::{BoxFuture, Io};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Lets streams trickle.
#[derive(Clone, Copy, Debug)]
pub struct TrickleStream {
    /// So many bytes at a time.
    pub bytes: usize,
    /// So far apart.
    pub every: Duration,
}

impl Middlebox for TrickleStream {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        let Self { bytes, every } = *self;
        Box::pin(async move {
            let Some(mut stream) = Stream::of_events(client, server).await else { return };
            if !stream.begin().await {
                return;
            }
            let mut held: VecDeque<u8> = VecDeque::new();
            let mut open = true;
            let mut due = Instant::now() + every;
            while open || !held.is_empty() {
                tokio::select! {
                    biased;
                    piece = stream.next(), if open => match piece {
                        Some(piece) => held.extend(piece),
                        None => open = false,
                    },
                    () = sleep_until(due) => {
                        due += every;
                        let drop: Vec<u8> = held.drain(..held.len().min(bytes)).collect();
                        if !stream.say(&drop).await {
                            return;
                        }
                    }
                }
            }
            stream.end().await;
        })
    }
}
