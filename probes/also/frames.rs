//! WebSocket frames of a server that is not ours, by their headers: what is in its messages is passed over and never kept.

use std::collections::VecDeque;

/// What a frame of a server means here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A message is complete: its bytes, in all its frames.
    Message(u64),
    /// An answer is wanted, with these bytes.
    Ping(Vec<u8>),
    /// An answer, with these bytes.
    Pong(Vec<u8>),
    /// The conversation is over: the status code, 1005 where there is none.
    Close(u16),
    /// No frame that a server may send.
    Wrong(&'static str),
}

/// Control frames carry no more (RFC 6455 section 5.5).
const CONTROL_BYTES: u64 = 125;
/// The longest header of a frame that is not masked (RFC 6455 section 5.2).
const HEADER_BYTES: usize = 10;

const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;

/// Reads frames as their bytes arrive. It keeps a header and what a control frame carries, and no more.
#[derive(Default)]
pub(crate) struct Frames {
    header: Vec<u8>,
    body: Option<Body>,
    /// The bytes of the message that is under way.
    message: Option<u64>,
}

/// What is to come of a frame whose header was read.
struct Body {
    opcode: u8,
    fin: bool,
    left: u64,
    kept: Vec<u8>,
}

impl Frames {
    /// Takes bytes as they arrived, and gives the frames that they complete.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) -> VecDeque<Frame> {
        let mut frames = VecDeque::new();
        while !bytes.is_empty() || self.body.as_ref().is_some_and(|body| body.left == 0) {
            match self.step(&mut bytes) {
                Some(wrong @ Frame::Wrong(_)) => {
                    frames.push_back(wrong);
                    return frames;
                }
                Some(frame) => frames.push_back(frame),
                None => {}
            }
        }
        frames
    }

    fn step(&mut self, bytes: &mut &[u8]) -> Option<Frame> {
        let Some(body) = &mut self.body else {
            let (first, rest) = bytes.split_first()?;
            self.header.push(*first);
            *bytes = rest;
            return self.begin().err();
        };
        let here = usize::try_from(body.left).unwrap_or(usize::MAX).min(bytes.len());
        let (taken, rest) = bytes.split_at(here);
        *bytes = rest;
        body.left -= here as u64;
        if body.opcode >= CLOSE {
            body.kept.extend_from_slice(taken);
        } else if let Some(size) = &mut self.message {
            *size = size.saturating_add(here as u64);
        }
        if body.left > 0 {
            return None;
        }
        let Body { opcode, fin, kept, .. } = self.body.take()?;
        match opcode {
            CLOSE => Some(Frame::Close(kept.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code)))),
            PING => Some(Frame::Ping(kept)),
            PONG => Some(Frame::Pong(kept)),
            _ if fin => self.message.take().map(Frame::Message),
            _ => None,
        }
    }

    /// Looks whether a header is whole, and what it announces.
    fn begin(&mut self) -> Result<(), Frame> {
        let [first, second, extended @ ..] = self.header.as_slice() else { return Ok(()) };
        let (opcode, fin) = (first & 0x0F, first & 0x80 != 0);
        let left = match (second & 0x7F, extended.len()) {
            (126, 2) => extended.iter().fold(0, |size, byte| size << 8 | u64::from(*byte)),
            (127, 8) => extended.iter().fold(0, |size, byte| size << 8 | u64::from(*byte)),
            (126 | 127, length) if length < HEADER_BYTES => return Ok(()),
            (short, _) => u64::from(short),
        };
        // The first reserved bit marks a compressed message, which browsers offer; the others mark nothing that was offered.
        let wrong = match opcode {
            _ if first & 0x30 != 0 => Some("reserved bits are set in a frame"),
            _ if second & 0x80 != 0 => Some("a frame of the server is masked"),
            CLOSE | PING | PONG if !fin || left > CONTROL_BYTES => Some("a control frame is in pieces or too long"),
            0 if self.message.is_none() => Some("a message goes on that has not begun"),
            1 | 2 if self.message.is_some() => Some("a message begins in the middle of another"),
            3..=7 | 0xB.. => Some("a frame of an unknown kind"),
            _ if left > i64::MAX as u64 => Some("a frame claims more than 2^63 bytes"),
            _ => None,
        };
        if let Some(why) = wrong {
            return Err(Frame::Wrong(why));
        }
        if matches!(opcode, 1 | 2) {
            self.message = Some(0);
        }
        self.header.clear();
        self.body = Some(Body { opcode, fin, left, kept: Vec::new() });
        Ok(())
    }
}

