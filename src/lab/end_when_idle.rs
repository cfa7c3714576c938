//! Ends a silent connection loudly: FIN or RST, to both sides or to one.

use super::relay::{Counts, Limit, leave_open, until};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "end-when-idle",
    does: "ends connections that have been silent for a while, and tells at least one side",
    seen: "Squid, nginx, tinyproxy and Apache httpd (both); HAProxy (resets the server); stunnel and Azure's load balancer (reset both)",
    layer: Layer::Connection,
    parameters: &[
        Parameter { name: "after", kind: Kind::Seconds, default: "30", means: "how long a silence" },
        Parameter {
            name: "tells",
            kind: Kind::Choice(&["both", "resets-server", "resets-client", "resets-both", "client", "server"]),
            default: "both",
            means: "FIN to both; FIN to the client and RST to the server; the reverse; RST to both; FIN to one side alone",
        },
        Parameter {
            name: "counts",
            kind: Kind::Choice(&["both", "client", "server"]),
            default: "both",
            means: "whose bytes break the silence",
        },
    ],
    build: |spec, _| {
        let counts = Counts::of(spec.word("counts"));
        Arc::new(EndWhenIdle { limit: Limit::Idle(spec.seconds("after"), counts), tells: spec.word("tells").to_owned() })
    },
};

struct EndWhenIdle {
    limit: Limit,
    tells: String,
}

impl Middlebox for EndWhenIdle {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let (limit, tells) = (self.limit, self.tells.clone());
        Box::pin(async move {
            let Ok(server) = onward.open().await else { return };
            let mut left = None;
            until(client, server, Some(limit), |(client, server)| match tells.as_str() {
                "resets-server" => server.abort(),
                "resets-client" => client.abort(),
                "resets-both" => {
                    client.abort();
                    server.abort();
                }
                "client" => left = Some(server),
                "server" => left = Some(client),
                _ => drop((client, server)),
            })
            .await;
            if let Some(open) = left {
                leave_open(open).await;
            }
        })
    }
}
