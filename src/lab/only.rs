//! Lets a middlebox meet the connections that concern it, by their first request; the others pass.
//!
//! Every connection is admitted: whom it concerns is not known before it has spoken.

use super::head::{self, Head};
use super::{Middlebox, Onward};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

pub(super) struct Only {
    pub(super) inside: Arc<dyn Middlebox>,
    /// A value of [`super::spec::ONLY`].
    pub(super) which: String,
}

impl Middlebox for Only {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let (inside, which) = (self.inside.clone(), self.which.clone());
        Box::pin(async move {
            let Some((mut client, request)) = Head::peek(client).await else { return };
            let concerned = match which.as_str() {
                "websockets" => request.wants_websocket(),
                "streams" => request.wants_events(),
                _ => !request.wants_websocket() && !request.wants_events(),
            };
            if concerned {
                inside.carry(client, onward).await;
            } else if let Some(request) = head::request(&mut client).await {
                head::pass_on(&request, client, onward).await;
            }
        })
    }
}
