//! WebSockets whose frames pass or not by what they are.

use crate::bench::Bench;
use crate::bytes::{CLOSE, PING, TEXT, fragment, frame, masked};
use crate::passing::{requests_pass, streams_pass, websockets_pass};
use crate::peer::{End, Peer};

/// Makes a frame for one way.
type Make = fn(u8, &[u8]) -> Vec<u8>;

const BINARY: u8 = 0x2;

/// A close frame as the lab writes it: the mask is of zeros.
fn closed(to_server: bool, code: u16) -> Vec<u8> {
    let mask: &[u8] = if to_server { &[0x82, 0, 0, 0, 0] } else { &[2] };
    [&[0x88], mask, &code.to_be_bytes()].concat()
}

/// The side that speaks, the one that hears, and how each of them writes.
async fn sides(boxes: &str, up: bool) -> (Peer, Peer, Make, Make) {
    let (client, server) = Bench::new(boxes).switches().await;
    if up { (client, server, masked, frame) } else { (server, client, frame, masked) }
}

pub(crate) async fn refuse_frames() {
    for (way, ways) in [("both", [true, true]), ("to-server", [true, false]), ("to-client", [false, true])] {
        for (what, then) in [
            ("binary", "closes"),
            ("binary", "drops"),
            ("binary", "turns-to-text"),
            ("fragments", "closes"),
            ("fragments", "drops"),
            ("fragments", "turns-to-text"),
        ] {
            let boxes = format!("refuse-frames:what={what},then={then},way={way}");
            for (up, refuses) in [(true, ways[0]), (false, ways[1])] {
                let (mut one, mut other, make, back) = sides(&boxes, up).await;
                let pieces = [fragment(make(TEXT, b"one")), make(PING, b"?"), make(0, b" two")].concat();
                let (refused, passes) = match what {
                    "binary" => (make(BINARY, b"hello"), pieces),
                    _ => (pieces, make(BINARY, b"hello")),
                };
                one.sends(&passes).await;
                other.gets(&passes).await;
                one.sends(&refused).await;
                match then {
                    _ if !refuses => other.gets(&refused).await,
                    "drops" if what == "binary" => {}
                    // What stands between the parts is none of them.
                    "drops" => other.gets(make(PING, b"?")).await,
                    "turns-to-text" if what == "binary" => other.gets(make(TEXT, b"hello")).await,
                    _ => {
                        other.gets(closed(up, 1003)).await;
                        one.gets(closed(!up, 1003)).await;
                        assert_eq!(other.end().await, End::Fin);
                        assert_eq!(one.end().await, End::Fin);
                        continue;
                    }
                }
                one.sends(make(TEXT, b"on")).await;
                other.gets(make(TEXT, b"on")).await;
                other.sends(back(TEXT, b"back")).await;
                one.gets(back(TEXT, b"back")).await;
            }
            requests_pass(&boxes).await;
            streams_pass(&boxes).await;
            websockets_pass(&boxes).await;
        }
    }
}

pub(crate) async fn rewrite_close() {
    let words = [&4001_u16.to_be_bytes()[..], b"bye"].concat();
    for to in ["1000", "no-reason", "nothing"] {
        let boxes = format!("rewrite-close:to={to}");
        for up in [true, false] {
            let (mut one, mut other, make, back) = sides(&boxes, up).await;
            one.sends([make(BINARY, b"hello"), make(CLOSE, &words)].concat()).await;
            other.gets(make(BINARY, b"hello")).await;
            match to {
                "1000" => other.gets(closed(up, 1000)).await,
                "no-reason" => other.gets(closed(up, 4001)).await,
                _ => {
                    assert_eq!(other.end().await, End::Fin);
                    assert_eq!(one.end().await, End::Fin);
                    continue;
                }
            }
            // What follows passes, and so does the end.
            other.sends(back(PING, b"?")).await;
            one.gets(back(PING, b"?")).await;
            one.fin().await;
            assert_eq!(other.end().await, End::Fin);
        }
        requests_pass(&boxes).await;
        streams_pass(&boxes).await;
    }
    let (mut client, mut server) = Bench::new("rewrite-close:to=no-reason").switches().await;
    client.sends(masked(CLOSE, b"")).await;
    server.gets([0x88, 0x80, 0, 0, 0, 0]).await;
}
