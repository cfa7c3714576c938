//! Takes small frames apart and puts them together one byte short, with the length corrected: no library notices (reported of
//! Kaspersky's web protection, of small frames in quick succession).

use super::Middlebox;
use super::frames::{Act, Way, carry};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::time::Duration;
use tokio::time::Instant;

/// The last byte of small messages is lost.
#[derive(Clone, Copy, Debug)]
pub struct LoseLastByte {
    /// Frames with a payload smaller than this.
    pub below: usize,
    /// Which way.
    pub way: Way,
    /// Only those that follow another one within this time; none is all of them.
    pub within: Option<Duration>,
}

impl Middlebox for LoseLastByte {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        let Self { below, way, within } = *self;
        Box::pin(async move {
            let mut before: Option<Instant> = None;
            carry(client, server, None, |goes, mut frame| {
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
