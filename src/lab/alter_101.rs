//! Passes the 101 on with changes, and everything after it untouched or without the first bytes.

use super::Middlebox;
use super::head::Head;
use super::relay::{self, pass};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

/// What is done to a 101.
#[derive(Clone, Copy, Debug)]
pub enum Alter101 {
    /// The accept key is replaced.
    AcceptKey,
    /// An extension is accepted that the server did not accept.
    Extension,
    /// Headers that a proxy does not know are removed: ours, too.
    UnknownHeaders,
    /// What arrives in one segment with the head is lost.
    LoseWhatFollows,
}

impl Middlebox for Alter101 {
    fn carry(&self, mut client: Io, mut server: Io) -> BoxFuture<'static, ()> {
        let how = *self;
        Box::pin(async move {
            let Some(request) = Head::read(&mut client).await else { return };
            if request.write(&mut server).await.is_err() {
                return;
            }
            let Some(mut answer) = relay::answer(&mut client, &mut server).await else { return };
            if answer.status() == 101 {
                match how {
                    Alter101::AcceptKey => answer.set("Sec-WebSocket-Accept", "bm90IHRoZSByaWdodCBvbmU="),
                    Alter101::Extension => answer.set("Sec-WebSocket-Extensions", "permessage-deflate"),
                    Alter101::UnknownHeaders => answer.remove("proxyprobe-proof"),
                    Alter101::LoseWhatFollows => {
                        // The greeting may come in segments of its own; wait for them, as a slow box would.
                        let mut more = Vec::new();
                        let lost = async { while matches!(server.read_buf(&mut more).await, Ok(size) if size > 0) {} };
                        let _ = timeout(Duration::from_millis(20), lost).await;
                        answer.rest.clear();
                    }
                }
            }
            if answer.write(&mut client).await.is_ok() {
                pass(client, server).await;
            }
        })
    }
}
