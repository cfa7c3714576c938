//! Writes text of its own into event streams.

use super::Middlebox;
use super::stream::Stream;
use proxyprobe_probes::io::{BoxFuture, Io};

/// Adds a line behind every event.
#[derive(Clone, Copy, Debug, Default)]
pub struct InjectText;

impl Middlebox for InjectText {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let Some(mut stream) = Stream::of_events(client, server).await else { return };
            if !stream.begin().await {
                return;
            }
            while let Some(piece) = stream.next().await {
                let is_event = piece.windows(5).any(|five| five == b"data:");
                let added: &[u8] = if is_event { b"<!-- ad -->\n" } else { b"" };
                if !stream.say(&piece).await || !stream.say(added).await {
                    return;
                }
            }
            stream.end().await;
        })
    }
}
