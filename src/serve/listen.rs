//! Listening sockets, and what keeps a server's accept loop alive.

use super::door::Entry;
use super::{Arrival, Server, front};
use crate::net::adopt;
use proxyprobe_probes::transport::Leg;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

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
        let local = serve_on(server, listener, leg)?;
        match leg {
            Leg::Http => bound.http = Some(local),
            Leg::Https => bound.https = Some(local),
        }
    }
    Ok(bound)
}

/// Accepts connections of a leg on a listener that is there already, and gives its address.
///
/// # Errors
/// When it has no address.
pub fn serve_on(server: &Server, listener: TcpListener, leg: Leg) -> io::Result<SocketAddr> {
    let local = listener.local_addr()?;
    tokio::spawn(accept(server.clone(), listener, leg));
    server.measure_lag();
    Ok(local)
}

async fn accept(server: Server, listener: TcpListener, leg: Leg) {
    let stop = server.stopping();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((socket, from)) => admit(&server, socket, leg, from),
            // Out of descriptors, or a peer that has gone already: neither may end the loop.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

fn admit(server: &Server, mut socket: TcpStream, leg: Leg, from: SocketAddr) {
    // Behind a front, the address is known when the front has said it.
    let known = Some(from).filter(|_| !server.0.proxy_protocol);
    let (mut ticket, mut refusal) = match server.0.door.connection(known.map(|known| known.ip())) {
        Entry::In(ticket) => (ticket, None),
        Entry::Told(ticket, refusal) => (ticket, Some(refusal)),
        // A reset: nothing of it is left to be kept.
        Entry::Away => {
            server.0.metrics.refused(TURNED_AWAY);
            server.0.log.refused(TURNED_AWAY, &[("from", &from.ip().to_string())]);
            let _ = socket.set_zero_linger();
            return;
        }
    };
    let server = server.clone();
    server.0.tasks.clone().spawn(async move {
        let mut peer = known;
        if server.0.proxy_protocol {
            match Box::pin(timeout(server.0.limits.head, front::read(&mut socket))).await {
                Ok(Ok(client)) => peer = client,
                Ok(Err(error)) => {
                    let (from, why) = (from.ip().to_string(), error.to_string());
                    return server.0.log.refused("proxy-protocol", &[("from", &from), ("why", &why)]);
                }
                Err(_) => return,
            }
            refusal = refusal.or(peer.and_then(|peer| server.0.door.on_behalf(&mut ticket, peer.ip())));
        }
        if let Ok(io) = adopt(socket) {
            server.serve_arrival(io, leg, Arrival { peer, refusal }, Some(ticket)).await;
        }
    });
}

/// The name, in logs and metrics, of connections that are closed unread.
const TURNED_AWAY: &str = "turned-away";
