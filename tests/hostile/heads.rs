//! Heads of answers that never end, in the server's place and on a run that has begun.

use crate::program::{Serve, read_head, server};
use crate::relay::{Passage, STREAMS, WEBSOCKETS, on};
use crate::victim::{Met, attacked};
use std::io::Write;
use std::time::Duration;

/// Sends these bytes and then those again and again, slowly where there is a pause.
fn endless(first: &'static [u8], again: &'static [u8], pause_ms: u64) -> Met {
    let address = server(move |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(first);
        let many = if pause_ms == 0 { again.repeat(16 * 1024 / again.len()) } else { again.to_vec() };
        while stream.write_all(&many).is_ok() {
            std::thread::sleep(Duration::from_millis(pause_ms));
        }
    });
    attacked(&[&format!("http://{address}")])
}

#[test]
fn a_head_without_end() {
    let met = endless(b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n", 0);
    assert_eq!((met.code, &*met.codes), (3, &["http:reach.not-our-server".to_owned()][..]));
    assert!(met.summary("reach.not-our-server").contains("larger than 64 KiB"), "{}", met.summary("reach.not-our-server"));
}

#[test]
fn a_field_without_end() {
    let met = endless(b"HTTP/1.1 200 OK\r\nX-More: ", b"and more ", 0);
    assert_eq!((met.code, &*met.codes), (3, &["http:reach.not-our-server".to_owned()][..]));
    assert!(met.summary("reach.not-our-server").contains("larger than 64 KiB"), "{}", met.summary("reach.not-our-server"));
}

#[test]
fn a_head_a_byte_at_a_time() {
    let met = endless(b"HTTP/1.1 200 OK\r\nX-More: ", b"x", 50);
    assert_eq!((met.code, met.codes), (3, vec!["http:reach.connect-timed-out".to_owned()]));
}

#[test]
fn interim_answers_without_end() {
    let met = endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 0);
    assert_eq!((met.code, met.codes), (3, vec!["http:reach.connect-timed-out".to_owned()]));
}

#[test]
fn interim_answers_at_a_beat() {
    let met = endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 50);
    assert_eq!((met.code, met.codes), (3, vec!["http:reach.connect-timed-out".to_owned()]));
}

#[test]
fn words_for_a_terminal_in_place_of_a_head() {
    let met = endless(b"\x1b]0;owned\x07\xc2\x9b31m", b"\x1b[2J", 0);
    assert_eq!((met.code, met.codes), (3, vec!["http:reach.not-our-server".to_owned()]));
}

#[test]
fn redirects_in_a_circle() {
    let address = server(|mut stream| {
        let head = read_head(&mut stream);
        let host = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("host: ").map(str::to_owned)).unwrap();
        let path = head.split(' ').nth(1).unwrap();
        let _ = write!(stream, "HTTP/1.1 302 Found\r\nLocation: http://{host}{path}\r\nContent-Length: 0\r\n\r\n");
    });
    let met = attacked(&[&format!("http://{address}")]);
    assert_eq!((met.code, met.codes), (3, vec!["http:reach.not-our-server".to_owned()]));
}

/// The same on routes of a run that has begun.
fn within_a_run(routes: &'static [&'static str], attack: impl Fn(&mut Passage) + Send + Sync + 'static) -> Met {
    let serve = Serve::start();
    let url = on(routes, &serve.http, move |mut passage| {
        // The server has seen the request, and its answer is lost.
        passage.head();
        attack(&mut passage);
    });
    attacked(&[&url])
}

#[test]
fn a_handshake_that_is_answered_without_end() {
    let met = within_a_run(WEBSOCKETS, |passage| {
        passage.say(b"HTTP/1.1 101 Switching Protocols\r\n");
        passage.flood(b"X-More: and more\r\n");
    });
    assert_eq!((met.code, met.codes), (1, vec!["http:upgrade.lost-101".to_owned()]));
}

#[test]
fn a_handshake_that_is_answered_by_interim_answers() {
    let met = within_a_run(WEBSOCKETS, |passage| passage.flood(b"HTTP/1.1 102 Processing\r\n\r\n"));
    assert_eq!((met.code, met.codes), (1, vec!["http:upgrade.lost-101".to_owned()]));
}

#[test]
fn a_refused_handshake_whose_page_has_no_end() {
    let met = within_a_run(WEBSOCKETS, |passage| {
        passage.say(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 99999999999999999999\r\n\r\n");
        passage.flood(b"<p>\x1b[2J");
    });
    assert_eq!((met.code, met.codes), (1, vec!["http:upgrade.lost-101".to_owned()]));
}

#[test]
fn an_event_stream_whose_head_has_no_end() {
    let met = within_a_run(STREAMS, |passage| {
        passage.say(b"HTTP/1.1 200 OK\r\n");
        passage.flood(b"X-More: and more\r\n");
    });
    assert_eq!((met.code, met.codes), (1, vec!["http:sse.refused".to_owned()]));
}
