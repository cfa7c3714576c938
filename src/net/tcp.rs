//! Real sockets.

use super::Network;
use super::machine::{Here, interfaces};
use proxyprobe_probes::exchange::KernelNote;
use proxyprobe_probes::io::{BoxFuture, Control, Io};
use proxyprobe_probes::wire::datagram::MOST_BYTES;
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// The operating system's names and sockets.
pub struct System;

impl Network for System {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(lookup_host((host, port)).await?.collect()) })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<(Io, SocketAddr)>> {
        Box::pin(async move {
            #[expect(clippy::disallowed_methods, reason = "the one place that dials")]
            let socket = TcpStream::connect(address).await?;
            let local = socket.local_addr()?;
            Ok((adopt(socket)?, local))
        })
    }

    fn local_towards(&self, address: SocketAddr) -> Option<IpAddr> {
        // Connecting a datagram socket sends nothing: it only asks the routing table.
        let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
        let socket = UdpSocket::bind(any).ok()?;
        socket.connect(address).ok()?;
        socket.local_addr().ok().map(|local| local.ip())
    }

    fn ask_by_datagram(&self, address: SocketAddr, question: Vec<u8>, again: Duration) -> BoxFuture<'_, io::Result<Vec<u8>>> {
        Box::pin(async move {
            let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
            let socket = tokio::net::UdpSocket::bind(any).await?;
            // From nobody else is anything heard, and a refusal (ICMP) is an error.
            socket.connect(address).await?;
            let mut answer = vec![0; MOST_BYTES];
            loop {
                socket.send(&question).await?;
                if let Ok(size) = timeout(again, socket.recv(&mut answer)).await {
                    answer.truncate(size?);
                    return Ok(answer);
                }
            }
        })
    }

    fn interfaces(&self) -> Vec<Here> {
        interfaces()
    }
}

/// Makes a socket the stream that everything runs on.
///
/// # Errors
/// When its options cannot be set.
pub fn adopt(socket: TcpStream) -> io::Result<Io> {
    // A message is sent when it is written: Nagle's algorithm would add its own delays to those of the path.
    socket.set_nodelay(true)?;
    let socket = Arc::new(Socket(Mutex::new(socket)));
    Ok(Io::new(Shared(socket.clone()), socket))
}

/// A socket that one layer reads and writes while another asks the kernel about it. The lock is hardly ever waited for; what tokio
/// knows of a socket that it owns saves a call into the kernel with each message.
struct Socket(Mutex<TcpStream>);

impl Socket {
    fn lock(&self) -> MutexGuard<'_, TcpStream> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Shared(Arc<Socket>);

impl Control for Socket {
    fn kernel(&self) -> Option<KernelNote> {
        kernel_note(&self.lock())
    }

    fn abort(&self) {
        // The socket closes either way; without linger it closes with a FIN instead.
        let _ = SockRef::from(&*self.lock()).set_linger(Some(Duration::ZERO));
    }

    fn keep_alive(&self, every: Duration) -> bool {
        let times = TcpKeepalive::new().with_time(every).with_interval(every);
        SockRef::from(&*self.lock()).set_tcp_keepalive(&times).is_ok()
    }
}

impl AsyncRead for Shared {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.lock()).poll_read(cx, buf)
    }
}

impl AsyncWrite for Shared {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.lock()).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match SockRef::from(&*self.0.lock()).shutdown(std::net::Shutdown::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            result => Poll::Ready(result),
        }
    }
}

#[cfg(target_os = "linux")]
fn kernel_note(socket: &TcpStream) -> Option<KernelNote> {
    use std::os::fd::AsRawFd;
    let mut info = [0u8; 256];
    let mut length = libc::socklen_t::try_from(info.len()).ok()?;
    #[expect(unsafe_code, reason = "TCP_INFO has no safe wrapper in the libraries that are used here")]
    // SAFETY: the descriptor lives as long as `socket` is borrowed, and the kernel writes at most `length` bytes into `info`.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, info.as_mut_ptr().cast(), &raw mut length)
    };
    // The offsets of `struct tcp_info` in linux/tcp.h, which only ever grows at its end.
    let written = info.get(..usize::try_from(length).ok()?)?;
    let word = |at: usize| written.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
    (result == 0).then_some(())?;
    Some(KernelNote {
        retransmits: u32::from(*written.get(2)?),
        rto_ms: word(8)? / 1000,
        unacked: word(24)?,
        last_ack_ms: word(56)?,
        rtt_us: word(68)?,
    })
}

#[cfg(not(target_os = "linux"))]
fn kernel_note(_: &TcpStream) -> Option<KernelNote> {
    None
}
