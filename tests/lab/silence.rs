//! Silence, age and number of connections.

use crate::bench::Bench;
use crate::bytes::{PONG, TEXT, frame, masked};
use crate::passing::{a_flood_passes, bytes_pass, opened, ping};
use crate::peer::{End, Peer};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep, timeout};

/// How a connection is over for both ends: none is not told.
type Told = (Option<End>, Option<End>);

/// Each end is told what it is told, at this time and not before; who is not told is left alone for a minute, and may send.
async fn are_told(client: &mut Peer, server: &mut Peer, start: Instant, after: u128, told: Told) {
    let (first, second) = (client, server);
    for (peer, told) in [(&mut *first, told.0), (&mut *second, told.1)] {
        if let Some(end) = told {
            assert_eq!(peer.end_since(start).await, (after, end));
        }
    }
    for (peer, told) in [(first, told.0), (second, told.1)] {
        if told.is_none() {
            peer.hears_nothing(60).await;
            peer.sends(frame(TEXT, b"is anybody there?")).await;
            peer.hears_nothing(60).await;
        }
    }
}

pub(crate) async fn end_when_idle() {
    let (fin, reset) = (Some(End::Fin), Some(End::Reset));
    for (tells, told) in [
        ("both", (fin, fin)),
        ("resets-server", (fin, reset)),
        ("resets-client", (reset, fin)),
        ("resets-both", (reset, reset)),
        ("client", (fin, None)),
        ("server", (None, fin)),
    ] {
        for after in [2_000, 31_000] {
            let mut bench = Bench::new(&format!("end-when-idle:after={after}ms,tells={tells}"));
            let (mut client, mut server) = bench.switches().await;
            for _ in 0..10 {
                sleep(Duration::from_millis(after / 2)).await;
                ping(&mut client, &mut server).await;
            }
            are_told(&mut client, &mut server, Instant::now(), after.into(), told).await;
            // One that never said anything.
            let start = Instant::now();
            let (mut client, mut server) = opened(&mut bench).await;
            are_told(&mut client, &mut server, start, after.into(), told).await;
        }
    }
    for (counts, client_counts, server_counts) in [("both", true, true), ("client", true, false), ("server", false, true)] {
        for (speaks, counted) in [("client", client_counts), ("server", server_counts)] {
            let mut bench = Bench::new(&format!("end-when-idle:after=4,counts={counts}"));
            let start = Instant::now();
            let (mut client, mut server) = opened(&mut bench).await;
            let words = frame(PONG, b"!");
            for _ in 0..if counted { 10 } else { 1 } {
                sleep(Duration::from_secs(3)).await;
                let (one, other) = if speaks == "client" { (&mut client, &mut server) } else { (&mut server, &mut client) };
                one.sends(&words).await;
                other.gets(&words).await;
            }
            let after = if counted { 34_000 } else { 4_000 };
            assert_eq!(client.end_since(start).await, (after, End::Fin), "{counts} {speaks}");
            assert_eq!(server.end_since(start).await, (after, End::Fin), "{counts} {speaks}");
        }
    }
    bytes_pass("end-when-idle").await;
    let (client, server) = opened(&mut Bench::new("end-when-idle:after=4")).await;
    a_flood_passes(client, server).await;
}

