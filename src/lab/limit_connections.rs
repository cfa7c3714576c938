//! Allows so many connections at once and resets the others.

use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "limit-connections",
    does: "allows so many connections at once and resets those beyond, or has them wait for their turn",
    seen: "Traffic Server's limit of WebSockets; carrier NATs with few ports a customer; HAProxy's maxconn (waits)",
    layer: Layer::Connection,
    parameters: &[
        Parameter { name: "at-once", kind: Kind::Number(1, 10_000), default: "12", means: "how many connections" },
        Parameter {
            name: "then",
            kind: Kind::Choice(&["resets", "waits"]),
            default: "resets",
            means: "what becomes of those beyond: they are reset, or they wait until another one ends",
        },
    ],
    build: |spec, _| {
        let slots = Arc::new(Semaphore::new(usize::try_from(spec.number("at-once")).unwrap_or(1)));
        Arc::new(LimitConnections { slots, waits: spec.word("then") == "waits" })
    },
};

struct LimitConnections {
    slots: Arc<Semaphore>,
    waits: bool,
}

impl Middlebox for LimitConnections {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let (slots, waits) = (self.slots.clone(), self.waits);
        // At once: the first to come is the first to be let in.
        let slot = slots.clone().try_acquire_owned().ok();
        Box::pin(async move {
            let slot = match slot {
                None if waits => slots.acquire_owned().await.ok(),
                slot => slot,
            };
            match slot {
                Some(slot) => {
                    relay::through(client, onward).await;
                    drop(slot);
                }
                None => client.abort(),
            }
        })
    }
}
