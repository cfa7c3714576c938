//! Event streams, as both ends may have seen them.

use super::*;
use crate::company::{Company, Member};
use crate::testing::{around, beside, check, distorted, doubts, far, headers, record, stalls};
use crate::transport::Leg;

/// When the server sends twelve events: the gaps are half and one and a half times 300 ms in turn.
pub(super) const SENT: [u64; 12] = [160, 310, 760, 910, 1360, 1510, 1960, 2110, 2560, 2710, 3160, 3310];
const OPEN: &str = "opened@0 request@0 200@15 got:comment0@15";
const OPEN_SERVER: &str = "request@10 200@10 sent:comment0@10";

/// The events that arrived, by when: none where the time is missing.
pub(super) fn events(arrives: impl Fn(u32, u64) -> Option<u64>) -> String {
    let numbered =
        (1..).zip(SENT).filter_map(|(number, sent)| Some(format!("got:event{number}~{sent}@{} ", arrives(number, sent)?)));
    numbered.collect()
}

/// All events, so much later than they were sent.
pub(super) fn late(ms: u64) -> String {
    format!("{} complete@{}", events(|_, sent| Some(sent + ms)), SENT[11] + ms + 1)
}

/// The server's record of a stream that it sent to its end.
pub(super) fn sent() -> String {
    let events: String = (1..).zip(SENT).map(|(number, at)| format!("sent:event{number}@{at} ")).collect();
    format!("{OPEN_SERVER} {events} done@3760")
}

pub(super) fn stream(kind: Kind, client: &str, server: &str) -> Exchange<Asked> {
    let opened = client.contains("opened@") || client.contains("failed:connect");
    let client = if opened { client.to_owned() } else { format!("{OPEN} {client}") };
    Exchange { asked: Asked { kind, count: 12, every_ms: 300, form: Form::default() }, record: record(&client, server) }
}

fn plain(client: &str, server: &str) -> Vec<Finding> {
    judge(&[stream(Kind::Plain, client, server)], &around())
}

#[test]
#[rustfmt::skip]
fn what_the_two_witnesses_say_together() {
    let burst = events(|number, _| Some(3_320 + u64::from(number)));
    let behind = events(|number, _| Some(SENT.get(number as usize).map_or(3_765, |next| next + 5)));
    let five = events(|number, sent| (number <= 5).then_some(sent + 5));
    let of = |client: &str| plain(client, &sent());
    let forbidden = "unproven opened@0 request@0 403@20 foreign@21 done@21";
    check(&[
        ("every event at once", of(&late(5)), ""),
        ("all in one burst at the end", of(&format!("{burst} complete@3766")),
         "sse.buffered-until-end sent_over_ms=3150 arrived_over_ms=11 first_event_held_ms=3161 transport=sse outcome=broken"),
        ("head and all in one burst", of(&format!("opened@0 request@0 200@3320 got:comment0@3320 {burst} complete@3766")),
         "sse.buffered-until-end"),
        ("each with the next one", of(&format!("{behind} complete@3766")),
         "sse.one-event-behind transport=sse outcome=degraded"),
        ("800 ms late", of(&late(805)), "sse.delayed extra_delay_p50_ms=800 transport=sse outcome=degraded"),
        ("RST after five", of(&format!("{five} reset@1450")),
         "sse.cut received=5 expected=12 transport=sse outcome=broken"),
        ("completed after five, by somebody else", of(&format!("{five} complete@1450")),
         "sse.cut received=5 expected=12"),
        ("silence after five", of(&format!("{five} gave-up@7400")), "sse.cut received=5 expected=12"),
        ("none of what was sent", of("gave-up@7400"), "sse.cut received=0 expected=12"),
        ("not even the head", of("opened@0 request@0 gave-up@7400"), "sse.cut received=0"),
        ("an unproven status", plain(forbidden, "empty"), "sse.refused status=403 transport=sse outcome=broken"),
        ("a gateway's 502 although the server answered", of("unproven opened@0 request@0 502@20 done@20"),
         "sse.refused status=502"),
        ("somebody else's page with status 200",
         plain("unproven opened@0 request@0 200@20 foreign@21 complete@22", "empty"),
         "sse.refused"),
        ("a stored stream of another request", plain("stale opened@0 request@0 200@20 foreign@21 complete@22", "empty"),
         "sse.refused"),
        ("nothing, and nothing at the server", plain("opened@0 request@0 gave-up@7400", "empty"), "sse.refused"),
        ("text in between", of(&format!("foreign@500 {}", late(5))),
         "sse.content-altered transport=sse outcome=degraded"),
        ("each event twice", of(&format!("{} {}", events(|_, sent| Some(sent + 5)), late(6))),
         "sse.duplicated repeated=12 transport=sse outcome=degraded"),
        ("the head 800 ms late, the events not",
         of(&format!("opened@0 request@0 200@815 got:comment0@815 {}", late(5).replace("@165", "@816").replace("@315", "@816"))),
         "sse.headers-withheld head_delay_ms=800 outcome=degraded"),
    ]);
    let mut retyped = stream(Kind::Plain, &late(5), &sent());
    retyped.record.response.as_mut().unwrap().headers = headers(&[("content-type", "text/html; charset=utf-8")]);
    let mut cased = retyped.clone();
    cased.record.response.as_mut().unwrap().headers = headers(&[("Content-Type", "Text/Event-Stream;charset=UTF-8")]);
    check(&[
        ("another type", judge(&[retyped], &around()), "sse.content-type-changed transport=sse outcome=degraded"),
        ("the same type, otherwise spelt", judge(&[cased], &around()), ""),
    ]);
}

