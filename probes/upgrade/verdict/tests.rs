//! Opening handshakes, as both ends may have seen them.

use super::*;
use crate::company::Company;
use crate::testing::{around, beside, check, distorted, doubts, far, headers, record, stalls};

/// What the server writes down of a handshake that it accepts.
const ACCEPTED: &str = "request@10 101@11 sent:greeting0@12 close:1000@40";
const GOOD: &str = "opened@0 request@0 101@20 got:greeting0@21 done@22";
/// An answer that is not ours.
const FORBIDDEN: &str = "unproven opened@0 request@0 403@20 foreign@20 done@20";
const UNANSWERED: &str = "opened@0 request@0 gave-up@3500";
const MISSING_SOMETHING: &str = "opened@0 request@0 426@20 done@20";

fn asked(token: Token, record: Record) -> Exchange<Asked> {
    Exchange { asked: Asked { token, offer: Offer::Compression, port: None }, record }
}

fn judged(client: &str, server: &str, around: &Circumstances) -> Vec<Finding> {
    judge(&[asked(Token::Lower, record(client, server))], around)
}

/// The handshake, and after it the one with the other spelling.
fn both(lower: (&str, &str), mixed: (&str, &str)) -> Vec<Finding> {
    let exchanges = [asked(Token::Lower, record(lower.0, lower.1)), asked(Token::Mixed, record(mixed.0, mixed.1))];
    judge(&exchanges, &around())
}

#[test]
#[rustfmt::skip]
fn what_the_two_witnesses_say_together() {
    let of = |client, server| judged(client, server, &around());
    let stripped = "no-upgrade request@10 426@10 sent:body0@10 done@10";
    check(&[
        ("both saw the 101", of(GOOD, ACCEPTED), ""),
        ("an unproven status, nothing at the server", of(FORBIDDEN, "empty"),
         "upgrade.refused status=403 transport=websocket via=direct outcome=broken"),
        ("our answer, no Upgrade", of(MISSING_SOMETHING, stripped),
         "upgrade.header-stripped status=426 connection_seen=Upgrade http_version_seen=1.1 outcome=broken"),
        ("our answer, nothing left", of(MISSING_SOMETHING, "no-upgrade no-connection request@10 426@10 done@10"),
         "upgrade.header-stripped connection_seen=absent"),
        ("our answer, no key", of(MISSING_SOMETHING, "no-key request@10 426@10 done@10"),
         "upgrade.header-stripped status=426"),
        ("our answer, Upgrade without Connection", of(MISSING_SOMETHING, "no-connection request@10 426@10 done@10"),
         "upgrade.connection-rewritten status=426 connection_seen=absent outcome=broken"),
        ("nothing until the deadline, a 101 was sent", of(UNANSWERED, ACCEPTED),
         "upgrade.lost-101 transport=websocket via=direct outcome=broken"),
        ("an end instead of the 101 that was sent", of("opened@0 request@0 reset@30", ACCEPTED), "upgrade.lost-101"),
        ("a gateway's answer instead of it", of("unproven opened@0 request@0 502@20 done@20", ACCEPTED),
         "upgrade.lost-101 status=502"),
        ("garbage instead of it", of("opened@0 request@0 failed:request/not-http@20", ACCEPTED), "upgrade.lost-101"),
        ("nothing until the deadline, nothing at the server", of(UNANSWERED, "empty"),
         "upgrade.no-answer transport=websocket via=direct outcome=broken"),
        ("a reset before an answer, nothing at the server", of("opened@0 request@0 reset@30", "empty"),
         "upgrade.no-answer"),
        ("garbage, nothing at the server", of("opened@0 request@0 failed:request/not-http@20", "empty"),
         "upgrade.refused"),
        ("a stripped request and no answer", of(UNANSWERED, stripped), "upgrade.header-stripped"),
        ("a stripped request and somebody else's page", of(FORBIDDEN, stripped),
         "upgrade.header-stripped status=403"),
        ("an unproven 101, nothing at the server", of("unproven opened@0 request@0 101@20 gave-up@3500", "empty"),
         "upgrade.forged transport=websocket via=direct outcome=broken"),
        ("an unproven 101, the server answered 426", of("unproven opened@0 request@0 101@20 gave-up@3500", stripped),
         "upgrade.forged"),
        ("a stored 101 of another request", of("stale opened@0 request@0 101@20 gave-up@3500", "empty"),
         "upgrade.forged"),
        ("the wrong accept key", of("wrong-key opened@0 request@0 101@20 got:greeting0@21 done@22", ACCEPTED),
         "upgrade.altered transport=websocket outcome=degraded"),
    ]);
}

