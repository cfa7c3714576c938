//! Sends a Close frame that neither end sent to both of them, and closes (seen of mitmproxy, with code 1000).

use super::Middlebox;
use super::frames::{Act, Frame, Way, carry, opcode};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// Ends WebSockets in the name of the other end.
#[derive(Clone, Copy, Debug)]
pub struct InventClose {
    /// So long after their 101.
    pub after: Duration,
    /// With this code (RFC 6455 section 7.4).
    pub code: u16,
}

impl Middlebox for InventClose {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        let Self { after, code } = *self;
        Box::pin(async move {
            let Some(ends) = carry(client, server, Some(after), |_, frame| Act::pass(&frame)).await else { return };
            for (mut io, way) in [(ends.0, Way::ToClient), (ends.1, Way::ToServer)] {
                let close = Frame::control(opcode::CLOSE, &code.to_be_bytes(), way);
                let _ = io.write_all(&close.bytes()).await;
                let _ = io.shutdown().await;
            }
        })
    }
}
