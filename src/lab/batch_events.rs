//! Collects a stream and passes on at fixed times what has come.

use super::Middlebox;
use super::stream::Stream;
use proxyprobe_probes::io::{BoxFuture, Io};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Passes a stream on in batches.
#[derive(Clone, Copy, Debug)]
pub struct BatchEvents {
    /// How often, from the head of the answer on.
    pub every: Duration,
}

impl Middlebox for BatchEvents {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        let every = self.every;
        Box::pin(async move {
            let Some(mut stream) = Stream::of_events(client, server).await else { return };
            if !stream.begin().await {
                return;
            }
            let mut held = Vec::new();
            let mut due = Instant::now() + every;
            loop {
                tokio::select! {
                    biased;
                    piece = stream.next() => match piece {
                        Some(piece) => held.extend(piece),
                        None => break,
                    },
                    () = sleep_until(due) => {
                        due += every;
                        if !stream.say(&std::mem::take(&mut held)).await {
                            return;
                        }
                    }
                }
            }
            if stream.say(&held).await {
                stream.end().await;
            }
        })
    }
}
