//! Rewrites `Connection` and leaves `Upgrade` where it is.

use super::head;
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "rewrite-connection",
    does: "replaces Connection: Upgrade in requests for a WebSocket and leaves Upgrade",
    seen: "Privoxy with https-inspection; gateways between HTTP/2 and HTTP/1.1",
    layer: Layer::Http,
    parameters: &[Parameter {
        name: "to",
        kind: Kind::Choice(&["close", "keep-alive"]),
        default: "close",
        means: "what stands there instead",
    }],
    build: |spec, _| Arc::new(RewriteConnection { to: spec.word("to").to_owned() }),
};

struct RewriteConnection {
    to: String,
}

impl Middlebox for RewriteConnection {
    fn carry(&self, mut client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let to = self.to.clone();
        Box::pin(async move {
            let Some(mut request) = head::request(&mut client).await else { return };
            if request.wants_websocket() {
                request.set("Connection", &to);
            }
            head::pass_on(&request, client, onward).await;
        })
    }
}
