//! Stops requests that carry something.

use super::head::{self, Head};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "stop-uploads",
    does: "stops requests that carry something: all, those in chunks, or those beside an open event stream",
    seen: "proxies that speak HTTP/1.0 to the server (411 for chunks), filters against uploads, scanners that serve one request of a client at a time",
    layer: Layer::Http,
    parameters: &[
        Parameter {
            name: "which",
            kind: Kind::Choice(&["beside-streams", "all", "chunked"]),
            default: "beside-streams",
            means: "the requests that it stops: while an event stream is open, all, those without a length",
        },
        Parameter {
            name: "with",
            kind: Kind::Choice(&["silence", "reset", "403", "411"]),
            default: "silence",
            means: "what becomes of them; in silence they wait for the end of the streams, if that is what stops them",
        },
    ],
    build: |spec, _| {
        Arc::new(StopUploads {
            which: spec.word("which").to_owned(),
            with: spec.word("with").to_owned(),
            streams: watch::Sender::new(0),
        })
    },
};

struct StopUploads {
    which: String,
    with: String,
    /// How many event streams are open.
    streams: watch::Sender<usize>,
}

/// One event stream, while it is open.
struct Streaming(watch::Sender<usize>);

impl Streaming {
    fn begin(streams: &watch::Sender<usize>) -> Self {
        streams.send_modify(|open| *open += 1);
        Self(streams.clone())
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

impl Middlebox for StopUploads {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let (which, with, streams) = (self.which.clone(), self.with.clone(), self.streams.clone());
        Box::pin(async move {
            let Some((mut client, request)) = Head::peek(client).await else { return };
            let _streaming = request.wants_events().then(|| Streaming::begin(&streams));
            let concerned = match which.as_str() {
                "beside-streams" => carries(&request) && *streams.borrow() > 0,
                "chunked" => request.get("transfer-encoding").is_some(),
                _ => carries(&request),
            };
            let waits = concerned && which == "beside-streams" && with == "silence";
            if waits {
                // Whoever gives up meanwhile is forgotten when the streams end.
                let _ = streams.subscribe().wait_for(|open| *open == 0).await;
            }
            if !concerned || waits {
                if let Some(request) = head::request(&mut client).await {
                    head::pass_on(&request, client, onward).await;
                }
                return;
            }
            match with.as_str() {
                "reset" => client.abort(),
                "silence" => relay::swallow(&mut client).await,
                status => refuse(client, status).await,
            }
        })
    }
}

fn carries(request: &Head) -> bool {
    request.get("transfer-encoding").is_some() || request.get("content-length").is_some_and(|length| length.trim() != "0")
}

async fn refuse(mut client: Io, status: &str) {
    let words = if status == "411" { "Length Required" } else { "Forbidden" };
    let body = format!("{status} {words}\n");
    let text = format!(
        "HTTP/1.1 {status} {words}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    if client.write_all(text.as_bytes()).await.is_ok() && client.shutdown().await.is_ok() {
        relay::swallow(&mut client).await;
    }
}
