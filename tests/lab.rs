//! Each middlebox of the lab does what its name says, and leaves alone what it does not concern, while pings are flowing: over
//! pipes in memory, under a paused clock, as a client and a server see it that know nothing but bytes.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and reads what it wrote itself"
)]

#[path = "lab/bench.rs"]
mod bench;
#[path = "lab/bytes.rs"]
mod bytes;
#[path = "lab/passing.rs"]
mod passing;
#[path = "lab/peer.rs"]
mod peer;

#[path = "lab/altered.rs"]
mod altered;
#[path = "lab/encrypted.rs"]
mod encrypted;
#[path = "lab/framed.rs"]
mod framed;
#[path = "lab/headers.rs"]
mod headers;
#[path = "lab/http2.rs"]
mod http2;
#[path = "lab/kinds.rs"]
mod kinds;
#[path = "lab/paths.rs"]
mod paths;
#[path = "lab/polls.rs"]
mod polls;
#[path = "lab/proxies.rs"]
mod proxies;
#[path = "lab/reaching.rs"]
mod reaching;
#[path = "lab/robust.rs"]
mod robust;
#[path = "lab/rows.rs"]
mod rows;
#[path = "lab/silence.rs"]
mod silence;
#[path = "lab/streams.rs"]
mod streams;
#[path = "lab/upgraded.rs"]
mod upgraded;
#[path = "lab/upgrading.rs"]
mod upgrading;
#[path = "lab/uploads.rs"]
mod uploads;

use proxyprobe::lab::ALL;

/// The ring: a function for each middlebox, of the same name, which must try every value of every choice.
macro_rules! ring {
    ($($room:ident: $($name:ident),+;)+) => {
        $($(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                $room::$name().await;
                assert_eq!(bench::untried(&spelled(stringify!($name))), [""; 0]);
            }
        )+)+

        const TRIED: &[&str] = &[$($(stringify!($name)),+),+];
    };
}

ring! {
    reaching: refuse_connections, ignore_connections, reset_connections, answer_requests;
    proxies: proxy, proxy_refuses_tunnels, proxy_fakes_tunnels, proxy_asks_credentials;
    encrypted: inspect_tls, end_client_hello;
    http2: edit_http2;
    headers: edit_headers, reverse_proxy;
    upgrading: strip_upgrade, rewrite_connection, swallow_101, forge_101, alter_101, edit_offers;
    upgraded: swallow_after_101, close_after_101, write_page_after_101, lose_greeting, wait_for_client;
    kinds: refuse_frames, rewrite_close;
    framed: answer_pings, invent_close, ignore_pings, lose_last_byte, stall_large_frames, close_after_frames, close_after_bytes;
    silence: end_when_idle, forget_when_idle, cap_lifetime, limit_connections;
    streams: hold_stream, hold_until_bytes, batch_events, trickle_stream, delay_events, keep_one_event;
    altered: compress_stream, withhold_head, change_content_type, show_progress_page, inject_text, repeat_events, cut_streams;
    polls: give_up_on_answers, cache_answers, keep_aborted_requests, retry_requests;
    uploads: stop_uploads;
    paths: link, lose_server;
}

fn spelled(name: &str) -> String {
    name.replace('_', "-")
}

#[test]
fn every_middlebox_is_tried_and_nothing_else() {
    let mut tried: Vec<String> = TRIED.iter().map(|name| spelled(name)).collect();
    let mut all: Vec<&str> = ALL.iter().map(|entry| entry.name).collect();
    tried.sort_unstable();
    all.sort_unstable();
    assert_eq!(tried, all);
}
