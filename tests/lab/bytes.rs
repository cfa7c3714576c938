//! The bytes that are sent, written by hand: heads of HTTP/1.1, chunks, frames of WebSockets.

/// A request that no middlebox has a reason to touch.
pub(crate) const GET: &str = "GET /a/b?c=d HTTP/1.1\r\nHost: origin.test\r\nUser-Agent: ring\r\nAccept: */*\r\nX-Own: 1\r\n\
    Connection: close\r\n\r\n";
/// One with a body.
pub(crate) const POST: &str = "POST /a HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 5\r\nConnection: close\r\n\r\n01234";
/// One that says that more will follow.
pub(crate) const KEEP_ALIVE: &str = "GET /a HTTP/1.1\r\nHost: origin.test\r\nConnection: keep-alive\r\n\r\n";
/// An answer.
pub(crate) const PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Own: 2\r\nContent-Length: 5\r\n\r\nhello";

/// A request for an event stream.
pub(crate) const EVENTS: &str =
    "GET /events HTTP/1.1\r\nHost: origin.test\r\nAccept: text/event-stream\r\nLast-Event-ID: 7\r\nConnection: close\r\n\r\n";
/// The head of the stream.
pub(crate) const STREAM: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A request for a WebSocket, with the key of RFC 6455 section 1.3.
pub(crate) const UPGRADE: &str = "GET /socket HTTP/1.1\r\nHost: origin.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, lab\r\n\
    Sec-WebSocket-Extensions: x-own\r\nX-Own: 1\r\n\r\n";
/// Its 101, with the answer to that key.
pub(crate) const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: lab\r\nSec-WebSocket-Extensions: x-own\r\n\
    X-Own: 2\r\n\r\n";

/// Opcodes of RFC 6455 section 5.2.
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

/// A whole frame as a server sends it.
pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = begun(opcode, payload.len(), 0);
    bytes.extend_from_slice(payload);
    bytes
}

/// A whole frame as a client sends it.
pub(crate) fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xFA, 0x21, 0x3D];
    let mut bytes = begun(opcode, payload.len(), 0x80);
    bytes.extend_from_slice(&mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// The same frame with another first byte.
pub(crate) fn opened_by(first: u8, mut frame: Vec<u8>) -> Vec<u8> {
    frame[0] = first;
    frame
}

/// The same frame without its FIN: more of the message follows.
pub(crate) fn fragment(frame: Vec<u8>) -> Vec<u8> {
    opened_by(frame[0] & 0x7F, frame)
}

fn begun(opcode: u8, size: usize, mask_bit: u8) -> Vec<u8> {
    let fin = 0x80 | opcode;
    match u16::try_from(size) {
        Ok(short) if short < 126 => vec![fin, mask_bit | size as u8],
        Ok(long) => [&[fin, mask_bit | 126][..], &long.to_be_bytes()].concat(),
        Err(_) => [&[fin, mask_bit | 127][..], &(size as u64).to_be_bytes()].concat(),
    }
}

/// One event in a chunk of its own.
pub(crate) fn event(data: &str) -> String {
    let text = format!("data: {data}\n\n");
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// A chunk.
pub(crate) fn chunk(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// What stands in chunks, and whether the last one is there; behind it nothing may stand.
pub(crate) fn unchunked(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        let (data, behind) = bytes[end + 2..].split_at(size);
        body.extend_from_slice(data);
        bytes = behind.strip_prefix(b"\r\n").unwrap();
        if size == 0 {
            assert_eq!(bytes, b"");
            return (body, true);
        }
    }
    assert_eq!(bytes, b"");
    (body, false)
}

/// Every value that a byte can have.
pub(crate) fn every_byte() -> Vec<u8> {
    (0..=255).collect()
}

#[test]
fn a_frame_is_what_the_standard_says() {
    // RFC 6455 section 5.7.
    assert_eq!(frame(TEXT, b"Hello"), [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
    assert_eq!(masked(TEXT, b"Hello"), [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    assert_eq!(frame(TEXT, &[0; 256])[..4], [0x81, 0x7E, 0x01, 0x00]);
    assert_eq!(frame(TEXT, &[0; 65_536])[..10], [0x81, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0]);
}
