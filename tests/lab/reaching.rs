//! Whether the server is reached at all.

use crate::bench::Bench;
use crate::bytes::{EVENTS, GET, UPGRADE};
use crate::passing::{requests_pass, streams_pass, websockets_pass};
use crate::peer::End;
use proxyprobe::lab::Admission;
use tokio::time::Instant;

pub(crate) async fn refuse_connections() {
    assert_eq!(Bench::new("refuse-connections").admits(), Admission::Refuses);
}

pub(crate) async fn ignore_connections() {
    assert_eq!(Bench::new("ignore-connections").admits(), Admission::Ignores);
}

pub(crate) async fn reset_connections() {
    let mut bench = Bench::new("reset-connections");
    let start = Instant::now();
    assert_eq!(bench.connects().end_since(start).await, (0, End::Reset));
    bench.nobody_arrived();
}

pub(crate) async fn answer_requests() {
    let page = "<!doctype html><title>Sign in</title><p>Please sign in to use this network.</p>";
    let html = |status: &str, page: &str| {
        let length = page.len();
        format!("HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{page}")
    };
    let redirect =
        |status: &str, to: &str| format!("HTTP/1.1 {status}\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let bare = |status: &str| format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let answers = [
        ("with=nothing", String::new()),
        ("with=status", bare("403 Forbidden")),
        ("status=200", bare("200 OK")),
        ("status=400", bare("400 Bad Request")),
        ("status=426", bare("426 Upgrade Required")),
        ("status=501", bare("501 Not Implemented")),
        ("status=502", bare("502 Bad Gateway")),
        ("status=503", bare("503 Service Unavailable")),
        ("status=504", bare("504 Gateway Timeout")),
        ("with=page,status=200", html("200 OK", page)),
        ("with=page,status=511", html("511 Network Authentication Required", page)),
        ("with=redirect", redirect("302 Found", "http://login.portal.test/")),
        ("with=redirect-to-https", redirect("301 Moved Permanently", "https://origin.test/a/b?c=d")),
        ("with=block-page", html("403 Forbidden", "<p>Powered By Fortinet</p>")),
    ];
    for (settings, answer) in answers {
        let mut bench = Bench::new(&format!("answer-requests:{settings}"));
        let mut client = bench.connects();
        client.sends(GET).await;
        let start = Instant::now();
        client.gets(answer).await;
        assert_eq!(start.elapsed().as_millis(), 0);
        client.hears_nothing(60).await;
        bench.nobody_arrived();
    }
    for which in ["all", "websockets", "streams", "requests"] {
        let boxes = format!("answer-requests:only={which}");
        for (kind, request) in [("requests", GET), ("websockets", UPGRADE), ("streams", EVENTS)] {
            if which == "all" || which == kind {
                let mut bench = Bench::new(&boxes);
                let mut client = bench.connects();
                client.sends(request).await;
                client.gets(bare("403 Forbidden")).await;
                bench.nobody_arrived();
            }
        }
        if !["all", "requests"].contains(&which) {
            requests_pass(&boxes).await;
        }
        if ["websockets", "requests"].contains(&which) {
            streams_pass(&boxes).await;
        }
        if ["streams", "requests"].contains(&which) {
            websockets_pass(&boxes).await;
        }
    }
}
