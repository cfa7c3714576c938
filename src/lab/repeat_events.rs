//! Sends every event twice.

use super::events::add_behind_each;
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
        Box::pin(add_behind_each(client, onward, |event| event))
    }
}