#[test]
fn the_hinted_stream_says_what_mends_the_plain_one() {
    let held = format!("{} complete@3766", events(|number, _| Some(3_320 + u64::from(number))));
    let beside = |plain: &str, hinted: &str| {
        let streams = [stream(Kind::Plain, plain, &sent()), stream(Kind::Hinted, hinted, &sent())];
        judge(&streams, &around())
            .into_iter()
            .map(|f| (f.code, f.word("mended_by").map(|by| by.contains("X-Accel-Buffering: no"))))
            .collect::<Vec<_>>()
    };
    assert_eq!(beside(&held, &late(5)), [(BUFFERED_UNTIL_END, Some(true))]);
    assert_eq!(beside(&late(805), &late(5)), [(DELAYED, Some(true))]);
    assert_eq!(beside(&held, &held), [(BUFFERED_UNTIL_END, None)]);
    assert_eq!(beside(&held, &late(805)), [(BUFFERED_UNTIL_END, None)]);
    // The plain stream gives the verdict.
    assert_eq!(beside(&late(5), &held), []);
    // No hint mends text that somebody adds.
    assert_eq!(beside(&format!("foreign@500 {}", late(5)), &late(5)), [(CONTENT_ALTERED, None)]);
}

#[test]
fn a_reconnect_goes_on_where_it_left_off() {
    let of = |server: &str| judge(&[stream(Kind::Resumed, &late(5), server)], &around());
    let with_id = format!("{} got:last-event-id12@10", sent());
    check(&[
        ("the header arrives", of(&with_id), ""),
        ("it does not", of(&sent()), "sse.last-event-id-removed transport=sse outcome=degraded"),
        ("absent", of("absent"), ""),
        ("partial", of(&format!("partial {}", sent())), ""),
        ("never reached the server", of("empty"), ""),
        ("our own shutdown", of(&format!("{OPEN_SERVER} shutdown@20")), ""),
    ]);
}

#[test]
fn slow_is_not_buffered() {
    let lossy = events(|number, sent| Some(if (4..=6).contains(&number) { 2_600 } else { sent + 150 }));
    let far_away = |client: &str| judge(&[stream(Kind::Plain, client, &sent())], &far());
    check(&[
        ("300 ms", far_away(&late(150)), ""),
        ("300 ms and a lost segment that came again", far_away(&format!("{lossy} complete@3761")), ""),
        ("a front that holds each event back for 200 ms", plain(&late(205), &sent()), ""),
        ("half a second is not late yet", plain(&late(505), &sent()), ""),
    ]);
    let tired = Circumstances { client_lag_ms: 150, ..around() };
    check(&[(
        "800 ms late on a busy machine",
        judge(&[stream(Kind::Plain, &late(805), &sent())], &tired),
        "sse.inconclusive reason=timers-late",
    )]);
}

/// What a stream brought before it was cut says nothing against the cut.
#[test]
fn a_cut_stream_does_not_contradict_itself() {
    let eight = format!("{} reset@2200", events(|number, sent| (number <= 8).then_some(sent + 5)));
    let streams = [stream(Kind::Plain, &eight, &sent()), stream(Kind::Hinted, &eight, &sent())];
    let members: Vec<_> = streams.iter().map(|stream| Member { leg: Leg::Http, busy: true, record: &stream.record }).collect();
    let found = judge(&streams, &beside(Company::of(Leg::Http, &members)));
    check(&[("both streams are cut after eight of twelve", found, "sse.cut received=8 expected=12")]);
}

