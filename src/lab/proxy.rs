//! An explicit proxy that does what it is asked for.

use super::front::{asks_a_proxy, grant, wish};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "proxy",
    does: "is an explicit proxy that tunnels and forwards whatever it is asked for: not a fault",
    seen: "any; tinyproxy and Apache httpd answer CONNECT with HTTP/1.0",
    layer: Layer::Proxy,
    parameters: &[
        Parameter {
            name: "version",
            kind: Kind::Choice(&["1.1", "1.0"]),
            default: "1.1",
            means: "the HTTP version in the answer to CONNECT",
        },
        Parameter {
            name: "others",
            kind: Kind::Choice(&["refused", "relayed"]),
            default: "refused",
            means: "what becomes of clients that do not speak to it as to a proxy",
        },
    ],
    build: |spec, _| {
        let announcement = format!("HTTP/{} 200 Connection established", spec.word("version"));
        Arc::new(Proxy { announcement, relays_others: spec.word("others") == "relayed" })
    },
};

struct Proxy {
    announcement: String,
    relays_others: bool,
}

impl Middlebox for Proxy {
    fn carry(&self, mut client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let (announcement, relays_others) = (self.announcement.clone(), self.relays_others);
        Box::pin(async move {
            if relays_others {
                let Some((again, asks)) = asks_a_proxy(client).await else { return };
                if !asks {
                    relay::through(again, onward).await;
                    return;
                }
                client = again;
            }
            let Some(wish) = wish(&mut client).await else { return };
            grant(client, onward, wish, &announcement).await;
        })
    }
}
