//! Heads, as they were sent and received.

use super::*;
use crate::below::HIDDEN;
use crate::exchange::Witness;
use crate::testing::{check, distorted, record};
use serde_json::json;

const CLIENT: &str = "opened@0 request@0 200@20 got:body0@21 done@22";
const SERVER: &str = "request@10 200@11 sent:body0@11 done@11";
const ASKED: &str = "GET /v1/r/n/headers HTTP/1.1|Host: a|Connection: close|X-A: 1|X_B: 2|x-cC: 3|X-T: first|X-T: second";
const ANSWERED: &str = "HTTP/1.1 200 OK|x-a: 1|x-t: first|x-t: second|content-length: 5|date: now";

/// A head in one line.
fn head(text: &str) -> RawHead {
    let mut lines = text.split('|');
    let first = Untrusted::new(lines.next().unwrap());
    let field = |line: &str| line.split_once(": ").map(|(name, value)| (Untrusted::new(name), Untrusted::new(value)));
    RawHead { first, fields: lines.filter_map(field).collect() }
}

/// A request and its answer: as sent, and as received.
fn exchange(request: (&str, &str), response: (&str, &str), front: &[&str]) -> Exchange<Asked> {
    let mut record = record(CLIENT, SERVER);
    let arrived = head(request.1);
    if let Witness::Whole(notes) = &mut record.witness {
        notes.request.version = if request.1.contains("HTTP/1.0") { "1.0" } else { "1.1" }.into();
        let lower = |name: &Untrusted| Untrusted::new(&name.as_str().to_ascii_lowercase());
        notes.request.headers = arrived.fields.iter().map(|(name, value)| (lower(name), value.clone())).collect();
        notes.below.request = Some(arrived);
        notes.below.response = Some(head(response.0));
    }
    let front_headers = front.iter().map(|name| Untrusted::new(name)).collect();
    let (sent, received) = (head(request.0), Some(head(response.1)));
    Exchange { asked: Asked { kind: Kind::Unusual, sent, received, asks_proxy: false, front_headers }, record }
}

fn requests(received: &str) -> Vec<Finding> {
    judge(&[exchange((ASKED, received), (ANSWERED, ANSWERED), &[])])
}

fn answers(received: &str) -> Vec<Finding> {
    judge(&[exchange((ASKED, ASKED), (ANSWERED, received), &[])])
}

