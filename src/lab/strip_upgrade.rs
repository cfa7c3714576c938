//! Strips `Upgrade`, as a proxy does that takes it for what it is: a hop-by-hop header (RFC 9110 section 7.6.1).

use super::head::{self, Head};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "strip-upgrade",
    does: "removes Upgrade and Connection: Upgrade from requests for a WebSocket",
    seen: "Squid, nginx, Apache httpd, Varnish and tinyproxy by default; Squid with a rule for another spelling",
    layer: Layer::Http,
    parameters: &[Parameter {
        name: "unless",
        kind: Kind::Choice(&["never", "mixed-case", "lower-case"]),
        default: "never",
        means: "the spelling of the token that it lets pass: none, WebSocket, websocket",
    }],
    build: |spec, _| {
        let unless = match spec.word("unless") {
            "mixed-case" => "WebSocket",
            "lower-case" => "websocket",
            _ => "",
        };
        Arc::new(StripUpgrade { unless })
    },
};

struct StripUpgrade {
    /// No token is empty.
    unless: &'static str,
}

impl Middlebox for StripUpgrade {
    fn carry(&self, mut client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let unless = self.unless;
        Box::pin(async move {
            let Some(mut request) = head::request(&mut client).await else { return };
            if request.get("upgrade") != Some(unless) {
                strip(&mut request);
            }
            head::pass_on(&request, client, onward).await;
        })
    }
}

/// Takes the upgrade away, and leaves the other headers of the handshake. What is left is a plain request, and the only one on its
/// connection.
pub(super) fn strip(request: &mut Head) {
    if request.wants_websocket() {
        request.remove("upgrade");
        request.set("Connection", "close");
    }
}
