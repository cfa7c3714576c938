//! A fleet is as good a witness as one server.

use crate::nodes::{Fleet, Redis, Talking, get, installed, witnesses};
use crate::program::{Ran, Serve, check, program};
use proxyprobe_probes::circumstances::LATE_MS;
use std::collections::BTreeMap;
use std::process::Command;

#[test]
fn a_healthy_path_is_judged_as_by_one_server() {
    if !installed("redis-server") {
        return;
    }
    let (redis, alone) = (Redis::start(&[]), Serve::start());
    let fleet = Fleet::with(redis.port, &[]);
    let one = check(&["--pin", &alone.pin, &alone.https]);
    let all = fleet.check(&[&fleet.https]);
    assert_eq!((one.code, all.code), (0, 0), "{}{}", one.stderr, all.stderr);
    assert_eq!((one.codes(), all.codes()), (vec![], vec![]));
    let (one, all) = (one.json(), all.json());
    assert_eq!(one["transports"], all["transports"]);
    // Every connection has its record, whichever node served it and whichever told.
    assert_eq!(witnesses(&one), witnesses(&all));
    assert!(!witnesses(&all).contains_key("absent") && !witnesses(&all).contains_key("partial"));
    for node in &fleet.nodes {
        let metrics = node.read("/metrics");
        assert!(metrics.contains("proxyprobe_requests_total{"), "both have a part in it: {metrics}");
        assert!(metrics.contains("proxyprobe_store_up 1") && metrics.contains("proxyprobe_store_dropped 0"), "{metrics}");
        assert!(node.read("/readyz").ends_with("ready, store up\n"));
    }
}

/// A check through a middlebox of the lab, on cleartext.
fn through(fleet: &Fleet, middlebox: &str) -> Ran {
    let upstream = fleet.http.trim_start_matches("http://");
    let lab = ["lab", "run", middlebox, "--as", "relay", "--listen", "127.0.0.1:0", "--upstream", upstream];
    let lab = Talking::start(program(&lab));
    let line = lab.line(" on 127.0.0.1:");
    let url = format!("http://{}", line.rsplit_once(" on ").unwrap().1);
    fleet.check(&["--leg", "http", &url])
}

/// Without what the lab adds to headers.
fn harm(ran: &Ran) -> Vec<String> {
    ran.codes().into_iter().filter(|code| !code.contains(":headers.")).collect()
}

/// What is concluded from both witnesses, from the server's silence, and from when something happened at either end.
const JUDGED: &[(&str, &[&str])] = &[
    ("strip-upgrade", &["http:upgrade.header-stripped"]),
    ("swallow-101", &["http:upgrade.lost-101"]),
    ("forge-101", &["http:upgrade.forged"]),
    ("swallow-after-101:way=to-server", &["http:zombie.silent-to-server"]),
    ("delay-events", &["http:sse.delayed"]),
];

#[test]
fn a_middlebox_is_found_from_what_both_nodes_saw() {
    if !installed("redis-server") {
        return;
    }
    let redis = Redis::start(&[]);
    let fleet = Fleet::with(redis.port, &[]);
    for (middlebox, codes) in JUDGED {
        let ran = through(&fleet, middlebox);
        let found = (ran.code, harm(&ran));
        let around = &ran.json()["circumstances"];
        // On a machine without time left a finding that goes by the clock need not be made.
        let late = ["client_lag_ms", "server_lag_ms"].iter().any(|lag| around[*lag].as_u64() > Some(LATE_MS));
        let open = late && found.0 == 3 && found.1.iter().all(|code| code.ends_with(".inconclusive"));
        let expected = (1, codes.iter().map(|code| (*code).to_owned()).collect());
        assert!(open || found == expected, "{middlebox}: {found:?}: {around}");
    }
}

#[test]
fn a_node_that_is_killed_is_not_the_paths_fault() {
    if !installed("redis-server") {
        return;
    }
    let redis = Redis::start(&[]);
    let mut fleet = Fleet::with(redis.port, &[]);
    let checking = fleet.checking(&["--idle", "6", "--leg", "http", &fleet.http]);
    let mut client = Talking::start(checking);
    client.line("testing all transports");
    let node = fleet.under_way();
    fleet.nodes[node].talking.kill();
    let report = client.rest();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap_or_else(|why| panic!("{why}: {report}"));
    let blamed: Vec<_> = report["findings"].as_array().unwrap().iter().filter(|f| f["outcome"] != "inconclusive").collect();
    assert!(blamed.iter().all(|finding| finding["outcome"] == "note"), "{blamed:#?}");
    assert_eq!(client.child.wait().unwrap().code(), Some(3));
    // The other node goes on alone. What nothing was written of may have been at the dead one.
    let ran = fleet.check(&["--leg", "http", &fleet.http]);
    assert_eq!((ran.code, ran.codes()), (0, vec![]));
    assert!(!witnesses(&ran.json()).contains_key("empty"), "{:?}", witnesses(&ran.json()));
    let unseen = through(&fleet, "forge-101");
    assert_eq!(
        (unseen.code, harm(&unseen)),
        (3, ["upgrade", "zombie"].map(|probe| format!("http:{probe}.inconclusive")).to_vec())
    );
}

#[test]
fn a_node_that_stops_in_order_leaves_no_doubt() {
    if !installed("redis-server") {
        return;
    }
    let redis = Redis::start(&[]);
    let mut fleet = Fleet::with(redis.port, &[]);
    let leaving = &mut fleet.nodes[0].talking;
    assert!(Command::new("kill").args(["-TERM", &leaving.child.id().to_string()]).status().unwrap().success());
    assert_eq!(leaving.child.wait().unwrap().code(), Some(0));
    let forged = through(&fleet, "forge-101");
    assert_eq!((forged.code, harm(&forged)), (1, vec!["http:upgrade.forged".to_owned()]));
}

/// A run that both nodes serve has one ceiling for its record.
#[test]
fn the_record_of_a_run_is_bounded_for_the_whole_fleet() {
    if !installed("redis-server") {
        return;
    }
    let redis = Redis::start(&[]);
    let fleet = Fleet::with(redis.port, &["--max-requests-per-run", "15", "--run-seconds", "600", "--idle-run-seconds", "100"]);
    let ran = fleet.check(&["--leg", "http", &fleet.http]);
    assert_eq!(redis.ask(&["LLEN", &redis.key(":order")]), "15");
    assert_eq!(redis.ask(&["HLEN", &redis.key(":notes")]), "15");
    for key in [":order", ":notes", ":about"] {
        let left: u64 = redis.ask(&["TTL", &redis.key(key)]).parse().unwrap();
        assert!((80..=100).contains(&left), "{key}: {left}");
    }
    let found: BTreeMap<_, _> = witnesses(&ran.json());
    assert!(found.contains_key("absent") && !found.contains_key("empty"), "{found:?}");
    assert_eq!((ran.code, ran.codes()), (0, vec![]), "nothing was refused: each node has fifteen of twenty-two");
    assert!(get(&fleet.nodes[0].http, "/v1/0000/00/hello").starts_with("HTTP/1.1 404"));
}
