//! A store that is lost, and comes back.

use crate::nodes::{Fleet, Redis, Talking, installed, wait, witnesses};
use crate::ports::free_port;
use crate::program::{Ran, program};

#[test]
fn a_store_that_dies_costs_one_witness_and_no_connection() {
    if !installed("redis-server") {
        return;
    }
    let redis = Redis::start(&[]);
    let fleet = Fleet::with(redis.port, &[]);
    let checking = fleet.checking(&["--idle", "6", "--leg", "https", &fleet.https]);
    let mut client = Talking::start(checking);
    client.line("testing all transports");
    fleet.under_way();
    let port = redis.kill();
    let report: serde_json::Value = serde_json::from_str(&client.rest()).unwrap();
    assert_eq!(client.child.wait().unwrap().code(), Some(0), "every connection answered");
    let found: Vec<_> = report["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str()).collect();
    assert_eq!((report["verdict"].as_str(), found), (Some("works"), vec![Some("latency.round-trip")]));
    // While it is lost, new runs are served, and what needs both witnesses is not judged.
    for node in &fleet.nodes {
        node.talking.line("store-down");
        assert!(node.read("/readyz").ends_with("ready, store down\n"));
        assert!(node.read("/metrics").contains("proxyprobe_store_up 0"));
    }
    let alone = fleet.check(&[&fleet.https]);
    assert_eq!((alone.code, alone.codes()), (0, vec![]));
    assert_eq!(witnesses(&alone.json()).into_keys().collect::<Vec<_>>(), ["absent"]);
    let stripped = stripped(&fleet);
    assert_eq!((stripped.code, stripped.codes()), (3, vec!["http:upgrade.inconclusive".to_owned()]));
    let said = stripped.json()["findings"][0]["summary"].to_string();
    assert!(said.contains("the server's own record could not be read"), "{said}");
    // It comes back empty, and nobody is started anew.
    let _redis = Redis::at(port, &[]);
    for node in &fleet.nodes {
        node.talking.line("store-up");
    }
    fleet.complete();
    let again = fleet.check(&[&fleet.https]);
    assert_eq!((again.code, again.codes()), (0, vec![]));
    let kinds = witnesses(&again.json());
    assert!(!kinds.contains_key("absent") && !kinds.contains_key("partial"), "{kinds:?}");
}

/// A check through a middlebox that needs both witnesses to be named.
fn stripped(fleet: &Fleet) -> Ran {
    let upstream = fleet.http.trim_start_matches("http://");
    let lab = Talking::start(program(&[
        "lab",
        "run",
        "strip-upgrade",
        "--as",
        "relay",
        "--listen",
        "127.0.0.1:0",
        "--upstream",
        upstream,
    ]));
    let line = lab.line(" on 127.0.0.1:");
    fleet.check(&["--leg", "http", "--only", "upgrade", &format!("http://{}", line.rsplit_once(" on ").unwrap().1)])
}

/// A store that is lost and back within one run has lost what it had: what is missing is not taken for what did not happen.
#[test]
fn a_store_that_forgot_is_no_witness_of_absence() {
    if !installed("redis-server") {
        return;
    }
    let redis = Redis::start(&[]);
    let fleet = Fleet::with(redis.port, &[]);
    let mut client = Talking::start(fleet.checking(&["--idle", "6", "--leg", "http", &fleet.http]));
    client.line("testing all transports");
    fleet.under_way();
    wait(|| Some(()).filter(|()| !redis.ask(&["--scan", "--pattern", "*:order"]).is_empty())).unwrap();
    let port = redis.kill();
    fleet.nodes.iter().for_each(|node| drop(node.talking.line("store-down")));
    let _redis = Redis::at(port, &[]);
    fleet.nodes.iter().for_each(|node| drop(node.talking.line("store-up")));
    let report: serde_json::Value = serde_json::from_str(&client.rest()).unwrap();
    assert_eq!(client.child.wait().unwrap().code(), Some(0), "{report}");
    assert!(!witnesses(&report).contains_key("empty"), "{:?} {}", witnesses(&report), report["circumstances"]);
}

#[test]
fn a_fleet_begins_without_its_store_and_finds_it() {
    if !installed("redis-server") {
        return;
    }
    let port = free_port();
    let fleet = Fleet::start(port, &[], [None, None]);
    fleet.nodes.iter().for_each(|node| node.until("/readyz", "store down"));
    let ran = fleet.check(&["--leg", "http", &fleet.http]);
    assert_eq!((ran.code, ran.codes()), (0, vec![]));
    let _redis = Redis::at(port, &[]);
    fleet.complete();
    let ran = fleet.check(&["--leg", "http", &fleet.http]);
    assert!(ran.code == 0 && !witnesses(&ran.json()).contains_key("absent"));
}
