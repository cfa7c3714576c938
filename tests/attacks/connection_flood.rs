//! More connections than the server takes, from several addresses at once.

use crate::arena::{Arena, CONNECTION_KIB, ELSEWHERE, beside, blamed, from};
use crate::program::{Ran, Serve, await_line, program};
use serde_json::Value;
use std::process::Stdio;

/// As many as the server takes in all.
const CONNECTIONS: usize = 600;

#[test]
fn a_flood_from_elsewhere_leaves_room() {
    let most = CONNECTIONS.to_string();
    beside(&["--max-connections", &most, "--head-seconds", "60"], CONNECTION_KIB * 900, &[&attack]);
}

pub(crate) fn attack(arena: &Arena) {
    let mut all = Vec::new();
    for number in 0.. {
        if !arena.goes_on() {
            return;
        }
        // Those beyond the limit are ended by the server; what is held here is what it holds, and more.
        if all.len() < 2 * CONNECTIONS {
            all.extend(from(ELSEWHERE[number % ELSEWHERE.len()], arena.http));
        }
        arena.blow();
    }
}

/// The client is in the middle of its run, and the flood comes from its own address: some of its connections are told that there are
/// too many, the others are closed unread.
#[test]
fn a_flood_from_the_same_address_blames_nobody() {
    let _alone = crate::arena::alone();
    let serve = Serve::with(&["--max-connections", "200", "--head-seconds", "60"]);
    let client = ["check", "--format", "json", "--idle", "6", "--pin", &serve.pin, &serve.https];
    let mut client = program(&client).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    await_line(&mut client, "testing all transports");
    let to = serve.http.trim_start_matches("http://").parse().unwrap();
    // More than are served and told together.
    let flood: Vec<_> = (0..600).filter_map(|_| from([127, 0, 0, 1], to).ok()).collect();
    let ran = Ran::of(client.wait_with_output().unwrap());
    drop(flood);
    assert_eq!(blamed(&ran), Vec::<Value>::new());
    assert!(ran.code == 0 || ran.code == 3, "{}", ran.stderr);
}