#[test]
#[rustfmt::skip]
fn what_became_of_heads() {
    let with = |more: &str| format!("{ASKED}|{more}");
    let proxied = ASKED.replace("GET /", "GET http://a/");
    let mut through_proxy = exchange((&proxied, ASKED), (ANSWERED, ANSWERED), &[]);
    through_proxy.asked.asks_proxy = true;
    let declared = |front| judge(&[exchange((ASKED, &with("Via: 1.1 b|X-C: 1")), (ANSWERED, &format!("{ANSWERED}|via: 1.1 b")), front)]);
    let hidden = exchange((&with(&format!("Own: {HIDDEN}")), &with("Own: canary")), (ANSWERED, ANSWERED), &[]);
    check(&[
        ("as sent", requests(ASKED), ""),
        ("added to a request", requests(&with("Via: 1.1 b")), r#"headers.added request=["Via"] outcome=note"#),
        ("added to an answer", answers(&format!("{ANSWERED}|Via: 1.1 b")), r#"headers.added response=["Via"]"#),
        ("declared", declared(&["VIA", "x-c"]), ""),
        ("declared in part", declared(&["via"]), r#"headers.added request=["X-C"]"#),
        ("removed from a request", requests(&ASKED.replace("|X_B: 2", "")), r#"headers.removed request=["X_B"] outcome=note"#),
        ("removed from an answer", answers(&ANSWERED.replace("|x-a: 1", "")), r#"headers.removed response=["x-a"]"#),
        ("another value", requests(&ASKED.replace("X-A: 1", "X-A: 9")), r#"headers.changed request=["X-A"] outcome=note"#),
        ("one of two lines", requests(&ASKED.replace("|X-T: first", "")), r#"headers.changed request=["X-T"]"#),
        ("two lines in one", requests(&ASKED.replace("X-T: first|X-T: second", "X-T: first, second")), ""),
        ("another case", requests(&ASKED.replace("x-cC", "x-cc")), r#"headers.changed request_case=["x-cC"]"#),
        ("another order", requests(&ASKED.replace("X-A: 1|X_B: 2", "X_B: 2|X-A: 1")), "headers.changed request_order=changed"),
        ("of one hop", requests(&ASKED.replace("|Connection: close", "|Keep-Alive: 1")), ""),
        ("another framing", answers(&ANSWERED.replace("content-length: 5", "transfer-encoding: chunked")), ""),
        ("another method", requests(&ASKED.replace("GET", "POST")),
         r#"headers.changed request_line=["the"#.split(" request_line").next().unwrap()),
        ("a whole URL", requests(&proxied), "headers.changed"),
        ("a proxy was asked", judge(&[through_proxy]), ""),
        ("a value that is not recorded", judge(&[hidden]), ""),
        ("an old request", requests(&ASKED.replace("HTTP/1.1", "HTTP/1.0")),
         "headers.http-version-lowered request_version=1.0 outcome=note"),
        ("an old answer", answers(&ANSWERED.replace("HTTP/1.1", "HTTP/1.0")), "headers.http-version-lowered response_version=1.0"),
        ("a product", requests(&with("Via: 1.1 gate (squid/5.7)")),
         "headers.added | headers.product-identified looks_like=Squid confidence=high stands=network outcome=note"),
        ("a front", answers(&format!("{ANSWERED}|cf-ray: 1")),
         "headers.added | headers.product-identified looks_like=Cloudflare stands=front"),
        ("removed and changed are two", requests(&ASKED.replace("X_B: 2|", "").replace("X-A: 1", "X-A: 9")),
         r#"headers.removed request=["X_B"] | headers.changed request=["X-A"]"#),
    ]);
}

#[test]
fn without_both_ends_nothing_is_found() {
    let mut unseen = exchange((ASKED, "GET / HTTP/1.0|A: 1"), (ANSWERED, ANSWERED), &[]);
    unseen.record.witness = Witness::Empty;
    assert_eq!(judge(&[unseen]), []);
    // A stranger's answer is compared with nothing.
    let mut foreign = exchange((ASKED, ASKED), (ANSWERED, "HTTP/1.0 403 No|Server: x"), &[]);
    foreign.record.proof = Proof::None;
    assert_eq!(judge(&[foreign]), []);
    // Of heads that a library has read, spelling and order are gone, and long values are cut.
    let mut read = exchange((&format!("{ASKED}|X-L: {}", "l".repeat(2_000)), ASKED), (ANSWERED, ANSWERED), &[]);
    if let Witness::Whole(notes) = &mut read.record.witness {
        notes.below.request = None;
        notes.request.headers.reverse();
        notes.request.headers.iter_mut().filter(|(name, _)| name.as_str() == "x-t").for_each(|(_, value)| {
            *value = Untrusted::new("first, second");
        });
        notes.request.headers.push((Untrusted::new("x-l"), Untrusted::from_bytes("l".repeat(2_000).as_bytes(), 1_024)));
    }
    let found = judge(&[read]);
    assert!(found.iter().all(|finding| finding.code == CHANGED && finding.word("request_order").is_none()), "{found:?}");
}

#[test]
fn the_usual_request_speaks_where_the_unusual_one_came_to_nothing() {
    let mut refused = exchange((ASKED, ASKED), (ANSWERED, ANSWERED), &[]);
    refused.record.witness = Witness::Empty;
    let usual = exchange((ASKED, &format!("{ASKED}|Via: 1.1 b")), (ANSWERED, ANSWERED), &[]);
    check(&[("the second one", judge(&[refused, usual]), r#"headers.added request=["Via"]"#)]);
}

#[test]
fn evidence_that_somebody_edited_is_judged_without_a_fault() {
    let one = exchange((ASKED, "|||"), (ANSWERED, "é://|: |x"), &["via"]);
    for (record, _) in distorted(&one.record) {
        judge(&[Exchange { asked: one.asked.clone(), record }]);
    }
    let read: Asked = serde_json::from_value(json!({"kind": "usual"})).unwrap();
    assert_eq!((read.kind, read.received), (Kind::Usual, None));
}
