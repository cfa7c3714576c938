//! Does not answer connection attempts.

use super::{Admission, Entry, Layer, Middlebox, Onward};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "ignore-connections",
    does: "leaves every connection attempt without an answer",
    seen: "firewalls that drop; networks where only the proxy gets out",
    layer: Layer::Connection,
    parameters: &[],
    build: |_, _| Arc::new(IgnoreConnections),
};

struct IgnoreConnections;

impl Middlebox for IgnoreConnections {
    fn admits(&self) -> Admission {
        Admission::Ignores
    }

    fn carry(&self, client: Io, _: Onward) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            std::future::pending::<()>().await;
            drop(client);
        })
    }
}
