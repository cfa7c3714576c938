//! Keeps the newest piece of a stream until the next one comes, as a scanner with a look-ahead does.

use super::Middlebox;
use super::stream::Stream;
use proxyprobe_probes::io::{BoxFuture, Io};

/// Is always one piece behind.
#[derive(Clone, Copy, Debug, Default)]
pub struct OneEventBehind;

impl Middlebox for OneEventBehind {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let Some(mut stream) = Stream::of_events(client, server).await else { return };
            if !stream.begin().await {
                return;
            }
            let mut held = Vec::new();
            while let Some(piece) = stream.next().await {
                if !stream.say(&held).await {
                    return;
                }
                held = piece;
            }
            if stream.say(&held).await {
                stream.end().await;
            }
        })
    }
}
