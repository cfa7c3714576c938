//! Busy twins, as both ends may have seen them.

use super::*;
use crate::company::{Company, Member};
use crate::hearing::Hearing;
use crate::plan::{Depth, Plan};
use crate::recommend::Answers;
use crate::testing::{around, beside, check, distorted, doubts, far, record, stalls};
use crate::transport::Leg;
use crate::{Evidence, idle};
use std::collections::BTreeMap;

const OPEN: &str = "opened@0 request@0 101@20 got:greeting0@21";
const OPEN_SERVER: &str = "request@10 101@10 sent:greeting0@10";
/// Fifteen messages until just before six seconds.
const BUSY: &str = "sent:frame1..15@22+400 got:echo1..15@42+400";
const BUSY_SERVER: &str = "got:frame1..15@32+400 sent:echo1..15@32+400";
const STREAM: &str = "opened@0 request@0 200@20 got:comment0@21 got:event1..14@420+400";
const STREAM_SERVER: &str = "request@10 200@10 sent:comment0@10 sent:event1..14@410+400";

fn twin(transport: Transport, busy_ms: u64, record: Record, around: &Circumstances) -> Vec<Finding> {
    judge(&[Exchange { asked: Asked { transport, busy_ms, every_ms: 400 }, record }], around)
}

fn heard(client: &str, server: &str) -> Record {
    let server =
        if ["absent", "empty"].contains(&server) { server.to_owned() } else { format!("{server} {OPEN_SERVER} {BUSY_SERVER}") };
    record(&format!("{client} {OPEN} {BUSY}"), &server)
}

fn ws(client: &str, server: &str) -> Vec<Finding> {
    twin(Transport::WebSocket, 8_000, heard(client, server), &around())
}

fn sse(client: &str, server: &str) -> Vec<Finding> {
    let record = record(&format!("{client} {STREAM}"), &format!("{server} {STREAM_SERVER}"));
    twin(Transport::Sse, 8_000, record, &around())
}

#[test]
#[rustfmt::skip]
fn what_the_two_witnesses_say_together() {
    let told = "fin@6010 after-peer@10010";
    check(&[
        ("it lived", ws("done@8042", "close:1000@8050"), ""),
        ("FIN at the age of 6 s", ws("fin@6020", told),
         "lifetime.capped age_ms=6000 end=closed transport=websocket outcome=degraded"),
        ("RST", ws("reset@6020", "reset@6010 after-peer@10010"), "lifetime.capped age_ms=6000 end=reset"),
        ("somebody else's close frame", ws("close:1001@6020", told), "lifetime.capped age_ms=6000 end=closed"),
        ("the client alone is told", ws("fin@6020", ""), "lifetime.capped age_ms=6000 end=closed"),
        // Dead since the last message that arrived.
        ("silence", ws("sent:frame16..17@6022+400 gave-up@9542", ""),
         "lifetime.capped age_ms=5622 end=silence transport=websocket outcome=degraded"),
        ("a stream, by FIN", sse("fin@6020", told), "lifetime.capped age_ms=6000 end=closed transport=sse"),
        // As a proxy ends it that frames the answer anew.
        ("a stream, completed early", sse("complete@6020", told),
         "lifetime.capped age_ms=6000 end=closed transport=sse"),
        ("a stream, silence", sse("gave-up@12000", "sent:event15..20@6010+400 done@8410"),
         "lifetime.capped age_ms=5600 end=silence transport=sse"),
        ("a stream to its last event, then FIN",
         sse("got:event15..20@6020+400 fin@8021", "sent:event15..20@6010+400 done@8411"),
         ""),
        ("a stream that the server ended by plan", sse("complete@8020", "done@8010"), ""),
    ]);
}

