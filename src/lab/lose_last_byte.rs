//! Takes small frames apart and puts them together one byte short, with the length corrected: no library notices (reported of
//! Kaspersky's web protection, of small frames in quick succession).

use super::frames::{Act, Way, carry};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "lose-last-byte",
    does: "makes small WebSocket messages one byte shorter",
    seen: "Kaspersky's web protection, for small frames in quick succession",
    layer: Layer::Http,
    parameters: &[
        Parameter {
            name: "below",
            kind: Kind::Number(1, 1 << 20),
            default: "126",
            means: "the size from which on messages are left alone",
        },
        Parameter { name: "way", kind: Kind::Choice(&["to-client", "to-server"]), default: "to-client", means: "the direction" },
        Parameter {
            name: "within",
            kind: Kind::Seconds,
            default: "0",
            means: "only messages that follow another one within this time; 0 is all of them",
        },
    ],
    build: |spec, _| {
        let way = if spec.word("way") == "to-server" { Way::ToServer } else { Way::ToClient };
        let within = Some(spec.seconds("within")).filter(|within| !within.is_zero());
        Arc::new(LoseLastByte { below: usize::try_from(spec.number("below")).unwrap_or(0), way, within })
    },
};

/// The last byte of small messages is lost.
#[derive(Clone, Copy, Debug)]
struct LoseLastByte {
    /// Frames with a payload smaller than this.
    below: usize,
    /// Which way.
    way: Way,
    /// Only those that follow another one within this time; none is all of them.
    within: Option<Duration>,
}

impl Middlebox for LoseLastByte {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let Self { below, way, within } = *self;
        Box::pin(async move {
            let mut before: Option<Instant> = None;
            carry(client, onward, None, |goes, mut frame| {
                if goes == way && frame.is_data() {
                    let follows = |within| before.is_some_and(|before| before.elapsed() <= within);
                    if frame.payload.len() < below && within.is_none_or(follows) {
                        frame.payload.pop();
                    }
                    before = Some(Instant::now());
                }
                Act::pass(&frame)
            })
            .await;
        })
    }
}
