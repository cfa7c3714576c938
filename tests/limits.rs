//! Figures to the tenth of a second and below: relays of the lab with limits that no rung of a ladder has, and with delays, in memory.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use proxyprobe::report::Report;
use proxyprobe::selftest::{Scenario, hear};
use proxyprobe_probes::finding::Finding;
use proxyprobe_probes::idle::{Sign, kept, rungs};
use proxyprobe_probes::io::pipe::Link;
use proxyprobe_probes::plan::{Depth, Plan};
use proxyprobe_probes::transport::{Leg, Transport};
use std::time::Duration;

/// The limits, in milliseconds.
const LIMITS: [u64; 4] = [7_300, 12_900, 29_700, 31_200];
/// What is longer than all of them.
const LONGEST_MS: u64 = 65_300;

fn deep(boxes: &str) -> Report {
    let scenario = Scenario {
        boxes: boxes.split(" + ").map(|text| text.parse().unwrap()).collect(),
        on: vec![Leg::Http],
        depth: Depth::Deep,
        idle_ms: LONGEST_MS,
        ..Scenario::default()
    };
    hear(&scenario).unwrap()
}

/// The findings of `idle` and `lifetime` on the leg with the relay.
fn findings(report: &Report) -> Vec<&Finding> {
    let ours = |finding: &&Finding| matches!(finding.code.probe(), "idle" | "lifetime") && finding.leg == Some(Leg::Http);
    report.judgement.findings.iter().filter(ours).collect()
}

fn of<'a>(all: &[&'a Finding], code: &str, transport: Transport) -> &'a Finding {
    let found = all.iter().find(|finding| finding.code.id == code && finding.transport() == Some(transport));
    found.unwrap_or_else(|| panic!("no {code} for {transport:?} in {all:?}"))
}

#[test]
fn a_silent_limit_is_known_to_half_a_second() {
    for limit in LIMITS {
        for then in ["drops", "resets"] {
            let boxes = format!("forget-when-idle:after={},then={then}", seconds(limit));
            let report = deep(&boxes);
            let all = findings(&report);
            assert!(all.iter().all(|finding| finding.code.id == "idle.dropped-silently"), "{boxes}: {all:?}");
            for transport in [Transport::WebSocket, Transport::Sse] {
                let found = of(&all, "idle.dropped-silently", transport);
                let (survived, lost) = (found.number("survived_ms").unwrap(), found.number("lost_ms").unwrap());
                assert!(
                    survived < limit && limit <= lost && lost - survived <= 1_000,
                    "{boxes}, {transport:?}: {survived} to {lost}"
                );
            }
            // What a finer ladder costs: the limit, one rung more, and the time that its answer may take.
            let most = (LONGEST_MS + 3_500) + (limit + 1_000 + 3_500) + 1_000;
            assert!(report.duration_ms <= most, "{boxes}: {} ms", report.duration_ms);
        }
    }
}

#[test]
fn a_limit_that_is_told_is_known_to_50_ms() {
    for limit in LIMITS {
        for (tells, code) in [("both", "idle.closed"), ("resets-both", "idle.reset"), ("client", "idle.one-side-told")] {
            let boxes = format!("end-when-idle:after={},tells={tells}", seconds(limit));
            let report = deep(&boxes);
            let all = findings(&report);
            for transport in [Transport::WebSocket, Transport::Sse] {
                let after = of(&all, code, transport).number("after_ms").unwrap();
                assert!(after.abs_diff(limit) <= 50, "{boxes}, {transport:?}: {after}");
            }
            assert!(all.iter().all(|finding| finding.code.id == code), "{boxes}: {all:?}");
        }
    }
}

