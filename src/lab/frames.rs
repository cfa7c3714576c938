//! WebSocket frames (RFC 6455 section 5.2) for boxes that look into them.

use super::head::{self, Asked};
use super::{Kind, Onward, Parameter, Spec, relay};
use proxyprobe_probes::io::Io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::time::Instant;

/// The largest payload that is read; a box that meets a larger one ends the connection.
const PAYLOAD: u64 = 1024 * 1024;

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

impl Way {
    /// Which way a box concerns.
    pub(super) const PARAMETER: Parameter = Parameter {
        name: "way",
        kind: Kind::Choice(&["both", "to-server", "to-client"]),
        default: "both",
        means: "the direction",
    };

    /// The value of [`Way::PARAMETER`]; none is both.
    pub(super) fn of(spec: &Spec) -> Option<Self> {
        match spec.word(Self::PARAMETER.name) {
            "to-server" => Some(Self::ToServer),
            "to-client" => Some(Self::ToClient),
            _ => None,
        }
    }
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// The first byte: FIN, reserved bits and opcode.
    pub(super) first: u8,
    /// The masking key, on frames to the server.
    pub(super) mask: Option<[u8; 4]>,
    /// The payload as it stands on the wire, masked or not.
    pub(super) payload: Vec<u8>,
}

/// The opcodes that boxes here know.
pub(super) mod opcode {
    /// More of a message.
    pub(in super::super) const CONTINUATION: u8 = 0x0;
    /// A message of text.
    pub(in super::super) const TEXT: u8 = 0x1;
    /// A binary message.
    pub(in super::super) const BINARY: u8 = 0x2;
    /// Close.
    pub(in super::super) const CLOSE: u8 = 0x8;
    /// Ping.
    pub(in super::super) const PING: u8 = 0x9;
    /// Pong.
    pub(in super::super) const PONG: u8 = 0xA;
}

impl Frame {
    /// A whole control frame; towards the server it is masked, as RFC 6455 section 5.3 demands.
    pub(super) fn control(opcode: u8, payload: &[u8], way: Way) -> Self {
        // A key of zeros leaves the payload as it is.
        let mask = (way == Way::ToServer).then_some([0; 4]);
        Self { first: 0x80 | opcode, mask, payload: payload.to_vec() }
    }

    /// Its opcode.
    pub(super) fn opcode(&self) -> u8 {
        self.first & 0x0F
    }

    /// Whether it carries a message or a part of one.
    pub(super) fn is_data(&self) -> bool {
        self.opcode() < 0x8
    }

    /// The payload without its mask.
    pub(super) fn plain(&self) -> Vec<u8> {
        let key = self.mask.unwrap_or_default();
        self.payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
    }

