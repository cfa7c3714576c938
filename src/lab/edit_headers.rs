//! Edits the headers of requests, as proxies do that add themselves, know too little or speak an old version.

use super::head::{self, Head};
use super::strip_upgrade::strip;
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "edit-headers",
    does: "edits the headers of requests and answers",
    seen: "all proxies add Via or X-Forwarded-For; tinyproxy removes what is hop-by-hop; nginx before 1.29.7 speaks HTTP/1.0",
    layer: Layer::Http,
    parameters: &[Parameter {
        name: "how",
        kind: Kind::Choice(&["add", "add-vendor", "remove-unknown", "lower-case", "reorder", "http-1.0", "drop-last-event-id"]),
        default: "add",
        means: "adds Via and X-Forwarded-For; adds vendor headers; removes X- headers and others that it does not know; writes names in lower case; sorts \
                them; asks the server in HTTP/1.0, without the upgrade; drops Last-Event-ID",
    }],
    build: |spec, _| Arc::new(EditHeaders { how: spec.word("how").to_owned() }),
};

pub(super) struct EditHeaders {
    /// A value of its parameter.
    pub(super) how: String,
}

/// Headers that a proxy does not know: those of this tool's own protocol and anything else with the same beginning.
fn unknown(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("proxyprobe-") || name.starts_with("x-")
}

fn edit(how: &str, request: &mut Head) {
    match how {
        "add" => {
            request.set("Via", "1.1 lab (lab)");
            request.set("X-Forwarded-For", "10.1.2.3");
            request.set("X-Forwarded-Proto", "http");
        }
        "add-vendor" => {
            request.set("X-BlueCoat-Via", "0a1b2c3d4e5f6071");
            request.set("Z-Forwarded-For", "10.1.2.3");
            request.set("X-IMForwards", "20");
        }
        "remove-unknown" => request.fields.retain(|(name, _)| !unknown(name)),
        "lower-case" => request.fields.iter_mut().for_each(|(name, _)| *name = name.to_ascii_lowercase()),
        "reorder" => request.fields.sort(),
        "http-1.0" => {
            request.first = request.first.replace("HTTP/1.1", "HTTP/1.0");
            strip(request);
            request.set("Connection", "close");
        }
        _ => request.remove("last-event-id"),
    }
}

impl Middlebox for EditHeaders {
    fn carry(&self, mut client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let how = self.how.clone();
        Box::pin(async move {
            let Some(mut request) = head::request(&mut client).await else { return };
            let Ok(mut server) = onward.open().await else { return };
            edit(&how, &mut request);
            let Some(mut answer) = head::answer(&request, &mut client, &mut server).await else { return };
            match how.as_str() {
                "add" => answer.set("Via", "1.1 lab (lab)"),
                "remove-unknown" => answer.fields.retain(|(name, _)| !unknown(name)),
                "lower-case" => answer.fields.iter_mut().for_each(|(name, _)| *name = name.to_ascii_lowercase()),
                "reorder" => answer.fields.sort(),
                _ => {}
            }
            if answer.write(&mut client).await.is_ok() {
                relay::pass(client, server).await;
            }
        })
    }
}
