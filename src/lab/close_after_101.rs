//! Lets the handshake pass and ends the connection a little later.

use super::Middlebox;
use super::head::Head;
use super::relay::{self, Limit, pass, until};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::time::Duration;

/// Ends WebSockets this long after their 101.
#[derive(Clone, Copy, Debug)]
pub struct CloseAfter101 {
    /// How long.
    pub after: Duration,
    /// By RST instead of FIN.
    pub resets: bool,
}

impl Middlebox for CloseAfter101 {
    fn carry(&self, mut client: Io, mut server: Io) -> BoxFuture<'static, ()> {
        let Self { after, resets } = *self;
        Box::pin(async move {
            let Some(request) = Head::read(&mut client).await else { return };
            if request.write(&mut server).await.is_err() {
                return;
            }
            let Some(answer) = relay::answer(&mut client, &mut server).await else { return };
            if answer.write(&mut client).await.is_err() {
                return;
            }
            if answer.status() != 101 {
                pass(client, server).await;
                return;
            }
            until(client, server, Some(Limit::Age(after)), |client, server| {
                if resets {
                    client.abort();
                    server.abort();
                }
            })
            .await;
        })
    }
}