#[test]
fn each_point_of_the_clients_checklist_counts() {
    let good = [("upgrade", "websocket"), ("connection", "Upgrade")];
    let mut rows = Vec::new();
    let mut with = |case, version: &str, fields: &[(&str, &str)], expected| {
        let mut record = record(GOOD, ACCEPTED);
        let head = record.response.as_mut().unwrap();
        (head.version, head.headers) = (version.to_owned(), headers(fields));
        rows.push((case, judge(&[asked(Token::Lower, record)], &around()), expected));
    };
    with("version", "1.0", &good, "upgrade.altered");
    with("no Upgrade", "1.1", &good[1..], "upgrade.altered");
    with("no Connection", "1.1", &good[..1], "upgrade.altered");
    with(
        "an extension that nobody accepted",
        "1.1",
        &[good[0], good[1], ("sec-websocket-extensions", "permessage-deflate")],
        "upgrade.altered",
    );
    with(
        "a subprotocol that nobody asked for",
        "1.1",
        &[good[0], good[1], ("sec-websocket-protocol", "chat")],
        "upgrade.altered",
    );
    // Tokens have no case, and Connection is a list (RFC 9110 sections 7.6.1 and 7.8).
    with("other spellings", "1.1", &[("Upgrade", "WebSocket"), ("Connection", "keep-alive, upgrade")], "");
    check(&rows);
}

#[test]
#[rustfmt::skip]
fn the_other_spelling_explains_and_never_decides() {
    let refused = (FORBIDDEN, "empty");
    let stripped = (MISSING_SOMETHING, "no-upgrade request@10 426@10 done@10");
    let good = (GOOD, ACCEPTED);
    check(&[
        ("refused but for the other spelling", both(refused, good),
         "upgrade.token-case-sensitive transport=websocket via=direct outcome=broken"),
        ("stripped but for the other spelling", both(stripped, good), "upgrade.token-case-sensitive"),
        ("refused either way", both(refused, refused), "upgrade.refused status=403"),
        ("a 101 for the other spelling that is not ours",
         both(refused, ("unproven opened@0 request@0 101@20 gave-up@3500", "empty")),
         "upgrade.refused"),
        ("the first one was lost, which has nothing to do with letters", both((UNANSWERED, "empty"), good),
         "upgrade.no-answer"),
        ("a doubtful first one stays doubtful", both((FORBIDDEN, "absent"), good),
         "upgrade.inconclusive reason=witness-absent"),
    ]);
}

/// Twenty others opened with the letters that browsers send: it was not the letters.
#[test]
fn what_others_of_the_leg_show_outranks_the_other_spelling() {
    let exchanges = [asked(Token::Lower, record(FORBIDDEN, "empty")), asked(Token::Mixed, record(GOOD, ACCEPTED))];
    let found = judge(&exchanges, &beside(Company { websockets_opened: 21, ..Company::default() }));
    check(&[("refused once", found, "upgrade.inconclusive reason=contradicted")]);
}

