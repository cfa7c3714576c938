//! HTTP/2 by hand (RFC 9113): what no library would send.

use crate::arena::Arena;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// `GET / HTTP/2`, by the static table of RFC 7541, appendix A, and the authority `x`.
pub(crate) const REQUEST: &[u8] = &[0x82, 0x86, 0x84, 0x41, 1, b'x'];

/// A frame (section 4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A connection that has begun, by prior knowledge on cleartext (section 3.3). What the server says is read and thrown away.
pub(crate) fn begin(arena: &Arena) -> TcpStream {
    begin_with(arena, &[]).0
}

/// The same with these settings; and how many bytes the server takes on it all together, which grows (section 6.9).
pub(crate) fn begin_with(arena: &Arena, settings: &[u8]) -> (TcpStream, Arc<AtomicU64>) {
    let mut stream = arena.connect();
    let _ = stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    let _ = stream.write_all(&frame(SETTINGS, 0, 0, settings));
    let mut ear = stream.try_clone().unwrap();
    let takes = Arc::new(AtomicU64::new(65_535));
    let more = takes.clone();
    std::thread::spawn(move || {
        while let Some((kind, on, payload)) = hear(&mut ear) {
            if let (WINDOW_UPDATE, 0, Ok(bytes)) = (kind, on, payload.try_into()) {
                more.fetch_add(u64::from(u32::from_be_bytes(bytes)), Ordering::Relaxed);
            }
        }
    });
    (stream, takes)
}

/// The next frame of the server: its kind, its stream and what is in it.
pub(crate) fn hear(stream: &mut TcpStream) -> Option<(u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).ok()?;
    let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    stream.read_exact(&mut payload).ok()?;
    Some((head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
}

/// ENHANCE_YOUR_CALM (section 7).
pub(crate) const CALM: u32 = 11;

/// Sends frames at once, and gives the code with which the server says that it has had enough (GOAWAY, section 6.8); none where the
/// connection ends without.
pub(crate) fn told(arena: &Arena, frames: &[u8]) -> Option<u32> {
    let mut stream = arena.connect();
    let begin = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame(SETTINGS, 0, 0, &[])[..], frames].concat();
    stream.write_all(&begin).unwrap();
    loop {
        if let (GOAWAY, _, payload) = hear(&mut stream)? {
            return payload.get(4..8)?.try_into().ok().map(u32::from_be_bytes);
        }
    }
}

/// A header field that no table has afterwards, with a name of the static table (RFC 7541 section 6.2.2) or, for 0, its own.
pub(crate) fn field(index: u8, name: &str, value: &str) -> Vec<u8> {
    // What is longer than 126 is that and the rest (RFC 7541 section 5.1).
    let length = |length: usize| if length < 127 { vec![length] } else { vec![127, length - 127] };
    let bytes = |length: Vec<usize>| length.into_iter().map(|part| u8::try_from(part).unwrap()).collect::<Vec<_>>();
    let text = |text: &str| [&bytes(length(text.len())), text.as_bytes()].concat();
    let name = if index == 0 { text(name) } else { Vec::new() };
    [vec![index], name, text(value)].concat()
}

/// Sends what `next` gives, in bursts, on one connection after another, until the attack is over.
pub(crate) fn flood(arena: &Arena, next: impl Fn(u32) -> Vec<u8>) {
    while arena.goes_on() {
        let mut stream = begin(arena);
        for number in 0.. {
            if !arena.goes_on() || stream.write_all(&next(number)).is_err() {
                break;
            }
            arena.blow();
        }
    }
}
