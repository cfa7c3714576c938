//! Ladders of silences, as both ends may have seen them.

use super::*;
use crate::circumstances::WitnessRead;
use crate::company::{Company, Member};
use crate::testing::{around, beside, check, distorted, doubts, far, record, stalls};
use crate::transport::Leg;

/// The connection is used once; its last words pass at 32 (sent) and 42 (heard).
const OPEN: &str = "opened@0 request@0 101@20 got:greeting0@21 sent:frame1@22 got:echo1@42";
const OPEN_SERVER: &str = "request@10 101@10 sent:greeting0@10 got:frame1@32 sent:echo1@32";
const STREAM: &str = "opened@0 request@0 200@20 got:comment0@42";
const STREAM_SERVER: &str = "request@10 200@10 sent:comment0@32";

fn rung(transport: Transport, first_speaker: Speaker, silent_ms: u64, record: Record) -> Exchange<Asked> {
    Exchange { asked: Asked { transport, silent_ms, first_speaker, finer: false, kept: None }, record }
}

/// A rung on which the client speaks first, and what happened to it.
fn ws(silent_ms: u64, client: &str, server: &str) -> Exchange<Asked> {
    let whole = ["absent", "empty"].contains(&server);
    let server = if whole { server.to_owned() } else { format!("{server} {OPEN_SERVER}") };
    rung(Transport::WebSocket, Speaker::Client, silent_ms, record(&format!("{client} {OPEN}"), &server))
}

fn lived(silent_ms: u64) -> Exchange<Asked> {
    let over = 42 + silent_ms;
    let client = format!("silence-over@{over} sent:frame2@{over} got:echo2@{} done@{}", over + 20, over + 20);
    ws(silent_ms, &client, &format!("got:frame2@{} sent:echo2@{} close:1000@{}", over + 10, over + 10, over + 30))
}

/// Nothing happened during the silence, and this afterwards.
fn spoke(silent_ms: u64, then: &str, server: &str) -> Exchange<Asked> {
    let over = 42 + silent_ms;
    ws(silent_ms, &format!("silence-over@{over} sent:frame2@{over} {then}@{}", over + 3_500), server)
}

/// A rung that never opened.
fn refused(silent_ms: u64) -> Exchange<Asked> {
    rung(Transport::WebSocket, Speaker::Client, silent_ms, record("opened@0 request@0 reset@10", "empty"))
}

/// A rung on which the server speaks first.
fn server_first(silent_ms: u64, client: &str, server: &str) -> Exchange<Asked> {
    let record = record(&format!("{client} {OPEN}"), &format!("{server} {OPEN_SERVER}"));
    rung(Transport::WebSocket, Speaker::Server, silent_ms, record)
}

fn server_first_lived(silent_ms: u64) -> Exchange<Asked> {
    let (sent, at) = (silent_ms + 32, silent_ms + 42);
    server_first(silent_ms, &format!("got:tick1@{at} done@{at}"), &format!("sent:tick1@{sent}"))
}

fn sse(silent_ms: u64, client: &str, server: &str) -> Exchange<Asked> {
    let record = record(&format!("{client} {STREAM}"), &format!("{server} {STREAM_SERVER}"));
    rung(Transport::Sse, Speaker::Server, silent_ms, record)
}

/// A ladder of 4 s, which lived, and of longer silences to which the same happened.
fn above_4_s(client: &str, server: &str) -> Vec<Exchange<Asked>> {
    vec![lived(4_000), ws(9_000, client, server), ws(14_000, client, server)]
}

fn of(rungs: &[Exchange<Asked>]) -> Vec<Finding> {
    judge(rungs, &around())
}