#[test]
#[rustfmt::skip]
fn slow_is_not_broken() {
    let slow = "opened@900 request@900 101@4300 got:greeting0@4500 done@4501";
    let slow_server = "request@2500 101@2501 sent:greeting0@2502 close:1000@6000";
    check(&[
        ("300 ms and lost segments", judged(slow, slow_server, &far()), ""),
        // A missing header alone decides nothing: the server's own record has the 101.
        ("proof header and greeting are lost",
         judged("unproven opened@0 request@0 101@20 gave-up@3500", ACCEPTED, &around()),
         ""),
        ("the connection ends after a proven 101", judged("opened@0 request@0 101@20 reset@25", ACCEPTED, &around()),
         ""),
        ("no connection", judged("failed:connect/timed-out@9000", "empty", &around()), "upgrade.inconclusive"),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_101_that_was_never_sent_is_not_lost() {
    check(&[
        ("a gateway's 502 before the server answered",
         judged("unproven opened@0 request@0 502@20 done@20", "request@10", &around()),
         "upgrade.inconclusive reason=unclear"),
        ("nothing came, and the server had not answered", judged(UNANSWERED, "request@10", &around()),
         "upgrade.inconclusive reason=unclear"),
    ]);
}

#[test]
fn a_stall_of_a_machine_is_no_silence() {
    for stalled in stalls() {
        let found = judged(UNANSWERED, ACCEPTED, &stalled);
        check(&[("a machine stood still for longer than the answer may take", found, "upgrade.inconclusive reason=timers-late")]);
    }
}

#[test]
#[rustfmt::skip]
fn nobody_is_blamed_in_doubt() {
    let of = |client, server| judged(client, server, &around());
    let own_end = "upgrade.inconclusive reason=own-end";
    check(&[
        ("absent: unproven status", of(FORBIDDEN, "absent"),
         "upgrade.inconclusive reason=witness-absent transport=websocket via=direct"),
        ("absent: nothing came", of(UNANSWERED, "absent"), "upgrade.inconclusive reason=witness-absent"),
        ("absent: unproven 101", of("unproven opened@0 request@0 101@20 gave-up@3500", "absent"),
         "upgrade.inconclusive reason=witness-absent"),
        // A proxy answers for a server that died, and the record died with it.
        ("502 after the server died", of("unproven opened@0 request@0 502@20 done@20", "absent"),
         "upgrade.inconclusive reason=witness-absent"),
        ("503 after the server died", of("unproven opened@0 request@0 503@20 done@20", "absent"),
         "upgrade.inconclusive reason=witness-absent"),
        ("partial: nothing came", of(UNANSWERED, "partial request@10 101@11"),
         "upgrade.inconclusive reason=witness-partial"),
        ("a record without what our own answer proves", of(MISSING_SOMETHING, "empty"),
         "upgrade.inconclusive reason=witness-absent"),
        ("our own 503: no room to write down", of("opened@0 request@0 503@20 done@20", "absent"), own_end),
        ("our own limit, proof lost on the way",
         of("unproven opened@0 request@0 503@20 done@20", "request@10 503@11 limit@11"),
         own_end),
        ("our own shutdown", of("opened@0 request@0 fin@20", "request@10 101@11 shutdown@12"), own_end),
    ]);
    for (reason, around) in doubts(3_500) {
        let expected = format!("upgrade.inconclusive reason={reason}");
        check(&[
            (reason, judged(UNANSWERED, "empty", &around), &expected),
            // What the request had lost when it arrived is evidence in itself.
            (reason, judged(MISSING_SOMETHING, "no-upgrade request@10 426@10 done@10", &around), "upgrade.header-stripped"),
        ]);
    }
    let cut = Circumstances { cut_short_at_ms: Some(1_000), ..around() };
    let limited = beside(Company { connections_limited: true, ..Company::default() });
    check(&[
        ("the run was cut short", judged("opened@0 request@0", "empty", &cut),
         "upgrade.inconclusive reason=cut-short"),
        ("it was over before the run was cut short", judged(GOOD, ACCEPTED, &cut), ""),
        ("one connection too many", judged("opened@0 request@0 reset@10", "empty", &limited),
         "upgrade.inconclusive reason=connections-limited"),
    ]);
}

#[test]
fn in_absolute_form_it_only_informs() {
    let refused = judged("absolute-form unproven opened@0 request@0 403@20 done@20", "empty", &around());
    check(&[("refused", refused, "upgrade.refused via=absolute-form decisive=false")]);
}

#[test]
fn odd_evidence_is_judged_without_a_panic() {
    for (client, server) in [(GOOD, ACCEPTED), (UNANSWERED, ACCEPTED), (FORBIDDEN, "request@10 426@11")] {
        for (record, around) in distorted(&record(client, server)) {
            judge(&[asked(Token::Lower, record)], &around);
        }
    }
    check(&[
        ("nothing", judge(&[], &around()), ""),
        ("an empty record", judged("", "absent", &around()), "upgrade.inconclusive"),
    ]);
}

/// A handshake that offers subprotocols: what arrived at the server, and what arrived of its choice.
fn offered(record: Record, arrived: &[&str], chosen: &[&str]) -> Vec<Finding> {
    let mut record = record;
    let fields = |values: &[&str]| headers(&values.iter().map(|value| ("sec-websocket-protocol", *value)).collect::<Vec<_>>());
    if let Witness::Whole(notes) | Witness::Partial(notes) = &mut record.witness {
        notes.request.headers.extend(fields(arrived));
    }
    if let Some(head) = &mut record.response {
        head.headers.extend(fields(chosen));
    }
    let with = Exchange { asked: Asked { token: Token::Lower, offer: Offer::Subprotocols, port: None }, record };
    judge(&[asked(Token::Lower, self::record(GOOD, ACCEPTED)), with], &around())
}

#[test]
#[rustfmt::skip]
fn a_subprotocol_arrives_or_is_lost() {
    let of = |arrived: &[&str], chosen: &[&str]| offered(record(GOOD, ACCEPTED), arrived, chosen);
    let there = "upgrade.subprotocol-lost direction=to-server transport=websocket via=direct outcome=degraded";
    let back = "upgrade.subprotocol-lost direction=to-client";
    check(&[
        ("as sent, as chosen", of(&[SUBPROTOCOLS], &[CHOSEN]), ""),
        ("in two fields", of(&["v1.proxyprobe", "v2.proxyprobe"], &[CHOSEN]), ""),
        ("without a space", of(&["v1.proxyprobe,v2.proxyprobe"], &[CHOSEN]), ""),
        ("the offer is gone", of(&[], &[]), there),
        ("half of the offer is gone", of(&["v1.proxyprobe"], &[]), there),
        ("the choice is gone", of(&[SUBPROTOCOLS], &[]), back),
        ("another choice", of(&[SUBPROTOCOLS], &["v1.proxyprobe"]), back),
        ("the record is absent", offered(record(GOOD, "absent"), &[], &[]), ""),
        ("the record is partial", offered(record(GOOD, &format!("partial {ACCEPTED}")), &[], &[]), ""),
        ("an older server does not know the route", offered(record("unproven opened@0 request@0 404@20 done@20", "empty"), &[], &[]), ""),
        ("nothing came back", offered(record(UNANSWERED, ACCEPTED), &[SUBPROTOCOLS], &[]), ""),
        ("in absolute form", offered(record(&format!("absolute-form {GOOD}"), ACCEPTED), &[], &[]), "upgrade.subprotocol-lost decisive=false"),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_handshake_that_passes_without_its_offer_is_refused_for_it() {
    let three = |lower: (&str, &str), mixed: (&str, &str), plain: (&str, &str)| {
        let plain = Exchange { asked: Asked { token: Token::Lower, offer: Offer::Nothing, port: None }, record: record(plain.0, plain.1) };
        let all = [asked(Token::Lower, record(lower.0, lower.1)), asked(Token::Mixed, record(mixed.0, mixed.1)), plain];
        judge(&all, &beside(Company { websockets_opened: 1, ..Company::default() }))
    };
    let (good, refused, lost) = ((GOOD, ACCEPTED), (FORBIDDEN, "empty"), (UNANSWERED, "empty"));
    check(&[
        ("refused with it, accepted without", three(refused, refused, good), "upgrade.extension-refused outcome=broken"),
        ("no answer to it", three(lost, lost, good), "upgrade.extension-refused"),
        ("refused without it, too", three(refused, refused, refused), "upgrade.inconclusive reason=contradicted"),
        ("what passes without it is not our server", three(refused, refused, ("unproven opened@0 request@0 101@20 fin@30", "empty")), "upgrade.inconclusive"),
    ]);
}
