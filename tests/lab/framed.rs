//! WebSockets whose frames are looked into.

use crate::bench::Bench;
use crate::bytes::{CLOSE, PAGE, PING, PONG, SWITCHED, TEXT, UPGRADE, every_byte, fragment, frame, masked, opened_by};
use crate::passing::{a_flood_of, frames_pass, ping, requests_pass, streams_pass};
use crate::peer::{End, Peer};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep, timeout};

/// Makes a frame for one way.
type Make = fn(u8, &[u8]) -> Vec<u8>;

/// Frames that are none of a box's business pass byte for byte, however they are cut, and so does each end.
async fn frames_are_left_alone(boxes: &str) {
    requests_pass(boxes).await;
    streams_pass(boxes).await;
    let (mut client, mut server) = Bench::new(boxes).asks(UPGRADE).await;
    server.gets(UPGRADE).await;
    server.sends(PAGE).await;
    client.gets(PAGE).await;
    let (mut client, mut server) = Bench::new(boxes).switches().await;
    let large = every_byte().repeat(300);
    let (reserved, unknown) = (opened_by(0xF2, frame(TEXT, b"compressed")), frame(0x3, b"of an extension"));
    for make in [frame, masked] {
        let messages = [fragment(make(TEXT, b"one")), fragment(make(0, b" two")), make(0, b" three")].concat();
        let small = [make(TEXT, b"0123456789"), messages].concat();
        for bytes in [&small, &make(0x2, &large), &reserved, &unknown] {
            client.sends(bytes).await;
            server.gets(bytes).await;
            server.sends(bytes).await;
            client.gets(bytes).await;
        }
        for byte in &small {
            client.sends([*byte]).await;
            server.sends([*byte]).await;
            sleep(Duration::from_millis(1)).await;
        }
        server.gets(&small).await;
        client.gets(&small).await;
    }
    a_flood_of(client, server, masked(0x2, &large).repeat(20)).await;
    for resets in [false, true] {
        for client_ends in [false, true] {
            let (client, server) = Bench::new(boxes).switches().await;
            let (mut one, mut other) = if client_ends { (client, server) } else { (server, client) };
            if resets {
                one.reset();
                assert_eq!(other.end().await, End::Reset);
                continue;
            }
            one.fin().await;
            assert_eq!(other.end().await, End::Fin);
            other.sends(masked(TEXT, b"last words")).await;
            drop(other);
            one.gets(masked(TEXT, b"last words")).await;
            assert_eq!(one.end().await, End::Fin);
        }
    }
    let (client, server) = Bench::new(boxes).switches().await;
    if !boxes.starts_with("answer-pings") {
        frames_pass(client, server).await;
    }
}

pub(crate) async fn answer_pings() {
    let (mut client, mut server) = Bench::new("answer-pings").switches().await;
    for size in [0, 1, 125] {
        let payload = &every_byte()[..size];
        let start = Instant::now();
        client.sends(masked(PING, payload)).await;
        client.gets(frame(PONG, payload)).await;
        for byte in masked(PING, payload) {
            client.sends([byte]).await;
        }
        client.gets(frame(PONG, payload)).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        server.hears_nothing(60).await;
        // The server's pings and the client's pongs pass, unasked ones too.
        server.sends(frame(PING, payload)).await;
        client.gets(frame(PING, payload)).await;
        client.sends(masked(PONG, payload)).await;
        server.gets(masked(PONG, payload)).await;
        server.sends(frame(PONG, payload)).await;
        client.gets(frame(PONG, payload)).await;
    }
    // In the midst of a message, of which nothing is lost.
    let (one, two) = (fragment(masked(TEXT, b"one")), masked(0, b"two"));
    client.sends([&one[..], &masked(PING, b"1"), &masked(PING, b"2"), &two].concat()).await;
    client.gets([frame(PONG, b"1"), frame(PONG, b"2")].concat()).await;
    server.gets([one, two].concat()).await;
    server.hears_nothing(1).await;
    frames_are_left_alone("answer-pings").await;
}

/// Both ends hear a FIN now.
async fn both_end(client: &mut Peer, server: &mut Peer) {
    let start = Instant::now();
    assert_eq!(client.end_since(start).await, (0, End::Fin));
    assert_eq!(server.end_since(start).await, (0, End::Fin));
}

