//! Does not tell the server that a client has left: it waits for the answer all the same.

use super::{Entry, Layer, Middlebox, Onward, head, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use tokio::io::split;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "keep-aborted-requests",
    does: "waits for the server's answer although the client has left",
    seen: "HAProxy, Apache httpd, Varnish, tinyproxy, e2guardian and Apache Traffic Server",
    layer: Layer::Http,
    parameters: &[],
    build: |_, _| Arc::new(KeepAbortedRequests),
};

struct KeepAbortedRequests;

impl Middlebox for KeepAbortedRequests {
    fn carry(&self, mut client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let Some(request) = head::request(&mut client).await else { return };
            let Ok(mut server) = onward.open().await else { return };
            if request.write(&mut server).await.is_err() {
                return;
            }
            if request.wants_websocket() {
                relay::pass(client, server).await;
                return;
            }
            let (mut from_client, mut to_client) = split(client);
            let (mut from_server, mut to_server) = split(server);
            let up = async {
                relay::copy(&mut from_client, &mut to_server, || {}).await;
                std::future::pending::<()>().await;
            };
            let down = async {
                relay::one_way(&mut from_server, &mut to_client).await;
                // The client may have left: the rest of the answer is read all the same.
                relay::swallow(&mut from_server).await;
            };
            tokio::select! {
                biased;
                () = down => {}
                () = up => {}
            }
        })
    }
}
