//! Forwards the 101 and then swallows bytes: both ways or one. The true zombie.

use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, head, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use tokio::io::split;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "swallow-after-101",
    does: "passes the 101 on and swallows what follows: connected, and nothing moves",
    seen: "Privoxy for ws://; appliances that pass a 101 on and stay in HTTP mode; antivirus products, one way",
    layer: Layer::Http,
    parameters: &[Parameter {
        name: "way",
        kind: Kind::Choice(&["both", "to-server", "to-client"]),
        default: "both",
        means: "the direction whose bytes are swallowed",
    }],
    build: |spec, _| {
        let way = spec.word("way");
        Arc::new(SwallowAfter101 { up: way != "to-client", down: way != "to-server" })
    },
};

#[derive(Clone, Copy)]
struct SwallowAfter101 {
    /// Swallows what the client sends.
    up: bool,
    /// Swallows what the server sends.
    down: bool,
}

impl Middlebox for SwallowAfter101 {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let swallows = *self;
        Box::pin(async move {
            let Some(mut asked) = head::switched(client, onward).await else { return };
            if swallows.down {
                asked.answer.rest.clear();
            }
            if asked.answer.write(&mut asked.client).await.is_err() {
                return;
            }
            let (mut from_client, mut to_client) = split(asked.client);
            let (mut from_server, mut to_server) = split(asked.server);
            let up = async {
                if swallows.up {
                    relay::swallow(&mut from_client).await;
                } else {
                    relay::one_way(&mut from_client, &mut to_server).await;
                }
            };
            let down = async {
                if swallows.down {
                    relay::swallow(&mut from_server).await;
                } else {
                    relay::one_way(&mut from_server, &mut to_client).await;
                }
            };
            tokio::join!(up, down);
        })
    }
}
