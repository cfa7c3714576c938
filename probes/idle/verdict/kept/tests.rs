//! Connections that are kept up by one sign each, as both ends may have seen them.

use super::*;
use crate::company::Company;
use crate::testing::{around, beside, check, distorted, doubts, record};

/// The connection is used once; its last words pass at 32 (sent) and 42 (heard).
const OPEN: &str = "opened@0 request@0 101@20 got:greeting0@21 sent:frame1@22 got:echo1@42";
const OPEN_SERVER: &str = "request@10 101@10 sent:greeting0@10 got:frame1@32 sent:echo1@32";
const STREAM: &str = "opened@0 request@0 200@20 got:comment0@42";
const STREAM_SERVER: &str = "request@10 200@10 sent:comment0@32";
/// All are open for so long.
const HOLD: u64 = 14_000;
/// The limit, at this end.
const LIMIT: u64 = 5_032;

fn exchange(transport: Transport, silent_ms: u64, by: Option<Sign>, client: &str, server: &str) -> Exchange<Asked> {
    let (open, open_server) = if transport == Transport::Sse { (STREAM, STREAM_SERVER) } else { (OPEN, OPEN_SERVER) };
    let whole = ["absent", "empty"].contains(&server);
    let server = if whole { server.to_owned() } else { format!("{server} {open_server}") };
    let first_speaker = if transport == Transport::Sse { Speaker::Server } else { Speaker::Client };
    let kept = by.map(|by| Kept { by, every_ms: 2_000 });
    Exchange {
        asked: Asked { transport, silent_ms, first_speaker, finer: false, kept },
        record: record(&format!("{client} {open}"), &server),
    }
}

/// Signs of a kind until then, at both ends: what the one that gives them notes, and what the other one does.
fn signs(by: Sign, until: u64) -> (String, String) {
    let count = until / 2_000;
    let sent = |what: &str| format!("sent:{what}1..{count}@2042+2000");
    let got = |what: &str| format!("got:{what}1..{count}@2052+2000");
    match by {
        Sign::AnsweredMessages => {
            let last = count + 1;
            (
                format!("sent:frame2..{last}@2042+2000 got:echo2..{last}@2062+2000"),
                format!("got:frame2..{last}@2052+2000 sent:echo2..{last}@2052+2000"),
            )
        }
        Sign::ClientBytes => (sent("tick"), got("tick")),
        Sign::ServerBytes => (got("tick"), sent("tick")),
        Sign::ClientPings => (format!("{} got:pong1..{count}@2062+2000", sent("ping")), got("ping")),
        Sign::ServerPings => (got("ping"), format!("{} got:pong1..{count}@2062+2000", sent("ping"))),
        Sign::Comments => (got("comment"), sent("comment")),
        Sign::TcpKeepAlive => (String::new(), String::new()),
    }
}

fn kept(by: Sign, until: u64, client: &str, server: &str) -> Exchange<Asked> {
    let (here, there) = signs(by, until);
    let server = if ["absent", "empty"].contains(&server) { server.to_owned() } else { format!("{server} {there}") };
    exchange(by.transport(), HOLD, Some(by), &format!("{client} {here}"), &server)
}

/// It lived to the end, and was used.
fn lived(by: Sign) -> Exchange<Asked> {
    match by {
        Sign::Comments => kept(by, HOLD - 1, "got:event1@14042 complete@14043", "sent:event1@14032 done@14033"),
        _ => kept(by, HOLD - 1, "silence-over@14042 sent:frame99@14042 got:echo99@14062 done@14063", "got:frame99@14052"),
    }
}

/// It was closed to both sides when the silent ones were.
fn closed(by: Sign) -> Exchange<Asked> {
    kept(by, LIMIT, &format!("fin@{LIMIT}"), "fin@5022 after-peer@9022")
}

/// It was forgotten when the silent ones were, and nobody was told.
fn forgotten(by: Sign) -> Exchange<Asked> {
    let (here, there) = signs(by, LIMIT);
    // Whoever gives them goes on and on.
    let more = match by {
        Sign::ClientBytes => "sent:tick3..6@6042+2000",
        Sign::ClientPings => "sent:ping3..6@6042+2000",
        _ => "",
    };
    let client = format!("{here} {more} silence-over@14042 sent:frame2@14042 gave-up@17542");
    exchange(by.transport(), HOLD, Some(by), &client, &there)
}

