//! Inspects TLS: signs the server's name anew with a root of its own.

use super::decrypt::Decrypt;
use super::relay::Passes;
use super::{Entry, Kind, Layer, Parameter};
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
            kind: Kind::Choice(&["http/1.1", "none"]),
            default: "http/1.1",
            means: "what it agrees to in ALPN",
        },
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
        Arc::new(inspection)
    },
};

static OLD: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
