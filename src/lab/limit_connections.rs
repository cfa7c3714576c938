//! Allows so many connections at once and resets the others.

use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "limit-connections",
    does: "allows so many connections at once and resets those beyond",
    seen: "Traffic Server's limit of WebSockets; carrier NATs with few ports a customer",
    layer: Layer::Connection,
    parameters: &[Parameter { name: "at-once", kind: Kind::Number(1, 10_000), default: "12", means: "how many connections" }],
    build: |spec, _| {
        let slots = usize::try_from(spec.number("at-once")).unwrap_or(1);
        Arc::new(LimitConnections(Arc::new(Semaphore::new(slots))))
    },
};

struct LimitConnections(Arc<Semaphore>);

impl Middlebox for LimitConnections {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let slot = self.0.clone().try_acquire_owned();
        Box::pin(async move {
            match slot {
                Ok(slot) => {
                    relay::through(client, onward).await;
                    drop(slot);
                }
                Err(_) => client.abort(),
            }
        })
    }
}
