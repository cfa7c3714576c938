//! Repeats a request that is not answered in time, and tells neither end.

use super::head::{self, Head};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "retry-requests",
    does: "asks the server once more when a GET is not answered in time, and passes the second answer on",
    seen: "balancers that retry what is idempotent, such as nginx with proxy_next_upstream",
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
            let repeatable = request.first.starts_with("GET ") && !request.wants_websocket();
            if repeatable && request.write(&mut server).await.is_ok() {
                let Some(first) = first_bytes(&mut client, &mut server, after).await else { return };
                if !first.is_empty() {
                    relay::pass(client, relay::unread(server, first)).await;
                    return;
                }
                drop(server);
                let Ok(again) = onward.open().await else { return };
                server = again;
            }
            let answer = head::answer(&request, &mut client, &mut server).await;
            if let Some(answer) = answer
                && Head::write(&answer, &mut client).await.is_ok()
            {
                relay::pass(client, server).await;
            }
        })
    }
}

/// The first bytes of the answer; no bytes when none came in time, nothing when the client has left.
async fn first_bytes(client: &mut Io, server: &mut Io, within: Duration) -> Option<Vec<u8>> {
    let (mut first, mut early) = (Vec::new(), [0]);
    tokio::select! {
        biased;
        read = timeout(within, server.read_buf(&mut first)) => match read {
            Ok(Ok(size)) if size > 0 => Some(first),
            Ok(_) => None,
            Err(_) => Some(Vec::new()),
        },
        _ = client.read(&mut early) => None,
    }
}
