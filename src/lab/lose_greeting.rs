//! Loses what the server says in the same breath as its 101.

use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, head, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "lose-greeting",
    does: "loses whatever the server sends right behind its 101",
    seen: "nginx before 1.5.9, where connections could hang right after the handshake",
    layer: Layer::Http,
    parameters: &[Parameter {
        name: "within",
        kind: Kind::Seconds,
        default: "0.02",
        means: "how long after the 101 bytes still count as its neighbours",
    }],
    build: |spec, _| Arc::new(LoseGreeting { within: spec.seconds("within") }),
};

struct LoseGreeting {
    within: Duration,
}

impl Middlebox for LoseGreeting {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let within = self.within;
        Box::pin(async move {
            let Some(mut asked) = head::switched(client, onward).await else { return };
            let mut lost = Vec::new();
            let losing = async { while matches!(asked.server.read_buf(&mut lost).await, Ok(size) if size > 0) {} };
            let _ = timeout(within, losing).await;
            asked.answer.rest.clear();
            if asked.answer.write(&mut asked.client).await.is_ok() {
                relay::pass(asked.client, asked.server).await;
            }
        })
    }
}
