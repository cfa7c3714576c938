//! Makes a 101 up and never asks the server.

use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, head, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "forge-101",
    does: "answers requests for a WebSocket with a 101 of its own and never asks the server",
    seen: "none is known by name",
    layer: Layer::Http,
    parameters: &[Parameter {
        name: "accept",
        kind: Kind::Choice(&["valid", "none"]),
        default: "valid",
        means: "whether it answers the key (RFC 6455 section 4.2.2)",
    }],
    build: |spec, _| Arc::new(Forge101 { valid: spec.word("accept") == "valid" }),
};

struct Forge101 {
    valid: bool,
}

impl Middlebox for Forge101 {
    fn carry(&self, mut client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let valid = self.valid;
        Box::pin(async move {
            let Some(request) = head::request(&mut client).await else { return };
            if !request.wants_websocket() {
                head::pass_on(&request, client, onward).await;
                return;
            }
            let key = request.get("sec-websocket-key").filter(|_| valid).map(|key| derive_accept_key(key.as_bytes()));
            let accept = key.map(|key| format!("Sec-WebSocket-Accept: {key}\r\n")).unwrap_or_default();
            let forged = format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{accept}\r\n");
            if client.write_all(forged.as_bytes()).await.is_ok() && client.flush().await.is_ok() {
                relay::swallow(&mut client).await;
            }
        })
    }
}