pub(crate) async fn close_after_bytes() {
    for limit in [1, 7, 100, 8_000] {
        let boxes = format!("close-after-bytes:bytes={limit}");
        for together in [true, false] {
            let (mut client, mut server) = Bench::new(&boxes).switches().await;
            let mut left = limit;
            for turn in 0.. {
                let bytes = match turn % 4 {
                    0 => masked(PING, b"?"),
                    1 => frame(PONG, b"?"),
                    2 => masked(TEXT, &[b'x'; 200]),
                    _ => frame(TEXT, &[b'x'; 140]),
                };
                let (one, other) = if turn % 2 == 0 { (&mut client, &mut server) } else { (&mut server, &mut client) };
                let pass = &bytes[..bytes.len().min(left)];
                if together {
                    one.sends(&bytes).await;
                } else {
                    for byte in pass {
                        one.sends([*byte]).await;
                    }
                }
                other.gets(pass).await;
                left -= pass.len();
                if left == 0 {
                    break;
                }
                client.hears_nothing(1).await;
            }
            both_end(&mut client, &mut server).await;
        }
    }
    // A greeting in the same breath as the 101 counts.
    let (mut client, mut server) = Bench::new("close-after-bytes:bytes=10").asks(UPGRADE).await;
    server.gets(UPGRADE).await;
    server.sends([SWITCHED.as_bytes(), &frame(TEXT, b"hello")].concat()).await;
    client.gets([SWITCHED.as_bytes(), &frame(TEXT, b"hello")].concat()).await;
    client.sends(masked(PING, b"?")).await;
    server.gets(&masked(PING, b"?")[..3]).await;
    both_end(&mut client, &mut server).await;
    frames_are_left_alone("close-after-bytes:bytes=1000000000").await;
}

pub(crate) async fn close_after_frames() {
    for limit in [1, 2, 12, 50] {
        let (mut client, mut server) = Bench::new(&format!("close-after-frames:frames={limit}")).switches().await;
        for turn in 0..limit {
            let up = turn % 3 == 0;
            let make = if up { masked } else { frame };
            let bytes = match turn % 5 {
                0 => make(PING, b"?"),
                1 => make(TEXT, b""),
                2 => make(PONG, b"?"),
                3 => fragment(make(TEXT, b"one")),
                _ => make(0, &[b'x'; 3_000]),
            };
            client.hears_nothing(1).await;
            let (one, other) = if up { (&mut client, &mut server) } else { (&mut server, &mut client) };
            let (last, rest) = bytes.split_last().unwrap();
            one.sends(rest).await;
            other.hears_nothing(60).await;
            one.sends([*last]).await;
            other.gets(bytes).await;
        }
        both_end(&mut client, &mut server).await;
    }
    // What stands behind the last frame in the same breath does not pass.
    let (mut client, mut server) = Bench::new("close-after-frames:frames=2").switches().await;
    client.sends(masked(TEXT, b"x").repeat(3)).await;
    server.gets(masked(TEXT, b"x").repeat(2)).await;
    both_end(&mut client, &mut server).await;
    frames_are_left_alone("close-after-frames:frames=1000000").await;
}

pub(crate) async fn ignore_pings() {
    for after in [2, 30] {
        let boxes = format!("ignore-pings:after={after}");
        let (mut client, mut server) = Bench::new(&boxes).switches().await;
        // Messages either way, and parts of them, begin the time anew.
        for turn in 0..12 {
            for _ in 0..after {
                sleep(Duration::from_millis(999)).await;
                ping(&mut client, &mut server).await;
            }
            let make = if turn % 2 == 0 { masked } else { frame };
            let bytes = match turn / 2 % 3 {
                0 => make(TEXT, b""),
                1 => fragment(make(TEXT, b"one")),
                _ => make(0, b"two"),
            };
            let (one, other) = if turn % 2 == 0 { (&mut client, &mut server) } else { (&mut server, &mut client) };
            one.sends(&bytes).await;
            other.gets(bytes).await;
        }
        let start = Instant::now();
        sleep(Duration::from_millis(after * 500)).await;
        ping(&mut client, &mut server).await;
        server.sends(frame(PING, b"!")).await;
        client.gets(frame(PING, b"!")).await;
        // A Close and the beginning of a message are no messages.
        client.sends(masked(CLOSE, &[3, 232])).await;
        server.gets(masked(CLOSE, &[3, 232])).await;
        server.sends(&frame(TEXT, b"hello")[..6]).await;
        assert_eq!(client.end_since(start).await, (u128::from(after) * 1_000, End::Fin));
        assert_eq!(server.end_since(start).await, (u128::from(after) * 1_000, End::Fin));
    }
    frames_are_left_alone("ignore-pings:after=100").await;
}

pub(crate) async fn invent_close() {
    for (after, code) in [(500_u64, 1000_u16), (3_000, 1012), (0, 4999)] {
        let boxes = format!("invent-close:after={after}ms,code={code}");
        let [high, low] = code.to_be_bytes();
        let (to_client, to_server) = ([0x88, 2, high, low], [0x88, 0x82, 0, 0, 0, 0, high, low]);
        let (mut client, mut server) = Bench::new(&boxes).asks(UPGRADE).await;
        sleep(Duration::from_secs(3)).await;
        server.gets(UPGRADE).await;
        server.sends(SWITCHED).await;
        client.gets(SWITCHED).await;
        let start = Instant::now();
        for _ in 0..after / 100 {
            ping(&mut client, &mut server).await;
            sleep(Duration::from_millis(99)).await;
        }
        // Half a frame does not get between.
        if after > 0 {
            client.sends(&masked(TEXT, b"hello")[..7]).await;
        }
        client.gets(to_client).await;
        server.gets(to_server).await;
        assert_eq!(client.end_since(start).await, (after.into(), End::Fin));
        assert_eq!(server.end_since(start).await, (after.into(), End::Fin));
    }
    // A client that reads nothing does not keep the server waiting, and gets whole frames before the Close.
    let (mut client, mut server) = Bench::new("invent-close").switches().await;
    let start = Instant::now();
    let words = frame(TEXT, &[b'x'; 1_000]);
    assert!(timeout(Duration::from_millis(499), server.0.write_all(&words.repeat(1_000))).await.is_err());
    server.gets([0x88, 0x82, 0, 0, 0, 0, 3, 232]).await;
    assert_eq!(server.end_since(start).await, (500, End::Fin));
    for _ in 0..128 {
        client.gets(&words).await;
    }
    frames_are_left_alone("invent-close:after=100").await;
}

