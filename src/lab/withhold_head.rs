//! Holds the head of the answer to a request for an event stream back.

use super::stream::Stream;
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "withhold-head",
    does: "holds the head of an event stream back for a while",
    seen: "mitmproxy and antivirus products, until the first event",
    layer: Layer::Http,
    parameters: &[Parameter { name: "for", kind: Kind::Seconds, default: "0.8", means: "how long" }],
    build: |spec, _| Arc::new(WithholdHead { lasts: spec.seconds("for") }),
};

/// Withholds heads.
#[derive(Clone, Copy, Debug)]
struct WithholdHead {
    /// For how long.
    lasts: Duration,
}

impl Middlebox for WithholdHead {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let lasts = self.lasts;
        Box::pin(async move {
            let Some(stream) = Stream::of_events(client, onward).await else { return };
            sleep(lasts).await;
            stream.pass().await;
        })
    }
}
