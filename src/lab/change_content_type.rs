//! Changes the content type of event streams.

use super::stream::Stream;
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "change-content-type",
    does: "gives event streams another content type",
    seen: "none is known by name",
    layer: Layer::Http,
    parameters: &[Parameter {
        name: "to",
        kind: Kind::Choice(&["text/plain", "application/octet-stream", "text/html"]),
        default: "text/plain",
        means: "the type",
    }],
    build: |spec, _| Arc::new(ChangeContentType { to: spec.word("to").to_owned() }),
};

/// Changes the content type.
#[derive(Clone, Debug)]
struct ChangeContentType {
    /// To this one.
    to: String,
}

impl Middlebox for ChangeContentType {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let to = self.to.clone();
        Box::pin(async move {
            let Some(mut stream) = Stream::of_events(client, onward).await else { return };
            stream.answer.set("Content-Type", &to);
            stream.pass().await;
        })
    }
}
