//! Answers every request for a route with the first answer that it saw for it.

use super::Middlebox;
use super::head::Head;
use super::relay::pass;
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Duration, timeout};

/// Caches the answers to requests whose path contains a word.
#[derive(Clone, Debug)]
pub struct Cache {
    /// The word.
    pub route: &'static str,
    kept: Arc<Mutex<Option<Vec<u8>>>>,
}

impl Cache {
    /// Empty.
    pub fn new(route: &'static str) -> Self {
        Self { route, kept: Arc::default() }
    }
}

impl Middlebox for Cache {
    fn carry(&self, mut client: Io, mut server: Io) -> BoxFuture<'static, ()> {
        let cache = self.clone();
        Box::pin(async move {
            let Some(request) = Head::read(&mut client).await else { return };
            if request.write(&mut server).await.is_err() {
                return;
            }
            if !request.path().contains(cache.route) {
                pass(client, server).await;
                return;
            }
            let kept = || cache.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let mut answer = Vec::new();
            // A cache that waits a little for somebody else's answer, as collapsed forwarding does.
            while answer.is_empty() {
                if let Some(kept) = kept() {
                    answer = kept;
                } else if let Ok(Ok(0) | Err(_)) = timeout(Duration::from_millis(100), server.read_buf(&mut answer)).await {
                    return;
                }
            }
            // The body comes in a segment of its own.
            let _ = timeout(Duration::from_millis(50), async {
                while matches!(server.read_buf(&mut answer).await, Ok(size) if size > 0) {}
            })
            .await;
            cache.kept.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(answer.clone());
            let _ = client.write_all(&answer).await;
            let _ = client.shutdown().await;
        })
    }
}
