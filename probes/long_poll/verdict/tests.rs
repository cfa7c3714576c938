//! Held requests, as both ends may have seen them.

use super::*;
use crate::company::Company;
use crate::testing::{around, beside, check, distorted, doubts, far, record, stalls};

fn poll(hold_ms: u64, client: &str, server: &str) -> Exchange<Asked> {
    let whole = ["absent", "empty"].contains(&server);
    let server = if whole { server.to_owned() } else { format!("{server} request@10") };
    Exchange { asked: Asked { hold_ms, abort_ms: None }, record: record(&format!("{client} opened@0 request@0"), &server) }
}

fn answered(hold_ms: u64) -> Exchange<Asked> {
    let (sent, at) = (hold_ms + 10, hold_ms + 20);
    poll(hold_ms, &format!("200@{at} got:body0@{at} complete@{at}"), &format!("200@{sent} sent:body0@{sent} done@{sent}"))
}

/// Holds of 2 s and 9 s, which were answered, and one of 19 s.
fn third(client: &str, server: &str) -> Vec<Finding> {
    judge(&[answered(2_000), answered(9_000), poll(19_000, client, server)], &around())
}

/// Holds of 2 s, 9 s and 19 s to which the same happened.
fn all(client: &str, server: &str, around: &Circumstances) -> Vec<Finding> {
    judge(&[2_000, 9_000, 19_000].map(|hold| poll(hold, client, server)), around)
}

fn aborted(client: &str, server: &str, around: &Circumstances) -> Vec<Finding> {
    let asked = Asked { hold_ms: 3_000, abort_ms: Some(1_000) };
    judge(&[Exchange { asked, record: record(&format!("{client} opened@0 request@0"), server) }], around)
}

#[test]
#[rustfmt::skip]
fn what_the_two_witnesses_say_together() {
    let left = "fin@10005 after-peer@14005";
    let forbidden = "unproven 403@20 complete@21";
    check(&[
        ("every answer came", third("200@19020 got:body0@19020 complete@19020", "200@19010 sent:body0@19010 done@19010"),
         ""),
        ("a gateway answers at 10 s", third("unproven 504@10000 complete@10001", left),
         "long_poll.answered-by-gateway after_ms=10000 status=504 survived_ms=9000 transport=long-polling outcome=degraded"),
        ("FIN at 10 s", third("fin@10000", left),
         "long_poll.cut after_ms=10000 survived_ms=9000 transport=long-polling outcome=degraded"),
        ("RST at 10 s", third("reset@10000", left), "long_poll.cut after_ms=10000"),
        ("the answer breaks off", third("200@19020 fin@19025", "200@19010 sent:body0@19010 done@19010"),
         "long_poll.cut after_ms=19025"),
        ("the answer is lost", third("gave-up@22500", "200@19010 sent:body0@19010 done@19010"),
         "long_poll.cut lost_ms=19000 survived_ms=9000 outcome=degraded"),
        ("the server alone is told", third("gave-up@22500", left), "long_poll.cut lost_ms=19000 survived_ms=9000"),
        ("refused at once", all(forbidden, "empty", &around()),
         "long_poll.refused status=403 survived_ms=0 transport=long-polling outcome=broken"),
        ("an answer to another request", third("stale 200@30 complete@31", "empty"),
         "long_poll.cached transport=long-polling outcome=degraded"),
        ("cut at 60 s", judge(&[answered(57_000), poll(66_000, "fin@60000", left)], &around()),
         "long_poll.cut after_ms=60000 survived_ms=57000 outcome=note"),
        ("a gateway at 59.9 s",
         judge(&[answered(57_000), poll(66_000, "unproven 504@59999 complete@60000", left)], &around()),
         "long_poll.answered-by-gateway after_ms=59999 outcome=degraded"),
        ("no connection: that has a finding of its own",
         judge(&[Exchange { asked: Asked { hold_ms: 2_000, abort_ms: None }, record: record("failed:connect/refused@3", "empty") }], &around()),
         ""),
    ]);
}

/// The request is in the server's record, and so is its end.
#[test]
fn what_the_server_saw_is_not_denied() {
    let told = third("gave-up@22500", "fin@10005 after-peer@14005");
    assert!(!told[0].summary.contains("did not see"), "{}", told[0].summary);
}

#[test]
#[rustfmt::skip]
fn a_path_on_which_no_request_is_ever_answered_is_broken() {
    check(&[
        ("reset at once", all("reset@20", "empty", &around()), "long_poll.refused survived_ms=0 outcome=broken"),
        ("closed at once", all("fin@20", "empty", &around()), "long_poll.refused survived_ms=0 outcome=broken"),
        ("kept: none reached the server", all("gave-up@22500", "empty", &around()),
         "long_poll.refused survived_ms=0 outcome=broken"),
        // A refusal over a satellite or two is a refusal.
        ("refused at once, far away",
         all("unproven 403@1620 complete@1621", "empty", &Circumstances { round_trip_ms: 1_600, ..around() }),
         "long_poll.refused status=403"),
    ]);
}

