//! Writes text of its own into event streams.

use super::events::Events;
use super::stream::Stream;
use super::{Entry, Layer, Middlebox, Onward};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "inject-text",
    does: "adds a line of its own behind every event",
    seen: "antivirus products and free networks that inject scripts",
    layer: Layer::Http,
    parameters: &[],
    build: |_, _| Arc::new(InjectText),
};

/// Adds a line behind every event.
#[derive(Clone, Copy, Debug, Default)]
struct InjectText;

impl Middlebox for InjectText {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let Some(mut stream) = Stream::of_events(client, onward).await else { return };
            if !stream.begin_another().await {
                return;
            }
            let mut events = Events::default();
            while let Some(piece) = stream.next().await {
                for (part, event) in events.cut(&piece) {
                    let added: &[u8] = if event.is_some() { b"<!-- ad -->\n" } else { b"" };
                    if !stream.say(part).await || !stream.say(added).await {
                        return;
                    }
                }
            }
            stream.end().await;
        })
    }
}
