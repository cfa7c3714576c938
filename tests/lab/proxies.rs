//! Explicit proxies, which the client speaks to.

use crate::bench::Bench;
use crate::bytes::{GET, PAGE, SWITCHED, UPGRADE, every_byte};
use crate::passing::{a_flood_passes, frames_pass, requests_pass, websockets_pass};
use crate::peer::{End, Peer};
use tokio::time::Instant;

const CONNECT: &str = "CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\n\r\n";
const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

fn refusal(status: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

/// The refusal comes, then the FIN, and nobody was dialed.
async fn is_refused(bench: &mut Bench, request: &str, refusal: String) {
    let start = Instant::now();
    let mut client = bench.connects();
    client.sends(request).await;
    client.gets(refusal).await;
    assert_eq!(client.end_since(start).await, (0, End::Fin), "{request}");
    bench.nobody_arrived();
}

/// A tunnel to a place, through which everything passes.
async fn tunnels(bench: &mut Bench, place: &str, established: &str) -> (Peer, Peer) {
    let mut client = bench.connects();
    client.sends(format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\nProxy-Authorization: Basic eA==\r\n\r\n")).await;
    let (mut server, asked) = bench.arrival().await;
    assert_eq!(asked.as_deref(), Some(place));
    client.gets(established).await;
    client.sends(every_byte()).await;
    server.gets(every_byte()).await;
    server.sends(every_byte()).await;
    client.gets(every_byte()).await;
    (client, server)
}

/// A request in absolute-form goes on in origin-form, without what was meant for the proxy.
async fn forwards(boxes: &str) {
    let mut bench = Bench::new(boxes);
    for (authority, path, place, forwarded) in [
        ("origin.test", "/a/b?c=d", "origin.test:80", "/a/b?c=d"),
        ("origin.test:8080", "/a", "origin.test:8080", "/a"),
        ("origin.test", "", "origin.test:80", "/"),
        ("origin.test", "?c=/d", "origin.test:80", "/?c=/d"),
        ("origin.test:81", "?c", "origin.test:81", "/?c"),
        ("192.0.2.1", "/http://other.test/", "192.0.2.1:80", "/http://other.test/"),
        ("[2001:db8::1]", "/a", "[2001:db8::1]:80", "/a"),
        ("[2001:db8::1]:81", "/a", "[2001:db8::1]:81", "/a"),
    ] {
        let mut client = bench.connects();
        client
            .sends(format!(
                "POST http://{authority}{path} HTTP/1.1\r\nHost: {authority}\r\nProxy-Connection: keep-alive\r\nX-Own: 1\r\n\
                 Proxy-Authorization: Basic eA==\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n01234"
            ))
            .await;
        let (mut server, asked) = bench.arrival().await;
        assert_eq!(asked.as_deref(), Some(place));
        let rest = format!("Host: {authority}\r\nX-Own: 1\r\nContent-Length: 5\r\nConnection: close\r\n\r\n01234");
        server.gets(format!("POST {forwarded} HTTP/1.1\r\n{rest}")).await;
        server.sends(PAGE).await;
        drop(server);
        client.gets(PAGE).await;
        assert_eq!(client.end().await, End::Fin);
    }
    // An upgrade stays one.
    let (mut client, mut server) = bench.asks(UPGRADE.replace(" /socket", " http://origin.test/socket")).await;
    server.gets(UPGRADE).await;
    server.sends(SWITCHED).await;
    client.gets(SWITCHED).await;
    frames_pass(client, server).await;
}

pub(crate) async fn proxy() {
    for version in ["1.1", "1.0"] {
        let boxes = format!("proxy:version={version}");
        let mut bench = Bench::new(&boxes);
        let established = format!("HTTP/{version} 200 Connection established\r\n\r\n");
        for place in ["origin.test:443", "origin.test:80", "[2001:db8::1]:443"] {
            let (client, server) = tunnels(&mut bench, place, &established).await;
            frames_pass(client, server).await;
        }
        let (client, server) = tunnels(&mut bench, "origin.test:443", &established).await;
        a_flood_passes(client, server).await;
        for client_leaves in [true, false] {
            let (client, server) = tunnels(&mut bench, "origin.test:443", &established).await;
            let (one, mut other) = if client_leaves { (client, server) } else { (server, client) };
            one.reset();
            assert_eq!(other.end().await, End::Reset);
        }
        forwards(&boxes).await;
    }
    // Who does not speak as to a proxy is relayed, if it is to be.
    let relays = "proxy:others=relayed";
    requests_pass(relays).await;
    websockets_pass(relays).await;
    forwards(relays).await;
    let (client, server) = tunnels(&mut Bench::new(relays), "origin.test:443", ESTABLISHED).await;
    frames_pass(client, server).await;
    let mut bench = Bench::new("proxy:others=refused");
    // What a client sends without waiting for the answer belongs into the tunnel (RFC 9110 section 9.3.6).
    let (mut client, mut server) = bench.asks(format!("{CONNECT}early")).await;
    client.gets(ESTABLISHED).await;
    server.gets("early").await;
    // Not a word to a proxy.
    is_refused(&mut bench, GET, refusal("400 Bad Request", "", "this is a proxy\n")).await;
    bench.server_is_down();
    let absolute = GET.replace(" /a", " http://origin.test/a");
    for request in [CONNECT, absolute.as_str()] {
        is_refused(&mut bench, request, refusal("503 Service Unavailable", "", "the server cannot be reached\n")).await;
    }
}

pub(crate) async fn proxy_refuses_tunnels() {
    for (settings, place, status) in [
        ("", "origin.test:443", Some("403 Forbidden")),
        ("", "origin.test:80", Some("403 Forbidden")),
        (":status=502", "origin.test:443", Some("502 Bad Gateway")),
        (":status=405", "origin.test:443", Some("405 Answered")),
        (":grants=443", "origin.test:80", Some("403 Forbidden")),
        (":grants=443", "origin.test:8443", Some("403 Forbidden")),
        (":grants=443", "origin.test:443", None),
        (":grants=8443", "origin.test:8443", None),
    ] {
        let mut bench = Bench::new(&format!("proxy-refuses-tunnels{settings}"));
        match status {
            Some(status) => {
                let request = CONNECT.replace("origin.test:443", place);
                is_refused(&mut bench, &request, refusal(status, "", "no tunnels\n")).await;
            }
            None => {
                let (client, server) = tunnels(&mut bench, place, ESTABLISHED).await;
                frames_pass(client, server).await;
            }
        }
    }
    forwards("proxy-refuses-tunnels").await;
    forwards("proxy-refuses-tunnels:grants=443").await;
}

pub(crate) async fn proxy_fakes_tunnels() {
    for (then, says) in [("silence", ""), ("page", "<html><p>This service is not available.</p></html>"), ("end", "")] {
        let boxes = format!("proxy-fakes-tunnels:then={then}");
        let mut bench = Bench::new(&boxes);
        let start = Instant::now();
        let mut client = bench.connects();
        client.sends(CONNECT).await;
        client.gets(format!("{ESTABLISHED}{says}")).await;
        if then == "end" {
            assert_eq!(client.end_since(start).await, (0, End::Fin));
        } else {
            client.sends(UPGRADE).await;
            client.hears_nothing(60).await;
        }
        bench.nobody_arrived();
        forwards(&boxes).await;
    }
}

pub(crate) async fn proxy_asks_credentials() {
    let basic = "Proxy-Authenticate: Basic realm=\"lab\"\r\n";
    let digest = "Proxy-Authenticate: Digest realm=\"lab\", nonce=\"6c6162\", qop=\"auth\", algorithm=SHA-256\r\n";
    let ntlm = "Proxy-Authenticate: NTLM\r\n";
    let negotiate = "Proxy-Authenticate: Negotiate\r\n";
    let all = [negotiate, ntlm, digest, basic].concat();
    for (scheme, fields) in
        [("basic", basic), ("digest", digest), ("ntlm", ntlm), ("negotiate", negotiate), ("all", all.as_str())]
    {
        let mut bench = Bench::new(&format!("proxy-asks-credentials:scheme={scheme}"));
        let with = |value: &str| CONNECT.replace("\r\n\r\n", &format!("\r\nProxy-Authorization: {value}\r\n\r\n"));
        let absolute = GET.replace(" /a", " http://origin.test/a");
        for request in [CONNECT, absolute.as_str(), with("Basic eDp4").as_str(), with("NTLM eA==").as_str()] {
            let asked = refusal("407 Proxy Authentication Required", fields, "who are you?\n");
            is_refused(&mut bench, request, asked).await;
        }
    }
}
