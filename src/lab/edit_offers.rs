//! Takes offence at what a WebSocket handshake offers beside the upgrade.

use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, head};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "edit-offers",
    does: "removes what a WebSocket handshake offers, or refuses the handshake for it",
    seen: "gateways that keep only the headers that they know; none is known by name",
    layer: Layer::Http,
    parameters: &[Parameter {
        name: "how",
        kind: Kind::Choice(&["drop-subprotocols", "drop-extensions", "refuse-extensions"]),
        default: "drop-subprotocols",
        means: "removes the names of subprotocols or of extensions; answers 400 where an extension is offered",
    }],
    build: |spec, _| Arc::new(EditOffers { how: spec.word("how").to_owned() }),
};

struct EditOffers {
    how: String,
}

const REFUSAL: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

impl Middlebox for EditOffers {
    fn carry(&self, mut client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let how = self.how.clone();
        Box::pin(async move {
            let Some(mut request) = head::request(&mut client).await else { return };
            if request.wants_websocket() {
                let extension = request.get("sec-websocket-extensions").is_some();
                match how.as_str() {
                    "refuse-extensions" if extension => {
                        let _ = client.write_all(REFUSAL).await;
                        let _ = client.shutdown().await;
                        return;
                    }
                    "refuse-extensions" => {}
                    "drop-extensions" => request.remove("sec-websocket-extensions"),
                    _ => request.remove("sec-websocket-protocol"),
                }
            }
            head::pass_on(&request, client, onward).await;
        })
    }
}
