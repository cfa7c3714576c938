//! What is small and says that it is large: the server decompresses nothing, so nothing bursts.

use crate::arena::{Arena, CONNECTION_KIB, beside};
use crate::program::read_head;
use flate2::Compression;
use flate2::write::GzEncoder;
use proxyprobe_probes::io::proof::Prover;
use std::io::Write;

/// A run has 400 requests. Each of these connections stays open for four seconds after its end.
const MESSAGES: u64 = 300;

#[test]
fn compression_bombs() {
    let folder = std::env::temp_dir().join(format!("proxyprobe-bombs-{}", std::process::id()));
    beside(&["--keep-reports", folder.to_str().unwrap()], CONNECTION_KIB * MESSAGES, &[&reports, &messages]);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "none of it is a report");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// 64 MiB of nothing, in 64 KiB.
fn bomb() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    (0..64).for_each(|_| encoder.write_all(&[0; 1024 * 1024]).unwrap());
    encoder.finish().unwrap()
}

pub(crate) fn reports(arena: &Arena) {
    let bomb = bomb();
    let mut runs = 0;
    while arena.goes_on() {
        // Each run may leave one report; an address may begin some hundred runs in a minute.
        if runs < 100 {
            runs += 1;
            let (run, key) = arena.begin();
            let proof = Prover::new(&run, &key).token("ab", "report");
            let mut stream = arena.connect();
            let length = bomb.len();
            let head = format!(
                "POST /v1/{run}/ab/report HTTP/1.1\r\nHost: x\r\nProxyprobe-Proof: {proof}\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n"
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&bomb));
            let answer = read_head(&mut stream);
            assert!(answer.starts_with("HTTP/1.1 422") || answer.starts_with("HTTP/1.1 503"), "{answer}");
        }
        arena.blow();
    }
}

/// A compressed message (RFC 7692 sets RSV1) that nobody agreed to.
pub(crate) fn messages(arena: &Arena) {
    let bomb = bomb();
    let (run, _) = arena.begin();
    let payload = &bomb[..60_000];
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let frame = [&[0xc2, 0xfe], &length[..], &[0; 4], payload].concat();
    for number in 0.. {
        if !arena.goes_on() {
            return;
        }
        if number < MESSAGES {
            let _ = arena.websocket(&run, "ab").write_all(&frame);
        }
        arena.blow();
    }
}
