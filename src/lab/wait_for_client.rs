//! Passes the 101 on and nothing of the server's behind it before the client has spoken.

use super::{Entry, Layer, Middlebox, Onward, head, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "wait-for-client",
    does: "holds whatever the server says after its 101 until the client has spoken",
    seen: "proxies that wait for the client's first bytes to know what they carry; none is known by name",
    layer: Layer::Http,
    parameters: &[],
    build: |_, _| Arc::new(WaitForClient),
};

struct WaitForClient;

impl Middlebox for WaitForClient {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let Some(mut asked) = head::switched(client, onward).await else { return };
            let held = std::mem::take(&mut asked.answer.rest);
            if asked.answer.write(&mut asked.client).await.is_err() {
                return;
            }
            let Some((mut client, _)) = relay::peek(asked.client).await else { return };
            if client.write_all(&held).await.is_ok() && client.flush().await.is_ok() {
                relay::pass(client, asked.server).await;
            }
        })
    }
}
