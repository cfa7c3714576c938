//! Heads of requests and answers, to be read, changed and passed on.

use proxyprobe_probes::io::Io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A head as it stands on the wire: the first line and the header lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The request line or the status line.
    pub first: String,
    /// Names and values, in order.
    pub fields: Vec<(String, String)>,
    /// Bytes that had arrived behind it.
    pub rest: Vec<u8>,
}

/// The most bytes of a head.
const LIMIT: usize = 64 * 1024;

impl Head {
    /// Reads a head; none when the stream ends or the head is too large.
    pub async fn read(io: &mut Io) -> Option<Head> {
        let mut bytes = Vec::new();
        loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = bytes.split_off(end + 4);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let mut lines = text.trim_end().split("\r\n");
                let first = lines.next()?.to_owned();
                let field = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
                return Some(Head { first, fields: lines.filter_map(field).collect(), rest });
            }
            if bytes.len() > LIMIT || !matches!(io.read_buf(&mut bytes).await, Ok(size) if size > 0) {
                return None;
            }
        }
    }

    /// Writes it, with what had arrived behind it.
    pub async fn write(&self, io: &mut Io) -> std::io::Result<()> {
        let mut text = format!("{}\r\n", self.first);
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        io.write_all(text.as_bytes()).await?;
        io.write_all(&self.rest).await?;
        io.flush().await
    }

    /// The first value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Takes a field away.
    pub fn remove(&mut self, name: &str) {
        self.fields.retain(|(found, _)| !found.eq_ignore_ascii_case(name));
    }

    /// Sets a field.
    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.fields.push((name.to_owned(), value.to_owned()));
    }

    /// The path of a request.
    pub fn path(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }

    /// The status of an answer.
    pub fn status(&self) -> u16 {
        self.first.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// Whether a request asks for a WebSocket.
    pub fn wants_websocket(&self) -> bool {
        self.get("upgrade").is_some_and(|token| token.eq_ignore_ascii_case("websocket"))
    }

    /// Whether a request asks for an event stream.
    pub fn wants_events(&self) -> bool {
        self.get("accept").is_some_and(|types| types.contains("text/event-stream"))
    }
}
