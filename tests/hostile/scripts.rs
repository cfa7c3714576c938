//! Scripts for proxy auto-configuration that never answer, or answer with too much.

use crate::program::{read_head, server};
use crate::victim::{Met, attacked};
use std::io::Write;

/// Runs with a script that is served.
fn script(text: &str) -> Met {
    let text = text.to_owned();
    let address = server(move |mut stream| {
        read_head(&mut stream);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", text.len());
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(text.as_bytes()));
    });
    by(&format!("http://{address}/proxy.pac"))
}

fn by(pac: &str) -> Met {
    attacked(&["--pac", pac, "http://127.0.0.1:9"])
}

/// The function with this body.
fn find(body: &str) -> String {
    format!("function FindProxyForURL(url, host) {{ {body} }}")
}

fn failed(met: Met, words: &str) {
    let said = met.summary("reach.pac-failed");
    assert!(said.contains(words), "{said}");
    assert_eq!((met.code, met.codes), (3, vec!["http:reach.pac-failed".to_owned()]));
}

#[test]
fn a_server_that_never_answers() {
    let address = server(|mut stream| {
        read_head(&mut stream);
        std::thread::park();
    });
    failed(by(&format!("http://{address}/proxy.pac")), "no answer in time");
}

#[test]
fn a_script_a_byte_at_a_time() {
    let address = server(|mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(b" ").is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    });
    failed(by(&format!("http://{address}/proxy.pac")), "no answer in time");
}

#[test]
fn a_script_without_end() {
    let address = server(|mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b' '; 16 * 1024]).is_ok() {}
    });
    failed(by(&format!("http://{address}/proxy.pac")), "1 MiB");
}

#[test]
fn redirects_in_a_circle() {
    let address = server(|mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 302 Found\r\nLocation: /proxy.pac\r\nContent-Length: 0\r\n\r\n");
    });
    failed(by(&format!("http://{address}/proxy.pac")), "redirects again and again");
}

#[test]
fn a_loop() {
    failed(script(&find("for (;;) {}")), "did not come to an end within 5 s");
}

#[test]
fn a_loop_before_the_function() {
    failed(script("for (;;) {}"), "did not come to an end within 5 s");
}

#[test]
fn memory_without_end() {
    failed(script(&find("var all = []; for (;;) all.push('x'.repeat(1 << 16) + all.length);")), "memory");
}

#[test]
fn calls_without_end() {
    failed(script("function f() { return f() + 1; } function FindProxyForURL() { return f(); }"), "stack");
}

#[test]
fn an_expression_that_backtracks() {
    failed(
        script(&find("return /^(a+)+$/.test('a'.repeat(40) + 'b') ? 'DIRECT' : 'PROXY x';")),
        "did not come to an end within 5 s",
    );
}

#[test]
fn work_that_cannot_be_interrupted() {
    failed(
        script(&find("var all = []; all.length = 4294967295; return '' + all.lastIndexOf(1);")),
        "did not come to an end within 5 s",
    );
}

#[test]
fn an_answer_for_a_terminal() {
    failed(script(&find("return '\\u001b]0;owned\\u0007\\u202e';")), "no usable proxy");
}

#[test]
fn an_error_for_a_terminal() {
    failed(script(&find("throw new Error('\\u001b]0;owned\\u0007\\u202e');")), "owned");
}

#[test]
fn an_answer_of_a_million_proxies() {
    let met = script(&find("return 'PROXY 127.0.0.1:9; '.repeat(1000000);"));
    assert_eq!((met.code, met.codes), (3, vec!["http:reach.proxy-unreachable".to_owned()]));
}

/// Sixteen proxies are tried, and each of them takes the connection and says nothing.
#[test]
fn proxies_that_never_answer() {
    let silent = server(|stream| {
        std::thread::park();
        drop(stream);
    });
    let met = script(&find(&format!("return 'SOCKS5 {silent}; '.repeat(100);")));
    assert_eq!((met.code, met.codes), (3, vec!["http:reach.connect-timed-out".to_owned()]));
}

/// Those that do not even begin are passed over, but not for ever.
#[test]
fn proxies_that_never_open() {
    let silent = server(|stream| {
        std::thread::park();
        drop(stream);
    });
    let met = script(&find(&format!("return 'HTTPS {silent}; '.repeat(100);")));
    assert_eq!((met.code, met.codes), (3, vec!["http:reach.proxy-unreachable".to_owned()]));
}
