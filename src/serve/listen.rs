//! Listening sockets, and what keeps a server's accept loop alive.

use super::Server;
use crate::net::adopt;
use proxyprobe_probes::transport::Leg;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

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
    tokio::spawn(measure_lag(server.clone()));
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
        match accepted.and_then(|(socket, _)| adopt(socket)) {
            Ok(io) => {
                let connection = server.clone();
                server.0.tasks.spawn(async move {
                    connection.serve(io, leg).await;
                    drop(slot);
                });
            }
            // Out of descriptors, or a peer that has gone already: neither may end the loop.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// How often this machine's timers are tested.
const TICK: Duration = Duration::from_millis(50);

/// Notes how late timers are, for a minute: clients ask, because times measured on a busy machine mean nothing.
async fn measure_lag(server: Server) {
    let stop = server.stopping();
    let mut worst: Vec<(Instant, u64)> = Vec::new();
    while !stop.is_cancelled() {
        let before = Instant::now();
        sleep(TICK).await;
        let late = before.elapsed().saturating_sub(TICK);
        let late = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
        worst.retain(|(at, lag)| at.elapsed() < Duration::from_secs(60) && *lag > late);
        worst.push((before, late));
        server.0.lag_ms.store(worst.first().map_or(0, |(_, lag)| *lag), Ordering::Relaxed);
    }
}
