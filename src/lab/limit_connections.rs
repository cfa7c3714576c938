//! Allows so many connections at once and resets the others.

use super::Middlebox;
use super::relay::pass;
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The number of connections at once.
#[derive(Clone, Debug)]
pub struct LimitConnections(Arc<Semaphore>);

impl LimitConnections {
    /// So many.
    pub fn new(connections: usize) -> Self {
        Self(Arc::new(Semaphore::new(connections)))
    }
}

impl Middlebox for LimitConnections {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        let slot = self.0.clone().try_acquire_owned();
        Box::pin(async move {
            match slot {
                Ok(slot) => {
                    pass(client, server).await;
                    drop(slot);
                }
                Err(_) => client.abort(),
            }
        })
    }
}
