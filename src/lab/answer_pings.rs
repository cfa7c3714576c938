//! Answers the client's pings itself and never shows them to the server: a heartbeat by ping then proves the way to the box alone
//! (what a proxy that parses frames may do, such as mitmproxy).

use super::frames::{Act, Frame, Way, carry, opcode};
use super::{Entry, Layer, Middlebox, Onward};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "answer-pings",
    does: "answers the client's WebSocket pings itself and never shows them to the server",
    seen: "proxies that parse frames, such as mitmproxy",
    layer: Layer::Http,
    parameters: &[],
    build: |_, _| Arc::new(AnswerPings),
};

/// Answers pings.
#[derive(Clone, Copy, Debug)]
struct AnswerPings;

impl Middlebox for AnswerPings {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            carry(client, onward, None, |way, frame| {
                if way == Way::ToServer && frame.opcode() == opcode::PING {
                    let pong = Frame::control(opcode::PONG, &frame.plain(), Way::ToClient);
                    return Act { back: pong.bytes(), ..Act::default() };
                }
                Act::pass(&frame)
            })
            .await;
        })
    }
}
