//! Puts middleboxes of the lab between sockets: listens, and reaches what is behind them.

use crate::lab::{Admission, Middlebox, Onward, Row};
use crate::net::{Network, System, adopt};
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::sleep;

/// Middleboxes that wait for connections. They stop when this is dropped.
pub struct Stand {
    /// Where they listen.
    pub address: SocketAddr,
    _work: Work,
}

enum Work {
    /// Connections are accepted and carried.
    Accepts(tokio::task::JoinHandle<()>),
    /// A socket that only holds its port.
    Holds { _socket: Socket, _queue: Vec<Socket> },
}

impl Drop for Stand {
    fn drop(&mut self) {
        if let Work::Accepts(task) = &self._work {
            task.abort();
        }
    }
}

/// Puts a row of middleboxes on an address, with a way onward.
///
/// # Errors
/// When the address cannot be bound.
pub async fn stand(row: Row, address: SocketAddr, onward: Onward) -> io::Result<Stand> {
    let words = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"));
    match row.admits() {
        Admission::Accepts => {
            let listener = TcpListener::bind(address).await.map_err(words)?;
            let address = listener.local_addr()?;
            Ok(Stand { address, _work: Work::Accepts(tokio::spawn(accept(row, listener, onward))) })
        }
        Admission::Refuses => hold(address, false).map_err(words),
        Admission::Ignores => hold(address, true).map_err(words),
    }
}

async fn accept(row: Row, listener: TcpListener, onward: Onward) {
    loop {
        match listener.accept().await.and_then(|(socket, _)| adopt(socket)) {
            Ok(io) if row.admits() == Admission::Accepts => {
                tokio::spawn(row.carry(io, onward.clone()));
            }
            // From now on nobody is admitted: the port is given up, so that the next attempt is refused by the kernel.
            Ok(io) => {
                io.abort();
                return;
            }
            // Out of descriptors, or a peer that has gone already: neither may end the loop.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// How long filling a queue of our own waits for the kernel.
const FILL: Duration = Duration::from_millis(100);
/// A queue for no connection holds one all the same; the next attempts are left without an answer.
const FILLERS: usize = 3;

/// Takes a port: attempts are refused because nobody listens, or left unanswered because the queue is full.
fn hold(address: SocketAddr, ignores: bool) -> io::Result<Stand> {
    let new = || Socket::new(Domain::for_address(address), Type::STREAM, None);
    let socket = new()?;
    socket.bind(&address.into())?;
    let local = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let mut queue = Vec::new();
    if ignores {
        socket.listen(0)?;
        for _ in 0..FILLERS {
            let filler = new()?;
            let _ = filler.connect_timeout(&local.into(), FILL);
            queue.push(filler);
        }
    }
    Ok(Stand { address: local, _work: Work::Holds { _socket: socket, _queue: queue } })
}

/// The way to one server, or to wherever a client asks a proxy to go when there is none.
pub fn onward(server: Option<(String, u16)>) -> Onward {
    Onward::new(move |place| {
        let server = server.clone();
        Box::pin(async move {
            let (host, port) = match (server, place) {
                (Some(server), _) => server,
                (None, Some(place)) => split(&place).ok_or(io::ErrorKind::InvalidInput)?,
                (None, None) => return Err(io::ErrorKind::AddrNotAvailable.into()),
            };
            let mut last = io::Error::from(io::ErrorKind::NotFound);
            for address in System.resolve(&host, port).await? {
                match System.connect(address).await {
                    Ok((io, _)) => return Ok(io),
                    Err(error) => last = error,
                }
            }
            Err(last)
        })
    })
}

/// The way to the server of a run with several legs: where the client asks a proxy to go, but only on this machine.
pub fn onward_to_legs(legs: Arc<[(u16, SocketAddr)]>, own: u16) -> Onward {
    Onward::new(move |place| {
        let port = place.and_then(|place| split(&place)).map_or(own, |(_, port)| port);
        let address = legs.iter().find(|(public, _)| *public == port).map(|(_, address)| *address);
        Box::pin(async move {
            let address = address.ok_or(io::ErrorKind::ConnectionRefused)?;
            System.connect(address).await.map(|(io, _)| io)
        })
    })
}

/// Splits `host:port`.
pub fn split(place: &str) -> Option<(String, u16)> {
    let (host, port) = place.rsplit_once(':')?;
    let host = host.trim_matches(['[', ']']);
    (!host.is_empty()).then_some((host.to_owned(), port.parse().ok()?))
}