/// Silent ones beside them, which end at 5 s loudly, or somewhere up to 9 s without a word.
fn beside_silence(loud: bool, kept: Vec<Exchange<Asked>>) -> Vec<Exchange<Asked>> {
    let ws = |silent_ms, client: &str, server: &str| exchange(Transport::WebSocket, silent_ms, None, client, server);
    let ended = |silent_ms: u64| match loud {
        true => ws(silent_ms, &format!("fin@{LIMIT}"), "fin@5022 after-peer@9022"),
        false => {
            let over = silent_ms + 42;
            ws(silent_ms, &format!("silence-over@{over} sent:frame2@{over} gave-up@{}", over + 3_500), "")
        }
    };
    [lived_silent(), ended(9_000), ended(14_000)].into_iter().chain(kept).collect()
}

fn lived_silent() -> Exchange<Asked> {
    let client = "silence-over@4042 sent:frame2@4042 got:echo2@4062 done@4062";
    exchange(Transport::WebSocket, 4_000, None, client, "got:frame2@4052 sent:echo2@4052")
}

fn others(except: &[Sign]) -> Vec<Exchange<Asked>> {
    let of_websockets = Sign::ALL.into_iter().filter(|sign| *sign != Sign::Comments);
    of_websockets.filter(|sign| !except.contains(sign)).map(lived).collect()
}

fn of(all: &[Exchange<Asked>]) -> Vec<Finding> {
    super::super::judge(all, &around())
}

const CLOSED_ALONE: &str = "idle.closed after_ms=5000";
const ALL_ENOUGH: &str = r#"["answered-messages","client-bytes","server-bytes","server-pings","client-pings","tcp-keep-alive"]"#;

/// Each sign, closed or forgotten alone while the others live.
#[test]
fn each_sign_that_does_not_count_is_named() {
    for sign in Sign::ALL.into_iter().filter(|sign| ![Sign::AnsweredMessages, Sign::Comments].contains(sign)) {
        for loud in [true, false] {
            let died = if loud { closed(sign) } else { forgotten(sign) };
            let found = of(&beside_silence(loud, others(&[sign]).into_iter().chain([died]).collect()));
            let (code, figure) =
                if loud { ("idle.closed", "after_ms=5000") } else { ("idle.dropped-silently", "survived_ms=4000 lost_ms=9000") };
            let enough = ALL_ENOUGH.replace(&format!(",\"{}\"", sign.as_str()), "");
            let expected = format!(
                "{code} {figure} enough={enough} | idle.keepalive-ignored {figure} kinds=[\"{}\"] enough={enough} every_ms=2000 \
                 transport=websocket via=direct outcome=note",
                sign.as_str()
            );
            check(&[(sign.as_str(), found, &expected)]);
        }
    }
}