#[test]
#[rustfmt::skip]
fn what_the_two_witnesses_say_together() {
    let told = "fin@5022 after-peer@9022";
    check(&[
        ("every silence was survived", of(&[lived(4_000), lived(9_000)]), ""),
        ("FIN at 5 s at both ends", of(&above_4_s("fin@5032", told)),
         "idle.closed after_ms=5000 survived_ms=4000 server_end=fin first_speaker=client transport=websocket outcome=degraded"),
        ("a close frame of somebody else's", of(&above_4_s("close:1001@5032", told)),
         "idle.closed after_ms=5000 server_end=fin"),
        ("FIN here, RST there", of(&above_4_s("fin@5032", "reset@5022 after-peer@9022")),
         "idle.closed after_ms=5000 server_end=reset"),
        ("RST here", of(&above_4_s("reset@5032", told)),
         "idle.reset after_ms=5000 survived_ms=4000 server_end=fin first_speaker=client transport=websocket outcome=degraded"),
        ("FIN here, nothing there three seconds later", of(&above_4_s("fin@5032", "")),
         "idle.one-side-told told=client after_ms=5000 survived_ms=4000 server_end=still-open transport=websocket outcome=degraded"),
        ("the server hears of it from our own end, later", of(&above_4_s("fin@5032", "fin@9042")),
         "idle.one-side-told told=client server_end=still-open"),
        ("FIN there, nothing here", of(&[lived(4_000), spoke(9_000, "gave-up", told)]),
         "idle.one-side-told told=server survived_ms=4000 lost_ms=9000 server_end=fin transport=websocket outcome=degraded"),
        ("FIN there, and our own farewell here four seconds later", of(&above_4_s("fin@9042", told)),
         "idle.one-side-told told=server survived_ms=4000 lost_ms=9000 server_end=fin transport=websocket outcome=degraded"),
        ("forgotten: silence", of(&[lived(4_000), spoke(9_000, "gave-up", "")]),
         "idle.dropped-silently survived_ms=4000 lost_ms=9000 on_next_send=silence first_speaker=client transport=websocket outcome=degraded"),
        ("forgotten: RST to the next word", of(&[lived(4_000), spoke(9_000, "reset", ""), spoke(14_000, "reset", "")]),
         "idle.dropped-silently survived_ms=4000 lost_ms=9000 on_next_send=reset"),
        ("forgotten: a proxy closes at the next word", of(&[lived(4_000), spoke(9_000, "fin", "")]),
         "idle.dropped-silently lost_ms=9000 on_next_send=closed"),
        ("not even the shortest lived", of(&[spoke(4_000, "gave-up", ""), spoke(9_000, "gave-up", "")]),
         "idle.dropped-silently survived_ms=0 lost_ms=4000"),
        ("closed at 60 s", of(&[lived(57_000), ws(66_000, "fin@60032", "fin@60022 after-peer@64022")]),
         "idle.closed after_ms=60000 survived_ms=57000 outcome=note"),
        ("closed just before 60 s", of(&[lived(57_000), ws(66_000, "fin@60031", "fin@60022 after-peer@64022")]),
         "idle.closed after_ms=59999 outcome=degraded"),
        ("forgotten beyond 60 s", of(&[lived(57_000), spoke(66_000, "gave-up", "")]),
         "idle.dropped-silently survived_ms=57000 lost_ms=66000 outcome=note"),
    ]);
}

fn the_servers_word_is_lost() -> [Exchange<Asked>; 3] {
    [lived(29_000), lived(32_000), server_first(32_000, "gave-up@35542", "sent:tick1@32032 reset@32040")]
}

/// "A silence of 32 s is not survived" would be false: it was, where the client spoke first.
#[test]
fn the_sentence_says_whose_word_was_lost() {
    let found = of(&the_servers_word_is_lost());
    assert!(found[0].summary.contains("server speaks first"), "{}", found[0].summary);
}

