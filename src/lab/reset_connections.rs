//! Accepts connections and resets them.

use super::{Entry, Layer, Middlebox, Onward};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "reset-connections",
    does: "accepts every connection and resets it at once",
    seen: "intrusion prevention that resets by address; load balancers without a server behind them",
    layer: Layer::Connection,
    parameters: &[],
    build: |_, _| Arc::new(ResetConnections),
};

struct ResetConnections;

impl Middlebox for ResetConnections {
    fn carry(&self, client: Io, _: Onward) -> BoxFuture<'static, ()> {
        Box::pin(async move { client.abort() })
    }
}