    /// It as it stands on the wire.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let masked = if self.mask.is_some() { 0x80 } else { 0 };
        let mut bytes = vec![self.first];
        match self.payload.len() {
            length @ 0..=125 => bytes.push(masked | u8::try_from(length).unwrap_or(0)),
            length if length <= usize::from(u16::MAX) => {
                bytes.push(masked | 126);
                bytes.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
            }
            length => {
                bytes.push(masked | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend(self.mask.iter().flatten());
        bytes.extend(&self.payload);
        bytes
    }

    /// Takes the first whole frame from `bytes`; none as long as it is not whole, an error when it is too large.
    fn take(bytes: &mut Vec<u8>) -> Result<Option<Frame>, ()> {
        let Some((&[first, second], rest)) = bytes.split_first_chunk::<2>() else { return Ok(None) };
        let extended = match second & 0x7F {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let Some(length) = rest.get(..extended) else { return Ok(None) };
        let length = match extended {
            0 => u64::from(second & 0x7F),
            _ => length.iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
        };
        if length > PAYLOAD {
            return Err(());
        }
        let key = if second & 0x80 == 0 { 0 } else { 4 };
        let begin = 2 + extended + key;
        let end = begin + usize::try_from(length).map_err(|_| ())?;
        let Some(payload) = bytes.get(begin..end) else { return Ok(None) };
        let mask = bytes.get(2 + extended..begin).and_then(|key| key.try_into().ok());
        let frame = Frame { first, mask, payload: payload.to_vec() };
        bytes.drain(..end);
        Ok(Some(frame))
    }
}

/// What a box does with a frame.
#[derive(Default)]
pub(super) struct Act {
    /// What goes on in its direction.
    pub(super) on: Vec<u8>,
    /// What goes back to its sender.
    pub(super) back: Vec<u8>,
    /// Whether the box then ends the connection to both sides.
    pub(super) over: bool,
}

impl Act {
    /// The frame goes on.
    pub(super) fn pass(frame: &Frame) -> Self {
        Self { on: frame.bytes(), ..Self::default() }
    }
}

/// When a WebSocket is over.
#[derive(Clone, Copy, Debug)]
pub(super) enum Over {
    /// So long after its 101.
    Age(Duration),
    /// So long without a message: pings, pongs and closes are none.
    WithoutMessage(Duration),
}

impl Over {
    fn after(self) -> Duration {
        match self {
            Over::Age(after) | Over::WithoutMessage(after) => after,
        }
    }
}

/// Both streams of a WebSocket that is over, each with what it had still to be sent.
pub(super) struct Left {
    /// The client's.
    pub(super) client: (Io, Vec<u8>),
    /// The server's.
    pub(super) server: (Io, Vec<u8>),
}

/// Carries a WebSocket frame by frame, as `act` decides; anything that becomes no WebSocket passes untouched.
///
/// Neither way waits for the other, and each end passes as what it is. When it is over, it gives both streams back, between two
/// frames.
pub(super) async fn carry(
    client: Io,
    onward: Onward,
    over: Option<Over>,
    mut act: impl FnMut(Way, Frame) -> Act,
) -> Option<Left> {
    let Asked { mut client, server, mut answer, .. } = head::switched(client, onward).await?;
    let behind = std::mem::take(&mut answer.rest);
    answer.write(&mut client).await.ok()?;
    let mut due = over.map(|over| Instant::now() + over.after());
    let ((from_client, to_client), (from_server, to_server)) = (split(client), split(server));
    let mut up = Reader { from: from_client, bytes: Vec::new(), open: true };
    let mut down = Reader { from: from_server, bytes: behind, open: true };
    let (mut to_client, mut to_server) = (Writer::new(to_client), Writer::new(to_server));
    let ended = loop {
        if !(up.open || down.open || to_client.busy || to_server.busy) {
            return None;
        }
        let (way, next) = tokio::select! {
            biased;
            sent = to_server.send(), if to_server.busy => match sent {
                Ok(()) => continue,
                Err(_) => break Some(Stop::Reset),
            },
            sent = to_client.send(), if to_client.busy => match sent {
                Ok(()) => continue,
                Err(_) => break Some(Stop::Reset),
            },
            next = up.next(), if up.open && to_server.out.len() < ROOM => (Way::ToServer, next),
            next = down.next(), if down.open && to_client.out.len() < ROOM => (Way::ToClient, next),
            () = relay::at(due) => break None,
        };
        let (from, on, back) = match way {
            Way::ToServer => (&mut up, &mut to_server, &mut to_client),
            Way::ToClient => (&mut down, &mut to_client, &mut to_server),
        };
        match next {
            Ok(frame) => {
                if let Some(Over::WithoutMessage(after)) = over.filter(|_| frame.is_data()) {
                    due = Some(Instant::now() + after);
                }
                let act = act(way, frame);
                on.add(&act.on);
                back.add(&act.back);
                if act.over {
                    due = None;
                    (up.open, down.open) = (false, false);
                    to_client.closes();
                    to_server.closes();
                }
            }
            Err(Stop::Fin) => {
                from.open = false;
                on.closes();
            }
            Err(stop) => break Some(stop),
        }
        // Whoever pings and reads nothing is answered so often and no more.
        if to_client.out.len() > MOST || to_server.out.len() > MOST {
            return None;
        }
    };
    let (client, server) = (up.from.unsplit(to_client.to), down.from.unsplit(to_server.to));
    match ended {
        None => return Some(Left { client: (client, to_client.out), server: (server, to_server.out) }),
        Some(Stop::Reset) => {
            client.abort();
            server.abort();
        }
        Some(Stop::Fin | Stop::TooLarge) => {}
    }
    None
}

/// From so many bytes on that one side has not taken, nothing more is read for it.
const ROOM: usize = 64 * 1024;
/// A box that has more for one side ends the connection: as much as may be held, and a frame of the largest size behind it.
const MOST: usize = ROOM * 2 + PAYLOAD as usize;

/// Why no frame follows.
enum Stop {
    Fin,
    Reset,
    TooLarge,
}

/// What is to be sent to one side.
struct Writer {
    to: WriteHalf<Io>,
    out: Vec<u8>,
    /// Whether there is something to do.
    busy: bool,
    closing: bool,
}

impl Writer {
    fn new(to: WriteHalf<Io>) -> Self {
        Self { to, out: Vec::new(), busy: false, closing: false }
    }

    fn add(&mut self, bytes: &[u8]) {
        if !self.closing {
            self.out.extend_from_slice(bytes);
            self.busy |= !bytes.is_empty();
        }
    }

    /// Nothing follows what was added so far.
    fn closes(&mut self) {
        self.busy |= !self.closing;
        self.closing = true;
    }

    /// Sends what there is. It can be dropped and asked again at any time.
    async fn send(&mut self) -> std::io::Result<()> {
        while !self.out.is_empty() {
            let size = self.to.write(&self.out).await?;
            self.out.drain(..size);
        }
        self.to.flush().await?;
        if self.closing {
            let _ = self.to.shutdown().await;
        }
        self.busy = false;
        Ok(())
    }
}

/// One direction, frame by frame. It can be dropped and asked again at any time.
struct Reader {
    from: ReadHalf<Io>,
    bytes: Vec<u8>,
    open: bool,
}

impl Reader {
    /// The next frame, or why there is none.
    async fn next(&mut self) -> Result<Frame, Stop> {
        loop {
            if let Some(frame) = Frame::take(&mut self.bytes).map_err(|()| Stop::TooLarge)? {
                return Ok(frame);
            }
            match self.from.read_buf(&mut self.bytes).await {
                Ok(0) => return Err(Stop::Fin),
                Ok(_) => {}
                // TLS that ends without its farewell: a FIN below it.
                Err(why) if why.kind() == std::io::ErrorKind::UnexpectedEof => return Err(Stop::Fin),
                Err(_) => return Err(Stop::Reset),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_read_back_whatever_their_length() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            for mask in [None, Some([1, 2, 3, 4])] {
                let frame = Frame { first: 0x81, mask, payload: vec![7; length] };
                let mut bytes = frame.bytes();
                let whole = bytes.clone();
                bytes.push(0x88);
                assert_eq!(Frame::take(&mut bytes), Ok(Some(frame.clone())), "{length}");
                assert_eq!(bytes, [0x88]);
                for cut in [0, 1, 2, 3, whole.len() - 1] {
                    let mut part = whole[..cut.min(whole.len() - 1)].to_vec();
                    assert_eq!(Frame::take(&mut part), Ok(None), "{length} cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn a_frame_that_claims_to_be_huge_is_refused() {
        let mut bytes = vec![0x81, 127, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
        assert_eq!(Frame::take(&mut bytes), Err(()));
    }

    #[test]
    fn a_mask_comes_off() {
        let frame = Frame { first: 0x81, mask: Some([1, 2, 3, 4]), payload: vec![b'h' ^ 1, b'i' ^ 2] };
        assert_eq!(frame.plain(), b"hi");
    }
}
