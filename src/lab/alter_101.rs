//! Passes the 101 on with changes.

use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, head, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "alter-101",
    does: "passes the 101 on with a changed header",
    seen: "gateways that speak HTTP/2 behind themselves; notebook proxies that drop what was negotiated",
    layer: Layer::Http,
    parameters: &[Parameter {
        name: "what",
        kind: Kind::Choice(&["accept-key", "no-accept-key", "add-extension", "drop-extension", "drop-subprotocol"]),
        default: "accept-key",
        means: "what it changes: another key, none, an extension that the server did not accept, those that it did, the subprotocol",
    }],
    build: |spec, _| Arc::new(Alter101 { what: spec.word("what").to_owned() }),
};

struct Alter101 {
    what: String,
}

impl Middlebox for Alter101 {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let what = self.what.clone();
        Box::pin(async move {
            let Some(mut asked) = head::switched(client, onward).await else { return };
            match what.as_str() {
                "accept-key" => asked.answer.set("Sec-WebSocket-Accept", "bm90IHRoZSByaWdodCBvbmU="),
                "no-accept-key" => asked.answer.remove("sec-websocket-accept"),
                "add-extension" => asked.answer.set("Sec-WebSocket-Extensions", "permessage-deflate"),
                "drop-extension" => asked.answer.remove("sec-websocket-extensions"),
                _ => asked.answer.remove("sec-websocket-protocol"),
            }
            if asked.answer.write(&mut asked.client).await.is_ok() {
                relay::pass(asked.client, asked.server).await;
            }
        })
    }
}
