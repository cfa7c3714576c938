//! Changes the head of requests: strips `Upgrade` as a proxy that knows hop-by-hop headers does, rewrites `Connection`, accepts
//! one spelling of the token only, drops `Last-Event-ID`.

use super::head::Head;
use super::{Middlebox, relay};
use proxyprobe_probes::io::{BoxFuture, Io};

/// What is done to each request.
#[derive(Clone, Copy, Debug)]
pub enum RewriteRequest {
    /// `Upgrade` and `Connection` are removed.
    StripUpgrade,
    /// `Connection: Upgrade` becomes `Connection: close`, and `Upgrade` stays.
    RewriteConnection,
    /// `Upgrade` is removed unless it is spelt `WebSocket`.
    TokenCaseSensitive,
    /// `Last-Event-ID` is removed.
    DropLastEventId,
}

impl Middlebox for RewriteRequest {
    fn carry(&self, mut client: Io, mut server: Io) -> BoxFuture<'static, ()> {
        let how = *self;
        Box::pin(async move {
            let Some(mut head) = Head::read(&mut client).await else { return };
            match how {
                RewriteRequest::StripUpgrade => strip(&mut head),
                RewriteRequest::RewriteConnection if head.wants_websocket() => head.set("Connection", "close"),
                RewriteRequest::TokenCaseSensitive if head.get("upgrade") != Some("WebSocket") => strip(&mut head),
                RewriteRequest::DropLastEventId => head.remove("last-event-id"),
                RewriteRequest::RewriteConnection | RewriteRequest::TokenCaseSensitive => {}
            }
            if head.write(&mut server).await.is_ok() {
                relay::pass(client, server).await;
            }
        })
    }
}

fn strip(head: &mut Head) {
    if head.wants_websocket() {
        head.remove("upgrade");
        head.set("Connection", "keep-alive");
    }
}