pub(crate) async fn lose_last_byte() {
    for (way, make, back) in [("to-client", frame as Make, masked as Make), ("to-server", masked, frame)] {
        for below in [1, 5, 126, 200, 66_000] {
            let (client, server) = Bench::new(&format!("lose-last-byte:below={below},way={way}")).switches().await;
            let (mut one, mut other) = if way == "to-server" { (client, server) } else { (server, client) };
            for size in [0, 1, 2, 4, 5, 124, 125, 126, 127, 199, 200, 65_535, 65_536, 65_999, 66_000] {
                let payload = &every_byte().repeat(300)[..size];
                let kept = if size < below { size.saturating_sub(1) } else { size };
                for opcode in [TEXT, 0x2, 0] {
                    one.sends(make(opcode, payload)).await;
                    other.gets(make(opcode, &payload[..kept])).await;
                    other.sends(back(opcode, payload)).await;
                    one.gets(back(opcode, payload)).await;
                }
            }
            // Each part of a message is a small frame of its own; what is no part of one is left alone.
            let parts = |one, two| [fragment(make(TEXT, one)), make(PING, b"12"), make(CLOSE, b"12"), make(0, two)].concat();
            one.sends(parts(b"12", b"34")).await;
            let kept = if below > 2 { 1 } else { 2 };
            other.gets(parts(&b"12"[..kept], &b"34"[..kept])).await;
        }
        // In quick succession only, pings not counting.
        let (client, server) = Bench::new(&format!("lose-last-byte:way={way},within=10ms")).switches().await;
        let (mut one, mut other) = if way == "to-server" { (client, server) } else { (server, client) };
        for (wait, kept) in [(0, 5), (0, 4), (10, 4), (11, 5), (9, 4), (1_000, 5), (11, 5)] {
            sleep(Duration::from_millis(wait)).await;
            other.sends(back(TEXT, b"other")).await;
            one.gets(back(TEXT, b"other")).await;
            one.sends([make(PING, b"?"), make(TEXT, b"hello")].concat()).await;
            other.gets([make(PING, b"?"), make(TEXT, &b"hello"[..kept])].concat()).await;
        }
    }
    frames_are_left_alone("lose-last-byte:below=1").await;
    frames_are_left_alone("lose-last-byte:below=1,way=to-server").await;
}

pub(crate) async fn stall_large_frames() {
    for (way, up_stalls, down_stalls) in [("both", true, true), ("to-server", true, false), ("to-client", false, true)] {
        for above in [1, 125, 1_000, 70_000] {
            let boxes = format!("stall-large-frames:above={above},way={way}");
            for up in [true, false] {
                let (client, server) = Bench::new(&boxes).switches().await;
                let (mut one, mut other, make, back) = if up {
                    (client, server, masked as Make, frame as Make)
                } else {
                    (server, client, frame as Make, masked as Make)
                };
                let payload = every_byte().repeat(300);
                // As large as the buffer passes, in several parts too.
                let fits = [fragment(make(TEXT, &payload[..above])), make(0, &payload[..above])].concat();
                one.sends(&fits).await;
                other.gets(&fits).await;
                let large = make(TEXT, &payload[..above + 1]);
                one.sends(&large).await;
                if if up { up_stalls } else { down_stalls } {
                    other.gets(&large[..large.len() - 1]).await;
                    one.sends([make(PING, b"?"), make(TEXT, b"x")].concat()).await;
                    other.hears_nothing(60).await;
                } else {
                    other.gets(&large).await;
                    one.sends(make(PING, b"?")).await;
                    other.gets(make(PING, b"?")).await;
                }
                // The other way by itself.
                for _ in 0..3 {
                    other.sends(back(PING, b"?")).await;
                    one.gets(back(PING, b"?")).await;
                    other.sends(back(TEXT, &payload[..above])).await;
                    one.gets(back(TEXT, &payload[..above])).await;
                }
                let large = back(TEXT, &payload[..above + 1]);
                other.sends(&large).await;
                if if up { down_stalls } else { up_stalls } {
                    one.gets(&large[..large.len() - 1]).await;
                    one.hears_nothing(60).await;
                } else {
                    one.gets(&large).await;
                }
                drop(one);
                assert_eq!(other.end().await, End::Fin);
            }
        }
        frames_are_left_alone(&format!("stall-large-frames:above=80000,way={way}")).await;
    }
}
