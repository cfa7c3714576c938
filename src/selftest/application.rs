//! An application of somebody's own beside the server, as far as a visitor notices it: an echo on a WebSocket, and events.

use futures_util::{SinkExt, StreamExt};
use proxyprobe_probes::io::Io;
use rustls::ServerConfig;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// How often it says something on a stream, and how often in all.
const EVENTS: (Duration, u32) = (Duration::from_secs(1), 20);
/// The most of a request that it reads.
const HEAD_BYTES: usize = 16 * 1024;

/// The application.
#[derive(Clone)]
pub(super) struct Application {
    tls: TlsAcceptor,
}

impl Application {
    /// With this side of TLS.
    pub(super) fn new(tls: ServerConfig) -> Self {
        Self { tls: TlsAcceptor::from(Arc::new(tls)) }
    }

    /// Answers on one connection.
    pub(super) async fn serve(self, io: Io, encrypted: bool) {
        let observer = io.observer();
        let io = match encrypted {
            true => self.tls.accept(io).await.map(|session| Io::over(session, observer)),
            false => Ok(io),
        };
        // A visitor that leaves is no error of the application's.
        if let Ok(io) = io {
            let _ = answer(io).await;
        }
    }
}

async fn answer(mut io: Io) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_BYTES {
        head.push(io.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let key =
        head.lines().filter_map(|line| line.split_once(": ")).find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    match key {
        Some((_, key)) => echo(io, key.trim()).await,
        None => events(io).await,
    }
}

async fn echo(mut io: Io, key: &str) -> std::io::Result<()> {
    let accept = derive_accept_key(key.as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    io.write_all(head.as_bytes()).await?;
    io.flush().await?;
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
    while let Some(Ok(message)) = socket.next().await {
        let echoed = if message.is_text() || message.is_binary() { socket.send(message).await } else { socket.flush().await };
        if echoed.is_err() {
            break;
        }
    }
    Ok(())
}

async fn events(mut io: Io) -> std::io::Result<()> {
    io.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
    for number in 0..EVENTS.1 {
        let event = format!("data: {number}\n\n");
        io.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await?;
        io.flush().await?;
        sleep(EVENTS.0).await;
    }
    io.write_all(b"0\r\n\r\n").await?;
    io.flush().await
}
