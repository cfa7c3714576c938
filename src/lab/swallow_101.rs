//! Takes the server's 101 for an ordinary answer and waits for a body: the client hears nothing, or of a bad gateway.

use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, head, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "swallow-101",
    does: "keeps the server's 101 to itself",
    seen: "LittleProxy before it knew WebSockets; home-made proxies",
    layer: Layer::Http,
    parameters: &[Parameter {
        name: "then",
        kind: Kind::Choice(&["silence", "502"]),
        default: "silence",
        means: "what the client gets instead",
    }],
    build: |spec, _| Arc::new(Swallow101 { answers: spec.word("then") == "502" }),
};

struct Swallow101 {
    answers: bool,
}

impl Middlebox for Swallow101 {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let answers = self.answers;
        Box::pin(async move {
            // The server's side stays open for as long as the client waits.
            let Some(mut asked) = head::switched(client, onward).await else { return };
            if answers {
                let _ = asked.client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").await;
                let _ = asked.client.flush().await;
            }
            relay::swallow(&mut asked.client).await;
        })
    }
}
