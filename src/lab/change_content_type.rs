//! Changes the content type of event streams.

use super::Middlebox;
use super::stream::Stream;
use proxyprobe_probes::io::{BoxFuture, Io};

/// Changes the content type.
#[derive(Clone, Copy, Debug)]
pub struct ChangeContentType {
    /// To this one.
    pub to: &'static str,
}

impl Middlebox for ChangeContentType {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        let to = self.to;
        Box::pin(async move {
            let Some(mut stream) = Stream::of_events(client, server).await else { return };
            stream.answer.set("Content-Type", to);
            stream.pass().await;
        })
    }
}
