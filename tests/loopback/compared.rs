//! The same check through a proxy and without it, and the connections as a proxy's log has them.

use crate::program::{Serve, check, read_head, server};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;

/// A proxy that opens tunnels and lets every request for an event stream wait: it answers with the whole of it at its end. It tells
/// the port of whoever comes.
fn holding(to: &str) -> (SocketAddr, mpsc::Receiver<(u16, u16)>) {
    let (seen, ports) = mpsc::channel();
    let to = to.to_owned();
    let address = server(move |mut client| {
        let head = read_head(&mut client);
        let Some(mut onward) = onward(&to) else { return };
        let _ = seen.send((client.peer_addr().unwrap().port(), onward.local_addr().unwrap().port()));
        if head.starts_with("CONNECT ") {
            let _ = client.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            let (mut from, mut back) = (client.try_clone().unwrap(), onward.try_clone().unwrap());
            let there = std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut back);
                let _ = back.shutdown(std::net::Shutdown::Write);
            });
            let _ = std::io::copy(&mut onward, &mut client);
            let _ = client.shutdown(std::net::Shutdown::Write);
            let _ = there.join();
            return;
        }
        // One request for each connection, so that the end of its answer is the end of the connection.
        let path = head.replacen(&format!("http://{to}"), "", 1).replacen("\r\n", "\r\nConnection: close\r\n", 1);
        let _ = onward.write_all(path.as_bytes());
        let mut answer = Vec::new();
        let streams = head.contains("text/event-stream");
        let mut piece = [0; 4096];
        while let Ok(size @ 1..) = onward.read(&mut piece) {
            answer.extend_from_slice(&piece[..size]);
            if !streams {
                let _ = client.write_all(&answer);
                answer.clear();
            }
        }
        let _ = client.write_all(&answer);
    });
    (address, ports)
}

#[expect(clippy::disallowed_methods, reason = "a proxy of the test's own, not the program's way out")]
fn onward(to: &str) -> Option<TcpStream> {
    TcpStream::connect(to).ok()
}

#[test]
fn what_the_proxy_changes_stands_side_by_side() {
    let serve = Serve::start();
    let (proxy, ports) = holding(serve.http.split("//").nth(1).unwrap());
    let flags =
        ["--leg", "http", "--only", "reach,sse,long_poll", "--compare-direct", "--proxy", &proxy.to_string(), &serve.http];
    let ran = check(&flags);
    let report = ran.json();
    assert_eq!(report["transports"]["sse"]["verdict"], "broken", "{}", ran.stdout);
    let compared = &report["without_proxy"];
    assert_eq!(compared["transports"]["sse"], serde_json::json!({ "through_proxy": "broken", "direct": "works" }));
    assert_eq!(compared["direct"], "works");
    let held = compared["findings"].as_array().unwrap().iter().find(|one| one["code"] == "sse.buffered-until-end").unwrap();
    let figure = &held["seen"]["through_proxy"];
    assert!(figure.as_str().unwrap().starts_with("for "), "{figure}");
    assert_eq!(held["seen"], serde_json::json!({ "through_proxy": figure, "direct": null }));
    // Each connection has the port that the proxy saw, and the one from which the proxy came to the server.
    let seen: Vec<(u16, u16)> = ports.try_iter().collect();
    let port = |value: &serde_json::Value| value.as_str().and_then(|text| text.rsplit_once(':')?.1.parse::<u16>().ok());
    let connections = report["connections"].as_array().unwrap();
    let finding = report["findings"].as_array().unwrap().iter().find(|one| one["code"] == "sse.buffered-until-end").unwrap();
    let nonce = finding["connections"][0].as_str().unwrap();
    let blamed = connections.iter().find(|one| one["nonce"] == nonce).unwrap();
    let pair = (port(&blamed["local"]).unwrap(), port(&blamed["seen_from"]).unwrap());
    assert!(seen.contains(&pair), "{pair:?} {seen:?}");
    assert_eq!((&blamed["remote"], &blamed["via"]), (&proxy.to_string().into(), &"absolute-form".into()));
    assert!(blamed["dialled_at"].as_str().unwrap().ends_with('Z'));
    let tunnelled = connections.iter().find(|one| one["via"] == "connect");
    assert!(tunnelled.is_none_or(|one| one["tunnel_to"] == serve.http.split("//").nth(1).unwrap()), "{tunnelled:?}");
}

#[test]
fn without_a_proxy_there_is_nothing_to_compare() {
    let serve = Serve::start();
    let ran = check(&["--leg", "http", "--only", "reach,sse", "--compare-direct", &serve.http]);
    assert_eq!((ran.code, &ran.json()["without_proxy"]), (0, &serde_json::Value::Null));
    assert!(ran.stderr.contains("nothing to compare"), "{}", ran.stderr);
}
