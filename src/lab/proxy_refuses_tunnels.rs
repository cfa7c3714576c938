//! An explicit proxy that refuses tunnels: all, or all but those to 443.

use super::answer_requests::reason;
use super::front::{Wish, grant, refuse, wish};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "proxy-refuses-tunnels",
    does: "is an explicit proxy that refuses CONNECT and forwards plain requests",
    seen: "the stock rules of Squid and Apache Traffic Server (443 alone); Envoy; category blocks of all vendors",
    layer: Layer::Proxy,
    parameters: &[
        Parameter { name: "status", kind: Kind::Number(400, 599), default: "403", means: "the status of the refusal" },
        Parameter {
            name: "grants",
            kind: Kind::Number(0, 65_535),
            default: "0",
            means: "the one port to which it does tunnel; 0 is none",
        },
    ],
    build: |spec, _| Arc::new(ProxyRefusesTunnels { status: spec.number("status"), grants: spec.number("grants") }),
};

struct ProxyRefusesTunnels {
    status: u64,
    grants: u64,
}

impl Middlebox for ProxyRefusesTunnels {
    fn carry(&self, mut client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let (status, port) = (self.status, format!(":{}", self.grants));
        Box::pin(async move {
            match wish(&mut client).await {
                Some(Wish::Tunnel(place, _)) if !place.ends_with(&port) => {
                    refuse(&mut client, &format!("{status} {}", reason(status)), "", "no tunnels\n").await;
                }
                Some(wish) => grant(client, onward, wish, "HTTP/1.1 200 Connection established").await,
                None => {}
            }
        })
    }
}
