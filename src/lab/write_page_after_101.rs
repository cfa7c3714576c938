//! Forwards the 101, keeps all frames to itself, and writes an HTTP page into the stream when its timeout comes.

use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, head};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "write-page-after-101",
    does: "passes the 101 on, keeps all frames, and writes an HTTP 504 page into the stream",
    seen: "Privoxy for ws://",
    layer: Layer::Http,
    parameters: &[Parameter { name: "after", kind: Kind::Seconds, default: "1", means: "when it writes the page" }],
    build: |spec, _| Arc::new(WritePageAfter101 { after: spec.seconds("after") }),
};

struct WritePageAfter101 {
    after: Duration,
}

const PAGE: &[u8] =
    b"HTTP/1.1 504 Connection timeout\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>timeout</html>";

impl Middlebox for WritePageAfter101 {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let after = self.after;
        Box::pin(async move {
            let Some(mut asked) = head::switched(client, onward).await else { return };
            asked.answer.rest.clear();
            if asked.answer.write(&mut asked.client).await.is_err() {
                return;
            }
            sleep(after).await;
            let _ = asked.client.write_all(PAGE).await;
            let _ = asked.client.shutdown().await;
        })
    }
}
