//! Passes text in whole frames and takes offence at other frames (no product is known for it by name; boxes that follow an upgrade with a
//! parser of their own know as much of RFC 6455 as they needed).

use super::frames::{Act, Frame, Way, carry, opcode};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "refuse-frames",
    does: "refuses WebSocket frames that are binary, or parts of a message",
    seen: "boxes that follow an upgrade with a parser of their own; none is known by name",
    layer: Layer::Http,
    parameters: &[
        Parameter {
            name: "what",
            kind: Kind::Choice(&["binary", "fragments"]),
            default: "binary",
            means: "binary messages, or messages in several frames",
        },
        Parameter {
            name: "then",
            kind: Kind::Choice(&["closes", "drops", "turns-to-text"]),
            default: "closes",
            means: "ends the connection with code 1003, swallows the frame, or passes a binary message on as text",
        },
        Way::PARAMETER,
    ],
    build: |spec, _| {
        Arc::new(RefuseFrames {
            fragments: spec.word("what") == "fragments",
            then: spec.word("then").to_owned(),
            way: Way::of(spec),
        })
    },
};

/// FIN (RFC 6455 section 5.2).
const FIN: u8 = 0x80;
/// The code for data of a kind that cannot be accepted (RFC 6455 section 7.4.1).
const UNSUPPORTED: u16 = 1003;

#[derive(Clone, Debug)]
struct RefuseFrames {
    fragments: bool,
    then: String,
    /// Which way; none is either.
    way: Option<Way>,
}

impl RefuseFrames {
    fn refuses(&self, way: Way, frame: &Frame) -> bool {
        let kind = match self.fragments {
            true => frame.is_data() && (frame.first & FIN == 0 || frame.opcode() == opcode::CONTINUATION),
            false => frame.opcode() == opcode::BINARY,
        };
        kind && self.way.is_none_or(|only| only == way)
    }
}

impl Middlebox for RefuseFrames {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let this = self.clone();
        Box::pin(async move {
            carry(client, onward, None, |way, mut frame| {
                if !this.refuses(way, &frame) {
                    return Act::pass(&frame);
                }
                match this.then.as_str() {
                    "drops" => Act::default(),
                    "turns-to-text" if !this.fragments => {
                        frame.first = frame.first & 0xF0 | opcode::TEXT;
                        Act::pass(&frame)
                    }
                    _ => {
                        let back = if way == Way::ToServer { Way::ToClient } else { Way::ToServer };
                        let close = |way| Frame::control(opcode::CLOSE, &UNSUPPORTED.to_be_bytes(), way).bytes();
                        Act { on: close(way), back: close(back), over: true }
                    }
                }
            })
            .await;
        })
    }
}
