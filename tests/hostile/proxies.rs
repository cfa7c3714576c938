//! Proxies that never come to an end.

use crate::program::{Serve, read_head, server};
use crate::victim::{Met, check};
use std::io::{Read, Write};
use std::net::TcpStream;

/// Runs through a proxy that does this with each request, on a connection whose first head was read.
fn through(answer: impl Fn(&mut TcpStream, &str) + Send + Sync + 'static) -> Met {
    let address = server(move |mut stream| {
        let head = read_head(&mut stream);
        answer(&mut stream, &head);
    });
    by(&format!("http://ada:secret@{address}"))
}

fn by(proxy: &str) -> Met {
    let serve = Serve::start();
    check(&["--leg", "https", "--proxy", proxy, "--pin", &serve.pin, &serve.https])
}

#[test]
fn a_tunnel_that_is_never_granted() {
    let met = through(|_, _| std::thread::park());
    assert_eq!((met.code, met.codes), (3, vec!["https:reach.connect-timed-out".to_owned()]));
}

#[test]
fn an_answer_whose_head_has_no_end() {
    let met = through(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(&b"X-More: and more\r\n".repeat(1_000)).is_ok() {}
    });
    assert_eq!((met.code, met.codes), (3, vec!["https:reach.proxy-unreachable".to_owned()]));
}

#[test]
fn interim_answers_without_end() {
    let met = through(|stream, _| while stream.write_all(&b"HTTP/1.1 102 Processing\r\n\r\n".repeat(1_000)).is_ok() {});
    assert_eq!((met.code, met.codes), (3, vec!["https:reach.connect-timed-out".to_owned()]));
}

#[test]
fn a_tunnel_that_is_a_flood() {
    let met = through(|stream, _| {
        // With its first words in one segment with the head: later ones are TLS that is none.
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n\x1b[2J");
        while stream.write_all(&[0x1b; 16 * 1024]).is_ok() {}
    });
    assert_eq!((met.code, met.codes), (1, vec!["https:reach.answered-by-middlebox".to_owned()]));
}

#[test]
fn a_refusal_whose_page_has_no_end() {
    let met = through(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 403 For\xc2\x9bbidden\r\n\r\n");
        while stream.write_all(&b"<p>\x1b]0;owned\x07".repeat(1_000)).is_ok() {}
    });
    assert_eq!((met.code, met.codes), (1, vec!["https:reach.proxy-refused-tunnel".to_owned()]));
}

#[test]
fn credentials_are_asked_for_again_and_again() {
    let met = through(|stream, _| {
        loop {
            let challenge = "Proxy-Authenticate: Digest realm=\"\\\"\x0b\", nonce=\"x\", stale=true, qop=\"auth\"\r\n";
            let challenge = challenge.replace('\x0b', "\u{9b}");
            let head = format!("HTTP/1.1 407 Proxy Authentication Required\r\n{challenge}Content-Length: 0\r\n\r\n");
            if stream.write_all(head.as_bytes()).is_err() || read_head(stream).is_empty() {
                return;
            }
        }
    });
    assert_eq!((met.code, met.codes), (3, vec!["https:reach.proxy-auth-required".to_owned()]));
}

#[test]
fn a_thousand_schemes_are_asked_for() {
    let met = through(|stream, _| {
        let challenges = "Proxy-Authenticate: \u{9b}x realm=\"a\", Other abc=, ,,,, Basic\r\n".repeat(90);
        let head = format!("HTTP/1.1 407 Proxy Authentication Required\r\n{challenges}Content-Length: 0\r\n\r\n");
        let _ = stream.write_all(head.as_bytes());
    });
    assert_eq!((met.code, met.codes), (3, vec!["https:reach.proxy-auth-required".to_owned()]));
}

#[test]
fn a_socks_proxy_that_never_answers() {
    let silent = server(|stream| {
        std::thread::park();
        drop(stream);
    });
    let met = by(&format!("socks5://{silent}"));
    assert_eq!((met.code, met.codes), (3, vec!["https:reach.connect-timed-out".to_owned()]));
}

#[test]
fn a_socks_proxy_that_floods() {
    let flood = server(|mut stream| {
        let mut greeting = [0; 3];
        let _ = stream.read_exact(&mut greeting);
        let _ = stream.write_all(&[5, 0]);
        while stream.write_all(&[5; 16 * 1024]).is_ok() {}
    });
    let met = by(&format!("socks5://{flood}"));
    assert_eq!((met.code, met.codes), (3, vec!["https:reach.proxy-unreachable".to_owned()]));
}
