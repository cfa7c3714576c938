//! Makes a 101 up and never asks the server.

use super::Middlebox;
use super::head::Head;
use super::relay::{pass, swallow};
use proxyprobe_probes::io::{BoxFuture, Io};
use tokio::io::AsyncWriteExt;

/// Forges 101s, without a valid accept key: it would have to know the protocol for that.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forge101;

impl Middlebox for Forge101 {
    fn carry(&self, mut client: Io, mut server: Io) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let Some(request) = Head::read(&mut client).await else { return };
            if !request.wants_websocket() {
                if request.write(&mut server).await.is_ok() {
                    pass(client, server).await;
                }
                return;
            }
            let forged = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
            let _ = client.write_all(forged.as_bytes()).await;
            let _ = client.flush().await;
            let (mut from, _to) = tokio::io::split(client);
            swallow(&mut from).await;
        })
    }
}