#[test]
fn the_age_decides_how_bad_it_is() {
    let at = |age: u64| {
        let busy = format!("{OPEN} sent:frame1@22 got:echo1@{} fin@{}", age - 100, age + 20);
        twin(
            Transport::WebSocket,
            900_000,
            record(&busy, &format!("{OPEN_SERVER} got:frame1@32 fin@{age} after-peer@{}", age + 4_000)),
            &around(),
        )
    };
    check(&[
        ("just below five minutes", at(299_999), "lifetime.capped age_ms=299999 outcome=degraded"),
        ("five minutes", at(300_000), "lifetime.capped age_ms=300000 outcome=note"),
        ("just above two seconds", at(2_001), "lifetime.capped age_ms=2001"),
        ("two seconds are an early end", at(2_000), ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn slow_or_unused_is_not_capped() {
    let late = format!("{OPEN} sent:frame1..20@22+400 got:echo1..10@322+400 got:echo11..20@7200+1 done@8300");
    let no_echo = format!("{OPEN} sent:frame1..10@22+400 gave-up@7500");
    let held = format!("{OPEN} sent:frame1..15@22+400 got:echo1..15@242+400 fin@6220");
    check(&[
        ("300 ms, and a burst of late echoes", twin(Transport::WebSocket, 8_000, record(&late, OPEN_SERVER), &far()),
         ""),
        ("it never carried anything", twin(Transport::WebSocket, 8_000, record(&no_echo, OPEN_SERVER), &around()),
         ""),
        ("it never opened", twin(Transport::WebSocket, 8_000, record("opened@0 request@0 reset@30", "empty"), &around()),
         ""),
        ("an answer that is not ours",
         twin(Transport::Sse, 8_000, record("unproven opened@0 request@0 403@20 done@20", "empty"), &around()),
         ""),
        ("a front that holds everything back for 200 ms",
         twin(Transport::WebSocket, 8_000, record(&held, &format!("{OPEN_SERVER} {BUSY_SERVER} fin@6210")), &around()),
         "lifetime.capped age_ms=6200"),
        // Not busy when it was ended: it may have been the silence.
        ("quiet for three seconds before its end", ws("fin@9020", "fin@9010 after-peer@13010"),
         "lifetime.inconclusive reason=unclear transport=websocket"),
    ]);
}

#[test]
fn a_stall_of_a_machine_is_no_end() {
    for stalled in stalls() {
        let found = twin(Transport::WebSocket, 8_000, heard("sent:frame16@6022 gave-up@9542", ""), &stalled);
        check(&[("a machine stood still", found, "lifetime.inconclusive reason=timers-late")]);
    }
}

#[test]
#[rustfmt::skip]
fn nobody_is_blamed_in_doubt() {
    let reason = |reason| format!("lifetime.inconclusive reason={reason} transport=websocket");
    check(&[
        ("partial", ws("fin@6020", "partial"), &reason("witness-partial")),
        ("our own limit", ws("close:1000@6020", "limit@6010"), &reason("own-end")),
        ("our own shutdown", ws("close:1001@6020", "shutdown@6010"), &reason("own-end")),
        ("our own shutdown of a stream", sse("complete@6020", "shutdown@6010"),
         "lifetime.inconclusive reason=own-end transport=sse"),
        ("absent: silence", ws("gave-up@9542", "absent"), &reason("witness-absent")),
        ("absent, and it lived", ws("done@8042", "absent"), ""),
    ]);
    for (name, around) in doubts(6_020) {
        check(&[(name, twin(Transport::WebSocket, 8_000, heard("fin@6020", "fin@6010"), &around), &reason(name))]);
    }
    let cut = Circumstances { cut_short_at_ms: Some(6_000), ..around() };
    check(&[("cut short", twin(Transport::WebSocket, 8_000, heard("", ""), &cut), &reason("cut-short"))]);
}

/// An end that nobody planned is an end, whatever became of the server's record.
#[test]
fn an_end_without_a_record_is_not_passed_over() {
    check(&[
        ("absent: FIN", ws("fin@6020", "absent"), "lifetime.inconclusive reason=witness-absent"),
        ("proven, but not in the record: FIN", ws("fin@6020", "empty"), "lifetime.inconclusive"),
        ("proven, but not in the record: silence", ws("gave-up@9542", "empty"), "lifetime.inconclusive"),
    ]);
}

/// What ends a connection for its age ends the older ones, too.
#[test]
fn a_cap_that_older_connections_outlive_is_no_cap() {
    let rung = |silent_ms| {
        let over = 42 + silent_ms;
        let client =
            format!("{OPEN} sent:frame1@22 got:echo1@42 silence-over@{over} sent:frame2@{over} got:echo2@{} done@{0}", over + 20);
        let asked = idle::Asked {
            transport: Transport::WebSocket,
            silent_ms,
            first_speaker: idle::Speaker::Client,
            finer: false,
            kept: None,
        };
        Exchange { asked, record: record(&client, &format!("{OPEN_SERVER} got:frame1@32 sent:echo1@32")) }
    };
    let asked = Asked { transport: Transport::WebSocket, busy_ms: 30_000, every_ms: 400 };
    let ended = Exchange { asked, record: heard("fin@6020", "fin@6010 after-peer@10010") };
    let all = [Evidence::Idle(vec![rung(4_000), rung(9_000), rung(32_000)]), Evidence::Lifetime(vec![ended])];
    let hearing = Hearing {
        leg: Leg::Http,
        plan: Plan::new(Depth::Standard, None),
        circumstances: around(),
        answers: Answers::default(),
        through_proxy: false,
        evidence: all.into_iter().map(|evidence| (evidence.probe(), BTreeMap::from([(Leg::Http, evidence)]))).collect(),
    };
    check(&[("ended at 6 s while others lived for 32 s", hearing.judge().findings, "lifetime.inconclusive transport=websocket")]);
}

/// A held request is no stream: what limits how long an answer may flow does not limit how long it may be awaited.
#[test]
fn a_held_request_does_not_contradict_a_capped_stream() {
    let capped = record(&format!("{STREAM} fin@6020"), &format!("{STREAM_SERVER} fin@6010 after-peer@10010"));
    let held =
        record("opened@0 request@0 200@32020 got:body0@32020 complete@32020", "request@10 200@32010 sent:body0@32010 done@32010");
    let members = [&capped, &held].map(|record| Member { leg: Leg::Http, busy: false, record });
    let around = beside(Company::of(Leg::Http, &members));
    check(&[(
        "6 s and 32 s",
        twin(Transport::Sse, 30_000, capped.clone(), &around),
        "lifetime.capped age_ms=6000 transport=sse",
    )]);
}

#[test]
fn odd_evidence_is_judged_without_a_panic() {
    for (client, server) in [("fin@6020", "fin@6010"), ("gave-up@9542", ""), ("fin@9020", "fin@9010")] {
        for (record, around) in distorted(&heard(client, server)) {
            for (busy_ms, every_ms) in [(8_000, 400), (0, 0), (u64::MAX, u64::MAX), (u64::MAX, 1)] {
                for transport in [Transport::WebSocket, Transport::Sse] {
                    judge(&[Exchange { asked: Asked { transport, busy_ms, every_ms }, record: record.clone() }], &around);
                }
            }
        }
    }
    check(&[("nothing", judge(&[], &around()), "")]);
}
