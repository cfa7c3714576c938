//! Ends a WebSocket after so many bytes, in the middle of a frame if need be.

use super::head::{self, Asked};
use super::relay::{self, Ended};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "close-after-bytes",
    does: "ends WebSockets after so many bytes, those of both ways together",
    seen: "content inspection with a quota; none is known by name",
    layer: Layer::Http,
    parameters: &[Parameter {
        name: "bytes",
        kind: Kind::Number(1, 1 << 40),
        default: "8000",
        means: "how many pass, of those behind the 101",
    }],
    build: |spec, _| Arc::new(CloseAfterBytes { bytes: usize::try_from(spec.number("bytes")).unwrap_or(usize::MAX) }),
};

struct CloseAfterBytes {
    bytes: usize,
}

impl Middlebox for CloseAfterBytes {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let left = Mutex::new(self.bytes);
        Box::pin(async move {
            let Some(Asked { mut client, server, mut answer, .. }) = head::switched(client, onward).await else { return };
            let server = relay::unread(server, std::mem::take(&mut answer.rest));
            if answer.write(&mut client).await.is_err() {
                return;
            }
            let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (split(client), split(server));
            let ended = {
                let mut up = pin!(counted(&mut from_client, &mut to_server, &left));
                let mut down = pin!(counted(&mut from_server, &mut to_client, &left));
                tokio::select! {
                    biased;
                    ended = &mut up => if ended == Some(Ended::Fin) { down.await } else { ended },
                    ended = &mut down => if ended == Some(Ended::Fin) { up.await } else { ended },
                }
            };
            if ended == Some(Ended::Reset) {
                from_client.unsplit(to_client).abort();
                from_server.unsplit(to_server).abort();
            }
        })
    }
}

/// Passes bytes on one way until it ends, or until none is left that may pass: then there is no end to tell.
async fn counted(from: &mut ReadHalf<Io>, to: &mut WriteHalf<Io>, left: &Mutex<usize>) -> Option<Ended> {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let size = match from.read(&mut bytes).await {
            Err(why) if why.kind() == ErrorKind::UnexpectedEof => 0,
            Err(_) => return Some(Ended::Reset),
            Ok(size) => size,
        };
        if size == 0 {
            let _ = to.shutdown().await;
            return Some(Ended::Fin);
        }
        let (pass, last) = {
            let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
            let pass = size.min(*left);
            *left -= pass;
            (pass, *left == 0)
        };
        if to.write_all(bytes.get(..pass).unwrap_or_default()).await.is_err() || to.flush().await.is_err() {
            return Some(Ended::Reset);
        }
        if last {
            return None;
        }
    }
}
