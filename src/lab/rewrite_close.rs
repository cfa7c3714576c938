//! Passes messages and does not pass close frames on as they are (gateways that end one WebSocket and begin another have to invent the
//! code of the second one's end).

use super::frames::{Act, Frame, carry, opcode};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "rewrite-close",
    does: "passes WebSocket messages, and changes or swallows the frame that closes",
    seen: "gateways that end one WebSocket and begin another; none is known by name",
    layer: Layer::Http,
    parameters: &[Parameter {
        name: "to",
        kind: Kind::Choice(&["1000", "no-reason", "nothing"]),
        default: "1000",
        means: "code 1000 without words, the same code without words, or no close frame at all: the connection only ends",
    }],
    build: |spec, _| Arc::new(RewriteClose { to: spec.word("to").to_owned() }),
};

struct RewriteClose {
    to: String,
}

impl Middlebox for RewriteClose {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let to = self.to.clone();
        Box::pin(async move {
            carry(client, onward, None, |way, frame| {
                if frame.opcode() != opcode::CLOSE {
                    return Act::pass(&frame);
                }
                let plain = frame.plain();
                let payload = match to.as_str() {
                    "nothing" => return Act { over: true, ..Act::default() },
                    "no-reason" => plain.get(..2).unwrap_or_default(),
                    _ => &1000_u16.to_be_bytes(),
                };
                Act { on: Frame::control(opcode::CLOSE, payload, way).bytes(), ..Act::default() }
            })
            .await;
        })
    }
}
