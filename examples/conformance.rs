//! The WebSocket framing of both ends, for the Autobahn test suite (docs/conformance.md): the library with the limits that `serve` and
//! `check` give it, and an echo, which the protocol of `proxyprobe` does not have.
//!
//! `conformance server ADDRESS` echoes; `conformance client ADDRESS` goes through all cases of a fuzzing server.
#![expect(clippy::unwrap_used, reason = "a mistake ends it")]

use futures_util::{SinkExt, StreamExt};
use proxyprobe_probes::io::websocket::{MESSAGE_BYTES, limits};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async_with_config, client_async_with_config};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["server", address] => serve(address).await,
        ["client", address] => go_through(address).await,
        _ => std::process::abort(),
    }
}

async fn serve(address: &str) {
    let listener = TcpListener::bind(address).await.unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            if let Ok(socket) = accept_async_with_config(stream, Some(limits(MESSAGE_BYTES))).await {
                echo(socket).await;
            }
        });
    }
}

async fn go_through(address: &str) {
    let count = open(address, "getCaseCount").await.next().await.unwrap().unwrap().into_text().unwrap();
    for case in 1..=count.parse::<u32>().unwrap() {
        echo(open(address, &format!("runCase?case={case}&agent=proxyprobe-check")).await).await;
    }
    let mut over = open(address, "updateReports?agent=proxyprobe-check").await;
    while let Some(Ok(_)) = over.next().await {}
}

async fn open(address: &str, path: &str) -> WebSocketStream<TcpStream> {
    #[expect(clippy::disallowed_methods, reason = "a peer of the test suite, and not the program")]
    let stream = TcpStream::connect(address).await.unwrap();
    let url = format!("ws://{address}/{path}");
    client_async_with_config(url, stream, Some(limits(MESSAGE_BYTES))).await.unwrap().0
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocketStream<S>) {
    while let Some(Ok(message)) = socket.next().await {
        if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}
