//! Inspects TLS: signs the server's name anew with a root of its own.

use super::decrypt::{Begun, Decrypt, begun};
use super::relay::Passes;
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use rustls::SupportedProtocolVersion;
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "inspect-tls",
    does: "ends the client's TLS with a certificate of its own and opens another session to the server",
    seen: "Zscaler, Netskope, Palo Alto, FortiGate, Blue Coat, Squid ssl_bump, antivirus products; Privoxy caps at TLS 1.2",
    layer: Layer::Tls,
    parameters: &[
        Parameter {
            name: "root",
            kind: Kind::Choice(&["trusted", "untrusted", "public"]),
            default: "trusted",
            means: "whether the client knows its root; public: one that browsers come with, as a front of the operator's own has, where there \
                    is one (selftest)",
        },
        Parameter {
            name: "alpn",
            kind: Kind::Choice(&["http/1.1", "h2", "none"]),
            default: "http/1.1",
            means: "what it agrees to in ALPN; h2: that, where the client offers it",
        },
        Parameter { name: "name", kind: Kind::Word, default: "any", means: "the one server whose sessions it inspects" },
        Parameter { name: "except", kind: Kind::Word, default: "nobody", means: "a server whose sessions it passes" },
        Parameter { name: "highest", kind: Kind::Choice(&["1.3", "1.2"]), default: "1.3", means: "the highest TLS version" },
    ],
    build: |spec, kit| {
        let mut inspection = Decrypt::around(Arc::new(Passes), kit);
        match spec.word("root") {
            "untrusted" => inspection.root = kit.stranger.clone(),
            "public" => inspection.root = kit.public.clone(),
            _ => {}
        }
        if spec.word("highest") == "1.2" {
            inspection.versions = OLD;
        }
        inspection.inspects = true;
        inspection.alpn = spec.word("alpn") != "none";
        inspection.http2 = spec.word("alpn") == "h2";
        let (name, except) = (spec.word("name").to_owned(), spec.word("except").to_owned());
        if name == "any" && except == "nobody" {
            return Arc::new(inspection);
        }
        Arc::new(Selective { inspection, name, except })
    },
};

static OLD: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];

/// Inspects by the name in the ClientHello, or else by the one that a proxy was asked for.
struct Selective {
    inspection: Decrypt,
    name: String,
    except: String,
}

impl Middlebox for Selective {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let (inspection, name, except) = (self.inspection.clone(), self.name.clone(), self.except.clone());
        Box::pin(async move {
            let Some(Begun { client, onward, read, mut named }) = begun(client, onward).await else { return };
            if named.is_empty() {
                named = onward.host().unwrap_or_default().to_owned();
            }
            let is = |wanted: &str| named.eq_ignore_ascii_case(wanted);
            let client = relay::unread(client, read);
            if (name == "any" || is(&name)) && !is(&except) {
                inspection.carry(client, onward).await;
            } else {
                relay::through(client, onward).await;
            }
        })
    }
}
