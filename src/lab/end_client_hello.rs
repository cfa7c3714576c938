//! Ends a TLS session at its first message: by the name in it, or whatever the name.

use super::decrypt::HANDSHAKE;
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use rustls::server::Acceptor;
use std::sync::Arc;
use tokio::io::AsyncReadExt;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "end-client-hello",
    does: "ends the connection when it has read the ClientHello",
    seen: "deep packet inspection that resets by server name; Cisco WSA's drop action; Zscaler and Netskope without a name",
    layer: Layer::Tls,
    parameters: &[
        Parameter { name: "by", kind: Kind::Choice(&["rst", "fin", "silence"]), default: "rst", means: "how it ends it" },
        Parameter {
            name: "whose",
            kind: Kind::Choice(&["all", "named", "unnamed"]),
            default: "all",
            means: "the sessions that it ends: all, those that name a server, those that do not",
        },
    ],
    build: |spec, _| Arc::new(EndClientHello { by: spec.word("by").to_owned(), whose: spec.word("whose").to_owned() }),
};

struct EndClientHello {
    by: String,
    whose: String,
}

/// The most bytes of a ClientHello that are read: one record holds at most 16 KiB (RFC 8446 section 5.1), few need two.
const LIMIT: usize = 32 * 1024;

/// Reads until the ClientHello is whole, and says whether it names a server.
async fn hello(client: &mut Io, read: &mut Vec<u8>) -> Option<bool> {
    let mut acceptor = Acceptor::default();
    loop {
        let before = read.len();
        if before > LIMIT || !matches!(client.read_buf(read).await, Ok(size) if size > 0) {
            return None;
        }
        let mut new = read.get(before..).unwrap_or_default();
        while !new.is_empty() {
            acceptor.read_tls(&mut new).ok()?;
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => return Some(accepted.client_hello().server_name().is_some()),
            Ok(None) => {}
            Err(_) => return None,
        }
    }
}

impl Middlebox for EndClientHello {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let (by, whose) = (self.by.clone(), self.whose.clone());
        Box::pin(async move {
            let Some((mut client, first)) = relay::peek(client).await else { return };
            if first != HANDSHAKE {
                relay::through(client, onward).await;
                return;
            }
            let mut read = Vec::new();
            let Some(named) = hello(&mut client, &mut read).await else { return };
            match (whose.as_str(), named) {
                ("all", _) | ("named", true) | ("unnamed", false) => match by.as_str() {
                    "rst" => client.abort(),
                    "silence" => relay::swallow(&mut client).await,
                    _ => {}
                },
                _ => relay::through(relay::unread(client, read), onward).await,
            }
        })
    }
}
