//! Gives up on a server that does not answer in time: with a 504 of its own, or by closing.

use super::Middlebox;
use super::head::Head;
use super::relay::{self, pass};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

/// Gives up on an answer after this time.
#[derive(Clone, Copy, Debug)]
pub struct GatewayTimeout {
    /// When.
    pub after: Duration,
    /// Whether it answers with a 504; otherwise it closes.
    pub answers: bool,
}

impl Middlebox for GatewayTimeout {
    fn carry(&self, mut client: Io, mut server: Io) -> BoxFuture<'static, ()> {
        let Self { after, answers } = *self;
        Box::pin(async move {
            let Some(request) = Head::read(&mut client).await else { return };
            if request.write(&mut server).await.is_err() {
                return;
            }
            match timeout(after, relay::answer(&mut client, &mut server)).await {
                Ok(Some(answer)) => {
                    if answer.write(&mut client).await.is_ok() {
                        pass(client, server).await;
                    }
                }
                Ok(None) => {}
                Err(_) if answers => {
                    let page = "HTTP/1.1 504 Gateway Time-out\r\nContent-Length: 7\r\nConnection: close\r\n\r\ntimeout";
                    let _ = client.write_all(page.as_bytes()).await;
                    let _ = client.shutdown().await;
                }
                Err(_) => {}
            }
        })
    }
}
