//! A short notation for evidence, so that a table of verdicts reads like a table.
//!
//! `opened@0 request@0 101@20 got:greeting0@21 sent:frame1..4@22+250 gave-up@4300`: what happened, and when in milliseconds;
//! a range of numbers happens at a beat. Words without a time say what else is known of the connection.

use crate::circumstances::{Circumstances, WitnessRead};
use crate::company::Company;
use crate::exchange::{Opened, Proof, Record, RequestHead, ResponseHead, ServerNotes, Witness};
use crate::failure::Failure;
use crate::finding::Finding;
use crate::timeline::{End, Event, Timeline, What, Why};
use crate::transport::Via;
use crate::untrusted::Untrusted;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A connection as the client and the server saw it.
///
/// Words for the client: `unproven`, `stale`, `wrong-key`, `absolute-form`, `to:ADDRESS`. The server's record begins with `absent`,
/// `empty` or `partial` where it is not whole; its words `no-upgrade`, `no-connection` and `no-key` say what the request had lost.
pub(crate) fn record(client: &str, server: &str) -> Record {
    let line = timeline(client);
    let says = |word: &str| client.split_whitespace().any(|found| found == word);
    let status = line.entries.iter().find_map(|entry| match entry.event {
        Event::Response(status) => Some(status),
        _ => None,
    });
    let remote = client.split_whitespace().find_map(|word| word.strip_prefix("to:")).unwrap_or("192.0.2.1:80");
    let via = if says("absolute-form") { Via::AbsoluteForm } else { Via::Direct };
    let opened = Opened { via, local: "192.0.2.9".into(), remote: remote.into(), took_ms: 10, ..Opened::default() };
    Record {
        nonce: "n".into(),
        opened: line.first(|e| *e == Event::Opened).map(|_| opened),
        response: status.map(head),
        proof: match status {
            _ if says("stale") => Proof::Stale,
            Some(_) if !says("unproven") => Proof::Valid,
            _ => Proof::None,
        },
        accept_key_matches: (status == Some(101)).then_some(!says("wrong-key")),
        kernel: None,
        client: line,
        witness: match server.split_whitespace().next() {
            Some("absent") => Witness::Absent,
            Some("empty") => Witness::Empty,
            Some("partial") => Witness::Partial(notes(server)),
            _ => Witness::Whole(notes(server)),
        },
    }
}

/// The head of an answer as our server sends it.
fn head(status: u16) -> ResponseHead {
    let fields: &[(&str, &str)] = match status {
        101 => &[("upgrade", "websocket"), ("connection", "Upgrade")],
        _ => &[("content-type", "text/event-stream")],
    };
    ResponseHead { status, version: "1.1".into(), headers: headers(fields), raw: Untrusted::default() }
}

/// Headers as they are recorded.
pub(crate) fn headers(fields: &[(&str, &str)]) -> Vec<(Untrusted, Untrusted)> {
    fields.iter().map(|(name, value)| (Untrusted::new(name), Untrusted::new(value))).collect()
}

fn notes(text: &str) -> ServerNotes {
    let all = [
        ("no-upgrade", "upgrade", "websocket"),
        ("no-connection", "connection", "Upgrade"),
        ("no-key", "sec-websocket-key", "k"),
    ];
    let kept: Vec<(&str, &str)> =
        all.iter().filter(|(without, ..)| !text.contains(without)).map(|(_, name, value)| (*name, *value)).collect();
    let request = RequestHead { version: "1.1".into(), headers: headers(&kept), ..RequestHead::default() };
    ServerNotes { request, timeline: timeline(text), ..ServerNotes::default() }
}

/// A timeline in the notation; the order of the words does not matter.
fn timeline(text: &str) -> Timeline {
    let mut all = Timeline::default();
    for (what, when) in text.split_whitespace().filter_map(|word| word.split_once('@')) {
        let (first, beat) = when.split_once('+').unwrap_or((when, "0"));
        let (mut at, beat): (u64, u64) = (first.parse().unwrap(), beat.parse().unwrap());
        for event in events(what, at) {
            all.push(at, event);
            at += beat;
        }
    }
    all.entries.sort_by_key(|entry| entry.at_ms);
    all
}

fn events(what: &str, at: u64) -> Vec<Event> {
    let (kind, of) = what.split_once(':').unwrap_or((what, ""));
    vec![match kind {
        "sent" | "got" | "altered" => return units(kind, of, at),
        "failed" => {
            let (operation, kind) = of.split_once('/').unwrap();
            let (peer, detail) = (Untrusted::new("probe.test"), Untrusted::default());
            let status = kind.strip_prefix("status").map(|status| json!({"status": status.parse::<u16>().unwrap()}));
            Event::Failed(Box::new(Failure {
                operation: named(json!(operation)),
                kind: named(status.unwrap_or(json!(kind))),
                peer,
                detail,
            }))
        }
        "close" => Event::Ended(End::CloseFrame(of.parse().unwrap())),
        "stream-reset" => Event::Ended(End::StreamReset(of.parse().unwrap())),
        "go-away" => Event::Ended(End::GoAway(of.parse().unwrap())),
        "carried" => {
            let (sent, received) = of.split_once('+').unwrap();
            Event::Carried(sent.parse().unwrap(), received.parse().unwrap())
        }
        "piece" => Event::Piece(of.parse().unwrap()),
        "foreign" => Event::Foreign(Untrusted::new("<html>")),
        "reason" => Event::Reason(Untrusted::new(&of.replace('-', " "))),
        "fin" | "reset" | "complete" => Event::Ended(named(json!(kind))),
        "done" | "after-peer" | "shutdown" | "limit" | "abort" | "farewell" => Event::Closed(named::<Why>(json!(kind))),
        "opened" | "request" | "silence-over" | "gave-up" => named(json!(kind)),
        status => Event::Response(status.parse().unwrap()),
    }]
}

