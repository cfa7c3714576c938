//! An explicit proxy that does what it is asked for.

use super::front::{grant, wish};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "proxy",
    does: "is an explicit proxy that tunnels and forwards whatever it is asked for: not a fault",
    seen: "any; tinyproxy and Apache httpd answer CONNECT with HTTP/1.0",
    layer: Layer::Proxy,
    parameters: &[Parameter {
        name: "version",
        kind: Kind::Choice(&["1.1", "1.0"]),
        default: "1.1",
        means: "the HTTP version in the answer to CONNECT",
    }],
    build: |spec, _| Arc::new(Proxy { announcement: format!("HTTP/{} 200 Connection established", spec.word("version")) }),
};

struct Proxy {
    announcement: String,
}

impl Middlebox for Proxy {
    fn carry(&self, mut client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let announcement = self.announcement.clone();
        Box::pin(async move {
            let Some(wish) = wish(&mut client).await else { return };
            grant(client, onward, wish, &announcement).await;
        })
    }
}
