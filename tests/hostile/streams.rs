//! Event streams that no server of ours sends.

use crate::program::Serve;
use crate::relay::{Passage, STREAMS, on};
use crate::victim::{Met, attacked};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// Attacks where the body of the stream would begin.
fn in_place_of_the_body(headers: &'static str, attack: impl Fn(&mut Passage) + Send + Sync + 'static) -> Met {
    let serve = Serve::start();
    let url = on(STREAMS, &serve.http, move |mut passage| {
        let head = passage.head().replace("transfer-encoding: chunked\r\n", headers);
        passage.say(head.as_bytes());
        attack(&mut passage);
    });
    attacked(&[&url])
}

/// Attacks behind the first event of each stream, which it is given.
fn behind_an_event(attack: impl Fn(&mut Passage, &[u8]) + Send + Sync + 'static) -> Met {
    let serve = Serve::start();
    let url = on(STREAMS, &serve.http, move |mut passage| {
        let head = passage.head();
        passage.say(head.as_bytes());
        // The comment, and the first event, each in a chunk of its own.
        let (comment, event) = (read_chunk(&mut passage), read_chunk(&mut passage));
        passage.say(&comment);
        passage.say(&event);
        attack(&mut passage, &event);
    });
    attacked(&[&url])
}

/// A chunk with its frame (RFC 9112 section 7.1).
fn read_chunk(passage: &mut Passage) -> Vec<u8> {
    use std::io::Read;
    let (mut chunk, mut byte) = (Vec::new(), [0]);
    while !chunk.ends_with(b"\r\n") {
        passage.server.read_exact(&mut byte).unwrap();
        chunk.push(byte[0]);
    }
    let size = usize::from_str_radix(std::str::from_utf8(&chunk).unwrap().trim(), 16).unwrap();
    let mut rest = vec![0; size + 2];
    passage.server.read_exact(&mut rest).unwrap();
    [chunk, rest].concat()
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// 64 MiB of nothing, in 64 KiB.
fn bomb() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    (0..64).for_each(|_| encoder.write_all(&[0; 1024 * 1024]).unwrap());
    encoder.finish().unwrap()
}

#[test]
fn a_gzip_bomb() {
    let met = in_place_of_the_body("content-encoding: gzip\r\n", |passage| passage.flood(&bomb()));
    assert_eq!((met.code, met.codes), (1, vec!["http:sse.content-altered".to_owned()]));
}

#[test]
fn a_bomb_in_small_pieces() {
    let met = in_place_of_the_body("content-encoding: gzip\r\n", |passage| {
        for piece in bomb().chunks(64).cycle() {
            if !passage.say(piece) {
                break;
            }
        }
    });
    assert_eq!((met.code, met.codes), (1, vec!["http:sse.content-altered".to_owned()]));
}

#[test]
fn one_event_without_end() {
    let met = in_place_of_the_body("", |passage| passage.flood(b"data: \x1b]0;owned\x07 and more of it\n"));
    assert_eq!((met.code, met.codes), (1, vec!["http:sse.content-altered".to_owned()]));
}

#[test]
fn one_line_without_end() {
    let met = in_place_of_the_body("", |passage| passage.flood(b"data: and more of it"));
    assert_eq!((met.code, met.codes), (1, vec!["http:sse.content-altered".to_owned()]));
}

#[test]
fn events_of_a_stranger_without_end() {
    let met = in_place_of_the_body("", |passage| passage.flood(b"\xff\xfedata: \x9bnot ours\n\ndata: x\n\n"));
    assert_eq!((met.code, met.codes), (1, vec!["http:sse.content-altered".to_owned()]));
}

#[test]
fn comments_a_byte_at_a_time() {
    let met = in_place_of_the_body("", |passage| {
        while passage.say(b":\n") {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    });
    assert_eq!((met.code, met.codes), (1, vec!["http:sse.trickled".to_owned()]));
}

#[test]
fn our_own_event_again_and_again() {
    let met = behind_an_event(|passage, event| passage.flood(event));
    assert_eq!((met.code, met.codes), (1, vec!["http:sse.duplicated".to_owned()]));
}

#[test]
fn our_own_event_at_a_beat_that_never_ends() {
    let met = behind_an_event(|passage, event| {
        while passage.say(event) {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    });
    let found = ["http:lifetime.inconclusive", "http:sse.duplicated"];
    assert_eq!((met.code, met.codes), (1, found.map(str::to_owned).to_vec()));
}

#[test]
fn chunks_with_extensions_without_end() {
    let met = behind_an_event(|passage, _| {
        passage.say(b"4");
        passage.flood(b";a=b");
    });
    assert_eq!((met.code, met.codes), (1, vec!["http:sse.cut".to_owned()]));
}

#[test]
fn a_chunk_of_sixteen_exabytes() {
    let met = behind_an_event(|passage, _| {
        passage.say(b"ffffffffffffffff\r\n");
        passage.flood(&chunk(b"data: x\n\n"));
    });
    assert_eq!((met.code, met.codes), (1, vec!["http:sse.content-altered".to_owned()]));
}

#[test]
fn a_refusal_whose_page_never_comes() {
    let serve = Serve::start();
    let url = on(STREAMS, &serve.http, |mut passage| {
        passage.say(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 300\r\n\r\n<html>");
        passage.pass();
    });
    let met = attacked(&[&url]);
    assert_eq!((met.code, met.codes), (1, vec!["http:sse.refused".to_owned()]));
}
