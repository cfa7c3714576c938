//! Requests that carry something.

use crate::bench::Bench;
use crate::bytes::{EVENTS, GET, PAGE, POST, STREAM, UPGRADE, event};
use crate::passing::passes;
use crate::peer::End;

/// One that does not say how long it is.
const CHUNKED: &str =
    "POST /a HTTP/1.1\r\nHost: origin.test\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\n01234\r\n0\r\n\r\n";
/// One that carries nothing.
const EMPTY: &str = "POST /a HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// The request does not come to the server, and this becomes of it.
async fn is_stopped(bench: &mut Bench, request: &str, with: &str) {
    let mut client = bench.connects();
    client.sends(request).await;
    match with {
        "silence" => client.hears_nothing(60).await,
        "reset" => assert_eq!(client.end().await, End::Reset),
        status => {
            assert!(client.head().await.starts_with(&format!("HTTP/1.1 {status} ")));
        }
    }
    bench.nobody_arrived();
}

pub(crate) async fn stop_uploads() {
    for with in ["silence", "reset", "403", "411"] {
        let mut all = Bench::new(&format!("stop-uploads:which=all,with={with}"));
        for request in [GET, UPGRADE, EVENTS, EMPTY] {
            passes(&mut all, request).await;
        }
        for request in [POST, CHUNKED] {
            is_stopped(&mut all, request, with).await;
        }
        let mut chunked = Bench::new(&format!("stop-uploads:which=chunked,with={with}"));
        passes(&mut chunked, POST).await;
        is_stopped(&mut chunked, CHUNKED, with).await;

        let mut beside = Bench::new(&format!("stop-uploads:with={with}"));
        passes(&mut beside, POST).await;
        let (mut listener, mut source) = beside.asks(EVENTS).await;
        source.gets(EVENTS).await;
        source.sends(STREAM).await;
        listener.gets(STREAM).await;
        passes(&mut beside, GET).await;
        let mut waiting = beside.connects();
        waiting.sends(POST).await;
        if with == "silence" {
            waiting.hears_nothing(60).await;
            beside.nobody_arrived();
        }
        // The stream flows all the while.
        source.sends(event("1")).await;
        listener.gets(event("1")).await;
        drop(source);
        drop(listener);
        if with == "silence" {
            let mut server = beside.arrives().await;
            server.gets(POST).await;
            server.sends(PAGE).await;
            waiting.gets(PAGE).await;
        }
        passes(&mut beside, POST).await;
    }
}
