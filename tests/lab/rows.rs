//! Several in a row, several requests, and what is inside TLS.

use crate::bench::{Bench, kit};
use crate::bytes::{GET, KEEP_ALIVE, PAGE, POST, SWITCHED, UPGRADE};
use crate::encrypted::{inside, origin};
use crate::passing::{frames_pass, opened, passes, ping};
use crate::peer::End;
use proxyprobe::lab::{ALL, Admission, Layer, Row, Spec};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Everybody who reads requests, set so that plain ones do not concern it.
fn readers() -> Vec<String> {
    // A reverse proxy edits every request; its own test says how.
    let readers = ALL.iter().filter(|entry| entry.layer == Layer::Http && entry.name != "reverse-proxy");
    let readers = readers.map(|entry| match entry.name {
        "answer-requests" => "answer-requests:only=websockets".to_owned(),
        "edit-headers" => "edit-headers:how=drop-last-event-id".to_owned(),
        name => name.to_owned(),
    });
    readers.collect()
}

#[tokio::test(start_paused = true)]
async fn each_request_is_met_at_its_head() {
    for boxes in readers() {
        let mut bench = Bench::new(&boxes);
        for _ in 0..3 {
            let (mut client, mut server) = bench.asks(KEEP_ALIVE).await;
            server.gets(KEEP_ALIVE.replace("keep-alive", "close")).await;
            server.sends(PAGE).await;
            drop(server);
            client.gets(PAGE).await;
            assert_eq!(client.end().await, End::Fin, "{boxes}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_ascii_passes_as_it_is() {
    for boxes in readers() {
        let mut bench = Bench::new(&boxes);
        for request in [GET, POST] {
            let octets = |text: &str| {
                text.replace("Host: ", "X-Name: caf\u{e9}\u{ff}\r\nHost: ").chars().map(|c| c as u8).collect::<Vec<u8>>()
            };
            let (mut client, mut server) = bench.asks(octets(request)).await;
            server.gets(octets(request)).await;
            let answer = octets(&PAGE.replace("Content-Type", "Host: x\r\nContent-Type"));
            server.sends(&answer).await;
            client.gets(&answer).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_later_passes_whole() {
    for boxes in readers() {
        let mut bench = Bench::new(&boxes);
        let (head, body) = POST.split_at(POST.len() - 5);
        let (mut client, mut server) = bench.asks(head).await;
        server.gets(head).await;
        client.hears_nothing(1).await;
        for byte in body.as_bytes() {
            client.sends([*byte]).await;
            server.gets([*byte]).await;
        }
        server.sends(PAGE).await;
        client.gets(PAGE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_reads_requests_reads_them_inside_tls() {
    let (origin, kit) = origin();
    for boxes in readers() {
        let mut bench = Bench::with(&boxes, &kit);
        let (mut client, mut server) = inside(&mut bench, &kit, &origin, GET).await;
        server.gets(GET).await;
        server.sends(PAGE).await;
        drop(server);
        client.gets(PAGE).await;
        assert_eq!(client.end().await, End::Fin, "{boxes}");
    }
    let mut bench = Bench::with("strip-upgrade", &kit);
    let (_client, mut server) = inside(&mut bench, &kit, &origin, UPGRADE).await;
    let stripped = UPGRADE.replace("Upgrade: websocket\r\nConnection: Upgrade\r\n", "");
    server.gets(stripped.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).await;
    let mut bench = Bench::with("close-after-101:after=2,by=rst", &kit);
    let (mut client, mut server) = inside(&mut bench, &kit, &origin, UPGRADE).await;
    server.gets(UPGRADE).await;
    server.sends(SWITCHED).await;
    client.gets(SWITCHED).await;
    let start = Instant::now();
    sleep(Duration::from_secs(1)).await;
    ping(&mut client, &mut server).await;
    assert_eq!(client.end_since(start).await, (2_000, End::Reset));
    assert_eq!(server.end_since(start).await, (2_000, End::Reset));
}

#[tokio::test(start_paused = true)]
async fn bytes_meet_the_row_in_its_order() {
    let (_client, mut server) = Bench::new("edit-headers:how=add + edit-headers:how=remove-unknown").asks(GET).await;
    server.gets(GET.replace("X-Own: 1\r\n", "").replace("Connection:", "Via: 1.1 lab (lab)\r\nConnection:")).await;
    // The one at the front is silent for longer: it hears each byte later than the one behind.
    let mut bench = Bench::new("end-when-idle:after=3 + link:latency=0 + cap-lifetime:age=5");
    let start = Instant::now();
    let (mut client, mut server) = opened(&mut bench).await;
    sleep(Duration::from_secs(1)).await;
    ping(&mut client, &mut server).await;
    sleep(Duration::from_secs(2)).await;
    ping(&mut client, &mut server).await;
    assert_eq!(client.end_since(start).await, (5_000, End::Fin));
    assert_eq!(server.end_since(start).await, (5_000, End::Fin));
    // The place that was asked of a proxy is known at the end of the row.
    let mut bench = Bench::new("proxy + strip-upgrade + forget-when-idle:after=5");
    let mut client = bench.connects();
    client.sends("CONNECT origin.test:80 HTTP/1.1\r\n\r\n").await;
    client.gets("HTTP/1.1 200 Connection established\r\n\r\n").await;
    client.sends(GET).await;
    let (mut server, place) = bench.arrival().await;
    assert_eq!(place.as_deref(), Some("origin.test:80"));
    server.gets(GET).await;
    server.hears_nothing(6).await;
    server.sends(PAGE).await;
    client.hears_nothing(60).await;
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_further_on_is_let_go_in_front() {
    for (behind, end) in
        [("refuse-connections", Some(End::Fin)), ("reset-connections", Some(End::Reset)), ("ignore-connections", None)]
    {
        let mut bench = Bench::new(&format!("link:latency=0 + {behind}"));
        assert_eq!(bench.admits(), Admission::Accepts);
        let mut client = bench.connects();
        match end {
            Some(end) => assert_eq!(client.end().await, end, "{behind}"),
            None => client.hears_nothing(60).await,
        }
        bench.nobody_arrived();
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_stands_first_or_not_at_all() {
    let read = |boxes: &str| -> Vec<Spec> { boxes.split(" + ").map(|text| text.parse().unwrap()).collect() };
    for entry in ALL {
        let is_proxy = entry.layer == Layer::Proxy;
        assert_eq!(Row::is_explicit_proxy(&read(entry.name)), is_proxy, "{}", entry.name);
        assert_eq!(Row::new(&read(&format!("link + {}", entry.name)), &kit(None)).is_err(), is_proxy, "{}", entry.name);
    }
    assert!(!Row::is_explicit_proxy(&[]));
}

#[tokio::test(start_paused = true)]
async fn nothing_in_between_does_nothing() {
    let mut bench = Bench::new("link:latency=0 + link:latency=0 + link:latency=0");
    for request in [GET, POST] {
        passes(&mut bench, request).await;
    }
    let (client, server) = bench.switches().await;
    frames_pass(client, server).await;
}
