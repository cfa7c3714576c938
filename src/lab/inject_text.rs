//! Writes text of its own into event streams.

use super::events::add_behind_each;
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
        Box::pin(add_behind_each(client, onward, |_| b"<!-- ad -->\n".to_vec()))
    }
}
