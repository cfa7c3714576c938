//! Ends WebSockets that carry no messages for a while, however often they are pinged.

use super::frames::{Act, Over, carry};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use std::time::Duration;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "ignore-pings",
    does: "ends WebSockets that carry no messages for a while; pings and pongs pass and do not count",
    seen: "AWS's application load balancer ignores HTTP/2 pings alike; for WebSocket pings none is known by name",
    layer: Layer::Http,
    parameters: &[Parameter { name: "after", kind: Kind::Seconds, default: "30", means: "how long without a message" }],
    build: |spec, _| Arc::new(IgnorePings { after: spec.seconds("after") }),
};

struct IgnorePings {
    after: Duration,
}

impl Middlebox for IgnorePings {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let after = self.after;
        Box::pin(async move {
            // What comes back is dropped: a FIN to both.
            carry(client, onward, Some(Over::WithoutMessage(after)), |_, frame| Act::pass(&frame)).await;
        })
    }
}
