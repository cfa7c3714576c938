//! A reverse proxy done right: it adds what such a proxy adds, and passes upgrades and streams at once.

use super::edit_headers::EditHeaders;
use super::{Entry, Layer};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "reverse-proxy",
    does: "is a reverse proxy done right, which adds Via and X-Forwarded headers: not a fault",
    seen: "an operator's own nginx, HAProxy, Caddy or content delivery network, once it is configured for WebSockets and streams",
    layer: Layer::Http,
    parameters: &[],
    build: |_, _| Arc::new(EditHeaders { how: "add".to_owned() }),
};
