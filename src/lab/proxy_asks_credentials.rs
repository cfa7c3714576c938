//! An explicit proxy that wants to know who asks, and is never satisfied.

use super::front::{refuse, wish};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "proxy-asks-credentials",
    does: "is an explicit proxy that answers everything with 407",
    seen: "Squid, Cisco WSA, Forcepoint and others in companies with single sign-on (Negotiate and NTLM)",
    layer: Layer::Proxy,
    parameters: &[Parameter {
        name: "scheme",
        kind: Kind::Choice(&["basic", "digest", "ntlm", "negotiate", "all"]),
        default: "basic",
        means: "the schemes that it offers",
    }],
    build: |spec, _| Arc::new(ProxyAsksCredentials { fields: fields(spec.word("scheme")) }),
};

struct ProxyAsksCredentials {
    fields: String,
}

fn fields(scheme: &str) -> String {
    let offers = [
        ("negotiate", "Negotiate"),
        ("ntlm", "NTLM"),
        ("digest", "Digest realm=\"lab\", nonce=\"6c6162\", qop=\"auth\", algorithm=SHA-256"),
        ("basic", "Basic realm=\"lab\""),
    ];
    let offered = offers.iter().filter(|(name, _)| scheme == "all" || scheme == *name);
    offered.map(|(_, offer)| format!("Proxy-Authenticate: {offer}\r\n")).collect()
}

impl Middlebox for ProxyAsksCredentials {
    fn carry(&self, mut client: Io, _: Onward) -> BoxFuture<'static, ()> {
        let fields = self.fields.clone();
        Box::pin(async move {
            if wish(&mut client).await.is_some() {
                refuse(&mut client, "407 Proxy Authentication Required", &fields, "who are you?\n").await;
            }
        })
    }
}
