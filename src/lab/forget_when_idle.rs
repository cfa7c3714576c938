//! Forgets a silent connection and tells nobody, as a stateful firewall does; what comes later is dropped, or reset.

use super::relay::{Counts, Limit, leave_open, until};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "forget-when-idle",
    does: "forgets connections that have been silent for a while, and tells nobody",
    seen: "stateful firewalls and NATs: AWS (350 s), Azure's load balancer (240 s), FortiGate's session-ttl",
    layer: Layer::Connection,
    parameters: &[
        Parameter { name: "after", kind: Kind::Seconds, default: "30", means: "how long a silence" },
        Parameter {
            name: "then",
            kind: Kind::Choice(&["drops", "resets"]),
            default: "drops",
            means: "what it does with bytes that come later",
        },
    ],
    build: |spec, _| Arc::new(ForgetWhenIdle { after: spec.seconds("after"), resets: spec.word("then") == "resets" }),
};

#[derive(Clone, Copy)]
struct ForgetWhenIdle {
    after: Duration,
    resets: bool,
}

impl Middlebox for ForgetWhenIdle {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let Self { after, resets } = *self;
        Box::pin(async move {
            let Ok(server) = onward.open().await else { return };
            let mut left = None;
            until(client, server, Some(Limit::Idle(after, Counts::Both)), |both| left = Some(both)).await;
            let Some((client, server)) = left else { return };
            tokio::join!(unknown(client, resets), unknown(server, resets));
        })
    }
}

/// What either side sends on a connection that is not known any more vanishes, and FINs with it; or its words are answered by a RST.
async fn unknown(mut side: Io, resets: bool) {
    let mut bytes = [0; 1024];
    while matches!(side.read(&mut bytes).await, Ok(size) if size > 0) {
        if resets {
            side.abort();
            return;
        }
    }
    leave_open(side).await;
}
