//! Sends a Close frame that neither end sent to both of them, and closes (seen of mitmproxy, with code 1000).

use super::frames::{Act, Frame, Over, Way, carry, opcode};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "invent-close",
    does: "sends a Close frame that neither end sent to both of them, and closes",
    seen: "mitmproxy (1000); Cloudflare at restarts",
    layer: Layer::Http,
    parameters: &[
        Parameter { name: "after", kind: Kind::Seconds, default: "0.5", means: "how long after the 101" },
        Parameter { name: "code", kind: Kind::Number(1000, 4999), default: "1000", means: "the code (RFC 6455 section 7.4)" },
    ],
    build: |spec, _| {
        Arc::new(InventClose { after: spec.seconds("after"), code: u16::try_from(spec.number("code")).unwrap_or(1000) })
    },
};

/// Ends WebSockets in the name of the other end.
#[derive(Clone, Copy, Debug)]
struct InventClose {
    /// So long after their 101.
    after: Duration,
    /// With this code (RFC 6455 section 7.4).
    code: u16,
}

impl Middlebox for InventClose {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let Self { after, code } = *self;
        Box::pin(async move {
            let Some(left) = carry(client, onward, Some(Over::Age(after)), |_, frame| Act::pass(&frame)).await else { return };
            let closes = |(mut io, mut bytes): (Io, Vec<u8>), way| async move {
                bytes.extend(Frame::control(opcode::CLOSE, &code.to_be_bytes(), way).bytes());
                let _ = io.write_all(&bytes).await;
                let _ = io.shutdown().await;
            };
            tokio::join!(closes(left.client, Way::ToClient), closes(left.server, Way::ToServer));
        })
    }
}
