//! Collects a stream and passes on at fixed times what has come.

use super::stream::{LEAST, Stream};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "batch-events",
    does: "collects event streams and passes them on in batches",
    seen: "proxies that flush by the clock; Traefik (100 ms) for other types",
    layer: Layer::Http,
    parameters: &[Parameter { name: "every", kind: Kind::Seconds, default: "1", means: "how often it passes on what has come" }],
    build: |spec, _| Arc::new(BatchEvents { every: spec.seconds("every").max(LEAST) }),
};

/// Passes a stream on in batches.
#[derive(Clone, Copy, Debug)]
struct BatchEvents {
    /// How often, from the head of the answer on.
    every: Duration,
}

impl Middlebox for BatchEvents {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let every = self.every;
        Box::pin(async move {
            let Some(mut stream) = Stream::of_events(client, onward).await else { return };
            if !stream.begin().await {
                return;
            }
            let mut held = Vec::new();
            let mut due = Instant::now() + every;
            loop {
                tokio::select! {
                    biased;
                    piece = stream.next() => match piece {
                        Some(piece) => held.extend(piece),
                        None => break,
                    },
                    () = sleep_until(due) => {
                        due += every;
                        if !stream.say(&std::mem::take(&mut held)).await {
                            return;
                        }
                    }
                }
            }
            if stream.say(&held).await {
                stream.end().await;
            }
        })
    }
}
