//! A small application of somebody's own: a WebSocket that greets and answers pings, and a stream of events.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The head of a request.
pub(crate) fn request(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// The value of a header in a head.
pub(crate) fn header(head: &str, name: &str) -> Option<String> {
    let found = head.lines().filter_map(|line| line.split_once(": ")).find(|(found, _)| found.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim().to_owned())
}

/// The 101 to a handshake, with further headers.
pub(crate) fn switched(head: &str, more: &str) -> String {
    let accept = derive_accept_key(header(head, "sec-websocket-key").unwrap_or_default().as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{more}\r\n"
    )
}

/// Answers one connection.
pub(crate) fn serve(mut stream: TcpStream) {
    let head = request(&mut stream);
    // Who leaves is no error of the application's.
    let _ = if header(&head, "sec-websocket-key").is_some() { converse(&mut stream, &head) } else { stream_events(&mut stream) };
}

fn converse(stream: &mut TcpStream, head: &str) -> std::io::Result<()> {
    stream.write_all(switched(head, "").as_bytes())?;
    stream.write_all(b"\x81\x06hej-du")?;
    loop {
        let (mut start, mut mask) = ([0; 2], [0; 4]);
        stream.read_exact(&mut start)?;
        stream.read_exact(&mut mask)?;
        let mut payload = vec![0; usize::from(start[1] & 0x7F)];
        stream.read_exact(&mut payload)?;
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        let opcode = start[0] & 0x0F;
        let answer = if opcode == 9 { 10 } else { opcode };
        stream.write_all(&[&[0x80 | answer, start[1] & 0x7F], payload.as_slice()].concat())?;
        if opcode == 8 {
            return Ok(());
        }
    }
}

fn stream_events(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n")?;
    loop {
        stream.write_all(b"data: pulsar\n\n")?;
        std::thread::sleep(Duration::from_millis(500));
    }
}
