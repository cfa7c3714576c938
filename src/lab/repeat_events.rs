//! Sends every event twice.

use super::events::Events;
use super::stream::Stream;
use super::{Entry, Layer, Middlebox, Onward};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "repeat-events",
    does: "passes every event on twice",
    seen: "none is known by name",
    layer: Layer::Http,
    parameters: &[],
    build: |_, _| Arc::new(RepeatEvents),
};

/// Repeats events.
#[derive(Clone, Copy, Debug, Default)]
struct RepeatEvents;

impl Middlebox for RepeatEvents {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let Some(mut stream) = Stream::of_events(client, onward).await else { return };
            if !stream.begin_another().await {
                return;
            }
            let mut events = Events::default();
            while let Some(piece) = stream.next().await {
                for (part, event) in events.cut(&piece) {
                    if !stream.say(part).await || !stream.say(&event.unwrap_or_default()).await {
                        return;
                    }
                }
            }
            stream.end().await;
        })
    }
}