pub(crate) async fn forget_when_idle() {
    for then in ["drops", "resets"] {
        for after in [2, 31] {
            for client_first in [true, false] {
                let mut bench = Bench::new(&format!("forget-when-idle:after={after},then={then}"));
                let (mut client, mut server) = bench.switches().await;
                for _ in 0..10 {
                    sleep(Duration::from_millis(after * 500)).await;
                    ping(&mut client, &mut server).await;
                }
                // One moment before it is still known.
                sleep(Duration::from_millis(after * 1_000 - 1)).await;
                ping(&mut client, &mut server).await;
                client.hears_nothing(after).await;
                server.hears_nothing(60).await;
                let words = masked(TEXT, b"are you there?");
                let (one, other) = if client_first { (&mut client, &mut server) } else { (&mut server, &mut client) };
                // Each end learns of it by its own words alone, or never.
                gone(one, &words, then == "resets").await;
                other.hears_nothing(60).await;
                gone(other, &words, then == "resets").await;
            }
        }
    }
    for (counts, speaks, counted) in
        [("client", "client", true), ("client", "server", false), ("server", "client", false), ("server", "server", true)]
    {
        let (mut client, mut server) = opened(&mut Bench::new(&format!("forget-when-idle:after=4,counts={counts}"))).await;
        let words = frame(PONG, b"!");
        let (one, other) = if speaks == "client" { (&mut client, &mut server) } else { (&mut server, &mut client) };
        for _ in 0..if counted { 10 } else { 1 } {
            sleep(Duration::from_secs(3)).await;
            one.sends(&words).await;
            other.gets(&words).await;
        }
        sleep(Duration::from_secs(2)).await;
        one.sends(&words).await;
        if counted {
            other.gets(&words).await;
        } else {
            other.hears_nothing(60).await;
        }
    }
    // A FIN and a RST vanish as words do.
    for resets in [true, false] {
        let (mut client, mut server) = opened(&mut Bench::new("forget-when-idle:after=5")).await;
        client.hears_nothing(6).await;
        if resets {
            client.reset();
        } else {
            drop(client);
        }
        server.hears_nothing(60).await;
        server.sends(frame(TEXT, b"are you there?")).await;
        server.hears_nothing(60).await;
    }
    // An address translator: the server's words wait for the client's.
    for silent_s in [6, 60] {
        let (mut client, mut server) = opened(&mut Bench::new("forget-when-idle:after=5,then=client-revives")).await;
        for _ in 0..2 {
            client.hears_nothing(silent_s).await;
            let words = masked(TEXT, b"are you there?");
            server.sends(&words).await;
            client.hears_nothing(silent_s).await;
            client.sends(&words).await;
            server.gets(&words).await;
            client.gets(&words).await;
        }
    }
    bytes_pass("forget-when-idle").await;
}

/// What one end says to a connection that is forgotten is answered by a RST, or by nothing.
async fn gone(speaker: &mut Peer, words: &[u8], resets: bool) {
    let start = Instant::now();
    speaker.sends(words).await;
    if resets {
        assert_eq!(speaker.end_since(start).await, (0, End::Reset));
    } else {
        speaker.hears_nothing(60).await;
    }
}

pub(crate) async fn cap_lifetime() {
    for (by, end) in [("fin", End::Fin), ("rst", End::Reset)] {
        let boxes = format!("cap-lifetime:age=8,by={by}");
        let start = Instant::now();
        let (mut client, mut server) = Bench::new(&boxes).switches().await;
        for _ in 0..15 {
            sleep(Duration::from_millis(500)).await;
            ping(&mut client, &mut server).await;
        }
        assert_eq!(client.end_since(start).await, (8_000, end));
        assert_eq!(server.end_since(start).await, (8_000, end));
        bytes_pass(&boxes).await;
        // Nor does it wait for a client that reads nothing while the server sends all that fits.
        let start = Instant::now();
        let (_client, mut server) = opened(&mut Bench::new(&boxes)).await;
        let flood = timeout(Duration::from_secs(60), server.0.write_all(&[7; 1 << 20])).await;
        assert_eq!((matches!(flood, Ok(Err(_))), start.elapsed().as_millis()), (true, 8_000));
    }
}

pub(crate) async fn limit_connections() {
    let mut bench = Bench::new("limit-connections:at-once=3");
    let mut pairs = Vec::new();
    for _ in 0..3 {
        pairs.push(opened(&mut bench).await);
    }
    for _ in 0..2 {
        let start = Instant::now();
        assert_eq!(bench.connects().end_since(start).await, (0, End::Reset));
        bench.nobody_arrived();
    }
    // The others are not hurt, however old they are; and one that ends makes room for one.
    sleep(Duration::from_secs(60)).await;
    for (client, server) in &mut pairs {
        ping(client, server).await;
    }
    let (client, mut server) = pairs.remove(0);
    drop(client);
    assert_eq!(server.end().await, End::Fin);
    drop(server);
    sleep(Duration::from_millis(1)).await;
    pairs.push(opened(&mut bench).await);
    assert_eq!(bench.connects().end().await, End::Reset);
    bench.nobody_arrived();
    bytes_pass("limit-connections:at-once=1").await;
    // Those beyond wait, and come in when there is room.
    let mut bench = Bench::new("limit-connections:at-once=1,then=waits");
    let (client, mut server) = opened(&mut bench).await;
    let _beyond = bench.connects();
    sleep(Duration::from_secs(60)).await;
    bench.nobody_arrived();
    drop(client);
    assert_eq!(server.end().await, End::Fin);
    drop(server);
    bench.arrives().await;
}