#[test]
#[rustfmt::skip]
fn who_speaks_first_and_on_what() {
    let both = the_servers_word_is_lost();
    let lost = "idle.dropped-silently survived_ms=0 lost_ms=32000 first_speaker=server transport=websocket";
    check(&[
        ("a stream that is completed in between", of(&[sse(9_000, "complete@5032", "fin@5022 after-peer@9022")]),
         "idle.closed after_ms=5000 survived_ms=0 first_speaker=server transport=sse"),
        ("a stream whose event never comes",
         of(&[sse(4_000, "got:event1@4042 complete@4043", "sent:event1@4032 done@4033"), sse(9_000, "gave-up@12520", "sent:event1@9032 done@9033")]),
         "idle.dropped-silently survived_ms=4000 lost_ms=9000 on_next_send=silence first_speaker=server transport=sse"),
        ("both words pass", of(&[lived(32_000), server_first_lived(32_000)]), ""),
        ("only the server's word is lost", of(&both), lost),
        ("either word is lost: told once",
         of(&[lived(29_000), spoke(32_000, "gave-up", ""), server_first(32_000, "gave-up@35542", "sent:tick1@32032")]),
         "idle.dropped-silently survived_ms=29000 lost_ms=32000 first_speaker=client"),
        ("each transport for itself", of(&[ws(9_000, "fin@5032", "fin@5022"), sse(9_000, "reset@5032", "fin@5022")]),
         "idle.closed transport=websocket | idle.reset transport=sse"),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_shorter_limit_of_the_server_is_not_hidden_by_the_client() {
    // The address translator forgets at 30 s, which only the server's word meets; the balancer closes at 60 s.
    let balancer = ws(66_000, "fin@60032", "fin@60022 after-peer@64022");
    let forgotten = server_first(32_000, "gave-up@35542", "sent:tick1@32032");
    // One rung of the client says nothing; the server's ladder found a limit.
    let cut = ws(32_000, "gave-up@35542", "partial");
    let closed = server_first(32_000, "fin@31032", "fin@31022 after-peer@35022");
    check(&[
        ("30 s beside 60 s", of(&[lived(32_000), lived(57_000), balancer, forgotten]),
         "idle.closed after_ms=60000 first_speaker=client | idle.dropped-silently lost_ms=32000 first_speaker=server"),
        ("a limit beside a doubt", of(&[lived(29_000), cut, closed]),
         "idle.inconclusive reason=witness-partial first_speaker=client | idle.closed after_ms=31000 first_speaker=server"),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_limit_ends_everything_beyond_it_and_at_one_time() {
    let end = |silent, at: u64| ws(silent, &format!("fin@{at}"), &format!("fin@{} after-peer@{}", at - 10, at + 4_000));
    check(&[
        ("9 s is lost, 14 s lived", of(&[lived(4_000), spoke(9_000, "gave-up", ""), lived(14_000)]),
         "idle.unsteady survived_ms=14000 lost_ms=9000 outcome=inconclusive"),
        ("ended at 5 s, 14 s lived", of(&[lived(4_000), end(9_000, 5_032), lived(14_000)]),
         "idle.unsteady survived_ms=14000 outcome=inconclusive"),
        ("ended 4 s apart", of(&[lived(4_000), end(9_000, 5_032), end(14_000, 9_032)]),
         "idle.unsteady spread_ms=4000 survived_ms=4000"),
        ("a timer that looks every second", of(&[lived(4_000), end(9_000, 5_032), end(14_000, 6_232), end(19_000, 5_532)]),
         "idle.closed after_ms=5500"),
        ("forgotten at first, closed later", of(&[lived(4_000), spoke(9_000, "gave-up", ""), end(14_000, 12_032)]),
         "idle.dropped-silently lost_ms=9000"),
        ("connections beyond two are refused", of(&[lived(4_000), lived(9_000), refused(14_000)]),
         "idle.ladder-limited opened=2 refused=1 outcome=note"),
        ("refused, and a limit", of(&[lived(4_000), end(9_000, 5_032), refused(14_000)]),
         "idle.ladder-limited opened=2 refused=1 | idle.closed after_ms=5000"),
        ("none opened: that has a finding of its own", of(&[refused(4_000)]), ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn slow_or_held_back_is_not_idle() {
    let held = "opened@0 request@0 101@20 got:greeting0@221 sent:frame1@222 got:echo1@442 fin@5242";
    let held = rung(Transport::WebSocket, Speaker::Client, 9_000, record(held, "request@10 101@10 got:frame1@232 sent:echo1@232 fin@5222"));
    let behind = "request@1010 101@1010 got:frame1@1032 sent:echo1@1032 fin@6022 after-peer@10022";
    let behind = rung(Transport::WebSocket, Speaker::Client, 9_000, record(&format!("{OPEN} fin@5032"), behind));
    let ahead = Circumstances { clock_offset_ms: 1_000, ..around() };
    let greeting_lost = record(&OPEN.replace("got:greeting0@21", "silence-over@4042 sent:frame2@4042 got:echo2@4062"), OPEN_SERVER);
    check(&[
        ("an echo after three retransmissions",
         judge(&[spoke(9_000, "got:echo2", "got:frame2@12000 sent:echo2@12001")], &far()),
         ""),
        ("300 ms there and back", judge(&above_4_s("fin@5182", "fin@5182 after-peer@9182"), &far()),
         "idle.closed after_ms=5150 server_end=fin"),
        ("a front that holds each message back for 200 ms", of(&[held]), "idle.closed after_ms=5010 server_end=fin"),
        ("the server's clock began a second earlier", judge(&[behind], &ahead),
         "idle.closed after_ms=5000 server_end=fin"),
        ("a lost greeting is no idle limit", of(&[rung(Transport::WebSocket, Speaker::Client, 4_000, greeting_lost)]),
         ""),
    ]);
    let early = Circumstances { witness_reads: vec![WitnessRead { at_ms: 6_500, complete: true }], ..around() };
    check(&[("the record was read too early to say still open", judge(&above_4_s("fin@5032", ""), &early), "idle.closed server_end=unknown")]);
}

/// The limit is the rung (`--idle 30` where 30 s is the limit): both ends were told, and the server never got the word.
#[test]
fn an_end_that_crosses_the_first_word_is_no_answer_to_it() {
    let crossing = ws(9_000, "silence-over@9042 sent:frame2@9042 fin@9043", "fin@9037 after-peer@13037");
    // A firewall that has forgotten the connection answers the word with RST, and it may be a hop away.
    let answered = ws(9_000, "silence-over@9042 sent:frame2@9042 reset@9042", "");
    check(&[
        ("FIN a millisecond later", of(&[lived(4_000), crossing]), "idle.closed survived_ms=4000 server_end=fin"),
        ("RST in the same millisecond", of(&[lived(4_000), answered]), "idle.dropped-silently lost_ms=9000 on_next_send=reset"),
    ]);
}

/// The server knew at 5 s; the client learnt it by speaking. A limit of 9 s would give a heartbeat that comes too late.
#[test]
fn an_answer_to_the_first_word_is_not_the_time_of_the_limit() {
    let told = "fin@5022 after-peer@9022";
    let expected = "idle.one-side-told told=server survived_ms=4000 lost_ms=9000 server_end=fin";
    check(&[
        ("RST to the next word", of(&[lived(4_000), spoke(9_000, "reset", told)]), expected),
        ("FIN to the next word", of(&[lived(4_000), spoke(9_000, "fin", told)]), expected),
    ]);
}

#[test]
fn a_stall_of_a_machine_is_no_limit() {
    for stalled in stalls() {
        let found = judge(&[lived(4_000), spoke(9_000, "gave-up", "")], &stalled);
        check(&[("nothing came, while a machine stood still", found, "idle.inconclusive reason=timers-late")]);
    }
}

#[test]
fn a_record_without_what_is_proven_is_not_whole() {
    check(&[
        ("silence", of(&[lived(4_000), spoke(9_000, "gave-up", "empty")]), "idle.inconclusive"),
        ("an end", of(&[lived(4_000), ws(9_000, "fin@5032", "empty")]), "idle.inconclusive"),
    ]);
}

#[test]
#[rustfmt::skip]
fn nobody_is_blamed_in_doubt() {
    let told = "fin@5022 after-peer@9022";
    let elsewhere = |client: &str| ws(9_000, &format!("to:192.0.2.2:80 {client}"), told);
    let reason = |reason| format!("idle.inconclusive reason={reason} survived_ms=4000 silence_ms=9000 transport=websocket");
    check(&[
        ("absent", of(&above_4_s("fin@5032", "absent")), &reason("witness-absent")),
        ("partial", of(&[lived(4_000), spoke(9_000, "gave-up", "partial")]), &reason("witness-partial")),
        ("our own limit", of(&above_4_s("fin@5032", "limit@5022")), &reason("own-end")),
        ("our own shutdown", of(&above_4_s("close:1001@5032", "shutdown@5022")), &reason("own-end")),
        ("different addresses", of(&[lived(4_000), elsewhere("fin@5032")]),
         "idle.inconclusive reason=different-remotes"),
        ("different addresses, and all lived", of(&[lived(4_000), elsewhere("silence-over@9042 got:echo2@9062")]),
         ""),
        ("absent, and all lived", of(&[lived(4_000), ws(9_000, "silence-over@9042 got:echo2@9062 done@9062", "absent")]),
         ""),
    ]);
    for (name, around) in doubts(5_032) {
        check(&[(name, judge(&above_4_s("fin@5032", told), &around), &reason(name))]);
    }
    let cut = Circumstances { cut_short_at_ms: Some(6_000), ..around() };
    check(&[
        ("cut short", judge(&[lived(4_000), ws(9_000, "", "")], &cut), &reason("cut-short")),
        ("cut short after a limit was found", judge(&[lived(4_000), ws(9_000, "fin@5032", told), ws(14_000, "", "")], &cut),
         "idle.closed after_ms=5000"),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_restart_takes_connections_of_all_ages_and_a_limit_those_of_one() {
    let restart = |opened: u64| record(&format!("opened@{opened} 101@{opened} fin@5040"), "empty");
    let ladder = above_4_s("fin@5032", "fin@5022 after-peer@9022");
    fn member(record: &Record) -> Member<'_> {
        Member { leg: Leg::Http, busy: false, record }
    }
    let judged = |others: &[Record]| {
        let all: Vec<_> = ladder.iter().map(|rung| &rung.record).chain(others).map(member).collect();
        judge(&ladder, &beside(Company::of(Leg::Http, &all)))
    };
    check(&[
        ("with a twin that is younger by 1.6 s", judged(&[restart(1_600)]),
         "idle.inconclusive reason=many-ended-together"),
        ("with others as old", judged(&[restart(0), restart(100)]), "idle.closed after_ms=5000"),
    ]);
}

#[test]
fn odd_evidence_is_judged_without_a_panic() {
    for rung in
        [lived(4_000), ws(9_000, "fin@5032", "fin@5022"), spoke(9_000, "gave-up", "fin@5022"), sse(9_000, "complete@9", "done@7")]
    {
        for (record, around) in distorted(&rung.record) {
            for silent_ms in [0, rung.asked.silent_ms, u64::MAX] {
                let asked = Asked { silent_ms, ..rung.asked };
                judge(&[Exchange { asked, record: record.clone() }, lived(4_000), ws(9_000, "reset@77", "")], &around);
            }
        }
    }
    check(&[("nothing", of(&[]), "")]);
}

/// The same rung as one of the second ladder.
fn again(mut rung: Exchange<Asked>) -> Exchange<Asked> {
    rung.asked.finer = true;
    rung
}

#[test]
#[rustfmt::skip]
fn a_second_ladder_closes_in_on_the_limit_or_contradicts_it() {
    let silent = |silent_ms| spoke(silent_ms, "gave-up", "");
    let ended = |after: u64| ws(8_000, &format!("fin@{}", 42 + after), &format!("fin@{}", 32 + after));
    let given_up = |silent_ms| ws(silent_ms, "abort@9000", "");
    let first = || vec![lived(4_000), silent(9_000), silent(14_000)];
    let with = |more: Vec<Exchange<Asked>>| of(&first().into_iter().chain(more.into_iter().map(again)).collect::<Vec<_>>());
    check(&[
        ("closer", with(vec![lived(5_000), lived(6_000), silent(7_000), given_up(8_000)]),
         "idle.dropped-silently survived_ms=6000 lost_ms=7000"),
        ("at its lower end", with(vec![silent(5_000), given_up(6_000)]), "idle.dropped-silently survived_ms=4000 lost_ms=5000"),
        ("at its upper end", with(vec![lived(5_000), lived(8_000)]), "idle.dropped-silently survived_ms=8000 lost_ms=9000"),
        ("the one that had died lived", with(vec![lived(5_000), lived(8_000), lived(9_000)]),
         "idle.unsteady survived_ms=9000 lost_ms=9000"),
        ("a longer one lived", with(vec![silent(5_000), lived(8_000)]), "idle.unsteady survived_ms=8000 lost_ms=5000"),
        ("told the second time", with(vec![lived(5_000), ended(7_300)]), "idle.unsteady survived_ms=5000"),
    ]);
}