/// "When only the hinted one streams, `measured.mended_by` says so": all that is held back until somebody gives up, too.
#[test]
fn a_hint_mends_a_stream_of_which_nothing_came() {
    let streams = [stream(Kind::Plain, "gave-up@7400", &sent()), stream(Kind::Hinted, &late(5), &sent())];
    let found = judge(&streams, &around());
    assert!(found[0].word("mended_by").is_some(), "{:?}", found[0]);
    check(&[("nothing of the plain one, all of the hinted one", found, "sse.cut received=0 expected=12")]);
}

/// What was sent since the last time waits for the next one: as late as before, on an average.
#[test]
fn a_middlebox_that_passes_events_on_once_a_second_delays_them() {
    let flushed = events(|_, sent| Some(sent.next_multiple_of(1_000) + 10));
    check(&[(
        "once a second",
        plain(&format!("{flushed} complete@4011"), &sent()),
        "sse.delayed extra_delay_p50_ms=645 outcome=degraded",
    )]);
}

/// One segment is lost and comes again after the first retransmission timeout of such a path (RFC 6298 section 2).
#[test]
#[rustfmt::skip]
fn a_lost_segment_is_no_withheld_head() {
    let far_away = |client: &str| judge(&[stream(Kind::Plain, client, &sent())], &far());
    check(&[
        ("the first one, which the head was in",
         far_away(&format!("opened@0 request@0 200@1060 got:comment0@1060 {} complete@3920", events(|_, sent| Some(1_060.max(sent + 150))))),
         ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn late_is_not_cut() {
    check(&[
        // A reader that gave up while events kept coming has not seen them end.
        ("five seconds late, and still coming when the client gave up",
         plain(&format!("{} gave-up@7400", events(|_, sent| Some(sent + 5_005).filter(|at| *at < 7_400))), &sent()),
         "sse.delayed extra_delay_p50_ms=5000 outcome=degraded"),
    ]);
}

/// While the client's machine stands still for as long as the stream lasts, everything arrives in one burst at its end.
#[test]
fn a_stall_of_a_machine_is_no_buffer() {
    let burst = format!("{} complete@3766", events(|number, _| Some(3_320 + u64::from(number))));
    for stalled in stalls() {
        let found = judge(&[stream(Kind::Plain, &burst, &sent())], &stalled);
        check(&[("a machine stood still", found, "sse.inconclusive reason=timers-late")]);
    }
}

/// Pieces of one size at one beat, from the head on, and the events that they complete: each has 54 bytes, and 76 go before.
fn dribble(bytes: u64, every: u64, until: u64) -> String {
    let mut text = String::new();
    let (mut at, mut sum, mut number) = (15, 0, 0);
    while at < until && number < 12 {
        text += &format!("piece:{bytes}@{at} ");
        sum += bytes;
        while number < 12 && sum >= 76 + 54 * (number + 1) {
            text += &format!("got:event{}~{}@{at} ", number + 1, SENT[number as usize]);
            number += 1;
        }
        at += every;
    }
    format!("{text} {}", if number == 12 { format!("complete@{at}") } else { format!("gave-up@{until}") })
}

#[test]
#[rustfmt::skip]
fn a_trickle_is_small_steady_and_behind() {
    let of = |client: &str| plain(client, &sent());
    let each: String = (1..).zip(SENT).map(|(number, at)| format!("piece:54@{} got:event{number}~{at}@{} ", at + 5, at + 5)).collect();
    let jumpy: String = (0..40_u64).map(|n| format!("piece:1@{} ", 15 + n * 100 + n * 37 % 90)).collect();
    check(&[
        ("a byte every 100 ms", of(&dribble(1, 100, 7_415)),
         "sse.trickled bytes=1 every_ms=100 received=0 expected=12 transport=sse outcome=degraded"),
        ("a byte a second", of(&dribble(1, 1_000, 7_415)), "sse.trickled bytes=1 every_ms=1000"),
        ("8 bytes every 100 ms", of(&dribble(8, 100, 60_000)), "sse.trickled bytes=8 every_ms=100 received=12"),
        ("as it is sent", of(&format!("{each} complete@3316")), ""),
        ("fast enough", of(&format!("{} complete@3400", dribble(16, 5, 3_300).replace("gave-up@3300", ""))), ""),
        ("bytes that come at no beat", of(&format!("{jumpy} gave-up@7415")), "sse.cut received=0"),
        ("a trickle that dries up", of(&format!("{} gave-up@7415", dribble(1, 100, 2_000).replace("gave-up@2000", ""))),
         "sse.cut received=0"),
        ("absent", plain(&dribble(1, 100, 7_415), "absent"), "sse.inconclusive reason=witness-absent"),
    ]);
}

#[test]
fn a_page_in_place_of_the_stream_is_a_refusal() {
    let page = |server: &str| {
        let mut page = stream(Kind::Plain, "unproven opened@0 request@0 200@520 foreign@521 complete@522", server);
        page.record.response.as_mut().unwrap().headers = headers(&[("content-type", "text/html")]);
        judge(&[page], &around())
    };
    check(&[
        ("the server sent the stream", page(&sent()), "sse.refused status=200 outcome=broken"),
        ("nobody knows", page("absent"), "sse.inconclusive"),
    ]);
}

#[test]
#[rustfmt::skip]
fn an_encoding_is_the_paths() {
    let encoded = |client: &str| {
        let mut encoded = stream(Kind::Plain, client, &sent());
        let fields = [("content-type", "text/event-stream"), ("content-encoding", "gzip")];
        encoded.record.response.as_mut().unwrap().headers = headers(&fields);
        judge(&[encoded], &around())
    };
    let burst = events(|number, _| Some(3_320 + u64::from(number)));
    check(&[
        ("compressed and held", encoded(&format!("{burst} complete@3766")), "sse.buffered-until-end content_encoding=gzip"),
        ("compressed and in time", encoded(&late(5)), ""),
        ("said to be compressed", encoded("opened@0 request@0 200@15 foreign@16 done@16"),
         "sse.content-altered content_encoding=gzip outcome=degraded"),
    ]);
}

#[test]
fn events_that_are_missing_in_the_middle_are_missed() {
    let gaps = events(|number, sent| (number % 3 == 0).then_some(sent + 5));
    check(&[(
        "four of twelve arrived, the last among them",
        plain(&format!("{gaps} complete@3316"), &sent()),
        "sse.content-altered",
    )]);
}

#[test]
#[rustfmt::skip]
fn nobody_is_blamed_in_doubt() {
    let reset = "reset@1450";
    let reason = |reason| format!("sse.inconclusive reason={reason} transport=sse");
    check(&[
        ("absent: cut", plain(reset, "absent"), &reason("witness-absent")),
        ("absent: refused", plain("unproven opened@0 request@0 403@20 done@20", "absent"), &reason("witness-absent")),
        // A proxy answers for a server that died.
        ("502 after the server died", plain("unproven opened@0 request@0 502@20 done@20", "absent"),
         &reason("witness-absent")),
        ("503 after the server died", plain("unproven opened@0 request@0 503@20 done@20", "absent"),
         &reason("witness-absent")),
        ("absent: late", plain(&late(805), "absent"), &reason("witness-absent")),
        ("absent, and all is well", plain(&late(5), "absent"), ""),
        ("partial: cut", plain(reset, &format!("partial {OPEN_SERVER}")), &reason("witness-partial")),
        ("our own limit", plain(reset, &format!("{OPEN_SERVER} limit@1440")), &reason("own-end")),
        ("our own shutdown", plain("complete@1450", &format!("{OPEN_SERVER} shutdown@1440")), &reason("own-end")),
        ("our own 503: no room to write down", plain("opened@0 request@0 503@20 done@20", "absent"),
         &reason("own-end")),
        ("no connection", plain("failed:connect/timed-out@9000", "empty"), "sse.inconclusive transport=sse"),
    ]);
    for (name, around) in doubts(1_450) {
        let cut = stream(Kind::Plain, reset, OPEN_SERVER);
        check(&[(name, judge(&[cut], &around), &reason(name)), (name, judge(&[stream(Kind::Plain, &late(5), &sent())], &around), "")]);
    }
    let cut = Circumstances { cut_short_at_ms: Some(900), ..around() };
    let limited = beside(Company { connections_limited: true, ..Company::default() });
    check(&[
        ("the run was cut short", judge(&[stream(Kind::Plain, "got:event1~160@165", OPEN_SERVER)], &cut),
         &reason("cut-short")),
        ("one connection too many", judge(&[stream(Kind::Plain, "opened@0 request@0 reset@10", "empty")], &limited),
         &reason("connections-limited")),
    ]);
}

#[test]
fn a_record_without_what_is_proven_is_not_whole() {
    check(&[("cut", plain("reset@1450", "empty"), "sse.inconclusive")]);
}

#[test]
fn odd_evidence_is_judged_without_a_panic() {
    for client in [late(5), late(805), "reset@77".to_owned(), format!("{} {}", late(5), late(9))] {
        for (record, around) in distorted(&stream(Kind::Plain, &client, &sent()).record) {
            for (kind, count) in [(Kind::Plain, 12), (Kind::Hinted, 0), (Kind::Resumed, u32::MAX)] {
                judge(
                    &[Exchange {
                        asked: Asked { kind, count, every_ms: u64::MAX, form: Form::default() },
                        record: record.clone(),
                    }],
                    &around,
                );
            }
        }
    }
    check(&[("nothing", judge(&[], &around()), "")]);
}
