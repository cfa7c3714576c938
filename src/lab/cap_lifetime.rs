//! Ends every connection at an age, busy or not.

use super::relay::{Limit, until};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use std::time::Duration;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "cap-lifetime",
    does: "ends every connection at an age, busy or not",
    seen: "Google Cloud's load balancer (30 s), Envoy's route timeout (15 s), Traffic Server (900 s), WSO2 (15 min)",
    layer: Layer::Connection,
    parameters: &[
        Parameter { name: "age", kind: Kind::Seconds, default: "30", means: "the age" },
        Parameter { name: "by", kind: Kind::Choice(&["fin", "rst"]), default: "fin", means: "how it ends it" },
    ],
    build: |spec, _| Arc::new(CapLifetime { age: spec.seconds("age"), resets: spec.word("by") == "rst" }),
};

#[derive(Clone, Copy)]
struct CapLifetime {
    age: Duration,
    resets: bool,
}

impl Middlebox for CapLifetime {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let Self { age, resets } = *self;
        Box::pin(async move {
            let Ok(server) = onward.open().await else { return };
            until(client, server, Some(Limit::Age(age)), |(client, server)| {
                if resets {
                    client.abort();
                    server.abort();
                }
            })
            .await;
        })
    }
}
