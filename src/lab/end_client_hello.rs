//! Ends a TLS session at its first message: by the name in it, or whatever the name.

use super::decrypt::{Begun, begun};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

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

impl Middlebox for EndClientHello {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let (by, whose, name) = (self.by.clone(), self.whose.clone(), self.name.clone());
        Box::pin(async move {
            let Some(Begun { mut client, onward, read, named }) = begun(client, onward).await else { return };
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
