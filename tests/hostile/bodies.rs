//! Bodies that never end.

use crate::program::{Serve, read_head, server};
use crate::relay::{Passage, on};
use crate::victim::{Met, attacked};
use std::io::Write;
use std::time::Duration;

/// A page in the server's place that goes on and on.
fn page(pause_ms: u64) -> Met {
    let address = server(move |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nServer: somebody\r\n\r\n<title>\x1b]0;owned\x07</title>");
        let piece = if pause_ms == 0 { vec![b'x'; 16 * 1024] } else { vec![b'x'] };
        while stream.write_all(&piece).is_ok() {
            std::thread::sleep(Duration::from_millis(pause_ms));
        }
    });
    attacked(&[&format!("http://{address}")])
}

#[test]
fn a_page_without_end() {
    let met = page(0);
    assert_eq!((met.code, met.codes), (3, vec!["http:reach.not-our-server".to_owned()]));
}

#[test]
fn a_page_a_byte_at_a_time() {
    let met = page(50);
    assert_eq!((met.code, met.codes), (3, vec!["http:reach.not-our-server".to_owned()]));
}

/// Behind the head and the proof of our own answer.
fn behind_the_proof(routes: &'static [&'static str], more: impl Fn(&mut Passage) + Send + Sync + 'static) -> Met {
    let serve = Serve::start();
    let url = on(routes, &serve.http, move |mut passage| {
        let (head, body) = passage.answer();
        let length = format!("content-length: {}", body.len());
        passage.say(head.replace(&length, "content-length: 99999999999").as_bytes());
        passage.say(body.split_inclusive(|byte| *byte == b'\n').next().unwrap());
        more(&mut passage);
    });
    attacked(&[&url])
}

#[test]
fn a_poll_without_end() {
    let met = behind_the_proof(&["long-poll"], |passage| passage.flood(b"x"));
    assert_eq!((met.code, met.codes), (1, vec!["http:long_poll.cut".to_owned()]));
}

#[test]
fn a_poll_a_byte_at_a_time() {
    let met = behind_the_proof(&["long-poll"], |passage| {
        while passage.say(b"x") {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    assert_eq!((met.code, met.codes), (1, vec!["http:long_poll.cut".to_owned()]));
}

#[test]
fn a_beginning_without_end() {
    let met = behind_the_proof(&["run"], |passage| passage.flood(b"{\"protocol\":1,"));
    assert_eq!((met.code, met.codes), (3, vec!["http:reach.connect-timed-out".to_owned()]));
}

#[test]
fn headers_echoed_without_end() {
    let met = behind_the_proof(&["headers"], |passage| passage.flood(b"x"));
    assert_eq!((met.code, met.codes), (0, Vec::<String>::new()));
}
