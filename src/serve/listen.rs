//! Listening sockets, and what keeps a server's accept loop alive.

use super::door::Entry;
use super::{Arrival, Server, lag};
use crate::net::adopt;
use proxyprobe_probes::io::Io;
use proxyprobe_probes::transport::Leg;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
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
        tokio::spawn(accept(server.clone(), listener, leg));
    }
    tokio::spawn(lag::measure(server.clone()));
    Ok(bound)
}

async fn accept(server: Server, listener: TcpListener, leg: Leg) {
    let stop = server.stopping();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted.and_then(|(socket, from)| Ok((adopt(socket)?, from))) {
            Ok((io, from)) => admit(&server, io, leg, from),
            // Out of descriptors, or a peer that has gone already: neither may end the loop.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

fn admit(server: &Server, io: Io, leg: Leg, from: SocketAddr) {
    let (ticket, refusal) = match server.0.door.connection(Some(from.ip())) {
        Entry::In(ticket) => (ticket, None),
        Entry::Told(ticket, refusal) => (ticket, Some(refusal)),
        // A reset: nothing of it is left to be kept.
        Entry::Away => return io.abort(),
    };
    let connection = server.clone();
    server.0.tasks.spawn(async move {
        connection.serve_arrival(io, leg, Arrival { address: Some(from.ip()), refusal }).await;
        drop(ticket);
    });
}
