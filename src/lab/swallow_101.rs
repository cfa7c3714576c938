//! Takes the server's 101 for an ordinary answer and waits for a body: the client hears nothing.

use super::Middlebox;
use super::head::Head;
use super::relay::{self, pass, swallow};
use proxyprobe_probes::io::{BoxFuture, Io};
use tokio::io::AsyncWriteExt;

/// Keeps the 101 to itself.
#[derive(Clone, Debug, Default)]
pub struct Swallow101 {
    /// What the client gets instead; nothing when it is empty.
    pub instead: String,
}

impl Middlebox for Swallow101 {
    fn carry(&self, mut client: Io, mut server: Io) -> BoxFuture<'static, ()> {
        let instead = self.instead.clone();
        Box::pin(async move {
            let Some(request) = Head::read(&mut client).await else { return };
            if request.write(&mut server).await.is_err() {
                return;
            }
            let Some(answer) = relay::answer(&mut client, &mut server).await else { return };
            if answer.status() != 101 {
                if answer.write(&mut client).await.is_ok() {
                    pass(client, server).await;
                }
                return;
            }
            let _ = client.write_all(instead.as_bytes()).await;
            let _ = client.flush().await;
            let (mut from, _to) = tokio::io::split(client);
            swallow(&mut from).await;
        })
    }
}