#[test]
fn a_limit_on_age_is_no_limit_on_silence() {
    for limit in LIMITS {
        let boxes = format!("cap-lifetime:age={}", seconds(limit));
        let report = deep(&boxes);
        let all = findings(&report);
        for transport in [Transport::WebSocket, Transport::Sse] {
            let age = of(&all, "lifetime.capped", transport).number("age_ms").unwrap();
            assert!(age.abs_diff(limit) <= 50, "{boxes}, {transport:?}: {age}");
        }
        let blames = |finding: &&&Finding| finding.code.probe() == "idle" && finding.caused_by.is_none();
        assert!(!all.iter().any(|finding| blames(&finding)), "{boxes}: {all:?}");
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{}", ms / 1_000, ms % 1_000 / 100)
}

#[test]
fn a_ladder_keeps_to_the_connections_that_it_may_have() {
    for (depth, most) in [(Depth::Deep, 8), (Depth::Deep, 3), (Depth::Standard, 9), (Depth::Quick, 200)] {
        let all = rungs(&Plan { ladder: Some(most), ..Plan::new(depth, None) });
        assert!(
            all.len() <= usize::from(most) && all.iter().any(|rung| rung.silent_ms == Plan::new(depth, None).longest_idle_ms)
        );
    }
    assert_eq!(rungs(&Plan { ladder: Some(200), ..Plan::new(Depth::Deep, None) }), rungs(&Plan::new(Depth::Deep, None)));
}

/// What a message, a request and a connection take is the delay of the path, to two milliseconds and a fiftieth.
#[test]
fn times_are_those_of_the_path() {
    for (leg, handshake) in [(Leg::Http, 1), (Leg::Https, 2)] {
        for one_way_ms in [1, 10, 75, 150] {
            let boxes = vec![format!("link:latency={one_way_ms}ms").parse().unwrap()];
            let path = Link { latency: Duration::ZERO, ..Link::default() };
            let scenario = Scenario { boxes, on: vec![leg], leg, idle_ms: 3_000, link: path, ..Scenario::default() };
            let report = hear(&scenario).unwrap();
            let all = &report.judgement.findings;
            let times = all.iter().find(|finding| finding.code.id == "latency.round-trip" && finding.leg == Some(leg)).unwrap();
            let there_and_back = 2 * one_way_ms;
            // The relay takes the connection itself; what is left of it is TLS.
            let rows = [("websocket_p50_ms", 1), ("request_p50_ms", 1), ("new_connection_p50_ms", handshake - 1)];
            for (name, round_trips) in rows {
                let (found, expected) = (times.number(name).unwrap(), round_trips * there_and_back);
                assert!(found.abs_diff(expected) <= 2 + expected / 50, "{leg}, {one_way_ms} ms: {name} {found}, not {expected}");
            }
        }
    }
}

#[test]
fn signs_of_life_are_tried_where_there_is_room_and_time_for_them() {
    let of = |plan: &Plan| kept(plan).into_iter().filter_map(|asked| asked.kept).map(|kept| kept.by).collect::<Vec<_>>();
    assert_eq!(of(&Plan::new(Depth::Standard, None)), Sign::ALL);
    assert_eq!(of(&Plan::new(Depth::Deep, None)), Sign::ALL);
    assert_eq!(of(&Plan::new(Depth::Quick, Some(60_000))), []);
    assert_eq!(of(&Plan::new(Depth::Standard, Some(3_000))), []);
    let silent = rungs(&Plan::new(Depth::Standard, None)).len();
    for (more, expected) in [(0, 0), (1, 0), (2, 2), (5, 5), (100, 7)] {
        let plan = Plan { ladder: u8::try_from(silent + more).ok(), ..Plan::new(Depth::Standard, None) };
        assert_eq!((rungs(&plan).len(), kept(&plan).len()), (silent, expected), "{more}");
        assert!(kept(&plan).iter().all(|asked| asked.silent_ms == plan.longest_idle_ms));
    }
    // As many as fit into a record.
    let longest = kept(&Plan::new(Depth::Deep, Some(1_000_000)));
    assert!(longest.iter().filter_map(|asked| asked.kept).all(|kept| 1_000_000 / kept.every_ms <= 120));
}

/// Heartbeats by signs that pass keep a connection up beyond any limit that is found, and others are named, at any limit.
#[test]
fn what_counts_as_alive_is_told_at_every_limit() {
    for limit in LIMITS {
        for (boxes, kinds) in [
            ("end-when-idle:counts=client,after=", "[\"server-bytes\"]"),
            ("end-when-idle:counts=server,tells=resets-both,after=", "[\"client-bytes\"]"),
            ("forget-when-idle:counts=server,after=", "[\"client-bytes\"]"),
            ("forget-when-idle:counts=server,then=resets,after=", "[\"client-bytes\"]"),
            ("answer-pings + forget-when-idle:only=websockets,after=", "[\"client-pings\"]"),
            ("answer-pings + end-when-idle:only=websockets,tells=server,after=", "[\"client-pings\"]"),
            ("ignore-pings:after=", "[\"server-pings\",\"client-pings\"]"),
        ] {
            let boxes = format!("{boxes}{}", seconds(limit));
            let report = deep(&boxes);
            let all = findings(&report);
            let ignored = of(&all, "idle.keepalive-ignored", Transport::WebSocket);
            assert_eq!(ignored.measured["kinds"].to_string(), kinds, "{boxes}");
            let others = all.iter().filter(|finding| finding.code.id == "idle.keepalive-ignored").count();
            assert_eq!(others, 1, "{boxes}: {all:?}");
        }
    }
}