#[test]
#[rustfmt::skip]
fn what_keeps_a_connection_up_and_what_does_not() {
    use Sign::*;
    let with = |kept: Vec<Exchange<Asked>>| of(&beside_silence(true, kept));
    let ws = |by, client: &str, server: &str| exchange(Transport::WebSocket, HOLD, Some(by), client, server);
    let twin = || lived(AnsweredMessages);
    let pings = || vec![twin(), lived(ClientBytes), closed(ServerPings), closed(ClientPings)];
    // Pongs come, and the server never sees a ping.
    let answered = || {
        let (here, _) = signs(ClientPings, LIMIT);
        exchange(Transport::WebSocket, HOLD, Some(ClientPings), &format!("{here} fin@{LIMIT}"), "fin@5022 after-peer@9022")
    };
    // The server hears of an end at 5 s and says no more; 4 s later it leaves, which the client hears.
    let there_alone = |by: Option<Sign>, signs: (&str, &str)| {
        exchange(Transport::WebSocket, HOLD, by, &format!("{} fin@9042", signs.0), &format!("{} fin@5022 after-peer@9022", signs.1))
    };
    let only_there = [lived_silent(), there_alone(None, ("", "")), twin(), lived(ClientBytes),
        there_alone(Some(ServerBytes), ("got:tick1..2@2052+2000", "sent:tick1..2@2042+2000"))];
    let all_live = beside_silence(true, others(&[]));
    check(&[
        ("nothing is kept up", with(vec![]), CLOSED_ALONE),
        ("all of them live", of(&all_live), &format!("{CLOSED_ALONE} enough={ALL_ENOUGH}")),
        ("both kinds of pings", with(pings()),
         r#"idle.closed enough=["answered-messages","client-bytes"] | idle.keepalive-ignored kinds=["server-pings","client-pings"]"#),
        ("pings that somebody answers on the way", with(vec![twin(), answered()]),
         r#"idle.closed | idle.keepalive-ignored kinds=["client-pings"] answered_on_the_way=["client-pings"]"#),
        ("and who answers goes on when the other side is lost", of(&beside_silence(false, vec![twin(), {
            let (here, _) = signs(ClientPings, HOLD - 1);
            ws(ClientPings, &format!("{here} silence-over@14042 sent:frame2@14042 gave-up@17542"), "")
        }])),
         r#"idle.dropped-silently | idle.keepalive-ignored kinds=["client-pings"] answered_on_the_way=["client-pings"]"#),
        ("all die, the busy one as well: that is an age", with(Sign::ALL.into_iter().filter(|s| *s != Comments).map(closed).collect()),
         CLOSED_ALONE),
        ("without the busy one", with(vec![lived(ClientBytes), closed(ServerBytes)]), r#"idle.closed enough=["client-bytes"]"#),
        ("the server alone is told", of(&only_there),
         r#"idle.one-side-told told=server lost_ms=14000 | idle.keepalive-ignored kinds=["server-bytes"] enough=["answered-messages","client-bytes"]"#),
        ("nothing silent died", of(&[twin(), closed(ServerPings)]), ""),
        ("no longer silence died",
         of(&[exchange(Transport::WebSocket, 4_000, None, "silence-over@4042 got:echo2@4062", ""), twin(), closed(ServerPings)]), ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn what_is_not_certain_is_neither_enough_nor_ignored() {
    use Sign::*;
    let twin = || lived(AnsweredMessages);
    let judged = |loud, kept| of(&beside_silence(loud, vec![twin(), kept]));
    let only_twin = r#"idle.closed enough=["answered-messages"]"#;
    let ws = |by, client: &str, server: &str| exchange(Transport::WebSocket, HOLD, Some(by), client, server);
    let told = "fin@5022 after-peer@9022";
    check(&[
        ("it died at another time", judged(true, kept(ServerBytes, 9_000, "fin@9032", "fin@9022")), only_twin),
        ("one side was told, much later than the silent ones", judged(true, kept(ClientBytes, 12_000, "fin@12032", "fin@12022")), only_twin),
        ("its signs came too late", judged(true, ws(ClientBytes, "sent:tick1..2@2042+2000 fin@5032", &format!("got:tick1..2@4952+10 {told}"))), only_twin),
        ("its signs came nowhere", judged(true, ws(ClientBytes, "sent:tick1..2@2042+2000 fin@5032", told)), only_twin),
        ("the server gave none", judged(true, ws(ServerPings, "fin@5032", told)), only_twin),
        ("its signs stopped, and it was used all the same",
         judged(false, ws(ServerBytes, "got:tick1..2@2052+2000 silence-over@14042 sent:frame2@14042 got:echo2@14062", "sent:tick1..6@2042+2000")),
         r#"idle.dropped-silently enough=["answered-messages"]"#),
        ("its signs were held back and came together",
         judged(false, ws(ServerBytes, "got:tick1..6@14045 silence-over@14042 sent:frame2@14042 got:echo2@14062", "sent:tick1..6@2042+2000")),
         r#"idle.dropped-silently enough=["answered-messages"]"#),
        ("its last question was not answered, one before it was, late",
         judged(false, kept(ServerPings, HOLD, "silence-over@14042 got:echo1@14045 sent:frame2@14046 gave-up@17546", "")),
         r#"idle.dropped-silently enough=["answered-messages"]"#),
        ("silent where others were told", judged(true, forgotten(ClientBytes)), only_twin),
        ("nobody lived long enough to tell", judged(true, ws(ClientBytes, "abort@43", "close:1000@53")), only_twin),
        ("it never opened", judged(true, ws(ClientBytes, "reset@10", "empty")), only_twin),
        ("no record", judged(true, kept(ClientBytes, LIMIT, "fin@5032", "absent")), only_twin),
        ("a part of the record", judged(true, kept(ClientBytes, LIMIT, "fin@5032", "partial fin@5022")), only_twin),
        ("our own limit", judged(true, kept(ClientBytes, LIMIT, "fin@5032", "limit@5022")), only_twin),
        ("our own shutdown", judged(true, kept(ClientBytes, LIMIT, "close:1001@5032", "shutdown@5022")), only_twin),
        ("another address", judged(true, kept(ClientBytes, LIMIT, "to:192.0.2.2:80 fin@5032", told)), CLOSED_ALONE),
        ("TCP keep-alive that was given up by the kernel", judged(false, ws(TcpKeepAlive, "fin@13500", "")),
         r#"idle.dropped-silently enough=["answered-messages"]"#),
    ]);
    for (name, around) in doubts(LIMIT) {
        let found = super::super::judge(&beside_silence(true, vec![twin(), closed(ServerPings)]), &around);
        check(&[(name, found, &format!("idle.inconclusive reason={name}"))]);
    }
    let cut = Circumstances { cut_short_at_ms: Some(6_000), ..around() };
    let (here, there) = signs(ClientBytes, 6_000);
    let unfinished = exchange(Transport::WebSocket, HOLD, Some(ClientBytes), &here, &there);
    let found = super::super::judge(&beside_silence(true, vec![twin(), unfinished]), &cut);
    check(&[("cut short", found, only_twin)]);
}

#[test]
#[rustfmt::skip]
fn a_limit_that_is_no_rule_or_too_short_for_the_signs_says_nothing_of_them() {
    use Sign::*;
    let ws = |silent_ms, client: &str, server: &str| exchange(Transport::WebSocket, silent_ms, None, client, server);
    let ended = |silent_ms, at: u64| ws(silent_ms, &format!("fin@{at}"), &format!("fin@{} after-peer@{}", at - 10, at + 4_000));
    let short = |until: u64| kept(ServerPings, until, &format!("fin@{until}"), &format!("fin@{}", until - 10));
    check(&[
        ("unsteady", of(&[ended(9_000, 5_032), ended(14_000, 9_032), lived(AnsweredMessages), closed(ServerPings)]), "idle.unsteady"),
        ("3 s with a sign every 2 s", of(&[ended(9_000, 3_032), ended(14_000, 3_032), lived(AnsweredMessages), short(3_032)]),
         "idle.closed after_ms=3000"),
    ]);
}

#[test]
#[rustfmt::skip]
fn comments_are_compared_with_a_busy_stream() {
    let sse = |silent_ms, client: &str, server: &str| exchange(Transport::Sse, silent_ms, None, client, server);
    let told = "fin@5022 after-peer@9022";
    let streams = |kept| vec![sse(4_000, "got:event1@4042 complete@4043", "sent:event1@4032 done@4033"), sse(9_000, "fin@5032", told), kept];
    let with_twin = |age, kept| super::super::judge(&streams(kept), &beside(Company { oldest_stream_ms: age, ..Company::default() }));
    check(&[
        ("comments are enough", with_twin(0, lived(Sign::Comments)), r#"idle.closed transport=sse enough=["comments"]"#),
        ("comments do not count, events do", with_twin(12_000, closed(Sign::Comments)),
         r#"idle.closed transport=sse | idle.keepalive-ignored transport=sse kinds=["comments"] enough=[] after_ms=5000"#),
        ("no stream grew older", with_twin(5_000, closed(Sign::Comments)), "idle.closed transport=sse"),
        ("a WebSocket's signs say nothing of streams",
         of(&streams(lived(Sign::AnsweredMessages)).into_iter().chain([closed(Sign::ServerPings)]).collect::<Vec<_>>()),
         "idle.closed transport=sse"),
    ]);
}

#[test]
fn the_sentence_names_what_was_lost_and_what_was_not() {
    let found =
        of(&beside_silence(true, vec![lived(Sign::AnsweredMessages), closed(Sign::ServerPings), closed(Sign::ClientBytes)]));
    assert_eq!(
        found[1].summary,
        "With nothing but pings of the server or unanswered messages of the client every 2.0 s, a connection is lost as a silent \
         one is; with answered messages it lives."
    );
}

#[test]
fn odd_evidence_is_judged_without_a_panic() {
    for sign in Sign::ALL {
        for one in [lived(sign), closed(sign), forgotten(sign)] {
            for (record, around) in distorted(&one.record) {
                for every_ms in [0, 2_000, u64::MAX] {
                    let asked = Asked { kept: Some(Kept { by: sign, every_ms }), ..one.asked };
                    let all =
                        beside_silence(true, vec![lived(Sign::AnsweredMessages), Exchange { asked, record: record.clone() }]);
                    super::super::judge(&all, &around);
                }
            }
        }
    }
}
