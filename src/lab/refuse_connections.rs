//! Answers connection attempts with a RST.

use super::{Admission, Entry, Layer, Middlebox, Onward};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "refuse-connections",
    does: "answers every connection attempt with a RST",
    seen: "firewalls that reject; a port on which nothing listens",
    layer: Layer::Connection,
    parameters: &[],
    build: |_, _| Arc::new(RefuseConnections),
};

struct RefuseConnections;

impl Middlebox for RefuseConnections {
    fn admits(&self) -> Admission {
        Admission::Refuses
    }

    fn carry(&self, client: Io, _: Onward) -> BoxFuture<'static, ()> {
        Box::pin(async move { client.abort() })
    }
}
