//! An explicit proxy that announces a tunnel and does not open one.

use super::front::{Wish, grant, wish};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "proxy-fakes-tunnels",
    does: "is an explicit proxy that answers CONNECT with 200 before it reaches anybody, and never does",
    seen: "proxies that answer before they dial; Squid with ssl_bump, for what is no TLS",
    layer: Layer::Proxy,
    parameters: &[Parameter {
        name: "then",
        kind: Kind::Choice(&["silence", "page", "end"]),
        default: "silence",
        means: "what comes out of the tunnel: nothing, an HTML page, its end",
    }],
    build: |spec, _| Arc::new(ProxyFakesTunnels { then: spec.word("then").to_owned() }),
};

struct ProxyFakesTunnels {
    then: String,
}

impl Middlebox for ProxyFakesTunnels {
    fn carry(&self, mut client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let then = self.then.clone();
        Box::pin(async move {
            let announcement = "HTTP/1.1 200 Connection established";
            match wish(&mut client).await {
                Some(Wish::Tunnel(..)) => {
                    let page = if then == "page" { "<html><p>This service is not available.</p></html>" } else { "" };
                    let text = format!("{announcement}\r\n\r\n{page}");
                    if client.write_all(text.as_bytes()).await.is_ok() && client.flush().await.is_ok() && then != "end" {
                        relay::swallow(&mut client).await;
                    }
                }
                Some(wish) => grant(client, onward, wish, announcement).await,
                None => {}
            }
        })
    }
}
