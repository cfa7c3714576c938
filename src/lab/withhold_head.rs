//! Holds the head of the answer to a request for an event stream back.

use super::Middlebox;
use super::stream::Stream;
use proxyprobe_probes::io::{BoxFuture, Io};
use std::time::Duration;
use tokio::time::sleep;

/// Withholds heads.
#[derive(Clone, Copy, Debug)]
pub struct WithholdHead {
    /// For how long.
    pub lasts: Duration,
}

impl Middlebox for WithholdHead {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        let lasts = self.lasts;
        Box::pin(async move {
            let Some(stream) = Stream::of_events(client, server).await else { return };
            sleep(lasts).await;
            stream.pass().await;
        })
    }
}
