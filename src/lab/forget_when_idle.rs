//! Forgets a silent connection and tells nobody, as a stateful firewall does; what comes later is dropped, or reset. As an address
//! translator it takes up the connection again when the client speaks, and the server's words wait until then.

use super::relay::{Counts, Limit, leave_open, until};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "forget-when-idle",
    does: "forgets connections that have been silent for a while, and tells nobody",
    seen: "stateful firewalls and NATs: AWS (350 s), Azure's load balancer (240 s), FortiGate's session-ttl, Linux netfilter",
    layer: Layer::Connection,
    parameters: &[
        Parameter { name: "after", kind: Kind::Seconds, default: "30", means: "how long a silence" },
        Parameter {
            name: "then",
            kind: Kind::Choice(&["drops", "resets", "client-revives"]),
            default: "drops",
            means: "what it does with bytes that come later: nothing; a RST; the client's open the way again, to the server's as well",
        },
        Parameter {
            name: "counts",
            kind: Kind::Choice(&["both", "client", "server"]),
            default: "both",
            means: "whose bytes break the silence",
        },
    ],
    build: |spec, _| {
        let then = match spec.word("then") {
            "resets" => Then::Resets,
            "client-revives" => Then::ClientRevives,
            _ => Then::Drops,
        };
        Arc::new(ForgetWhenIdle { after: spec.seconds("after"), then, counts: Counts::of(spec.word("counts")) })
    },
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Drops,
    Resets,
    ClientRevives,
}

#[derive(Clone, Copy)]
struct ForgetWhenIdle {
    after: Duration,
    then: Then,
    counts: Counts,
}

impl Middlebox for ForgetWhenIdle {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let Self { after, then, counts } = *self;
        Box::pin(async move {
            let Ok(mut server) = onward.open().await else { return };
            let mut client = client;
            loop {
                let mut left = None;
                until(client, server, Some(Limit::Idle(after, counts)), |both| left = Some(both)).await;
                let Some(both) = left else { return };
                (client, server) = both;
                if then != Then::ClientRevives {
                    let resets = then == Then::Resets;
                    tokio::join!(unknown(client, resets), unknown(server, resets));
                    return;
                }
                if !revived(&mut client, &mut server).await {
                    return;
                }
            }
        })
    }
}

/// Waits for the client's words and passes them on; whether there were any.
async fn revived(client: &mut Io, server: &mut Io) -> bool {
    let mut bytes = [0; 1024];
    match client.read(&mut bytes).await {
        Ok(size) if size > 0 => server.write_all(bytes.get(..size).unwrap_or_default()).await.is_ok(),
        _ => false,
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
