//! Gives up on a server that does not answer in time: with an answer of its own, or with an empty one.

use super::answer_requests::reason;
use super::head::{self, Head};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "give-up-on-answers",
    does: "gives up on an answer that does not begin in time",
    seen: "nginx, Squid, Privoxy and HAProxy (504), Apache httpd and Caddy (502), Varnish and Heroku (503), tinyproxy (an empty reply)",
    layer: Layer::Http,
    parameters: &[
        Parameter { name: "after", kind: Kind::Seconds, default: "30", means: "how long it waits" },
        Parameter {
            name: "with",
            kind: Kind::Choice(&["504", "502", "503", "nothing"]),
            default: "504",
            means: "what the client gets: a status, or the end of the connection",
        },
    ],
    build: |spec, _| Arc::new(GiveUpOnAnswers { after: spec.seconds("after"), status: spec.number("with") }),
};

#[derive(Clone, Copy)]
struct GiveUpOnAnswers {
    after: Duration,
    /// Zero is an empty reply.
    status: u64,
}

impl Middlebox for GiveUpOnAnswers {
    fn carry(&self, mut client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let Self { after, status } = *self;
        Box::pin(async move {
            let Some(request) = head::request(&mut client).await else { return };
            let Ok(mut server) = onward.open().await else { return };
            match timeout(after, head::answer(&request, &mut client, &mut server)).await {
                Ok(Some(answer)) => {
                    if Head::write(&answer, &mut client).await.is_ok() {
                        relay::pass(client, server).await;
                    }
                }
                Err(_) if status > 0 => {
                    let reason = reason(status);
                    let page = format!("HTTP/1.1 {status} {reason}\r\nContent-Length: 7\r\nConnection: close\r\n\r\ntimeout");
                    let _ = client.write_all(page.as_bytes()).await;
                    let _ = client.shutdown().await;
                }
                Ok(None) | Err(_) => {}
            }
        })
    }
}
