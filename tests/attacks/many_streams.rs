//! As many streams as one HTTP/2 connection may have, each with as much under way as it gets, and answers that nobody takes.

use crate::arena::Arena;
use crate::h2::{DATA, END_HEADERS, END_STREAM, HEADERS, SETTINGS, WINDOW_UPDATE, begin_with, field, frame};
use proxyprobe_probes::io::proof::Prover;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;

/// As many as the server allows.
const STREAMS: u32 = 100;
/// The largest window (RFC 9113 section 6.9.1).
const WINDOW: u32 = 0x7fff_ffff;

/// SETTINGS_INITIAL_WINDOW_SIZE.
fn window(bytes: u32) -> Vec<u8> {
    [&[0, 4][..], &bytes.to_be_bytes()].concat()
}

/// WebSockets (RFC 8441) that are asked for echoes.
pub(crate) fn websockets(arena: &Arena) {
    let (run, _) = arena.begin();
    let (mut stream, takes) = begin_with(arena, &window(0));
    let head = [
        field(2, ":method", "CONNECT"),
        field(0, ":protocol", "websocket"),
        vec![0x86],
        field(4, ":path", &format!("/v1/{run}/ab/h2-websocket")),
        field(1, ":authority", "x"),
        field(0, "sec-websocket-version", "13"),
    ]
    .concat();
    numbers().for_each(|number| stream.write_all(&frame(HEADERS, END_HEADERS, number, &head)).unwrap());
    // A message that asks for an echo as large; a mask of zeros leaves it as it is (RFC 6455 section 5.3).
    let (size, words) = (1_000_u16, "frame 1 1 ab 1000 ");
    let text = words.to_owned() + &"ab".repeat(500)[words.len()..];
    let message = [&[0x81, 0xfe][..], &size.to_be_bytes(), &[0; 4], text.as_bytes()].concat();
    let each = u64::try_from(message.len()).unwrap();
    let mut said = 0;
    // No more on each of them than its own window takes, which is 64 KiB.
    for number in (0..60).flat_map(|_| numbers()) {
        while arena.goes_on() && takes.load(Ordering::Relaxed) < said + each {
            arena.blow();
        }
        said += each;
        let _ = stream.write_all(&frame(DATA, 0, number, &message));
        arena.blow();
    }
    wait(arena, stream);
}

/// Streams of events of which the last byte that fits is the first of a large piece.
pub(crate) fn padded(arena: &Arena) {
    streams(arena, "sse?padded&count=14&every_ms=20", 32 * 1024 + 65);
}

/// Streams of events whose first piece is large.
pub(crate) fn bulk(arena: &Arena) {
    streams(arena, "h2-sse?bulk&count=600&every_ms=20", 1);
}

/// Streams of events on a connection that nobody reads, of which each may be sent everything.
pub(crate) fn unread(arena: &Arena) {
    let (run, _) = arena.begin();
    let paths = numbers().map(|number| format!("/v1/{run}/{number:x}/sse?padded&count=14&every_ms=20"));
    ask(arena, slow(arena), paths.collect());
}

/// Pages of a record that has many, on a connection that nobody reads.
pub(crate) fn pages(arena: &Arena) {
    let (run, key) = arena.begin();
    let filler = format!("X: {}\r\n", "y".repeat(1_500)).repeat(10);
    for number in 0..20 {
        let head = format!("GET /v1/{run}/{number:x}/hello HTTP/1.1\r\nHost: x\r\n{filler}Connection: close\r\n\r\n");
        let mut stream = arena.connect();
        stream.write_all(head.as_bytes()).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let proof = Prover::new(&run, &key).token("ab", "witness");
    ask(arena, slow(arena), vec![format!("/v1/{run}/ab/witness?page=0&proof={proof}"); STREAMS as usize]);
}

fn numbers() -> impl Iterator<Item = u32> + Clone {
    (0..STREAMS).map(|number| 2 * number + 1)
}

/// A connection on which everything may be sent, and little of it arrives.
fn slow(arena: &Arena) -> TcpStream {
    let mut stream = arena.connect();
    socket2::SockRef::from(&stream).set_recv_buffer_size(4 * 1024).unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &window(WINDOW))).unwrap();
    stream
}

fn streams(arena: &Arena, route: &str, each: u32) {
    let (run, _) = arena.begin();
    let (stream, _) = begin_with(arena, &window(each));
    ask(arena, stream, numbers().map(|number| format!("/v1/{run}/{number:x}/{route}")).collect());
}

/// Asks for all of these, and takes nothing of them.
fn ask(arena: &Arena, mut stream: TcpStream, paths: Vec<String>) {
    stream.write_all(&frame(WINDOW_UPDATE, 0, 0, &(WINDOW - 65_535).to_be_bytes())).unwrap();
    for (number, path) in numbers().zip(paths) {
        let head = [vec![0x82, 0x86], field(4, ":path", &path), field(1, ":authority", "x")].concat();
        let _ = stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, number, &head));
        arena.blow();
    }
    wait(arena, stream);
}

fn wait(arena: &Arena, stream: TcpStream) {
    while arena.goes_on() {
        arena.blow();
    }
    drop(stream);
}
