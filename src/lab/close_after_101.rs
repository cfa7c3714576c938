//! Lets the handshake pass and ends the connection a little later.

use super::relay::{Limit, until};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, head};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use std::time::Duration;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "close-after-101",
    does: "ends WebSockets a moment after their 101, busy or not",
    seen: "Zscaler-like appliances after 100 to 500 ms; web application firewalls behind Caddy",
    layer: Layer::Http,
    parameters: &[
        Parameter { name: "after", kind: Kind::Seconds, default: "0.2", means: "how long after the 101" },
        Parameter { name: "by", kind: Kind::Choice(&["fin", "rst"]), default: "fin", means: "how it ends it" },
    ],
    build: |spec, _| Arc::new(CloseAfter101 { after: spec.seconds("after"), resets: spec.word("by") == "rst" }),
};

#[derive(Clone, Copy)]
struct CloseAfter101 {
    after: Duration,
    resets: bool,
}

impl Middlebox for CloseAfter101 {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let Self { after, resets } = *self;
        Box::pin(async move {
            let Some(mut asked) = head::switched(client, onward).await else { return };
            if asked.answer.write(&mut asked.client).await.is_err() {
                return;
            }
            until(asked.client, asked.server, Some(Limit::Age(after)), |(client, server)| {
                if resets {
                    client.abort();
                    server.abort();
                }
            })
            .await;
        })
    }
}
