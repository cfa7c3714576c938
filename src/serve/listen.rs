//! Listening sockets, and what keeps a server's accept loop alive.

use super::{Server, lag};
use crate::net::adopt;
use proxyprobe_probes::transport::Leg;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::sleep;

/// A server that accepts connections until it is dropped or shut down.
pub struct Listening {
    /// Where the cleartext leg listens.
    pub http: Option<SocketAddr>,
    /// Where the TLS leg listens.
    pub https: Option<SocketAddr>,
}

/// Listens on the given addresses.
///
/// # Errors
/// When an address cannot be bound; it names the address.
pub async fn listen(server: &Server, http: Option<SocketAddr>, https: Option<SocketAddr>) -> io::Result<Listening> {
    let slots = Arc::new(Semaphore::new(server.0.limits.connections));
    let mut bound = Listening { http: None, https: None };
    for (leg, address) in [(Leg::Http, http), (Leg::Https, https)] {
        let Some(address) = address else { continue };
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))?;
        let local = listener.local_addr()?;
        match leg {
            Leg::Http => bound.http = Some(local),
            Leg::Https => bound.https = Some(local),
        }
        tokio::spawn(accept(server.clone(), listener, leg, slots.clone()));
    }
    tokio::spawn(lag::measure(server.clone()));
    Ok(bound)
}

async fn accept(server: Server, listener: TcpListener, leg: Leg, slots: Arc<Semaphore>) {
    let stop = server.stopping();
    loop {
        // A connection over the limit waits in the kernel's queue until another one ends.
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted.and_then(|(socket, peer)| Ok((adopt(socket)?, peer))) {
            Ok((io, peer)) => {
                let connection = server.clone();
                server.0.tasks.spawn(async move {
                    connection.serve(io, leg, Some(peer)).await;
                    drop(slot);
                });
            }
            // Out of descriptors, or a peer that has gone already: neither may end the loop.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}
