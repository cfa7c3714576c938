//! Ends event streams at an age.

use super::Middlebox;
use super::stream::Stream;
use proxyprobe_probes::io::{BoxFuture, Io};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Ends event streams.
#[derive(Clone, Copy, Debug)]
pub struct CutStreams {
    /// So long after the head of the answer.
    pub after: Duration,
}

impl Middlebox for CutStreams {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        let after = self.after;
        Box::pin(async move {
            let Some(mut stream) = Stream::of_events(client, server).await else { return };
            if !stream.begin().await {
                return;
            }
            let end = Instant::now() + after;
            loop {
                match timeout_at(end, stream.next()).await {
                    Ok(Some(piece)) => {
                        if !stream.say(&piece).await {
                            return;
                        }
                    }
                    Ok(None) => break stream.end().await,
                    Err(_) => break stream.cut().await,
                }
            }
        })
    }
}
