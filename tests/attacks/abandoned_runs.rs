//! Runs that are begun and left alone.

use crate::arena::{Arena, ELSEWHERE, HOSTILE_KIB, beside, from};
use std::io::{Read, Write};

#[test]
fn abandoned_runs_from_elsewhere_leave_room() {
    // An address that takes the half of what is left leaves the other half: three of them leave an eighth.
    beside(&["--max-runs", "80", "--max-runs-per-minute", "100000"], HOSTILE_KIB, &[&attack]);
}

fn attack(arena: &Arena) {
    let begun = runs(arena);
    assert!(begun.iter().sum::<usize>() < 80, "{begun:?}");
}

/// Begins runs from elsewhere, and says how many each address may begin.
pub(crate) fn runs(arena: &Arena) -> [usize; ELSEWHERE.len()] {
    let mut begun = [0; ELSEWHERE.len()];
    for number in 0.. {
        if !arena.goes_on() {
            break;
        }
        let who = number % ELSEWHERE.len();
        let mut stream = from(ELSEWHERE[who], arena.http).unwrap();
        let _ = write!(stream, "GET /v1/run/{number:x} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        let refused = answer.starts_with("HTTP/1.1 429") && answer.contains("proxyprobe-refused: runs-per-address");
        assert!(answer.starts_with("HTTP/1.1 200") || refused, "{answer}");
        begun[who] += usize::from(!refused);
        arena.blow();
    }
    begun
}
