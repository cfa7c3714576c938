//! Answers in place of the server: a refusal, a portal's redirect, a gateway that cannot reach it, a plain web server, silence.

use super::head::Head;
use super::{Middlebox, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use tokio::io::AsyncWriteExt;

/// Which requests are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All of them.
    All,
    /// Those for a WebSocket.
    WebSockets,
    /// Those for an event stream.
    Events,
}

/// Answers some requests itself; the others pass.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Which.
    pub which: Which,
    /// The answer, head and body; an empty one leaves the client waiting.
    pub text: String,
}

impl Answer {
    /// An answer with a status line, header lines and a body.
    pub fn new(which: Which, status: &str, fields: &[(&str, &str)], body: &str) -> Self {
        let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        Self { which, text: format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len()) }
    }

    /// No answer at all.
    pub fn silence(which: Which) -> Self {
        Self { which, text: String::new() }
    }
}

impl Middlebox for Answer {
    fn carry(&self, mut client: Io, mut server: Io) -> BoxFuture<'static, ()> {
        let answer = self.clone();
        Box::pin(async move {
            let Some(head) = Head::read(&mut client).await else { return };
            let ours = match answer.which {
                Which::All => true,
                Which::WebSockets => head.wants_websocket(),
                Which::Events => head.wants_events(),
            };
            if !ours {
                if head.write(&mut server).await.is_ok() {
                    relay::pass(client, server).await;
                }
                return;
            }
            if client.write_all(answer.text.as_bytes()).await.is_ok() {
                let _ = client.flush().await;
                // The client ends it.
                let (mut from, _to) = tokio::io::split(client);
                relay::swallow(&mut from).await;
            }
        })
    }
}
