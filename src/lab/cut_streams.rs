//! Ends event streams at an age.

use super::stream::Stream;
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "cut-streams",
    does: "ends event streams after a while, whatever flows",
    seen: "Envoy (15 s), Heroku, gateways with a limit on whole answers",
    layer: Layer::Http,
    parameters: &[Parameter { name: "after", kind: Kind::Seconds, default: "1", means: "how long after the head of the answer" }],
    build: |spec, _| Arc::new(CutStreams { after: spec.seconds("after") }),
};

/// Ends event streams.
#[derive(Clone, Copy, Debug)]
struct CutStreams {
    /// So long after the head of the answer.
    after: Duration,
}

impl Middlebox for CutStreams {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let after = self.after;
        Box::pin(async move {
            let Some(mut stream) = Stream::of_events(client, onward).await else { return };
            if !stream.begin().await {
                return;
            }
            let flows = async {
                while let Some(piece) = stream.next().await {
                    if !stream.say(&piece).await {
                        return;
                    }
                }
            };
            match timeout(after, flows).await {
                Ok(()) => stream.end().await,
                Err(_) => stream.cut().await,
            }
        })
    }
}
