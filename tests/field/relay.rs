//! A relay of the test's own that lets a 101 through and swallows what comes after it, in one direction or in both.

use crate::harness::{Serve, check};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Which bytes are swallowed after a 101.
#[derive(Clone, Copy, Debug)]
struct Swallows {
    to_server: bool,
    to_client: bool,
}

/// Relays every connection to the server at `port`, and gives the port to use instead. The threads end with the test.
fn relay(port: u16, swallows: Swallows) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let own = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(("127.0.0.1", port))) else { return };
            let switched = Arc::new(AtomicBool::new(false));
            let (from_client, to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let seen = switched.clone();
            thread::spawn(move || to_the_server(from_client, to_server, &seen, swallows));
            thread::spawn(move || to_the_client(server, client, &switched, swallows));
        }
    });
    own
}

fn to_the_server(mut client: TcpStream, mut server: TcpStream, switched: &AtomicBool, swallows: Swallows) {
    let mut buffer = [0; 4096];
    while let Ok(size @ 1..) = client.read(&mut buffer) {
        let swallowed = swallows.to_server && switched.load(Ordering::SeqCst);
        if !swallowed && server.write_all(&buffer[..size]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Write);
}

fn to_the_client(mut server: TcpStream, mut client: TcpStream, switched: &AtomicBool, swallows: Swallows) {
    let (mut buffer, mut head) = ([0; 4096], Vec::new());
    let mut past_head = false;
    while let Ok(size @ 1..) = server.read(&mut buffer) {
        let mut pass = &buffer[..size];
        if past_head {
            if swallows.to_client && switched.load(Ordering::SeqCst) {
                continue;
            }
        } else {
            let before = head.len();
            head.extend_from_slice(pass);
            if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
                past_head = true;
                if head.starts_with(b"HTTP/1.1 101 ") {
                    // Set before the client can know of it, so that not one frame slips through.
                    switched.store(true, Ordering::SeqCst);
                    if swallows.to_client {
                        pass = &pass[..end + 4 - before];
                    }
                }
            }
        }
        if client.write_all(pass).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Write);
}

fn zombie(to_server: bool, to_client: bool, code: &str) {
    let server = Serve::start(&[]);
    let port = relay(server.http, Swallows { to_server, to_client });
    let checked = check(&format!("relay {code}"), &[&format!("http://127.0.0.1:{port}"), "--leg", "http", "--idle", "5"]);
    checked.expect(1, "broken");
    assert_eq!(checked.blamed("http"), [code], "{}", checked.summary());
    let direction = match (to_server, to_client) {
        (true, true) => "both",
        (true, false) => "to-server",
        _ => "to-client",
    };
    let finding = checked.finding("http", code);
    assert_eq!(finding["measured"]["direction"], direction);
    let transports = &checked.report["transports"];
    assert_eq!(transports["websocket"]["verdict"], "broken");
    assert_eq!(transports["websocket"]["because"], serde_json::json!([code]), "{}", checked.summary());
    assert_eq!(transports["sse"]["verdict"], "works", "{}", checked.summary());
    assert_eq!(transports["long-polling"]["verdict"], "works", "{}", checked.summary());
}

#[test]
fn silent_both_ways() {
    zombie(true, true, "zombie.silent-both-ways");
}

#[test]
fn silent_to_server() {
    zombie(true, false, "zombie.silent-to-server");
}

#[test]
fn silent_to_client() {
    zombie(false, true, "zombie.silent-to-client");
}

#[test]
fn a_relay_that_swallows_nothing_is_no_fault() {
    let server = Serve::start(&[]);
    let port = relay(server.http, Swallows { to_server: false, to_client: false });
    let checked = check("relay clean", &[&format!("http://127.0.0.1:{port}"), "--leg", "http", "--idle", "5"]);
    checked.expect(0, "works");
}