/// `frame3`, `frame1..4`, or `event3~150`: sent at 150 by the sender's clock; `altered:echo3~35`: 35 bytes of it arrived.
fn units(verb: &str, of: &str, at: u64) -> Vec<Event> {
    let (unit, sent) = of.split_once('~').map_or((of, at), |(unit, sent)| (unit, sent.parse().unwrap()));
    let digits = unit.find(|c: char| c.is_ascii_digit()).unwrap();
    let (what, numbers) = unit.split_at(digits);
    let (first, last) = numbers.split_once("..").unwrap_or((numbers, numbers));
    let what: What = named(json!(what));
    let event = |number| match verb {
        "sent" => Event::Sent(what, number),
        "altered" => Event::Altered(what, number, u32::try_from(sent).unwrap()),
        _ => Event::Received(what, number, Some(sent)),
    };
    (first.parse().unwrap()..=last.parse().unwrap()).map(event).collect()
}

fn named<T: DeserializeOwned>(name: Value) -> T {
    serde_json::from_value(name).unwrap()
}

/// A quiet machine, a short path, and a witness that was read when all was over.
pub(crate) fn around() -> Circumstances {
    Circumstances {
        clock_bound_ms: 5,
        round_trip_ms: 10,
        server_lag_ms: Some(0),
        witness_reads: vec![WitnessRead { at_ms: 1_000_000, complete: true }],
        ..Circumstances::default()
    }
}

/// A path of 300 ms there and back.
pub(crate) fn far() -> Circumstances {
    Circumstances { clock_bound_ms: 150, round_trip_ms: 300, ..around() }
}

/// The usual, but for what the connections of the run did together.
pub(crate) fn beside(company: Company) -> Circumstances {
    Circumstances { company, ..around() }
}

/// Each circumstance that forbids to blame whatever ended at `at_ms`, with its name in reports.
pub(crate) fn doubts(at_ms: u64) -> Vec<(&'static str, Circumstances)> {
    vec![
        ("slept", Circumstances { slept_ms: 1_001, ..around() }),
        ("address-changed", Circumstances { local_address_changed: true, ..around() }),
        ("many-ended-together", beside(Company { mass_ends_ms: vec![at_ms], ..Company::default() })),
    ]
}

/// A stall of either machine that is longer than anybody waited for an answer.
pub(crate) fn stalls() -> [Circumstances; 2] {
    [Circumstances { client_lag_ms: 5_000, ..around() }, Circumstances { server_lag_ms: Some(5_000), ..around() }]
}

/// Compares a table: a case, what was found, and what should have been: `code name=value .. | code ..`, nothing when all is well.
///
/// `outcome` and `decisive` are compared like what was measured; names that are not given are not compared.
pub(crate) fn check(rows: &[(&str, Vec<Finding>, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter(|(_, found, expected)| {
            let expected: Vec<&str> = expected.split(" | ").filter(|one| !one.is_empty()).collect();
            expected.len() != found.len() || !expected.iter().zip(found).all(|(one, finding)| agrees(one, finding))
        })
        .map(|(case, found, expected)| format!("{case}\n  expected {expected}\n  found    {}\n", told(found)))
        .collect();
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join(""));
}

fn agrees(expected: &str, found: &Finding) -> bool {
    let mut words = expected.split_whitespace();
    let code = words.next() == Some(found.code.id);
    let all = measured(found);
    code && words.all(|word| all.iter().any(|measured| measured == word))
}

fn measured(finding: &Finding) -> Vec<String> {
    let words = finding.measured.iter().map(|(name, value)| match value {
        Value::String(text) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    });
    let outcome = format!("outcome={}", json!(finding.outcome).as_str().unwrap_or_default());
    [outcome, format!("decisive={}", finding.decisive)].into_iter().chain(words).collect()
}

fn told(findings: &[Finding]) -> String {
    findings.iter().map(|f| format!("{} {}", f.code.id, measured(f).join(" "))).collect::<Vec<_>>().join(" | ")
}

/// The same connection with times that no clock would write, each end with and without a record: a saved report can hold anything.
pub(crate) fn distorted(record: &Record) -> Vec<(Record, Circumstances)> {
    let mut all = Vec::new();
    let widest = Circumstances {
        clock_offset_ms: i64::MIN,
        clock_bound_ms: u64::MAX,
        round_trip_ms: u64::MAX,
        client_lag_ms: u64::MAX,
        server_lag_ms: Some(u64::MAX),
        ..around()
    };
    for around in [around(), widest.clone(), Circumstances { clock_offset_ms: i64::MAX, ..around() }] {
        for strange in
            [|at| at, |_| 0, |_| u64::MAX, |at| u64::MAX - at, |at: u64| if at.is_multiple_of(2) { u64::MAX } else { 0 }]
        {
            let mut record = record.clone();
            for entry in &mut record.client.entries {
                entry.at_ms = strange(entry.at_ms);
                if let Event::Received(_, _, Some(sent)) = &mut entry.event {
                    *sent = u64::MAX - strange(*sent);
                }
            }
            if let Witness::Whole(notes) = &mut record.witness {
                notes.timeline.entries.iter_mut().for_each(|entry| entry.at_ms = strange(entry.at_ms));
            }
            let unwitnessed = Record { witness: Witness::Empty, ..record.clone() };
            let headless = Record { response: None, opened: None, ..record.clone() };
            all.extend([record, unwitnessed, headless].map(|record| (record, around.clone())));
        }
    }
    all
}
