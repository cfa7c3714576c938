//! Nodes whose clocks are seconds apart.

use crate::nodes::{Fleet, Node, Redis, get, installed, witnesses};
use crate::ports::free_port;
use crate::program::BINARY;
use std::process::Command;

/// A node whose machine's clock is three seconds ahead.
fn ahead() -> Option<Command> {
    // The wrapper itself would stay between us and the node.
    let output = Command::new("faketime").args(["-f", "+3s", "printenv", "LD_PRELOAD"]).output().unwrap();
    let mut command = Command::new(BINARY);
    command.env("LD_PRELOAD", String::from_utf8_lossy(&output.stdout).trim()).env("FAKETIME", "+3s");
    // The kernel's clock since its start is no matter of setting.
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Some(command)
}

/// How far apart the nodes say that two runs began, in milliseconds: a run's id begins with it.
fn apart(fleet: &Fleet) -> u64 {
    let begun = |node: &Node| {
        let answer = get(&node.http, "/v1/run/aa");
        let start: serde_json::Value = serde_json::from_str(answer.lines().last().unwrap()).unwrap();
        u64::from_str_radix(start["run"].as_str().unwrap().get(..12).unwrap(), 16).unwrap()
    };
    begun(&fleet.nodes[0]).abs_diff(begun(&fleet.nodes[1]))
}

#[test]
fn a_node_whose_clock_is_wrong_is_as_good_a_witness() {
    if !installed("redis-server") || !installed("faketime") {
        return;
    }
    let redis = Redis::start(&[]);
    let fleet = Fleet::start(redis.port, &[], [None, ahead()]);
    fleet.complete();
    assert!(apart(&fleet) < 2_000, "they have one clock");
    let ran = fleet.check(&[&fleet.https]);
    assert_eq!((ran.code, ran.codes()), (0, vec![]));
    let report = ran.json();
    let kinds = witnesses(&report);
    assert!(!kinds.contains_key("absent") && !kinds.contains_key("partial"), "{kinds:?}");
    // Their times agree to a few milliseconds, and the report says how well.
    let around = &report["circumstances"];
    let bound = around["clock_bound_ms"].as_u64().unwrap();
    let offset = around["clock_offset_ms"].as_i64().unwrap();
    assert!(bound < 250, "{around}");
    let apart = requests(&report["probes"], offset);
    assert!(apart.len() > 20 && apart.iter().all(|apart| *apart <= i64::try_from(bound).unwrap() + 500), "{apart:?}");
}

/// For each connection, how long after its opening the server had its request, by the client's clock.
fn requests(value: &serde_json::Value, offset: i64) -> Vec<i64> {
    let mut found = Vec::new();
    match value {
        serde_json::Value::Object(fields) => {
            let at = |timeline: &serde_json::Value| {
                let all = timeline["entries"].as_array().cloned().unwrap_or_default();
                all.iter().find(|entry| entry["event"] == "request").and_then(|entry| entry["at_ms"].as_i64())
            };
            if let (Some(client), Some(witness)) = (fields.get("client"), fields.get("witness")) {
                let there = at(&witness["whole"]["timeline"]);
                found.extend(at(client).zip(there).map(|(here, there)| (there - offset - here).abs()));
            }
            fields.values().for_each(|field| found.extend(requests(field, offset)));
        }
        serde_json::Value::Array(all) => all.iter().for_each(|item| found.extend(requests(item, offset))),
        _ => {}
    }
    found
}

/// Without a store there is no clock to agree on: nothing is concluded from when something happened.
#[test]
fn clocks_that_were_never_compared_blame_nobody() {
    if !installed("faketime") {
        return;
    }
    let fleet = Fleet::start(free_port(), &[], [None, ahead()]);
    assert!(apart(&fleet) >= 2_000, "each has its own");
    let ran = fleet.check(&[&fleet.https]);
    let report = ran.json();
    // Every path has times; they are the client's alone.
    let all = report["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] != "latency.round-trip");
    let outcomes: Vec<_> = all.map(|finding| finding["outcome"].as_str()).collect();
    assert!(outcomes.iter().all(|outcome| *outcome == Some("inconclusive")), "{:?}", ran.codes());
    assert!([0, 3].contains(&ran.code), "{:?}", ran.codes());
}
