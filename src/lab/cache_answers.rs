//! Answers every request whose path contains a word with the first answer that it saw for one.

use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, head, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "cache-answers",
    does: "answers requests from a cache that does not look at the whole path",
    seen: "caches that ignore no-store; none is known by name",
    layer: Layer::Http,
    parameters: &[Parameter {
        name: "path",
        kind: Kind::Word,
        default: "poll",
        means: "the word in the path of requests that it caches",
    }],
    build: |spec, _| Arc::new(CacheAnswers { path: spec.word("path").to_owned(), kept: Arc::default() }),
};

#[derive(Clone)]
struct CacheAnswers {
    path: String,
    kept: Arc<Mutex<Option<Vec<u8>>>>,
}

/// How long a cache waits for somebody else's answer before it looks again, as collapsed forwarding does.
const LOOK: Duration = Duration::from_millis(100);
/// Within this time a body follows its head.
const BODY: Duration = Duration::from_millis(50);
/// No answer is kept that is larger.
const LIMIT: usize = 64 * 1024;

impl Middlebox for CacheAnswers {
    fn carry(&self, mut client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let cache = self.clone();
        Box::pin(async move {
            let Some(request) = head::request(&mut client).await else { return };
            let concerned = request.path().contains(&cache.path);
            let kept = || cache.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(kept) = kept().filter(|_| concerned) {
                let _ = client.write_all(&kept).await;
                let _ = client.shutdown().await;
                return;
            }
            let Ok(mut server) = onward.open().await else { return };
            if request.write(&mut server).await.is_err() {
                return;
            }
            if !concerned {
                relay::pass(client, server).await;
                return;
            }
            let mut own = Vec::new();
            let answer = loop {
                if let Some(kept) = kept() {
                    break kept;
                }
                match timeout(LOOK, server.read_buf(&mut own)).await {
                    Err(_) => {}
                    Ok(Ok(size)) if size > 0 => {
                        let _ = timeout(BODY, async {
                            while own.len() < LIMIT && matches!(server.read_buf(&mut own).await, Ok(size) if size > 0) {}
                        })
                        .await;
                        break cache.kept.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(own).clone();
                    }
                    Ok(_) => return,
                }
            };
            let _ = client.write_all(&answer).await;
            let _ = client.shutdown().await;
        })
    }
}