#[test]
#[rustfmt::skip]
fn slow_is_not_cut() {
    let late = "200@22400 got:body0@22400 complete@22400";
    check(&[
        ("an answer after three retransmissions", third(late, "200@19010 sent:body0@19010 done@19010"), ""),
        ("300 ms",
         judge(&[poll(2_000, "200@2320 got:body0@2320 complete@2320", "200@2160 sent:body0@2160 done@2160")], &far()),
         ""),
        ("proof header lost, body proven",
         third("200@19020 got:body0@19021 complete@19021", "200@19010 sent:body0@19010 done@19010"),
         ""),
        // What lives longer says that this is no limit of time.
        ("9 s ended at 5 s, 19 s was answered",
         judge(&[answered(2_000), poll(9_000, "fin@5000", "fin@5005"), answered(19_000)], &around()),
         "long_poll.inconclusive reason=unclear survived_ms=19000 lost_ms=5000"),
        ("9 s was never answered, 19 s was",
         judge(&[answered(2_000), poll(9_000, "gave-up@12500", ""), answered(19_000)], &around()),
         "long_poll.inconclusive reason=unclear survived_ms=19000 lost_ms=9000"),
        ("too many at once for somebody",
         judge(&[answered(2_000), poll(9_000, "unproven 429@20 complete@20", "empty")], &around()),
         "long_poll.inconclusive reason=unclear"),
    ]);
}

#[test]
fn a_stall_of_a_machine_is_no_cut() {
    for stalled in stalls() {
        let found = judge(&[answered(2_000), poll(9_000, "gave-up@12500", "200@13000 sent:body0@13000 done@13000")], &stalled);
        check(&[("a machine stood still", found, "long_poll.inconclusive reason=timers-late")]);
    }
}

#[test]
#[rustfmt::skip]
fn whether_the_server_learns_that_a_client_gave_up() {
    let gone = "request@10 fin@1010 after-peer@5010";
    let unaware = "request@10 200@3010 sent:body0@3010 done@3010";
    let of = |server: &str| aborted("abort@1000", server, &around());
    check(&[
        ("it learns it", of(gone), ""),
        ("it answers into the void", of(unaware),
         "long_poll.abort-not-propagated transport=long-polling outcome=note"),
        ("absent", of("absent"), ""),
        ("partial", of(&format!("partial {unaware}")), ""),
        ("it never saw the request", of("empty"), ""),
        ("it shut down", of("request@10 shutdown@2000"), ""),
        ("the connection ended before the client gave up", aborted("reset@500", unaware, &around()), ""),
    ]);
    for (name, around) in doubts(1_000) {
        check(&[(name, aborted("abort@1000", unaware, &around), "")]);
    }
}

#[test]
#[rustfmt::skip]
fn nobody_is_blamed_in_doubt() {
    let reason = |reason| format!("long_poll.inconclusive reason={reason} hold_ms=19000 survived_ms=9000 transport=long-polling");
    check(&[
        ("absent: FIN", third("fin@10000", "absent"), &reason("witness-absent")),
        // A proxy answers for a server that died.
        ("502 after the server died", third("unproven 502@10000 complete@10000", "absent"),
         &reason("witness-absent")),
        ("503 after the server died, its record read before", third("unproven 503@10000 complete@10000", "partial"),
         &reason("witness-partial")),
        ("our own 503: no room to write down", third("503@20 got:body0@20 complete@20", "absent"),
         &reason("own-end")),
        ("our own 503 at a shutdown",
         third("503@10000 got:body0@10000 complete@10000", "503@9990 sent:body0@9990 shutdown@9990"),
         &reason("own-end")),
        ("our own shutdown, told by FIN", third("fin@10000", "shutdown@9990"), &reason("own-end")),
        ("absent, and all were answered", third("200@19020 got:body0@19020 complete@19020", "absent"), ""),
    ]);
    for (name, around) in doubts(10_000) {
        let found = judge(&[answered(2_000), answered(9_000), poll(19_000, "fin@10000", "fin@10005")], &around);
        check(&[(name, found, &reason(name))]);
    }
    let cut = Circumstances { cut_short_at_ms: Some(10_000), ..around() };
    let limited = beside(Company { connections_limited: true, ..Company::default() });
    let with = |client, around: &Circumstances| judge(&[answered(2_000), answered(9_000), poll(19_000, client, "empty")], around);
    check(&[
        ("cut short", with("", &cut), &reason("cut-short")),
        ("one connection too many", with("reset@20", &limited), &reason("connections-limited")),
    ]);
}

#[test]
fn a_record_without_what_is_proven_is_not_whole() {
    check(&[("an answer that broke off", third("200@19020 fin@19025", "empty"), "long_poll.inconclusive")]);
}

#[test]
fn odd_evidence_is_judged_without_a_panic() {
    for exchange in [answered(2_000), poll(9_000, "fin@5000", "fin@5005"), poll(9_000, "unproven 504@77 complete@78", "")] {
        for (record, around) in distorted(&exchange.record) {
            for (hold_ms, abort_ms) in [(0, None), (u64::MAX, None), (u64::MAX, Some(u64::MAX))] {
                judge(&[Exchange { asked: Asked { hold_ms, abort_ms }, record: record.clone() }, answered(2_000)], &around);
            }
        }
    }
    check(&[("nothing", judge(&[], &around()), "")]);
}