/// A control frame of a client: it is masked (RFC 6455 section 5.3).
fn control(opcode: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let payload = payload.get(..125).unwrap_or(payload);
    let mut frame = vec![0x80 | opcode, 0x80 | u8::try_from(payload.len()).unwrap_or(0)];
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// A ping with these bytes.
pub(super) fn ping(payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    control(PING, payload, mask)
}

/// The answer to a ping.
pub(super) fn pong(payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    control(PONG, payload, mask)
}

/// A close with this status code.
pub(super) fn close(code: u16, mask: [u8; 4]) -> Vec<u8> {
    control(CLOSE, &code.to_be_bytes(), mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<Frame> {
        Frames::default().read(bytes).into()
    }

    #[test]
    fn messages_are_counted_and_not_kept() {
        let mut bytes = vec![0x81, 3, b'a', b'b', b'c', 0x89, 1, b'x', 0x8A, 0];
        // A message in two frames with a ping between them, compressed, and one with a long header.
        bytes.extend([0x42, 2, 0, 0, 0x89, 0, 0x80, 1, 0]);
        bytes.extend([0x82, 126, 1, 0]);
        bytes.extend([7; 256]);
        bytes.extend([0x82, 127, 0, 0, 0, 0, 0, 0, 0, 1, 9]);
        bytes.extend([0x88, 4, 0x03, 0xE8, b'o', b'k']);
        let expected = [
            Frame::Message(3),
            Frame::Ping(b"x".to_vec()),
            Frame::Pong(Vec::new()),
            Frame::Ping(Vec::new()),
            Frame::Message(3),
            Frame::Message(256),
            Frame::Message(1),
            Frame::Close(1000),
        ];
        assert_eq!(all(&bytes), expected);
        // Byte by byte it is the same.
        let mut frames = Frames::default();
        let dripped: Vec<Frame> = bytes.iter().flat_map(|byte| frames.read(&[*byte])).collect();
        assert_eq!(dripped, expected);
        assert_eq!(all(&[0x88, 0]), [Frame::Close(1005)]);
    }

    #[test]
    fn what_no_server_may_send_is_told() {
        for bytes in [
            &[0xB1, 0][..],
            &[0x81, 0x80, 0, 0, 0, 0],
            &[0x89, 126, 1, 0],
            &[0x09, 0],
            &[0x80, 1, 0],
            &[0x01, 0, 0x01, 0],
            &[0x83, 0],
            &[0x82, 127, 0xFF, 0, 0, 0, 0, 0, 0, 0],
            b"HTTP/1.1 400 Bad Request\r\n",
        ] {
            assert!(matches!(all(bytes).last(), Some(Frame::Wrong(_))), "{bytes:?}");
        }
    }

    #[test]
    fn a_huge_frame_is_not_awaited_in_memory() {
        let mut frames = Frames::default();
        assert_eq!(frames.read(&[0x82, 127, 0x7F, 0, 0, 0, 0, 0, 0, 0]), []);
        for _ in 0..100 {
            assert_eq!(frames.read(&[0; 4096]), []);
        }
        assert_eq!((frames.message, frames.header.capacity() < 64), (Some(409_600), true));
    }

    #[test]
    fn a_clients_frame_is_masked() {
        assert_eq!(ping(b"ab", [1, 2, 3, 4]), [0x89, 0x82, 1, 2, 3, 4, b'a' ^ 1, b'b' ^ 2]);
        assert_eq!(close(1000, [0; 4]), [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8]);
        assert_eq!(pong(&[7; 200], [0; 4]).len(), 131);
    }
}
