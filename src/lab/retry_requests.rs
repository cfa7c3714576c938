//! Repeats a request that is not answered in time, and tells neither end.

use super::head::{self, Head};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::sleep;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "retry-requests",
    does: "asks the server once more when a GET without a body is not answered in time, and passes the second answer on",
    seen: "nginx with proxy_next_upstream, and other balancers that retry what is idempotent",
    layer: Layer::Http,
    parameters: &[Parameter {
        name: "after",
        kind: Kind::Seconds,
        default: "5",
        means: "how long it waits for the first answer",
    }],
    build: |spec, _| Arc::new(RetryRequests { after: spec.seconds("after") }),
};

struct RetryRequests {
    after: Duration,
}

impl Middlebox for RetryRequests {
    fn carry(&self, mut client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let after = self.after;
        Box::pin(async move {
            let Some(request) = head::request(&mut client).await else { return };
            let Ok(mut server) = onward.open().await else { return };
            if request.write(&mut server).await.is_err() {
                return;
            }
            if repeatable(&request) {
                let (mut first, mut early) = (Vec::new(), Vec::new());
                let heard = tokio::select! {
                    biased;
                    read = server.read_buf(&mut first) => Some(read),
                    read = client.read_buf(&mut early) => Some(read),
                    () = sleep(after) => None,
                };
                match heard {
                    // Whoever speaks or leaves meanwhile is not asked for again.
                    Some(Ok(_)) => {
                        client = relay::unread(client, early);
                        server = relay::unread(server, first);
                    }
                    Some(Err(_)) => {
                        client.abort();
                        server.abort();
                        return;
                    }
                    None => {
                        drop(server);
                        let Ok(again) = onward.open().await else { return };
                        server = again;
                        if request.write(&mut server).await.is_err() {
                            return;
                        }
                    }
                }
            }
            relay::pass(client, server).await;
        })
    }
}

fn repeatable(request: &Head) -> bool {
    let body = request.get("content-length").or(request.get("transfer-encoding")).is_some();
    request.first.starts_with("GET ") && !request.wants_websocket() && !body
}
