//! Keeps the newest piece of a stream until the next one comes, as a scanner with a look-ahead does.

use super::stream::Stream;
use super::{Entry, Layer, Middlebox, Onward};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "keep-one-event",
    does: "passes each piece of an event stream on when the next one comes",
    seen: "Kaspersky",
    layer: Layer::Http,
    parameters: &[],
    build: |_, _| Arc::new(KeepOneEvent),
};

/// Is always one piece behind.
#[derive(Clone, Copy, Debug, Default)]
struct KeepOneEvent;

impl Middlebox for KeepOneEvent {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let Some(mut stream) = Stream::of_events(client, onward).await else { return };
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
