//! Sends every event twice.

use super::Middlebox;
use super::stream::Stream;
use proxyprobe_probes::io::{BoxFuture, Io};

/// Repeats events.
#[derive(Clone, Copy, Debug, Default)]
pub struct RepeatEvents;

impl Middlebox for RepeatEvents {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let Some(mut stream) = Stream::of_events(client, server).await else { return };
            if !stream.begin().await {
                return;
            }
            while let Some(piece) = stream.next().await {
                let again = piece.windows(5).any(|five| five == b"data:");
                if !stream.say(&piece).await || (again && !stream.say(&piece).await) {
                    return;
                }
            }
            stream.end().await;
        })
    }
}
