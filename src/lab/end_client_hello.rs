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
        Parameter { name: "name", kind: Kind::Word, default: "any", means: "the one server whose sessions it ends" },
    ],
    build: |spec, _| {
        let word = |name: &str| spec.word(name).to_owned();
        Arc::new(EndClientHello { by: word("by"), whose: word("whose"), name: word("name") })
    },
};

struct EndClientHello {
    by: String,
    whose: String,
    name: String,
}

/// The most bytes of a ClientHello that are read: one record holds at most 16 KiB (RFC 8446 section 5.1), few need two.
const LIMIT: usize = 32 * 1024;

/// Reads until the ClientHello is whole, and says which server it names; an empty name is none.
async fn hello(client: &mut Io, read: &mut Vec<u8>) -> Option<String> {
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
            Ok(Some(accepted)) => return Some(accepted.client_hello().server_name().unwrap_or_default().to_owned()),
            Ok(None) => {}
            Err(_) => return None,
        }
    }
}

impl Middlebox for EndClientHello {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let (by, whose, name) = (self.by.clone(), self.whose.clone(), self.name.clone());
        Box::pin(async move {
            let Some((mut client, first)) = relay::peek(client).await else { return };
            if first != HANDSHAKE {
                relay::through(client, onward).await;
                return;
            }
            let mut read = Vec::new();
            let Some(named) = hello(&mut client, &mut read).await else { return };
            let meant = name == "any" || named.eq_ignore_ascii_case(&name);
            match (whose.as_str(), named.is_empty()) {
                ("all", _) | ("named", false) | ("unnamed", true) if meant => match by.as_str() {
                    "rst" => client.abort(),
                    "silence" => relay::swallow(&mut client).await,
                    _ => {}
                },
                _ => relay::through(relay::unread(client, read), onward).await,
            }
        })
    }
}
