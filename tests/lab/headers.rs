//! Headers of requests and answers.

use crate::bench::Bench;
use crate::bytes::{SWITCHED, UPGRADE};
use crate::passing::{frames_pass, requests_pass, websockets_pass};

const ASKED: &str = "GET /a HTTP/1.1\r\nHost: origin.test\r\nUser-Agent: ring\r\nX-Own: 1\r\nProxyprobe-Own: 2\r\n\
    Last-Event-ID: 7\r\nAccept: */*\r\nConnection: close\r\n\r\n";
const ANSWERED: &str = "HTTP/1.1 200 OK\r\nServer: ring\r\nX-Own: 3\r\nproxyprobe-own: 4\r\nContent-Length: 5\r\n\r\nhello";

pub(crate) async fn edit_headers() {
    // What the server gets, and what the client does.
    let cases = [
        (
            "add",
            "GET /a HTTP/1.1\r\nHost: origin.test\r\nUser-Agent: ring\r\nX-Own: 1\r\nProxyprobe-Own: 2\r\nLast-Event-ID: 7\r\n\
             Accept: */*\r\nConnection: close\r\nVia: 1.1 lab (lab)\r\nX-Forwarded-For: 10.1.2.3\r\nX-Forwarded-Proto: http\r\n\r\n",
            "HTTP/1.1 200 OK\r\nServer: ring\r\nX-Own: 3\r\nproxyprobe-own: 4\r\nContent-Length: 5\r\nVia: 1.1 lab (lab)\r\n\r\nhello",
        ),
        (
            "add-vendor",
            "GET /a HTTP/1.1\r\nHost: origin.test\r\nUser-Agent: ring\r\nX-Own: 1\r\nProxyprobe-Own: 2\r\nLast-Event-ID: 7\r\n\
             Accept: */*\r\nConnection: close\r\nX-BlueCoat-Via: 0a1b2c3d4e5f6071\r\nZ-Forwarded-For: 10.1.2.3\r\nX-IMForwards: 20\r\n\r\n",
            ANSWERED,
        ),
        (
            "remove-unknown",
            "GET /a HTTP/1.1\r\nHost: origin.test\r\nUser-Agent: ring\r\nLast-Event-ID: 7\r\nAccept: */*\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 200 OK\r\nServer: ring\r\nContent-Length: 5\r\n\r\nhello",
        ),
        (
            "lower-case",
            "GET /a HTTP/1.1\r\nhost: origin.test\r\nuser-agent: ring\r\nx-own: 1\r\nproxyprobe-own: 2\r\nlast-event-id: 7\r\n\
             accept: */*\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 200 OK\r\nserver: ring\r\nx-own: 3\r\nproxyprobe-own: 4\r\ncontent-length: 5\r\n\r\nhello",
        ),
        (
            "reorder",
            "GET /a HTTP/1.1\r\nAccept: */*\r\nConnection: close\r\nHost: origin.test\r\nLast-Event-ID: 7\r\n\
             Proxyprobe-Own: 2\r\nUser-Agent: ring\r\nX-Own: 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: ring\r\nX-Own: 3\r\nproxyprobe-own: 4\r\n\r\nhello",
        ),
        (
            "http-1.0",
            "GET /a HTTP/1.0\r\nHost: origin.test\r\nUser-Agent: ring\r\nX-Own: 1\r\nProxyprobe-Own: 2\r\nLast-Event-ID: 7\r\n\
             Accept: */*\r\nConnection: close\r\n\r\n",
            ANSWERED,
        ),
        (
            "drop-last-event-id",
            "GET /a HTTP/1.1\r\nHost: origin.test\r\nUser-Agent: ring\r\nX-Own: 1\r\nProxyprobe-Own: 2\r\nAccept: */*\r\n\
             Connection: close\r\n\r\n",
            ANSWERED,
        ),
    ];
    for (how, asked, answered) in cases {
        let boxes = format!("edit-headers:how={how}");
        let mut bench = Bench::new(&boxes);
        let (mut client, mut server) = bench.asks(ASKED).await;
        server.gets(asked).await;
        server.sends(ANSWERED).await;
        client.gets(answered).await;
        // A body and frames are none of its business, whatever it does to heads.
        let (mut client, mut server) = bench.asks(UPGRADE).await;
        let head = server.head().await;
        assert_eq!(head.to_lowercase().contains("upgrade: websocket\r\n"), how != "http-1.0", "{head}");
        server.sends(SWITCHED).await;
        client.head().await;
        frames_pass(client, server).await;
    }
    let (_client, mut server) = Bench::new("edit-headers:how=http-1.0").asks(UPGRADE).await;
    let expected = UPGRADE.replace("Upgrade: websocket\r\nConnection: Upgrade\r\n", "").replace("1.1", "1.0");
    server.gets(expected.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).await;
    // Nothing to drop: everything passes.
    requests_pass("edit-headers:how=drop-last-event-id").await;
    websockets_pass("edit-headers:how=drop-last-event-id").await;
}

pub(crate) async fn reverse_proxy() {
    let mut bench = Bench::new("reverse-proxy");
    let (mut client, mut server) = bench.asks(ASKED).await;
    let gets =
        ASKED.replace("\r\n\r\n", "\r\nVia: 1.1 lab (lab)\r\nX-Forwarded-For: 10.1.2.3\r\nX-Forwarded-Proto: http\r\n\r\n");
    server.gets(gets).await;
    server.sends(ANSWERED).await;
    client.gets(ANSWERED.replace("\r\n\r\n", "\r\nVia: 1.1 lab (lab)\r\n\r\n")).await;
}
