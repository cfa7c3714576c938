//! Passes every piece of a stream on a constant time later.

use super::stream::Stream;
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "delay-events",
    does: "passes every piece of an event stream on a constant time later",
    seen: "HAProxy (200 ms), content scanners",
    layer: Layer::Http,
    parameters: &[Parameter { name: "by", kind: Kind::Seconds, default: "0.8", means: "how much later" }],
    build: |spec, _| Arc::new(DelayEvents { by: spec.seconds("by") }),
};

/// Delays every piece.
#[derive(Clone, Copy, Debug)]
struct DelayEvents {
    /// By so much.
    by: Duration,
}

impl Middlebox for DelayEvents {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let by = self.by;
        Box::pin(async move {
            let Some(mut stream) = Stream::of_events(client, onward).await else { return };
            if !stream.begin().await {
                return;
            }
            let mut queue: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
            let mut open = true;
            while open || !queue.is_empty() {
                let due = queue.front().map_or_else(Instant::now, |(due, _)| *due);
                tokio::select! {
                    biased;
                    piece = stream.next(), if open => match piece {
                        Some(piece) => queue.push_back((Instant::now() + by, piece)),
                        None => open = false,
                    },
                    () = sleep_until(due), if !queue.is_empty() => {
                        let Some((_, piece)) = queue.pop_front() else { continue };
                        if !stream.say(&piece).await {
                            return;
                        }
                    }
                }
            }
            stream.end().await;
        })
    }
}
