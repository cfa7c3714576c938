//! WebSocket frames that no server of ours sends.

use crate::program::Serve;
use crate::relay::{Passage, WEBSOCKETS, on};
use crate::victim::{Met, attacked};

/// What a frame begins with (RFC 6455 section 5.2).
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    [&[first, u8::try_from(payload.len()).unwrap()], payload].concat()
}

/// Attacks behind the 101 and the greeting.
fn behind_the_greeting(attack: impl Fn(&mut Passage) + Send + Sync + 'static) -> Met {
    let serve = Serve::start();
    let url = on(WEBSOCKETS, &serve.http, move |mut passage| {
        let head = passage.head();
        passage.say(head.as_bytes());
        let greeting = read_frame(&mut passage);
        passage.say(&greeting);
        passage.pass_upwards();
        attack(&mut passage);
    });
    attacked(&[&url])
}

/// The next frame of the server, which is short.
fn read_frame(passage: &mut Passage) -> Vec<u8> {
    use std::io::Read;
    let mut head = [0; 2];
    passage.server.read_exact(&mut head).unwrap();
    let mut payload = vec![0; usize::from(head[1])];
    passage.server.read_exact(&mut payload).unwrap();
    [&head[..], &payload].concat()
}

#[test]
fn a_frame_of_four_exabytes() {
    let met = behind_the_greeting(|passage| {
        passage.say(&[0x81, 127, 0x40, 0, 0, 0, 0, 0, 0, 0]);
        passage.flood(b"x");
    });
    assert_eq!((met.code, met.codes), (1, vec!["http:zombie.foreign-bytes".to_owned()]));
}

#[test]
fn fragments_without_end() {
    let met = behind_the_greeting(|passage| {
        passage.say(&frame(0x01, b""));
        passage.flood(&frame(0x00, b""));
    });
    assert_eq!((met.code, met.codes), (1, vec!["http:zombie.foreign-bytes".to_owned()]));
}

#[test]
fn a_message_that_grows_without_end() {
    let met = behind_the_greeting(|passage| {
        passage.say(&frame(0x01, b"x"));
        passage.flood(&frame(0x00, &[b'x'; 100]));
    });
    assert_eq!((met.code, met.codes), (1, vec!["http:zombie.foreign-bytes".to_owned()]));
}

#[test]
fn pings_without_end() {
    let met = behind_the_greeting(|passage| passage.flood(&frame(0x89, &[b'p'; 100])));
    assert_eq!((met.code, met.codes), (1, vec!["http:zombie.foreign-bytes".to_owned()]));
}

#[test]
fn messages_of_a_stranger_without_end() {
    let met = behind_the_greeting(|passage| passage.flood(&frame(0x81, b"\x1b[2Jnot ours")));
    assert_eq!((met.code, met.codes), (1, vec!["http:zombie.foreign-bytes".to_owned()]));
}

#[test]
fn our_own_message_again_and_again() {
    let met = behind_the_greeting(|passage| {
        // The answer to a message, where there is one.
        let own = read_frame(passage);
        passage.flood(&own);
    });
    let found = ["http:idle.inconclusive", "http:zombie.foreign-bytes"];
    assert_eq!((met.code, met.codes), (1, found.map(str::to_owned).to_vec()));
}

#[test]
fn text_that_is_none() {
    let met = behind_the_greeting(|passage| {
        passage.say(&frame(0x81, &[0xff, 0xfe, 0x1b, b'[']));
        passage.flood(&frame(0x81, b"x"));
    });
    assert_eq!((met.code, met.codes), (1, vec!["http:zombie.foreign-bytes".to_owned()]));
}

#[test]
fn compressed_messages_that_nobody_agreed_to() {
    let met = behind_the_greeting(|passage| passage.flood(&frame(0xc1, &[0x4a, 0x4c, 0x04, 0])));
    assert_eq!((met.code, met.codes), (1, vec!["http:zombie.foreign-bytes".to_owned()]));
}

#[test]
fn a_close_whose_reason_is_for_a_terminal() {
    let met = behind_the_greeting(|passage| {
        passage.say(&frame(0x88, b"\x03\xe8\x1b]0;owned\x07\xe2\x80\xae"));
    });
    assert_eq!((met.code, met.codes), (1, vec!["http:zombie.closed-early".to_owned()]));
}
