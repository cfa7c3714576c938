//! Forwards the 101, keeps all frames to itself, and writes an HTTP page into the stream when its timeout comes (seen of Privoxy).

use super::Middlebox;
use super::head::Head;
use super::relay::{self, pass};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

/// Writes its page after this time.
#[derive(Clone, Copy, Debug)]
pub struct WritePageAfter101 {
    /// When.
    pub after: Duration,
}

impl Middlebox for WritePageAfter101 {
    fn carry(&self, mut client: Io, mut server: Io) -> BoxFuture<'static, ()> {
        let after = self.after;
        Box::pin(async move {
            let Some(request) = Head::read(&mut client).await else { return };
            if request.write(&mut server).await.is_err() {
                return;
            }
            let Some(mut answer) = relay::answer(&mut client, &mut server).await else { return };
            let switched = answer.status() == 101;
            if switched {
                answer.rest.clear();
            }
            if answer.write(&mut client).await.is_err() {
                return;
            }
            if !switched {
                pass(client, server).await;
                return;
            }
            sleep(after).await;
            let page =
                "HTTP/1.1 504 Connection timeout\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>timeout</html>";
            let _ = client.write_all(page.as_bytes()).await;
            let _ = client.shutdown().await;
        })
    }
}
