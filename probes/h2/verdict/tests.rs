use super::*;
use crate::below::TlsEnd;
use crate::testing::{around, check, distorted, doubts, record};

mod accidents;

const ANSWERED: &str = "opened@0 request@1 200@11 done@12";
const HAD: &str = "request@6 200@6 done@6";
/// A stream of eight events that came to its end, as both ends saw it.
const LIVED: &str = "opened@0 request@1 200@11 got:event1..8@250+250 done@2001";
const STREAMED: &str = "request@6 200@6 sent:event1..8@245+250 done@1996";
/// A stream of one event, silent for 30 s.
const SILENT: &str = "opened@0 request@1 200@11 got:event1@30500 done@30500";
const SAID: &str = "request@6 200@6 sent:event1@30495 done@30495";

/// A busy stream of as long.
const LONG: &str = "opened@0 request@1 200@11 got:event1..30@1000+1000 done@30001";
const STREAMED_LONG: &str = "request@6 200@6 sent:event1..30@995+1000 done@29996";

const OFFERED: Offered = Offered { streams: 100, websockets: true };

/// How the client's session and the server's came to be: by what they agreed on, and whether they are one.
#[derive(Clone, Copy)]
struct Ends {
    client: &'static str,
    server: &'static str,
    version: &'static str,
    one: bool,
}

const H2: Ends = Ends { client: "h2", server: "h2", version: "2", one: true };
const BETWEEN: Ends = Ends { one: false, ..H2 };

fn session(alpn: &str, exporter: &str) -> TlsEnd {
    TlsEnd {
        version: "1.3".into(),
        alpn: Some(Untrusted::new(alpn)).filter(|alpn| !alpn.as_str().is_empty()),
        exporter: Some(exporter.into()),
        ..TlsEnd::default()
    }
}

fn settings(streams: Option<u32>, websockets: bool) -> Settings {
    Settings { streams, window: None, websockets }
}

fn first(ends: Ends, client: &str, server: &str) -> Exchange<Asked> {
    let mut record = record(client, server);
    if let Witness::Whole(notes) | Witness::Partial(notes) = &mut record.witness {
        notes.request.version = ends.version.to_owned();
        notes.below.tls = Some(session(ends.server, if ends.one { "aa" } else { "bb" }));
    }
    let asked = Asked {
        client: Some(session(ends.client, "aa")),
        settings: Some(settings(Some(100), true)),
        ..Asked::new(Part::First, OFFERED, 0, 0)
    };
    Exchange { asked, record }
}

fn one(part: Part, lasts_ms: u64, every_ms: u64, client: &str, server: &str) -> Exchange<Asked> {
    let asked = Asked { settings: Some(settings(Some(100), true)), ..Asked::new(part, OFFERED, lasts_ms, every_ms) };
    Exchange { asked, record: record(client, server) }
}

/// Eight streams, of which the last ones met something else.
fn crowd(others: &[(&str, &str)]) -> Vec<Exchange<Asked>> {
    let usual = std::iter::repeat_n((LIVED, STREAMED), CROWD - others.len());
    let mut all = vec![first(BETWEEN, ANSWERED, HAD)];
    all.extend(usual.chain(others.iter().copied()).map(|(client, server)| one(Part::Crowd, 2_000, 250, client, server)));
    all
}

/// A silent stream, one with PINGs, and a busy one.
fn long(silent: (&str, &str), pinged: (&str, &str), busy: (&str, &str)) -> Vec<Exchange<Asked>> {
    let mut all = vec![first(BETWEEN, ANSWERED, HAD)];
    all.push(one(Part::Silent, 30_500, 0, silent.0, silent.1));
    all.push(one(Part::Pinged, 30_500, 0, pinged.0, pinged.1));
    all.push(one(Part::Busy, 30_500, 1_000, busy.0, busy.1));
    all
}

#[test]
fn how_far_it_reaches() {
    let reach = |ends, client, server| judge(&[first(ends, client, server)], &around());
    let http1 = Ends { client: "http/1.1", server: "http/1.1", version: "1.1", one: false };
    let reset = "opened@0 request@1 stream-reset:2@11";
    let status = "opened@0 request@1 403@11 unproven done@12";
    check(&[
        ("from end to end", reach(H2, ANSWERED, HAD), ""),
        ("two sessions of HTTP/2", reach(BETWEEN, ANSWERED, HAD), ""),
        (
            "an inspection that agrees to HTTP/1.1",
            reach(http1, ANSWERED, HAD),
            "h2.not-negotiated side=to-client alpn_client=http/1.1 version_server=1.1 outcome=note",
        ),
        (
            "an inspection that agrees to nothing, and speaks HTTP/2 itself",
            reach(Ends { client: "", server: "h2", version: "2", one: false }, ANSWERED, HAD),
            "h2.not-negotiated side=to-client alpn_client=none alpn_server=h2",
        ),
        ("a server that chose so", reach(Ends { one: true, ..http1 }, ANSWERED, HAD), ""),
        ("nobody knows what the server had", reach(http1, ANSWERED, "absent"), ""),
        (
            "a gateway",
            reach(Ends { server: "http/1.1", version: "1.1", ..BETWEEN }, ANSWERED, HAD),
            "h2.not-negotiated side=to-server alpn_client=h2 version_server=1.1",
        ),
        (
            "agreed to, and reset",
            reach(BETWEEN, reset, "empty"),
            "h2.no-answer how=reset-2 arrived=false transport=sse outcome=degraded",
        ),
        ("agreed to, and refused", reach(BETWEEN, status, "empty"), "h2.no-answer how=status-403 arrived=false"),
        (
            "agreed to, and silent",
            reach(BETWEEN, "opened@0 request@1 gave-up@3501", "empty"),
            "h2.no-answer how=silence arrived=false",
        ),
        (
            "late, perhaps: the server had it",
            reach(BETWEEN, "opened@0 request@1 gave-up@3501", HAD),
            "h2.inconclusive reason=own-load",
        ),
        ("the same without a witness", reach(BETWEEN, reset, "absent"), "h2.inconclusive reason=witness-absent"),
        ("a limit of the server's own", reach(H2, "opened@0 request@1 503@11 done@12", "request@6 503@6 limit@6"), ""),
    ]);
    let mut failed = first(H2, "failed:tls/reset@11", "empty");
    failed.asked.client = None;
    check(&[("TLS fails where HTTP/2 is offered", judge(&[failed], &around()), "h2.inconclusive reason=unclear")]);
}

#[test]
fn how_many_streams_a_connection_carries() {
    let refused = ("opened@0 request@1 stream-reset:7@11", "empty");
    let queued = (
        "opened@0 request@1 200@2020 got:event1..8@2260+250 done@4011",
        "request@2010 200@2010 sent:event1..8@2255+250 done@4005",
    );
    let with = |streams, offered: u32, mut all: Vec<Exchange<Asked>>| {
        for one in all.iter_mut().filter(|one| one.asked.part == Part::Crowd) {
            one.asked.settings = Some(settings(streams, true));
            one.asked.offered.streams = offered;
        }
        judge(&all, &around())
    };
    check(&[
        ("all eight", with(Some(100), 100, crowd(&[])), ""),
        ("no limit at all", with(None, 100, crowd(&[])), ""),
        ("a pause", with(Some(0), 100, crowd(&[])), ""),
        (
            "an announced limit",
            with(Some(4), 100, crowd(&[queued, queued, queued, queued])),
            "h2.streams-limited streams=4 streams_server=100 how=announced outcome=note",
        ),
        ("a limit of the server's own", with(Some(4), 4, crowd(&[queued, queued, queued, queued])), ""),
        ("refused", with(Some(100), 100, crowd(&[refused, refused])), "h2.streams-limited streams=6 how=refused"),
        ("queued", with(Some(100), 100, crowd(&[queued, queued])), "h2.streams-limited streams=6 how=queued"),
        ("one that came late", with(Some(100), 100, crowd(&[queued])), ""),
        (
            "one that is ended early",
            with(
                Some(100),
                100,
                crowd(&[(
                    "opened@0 request@1 200@11 got:event1@250 stream-reset:2@300",
                    "request@6 200@6 sent:event1@245 fin@295",
                )]),
            ),
            "h2.stream-reset age_ms=289 how=reset-2",
        ),
    ]);
}

#[test]
fn how_long_streams_live() {
    let (alive, lived) = ((SILENT, SAID), (LONG, STREAMED_LONG));
    let ended = ("opened@0 request@1 200@11 stream-reset:8@20011", "request@6 200@6 fin@20005");
    let closed = ("opened@0 request@1 200@11 fin@20011", "request@6 200@6 fin@20005");
    let swallowed = ("opened@0 request@1 200@11 gave-up@34000", "request@6 200@6 sent:event1@30495 done@30495");
    let cut =
        ("opened@0 request@1 200@11 got:event1..4@250+250 go-away:0@1200", "request@6 200@6 sent:event1..4@245+250 fin@1190");
    let by_server = ("opened@0 request@1 200@11 stream-reset:0@20011", "request@6 200@6 shutdown@20005");
    let said = |all: Vec<Exchange<Asked>>| judge(&all, &around());
    let unanswered_pings = |silent| {
        let mut all = long(silent, closed, lived);
        for entry in &mut all[2].record.client.entries {
            if matches!(entry.event, Event::Ended(_)) {
                entry.event = Event::Ended(End::Error(Untrusted::new("stream closed because of a broken pipe")));
            }
        }
        said(all)
    };
    check(&[
        ("all live", said(long(alive, alive, lived)), ""),
        (
            "silence ends them, and PINGs do not help",
            said(long(ended, ended, lived)),
            "h2.silent-stream-ended after_ms=20000 how=reset-8 ping_enough=false transport=sse outcome=degraded",
        ),
        (
            "silence ends connections, and PINGs help",
            said(long(closed, alive, lived)),
            "h2.silent-stream-ended after_ms=20000 how=connection-closed ping_enough=true",
        ),
        (
            "silence forgets them",
            said(long(swallowed, alive, lived)),
            "h2.silent-stream-ended lost_ms=30500 how=silence ping_enough=true",
        ),
        ("age ends them", said(long(ended, ended, cut)), "h2.stream-reset age_ms=1189 how=go-away-0 transport=sse"),
        ("only the one with PINGs", said(long(alive, ended, lived)), "h2.inconclusive reason=contradicted"),
        ("PINGs that get no answer", unanswered_pings(alive), "h2.inconclusive reason=unclear how=ping-unanswered"),
        (
            "the same where silence ends streams",
            unanswered_pings(ended),
            "h2.silent-stream-ended after_ms=20000 how=reset-8 transport=sse",
        ),
        ("the server did it", said(long(by_server, alive, lived)), ""),
        (
            "nobody was busy for as long",
            said(long(ended, ended, ("opened@0 failed:connect/timed-out@3000", "empty"))),
            "h2.inconclusive reason=unclear",
        ),
        ("nothing comes of a busy one", said(long(alive, alive, ("opened@0 request@1 200@11 gave-up@5500", STREAMED_LONG))), ""),
        ("without a witness", said(long((ended.0, "absent"), alive, lived)), "h2.inconclusive reason=witness-absent"),
    ]);
    for (reason, around) in doubts(20_011) {
        check(&[(reason, judge(&long(ended, ended, lived), &around), &format!("h2.inconclusive reason={reason}"))]);
    }
}

#[test]
fn whether_what_is_not_read_stops_others() {
    let read = (
        "opened@0 request@1 200@11 got:event1@1100 got:event2@1110 done@1110",
        "request@6 200@6 sent:event1@250 sent:event2@1105 done@1106",
    );
    let stuck = ("opened@0 request@1 200@11 gave-up@8000", "request@6 200@6 sent:event1@250");
    let beside =
        ("opened@0 request@1 200@11 got:event1..4@260+250 done@1010", "request@6 200@6 sent:event1..4@250+250 done@1005");
    let silent = ("opened@0 request@1 200@11 gave-up@4000", "request@6 200@6 sent:event1..4@250+250 done@1005");
    let never_sent = ("opened@0 request@1 200@11 gave-up@4000", "request@6 200@6");
    let reset = ("opened@0 request@1 200@11 stream-reset:3@800", "request@6 200@6 sent:event1@250 fin@795");
    let closed = ("opened@0 request@1 200@11 fin@800", "request@6 200@6 sent:event1@250 fin@795");
    let beside_reset = ("opened@0 request@1 200@11 got:event1@260 stream-reset:3@800", "request@6 200@6 sent:event1@250 fin@795");
    let said = |unread: (&str, &str), beside: (&str, &str)| {
        let all = [
            first(BETWEEN, ANSWERED, HAD),
            one(Part::Unread, 500, 250, unread.0, unread.1),
            one(Part::Beside, 1_000, 250, beside.0, beside.1),
        ];
        judge(&all, &around())
    };
    check(&[
        ("nothing is stopped", said(read, beside), ""),
        (
            "another one is stopped",
            said(read, silent),
            "h2.flow-control-stalled stalled=another-stream transport=sse outcome=degraded",
        ),
        ("it does not go on", said(stuck, beside), "h2.flow-control-stalled stalled=the-same-stream"),
        (
            "it is reset, and the other one is not",
            said(reset, beside),
            "h2.flow-control-stalled stalled=the-same-stream how=reset-3 transport=sse",
        ),
        ("the connection ends", said(closed, beside), ""),
        ("both are reset", said(reset, beside_reset), "h2.stream-reset age_ms=789 how=reset-3"),
        ("the server sent nothing", said(read, never_sent), ""),
        ("without a witness", said(read, (silent.0, "absent")), ""),
    ]);
}

#[test]
fn whether_websockets_go_by_it() {
    let talked = "opened@0 request@1 200@11 got:greeting0@12 sent:frame1@12 got:echo1@22 sent:frame2@22 got:echo2@32 sent:frame3@32 got:echo3@42 done@42";
    let echoed =
        "request@6 200@6 sent:greeting0@6 got:frame1@17 sent:echo1@17 got:frame2@27 sent:echo2@27 got:frame3@37 sent:echo3@37";
    let with = |client: &str, server: &str| {
        judge(&[first(BETWEEN, ANSWERED, HAD), one(Part::WebSocket, 0, 0, client, server)], &around())
    };
    let without = |ends| {
        let mut first = first(ends, ANSWERED, HAD);
        first.asked.settings = Some(settings(Some(100), false));
        judge(&[first], &around())
    };
    check(&[
        ("they do", with(talked, echoed), ""),
        (
            "refused by somebody",
            with("opened@0 request@1 501@11 unproven done@12", "empty"),
            "h2.websocket-broken how=status-501 arrived=false transport=websocket outcome=degraded",
        ),
        ("reset", with("opened@0 request@1 stream-reset:13@11", "empty"), "h2.websocket-broken how=reset-13 arrived=false"),
        (
            "granted, and dead",
            with("opened@0 request@1 200@11 gave-up@3512", "request@6 200@6 sent:greeting0@6"),
            "h2.websocket-broken how=silence arrived=true",
        ),
        (
            "a refusal of the server's own",
            with("opened@0 request@1 503@11 done@12", "request@6 503@6 limit@6"),
            "h2.inconclusive reason=own-end",
        ),
        (
            "a gateway that made another request of it",
            with("opened@0 request@1 426@11 done@12", "request@6 426@6 done@6"),
            "h2.websocket-broken how=status-426 arrived=true",
        ),
        ("the connection was gone", with("opened@0 request@1 fin@11", "empty"), "h2.inconclusive reason=unclear"),
        ("the offer is taken away", without(BETWEEN), "h2.extended-connect-removed version_server=2 outcome=note"),
        ("nobody was there to take it away", without(H2), ""),
    ]);
}

#[test]
fn streams_of_which_none_is_answered() {
    let said = |parts: &[(Part, &str, &str)]| {
        let others = parts.iter().map(|(part, client, server)| one(*part, 2_000, 250, client, server));
        judge(&std::iter::once(first(BETWEEN, ANSWERED, HAD)).chain(others).collect::<Vec<_>>(), &around())
    };
    let (silent, streamed) = ("opened@0 request@1 gave-up@3501", "request@6 200@6 sent:event1..8@245+250 done@1996");
    let (reset, refused) = ("opened@0 request@1 stream-reset:2@11", "opened@0 request@1 403@11 unproven done@12");
    let closed = "opened@0 request@1 fin@11";
    let crowd = |client, server| [(Part::Crowd, client, server); CROWD];
    check(&[
        (
            "reset",
            said(&crowd(reset, "empty")),
            "h2.no-answer how=reset-2 arrived=false streams=8 transport=sse outcome=degraded",
        ),
        ("refused", said(&crowd(refused, "empty")), "h2.no-answer how=status-403 arrived=false"),
        (
            "held, on several connections",
            said(&[(Part::Silent, silent, HAD), (Part::Busy, silent, streamed)]),
            "h2.no-answer how=silence arrived=true streams=2",
        ),
        ("on one connection, which may be an accident", said(&crowd(silent, streamed)), "h2.inconclusive reason=unclear"),
        ("a connection that is drained", said(&crowd(closed, "empty")), "h2.inconclusive reason=unclear"),
        ("one of them lives", said(&[(Part::Busy, LIVED, STREAMED), (Part::Silent, silent, HAD)]), ""),
        (
            "a limit of the server's own",
            said(&crowd("opened@0 request@1 503@11 done@12", "request@6 503@6 limit@6")),
            "h2.inconclusive reason=own-end",
        ),
        ("without a witness", said(&crowd(reset, "absent")), "h2.inconclusive reason=witness-absent"),
        ("never asked: no connection", said(&[(Part::Busy, "failed:connect/timed-out@3000", "empty")]), ""),
    ]);
}

#[test]
fn a_run_that_was_stopped_says_so() {
    let stopped = Circumstances { cut_short_at_ms: Some(5_000), ..around() };
    let open = "opened@0 request@1 200@11 got:event1..4@1000+1000";
    let asked = |part| one(part, 30_500, 1_000, open, "request@6 200@6 sent:event1..4@995+1000");
    let known = || first(H2, ANSWERED, HAD);
    let because = "h2.inconclusive reason=cut-short outcome=inconclusive";
    let mut without_http2 = first(Ends { client: "http/1.1", server: "http/1.1", version: "1.1", one: true }, ANSWERED, HAD);
    without_http2.asked.settings = None;
    check(&[
        ("streams under way", judge(&[known(), asked(Part::Busy)], &stopped), because),
        ("the crowd not begun", judge(&[known()], &stopped), because),
        ("the first one under way", judge(&[first(H2, "opened@0 request@1", "empty")], &stopped), because),
        ("all of it done", judge(&[known(), one(Part::Crowd, 2_000, 250, LIVED, STREAMED)], &stopped), ""),
        ("nothing more to ask", judge(&[without_http2], &stopped), ""),
    ]);
}

#[test]
fn any_evidence_comes_to_an_end() {
    for ends in [H2, BETWEEN, Ends { client: "", ..BETWEEN }] {
        let mut all = crowd(&[("opened@0 request@1 stream-reset:7@11", "empty")]);
        all.extend(long((SILENT, SAID), (SILENT, SAID), (LIVED, STREAMED)));
        all.push(one(Part::WebSocket, 0, 0, ANSWERED, HAD));
        for index in 0..all.len() {
            for (record, around) in distorted(&all[index].record) {
                let mut all = all.clone();
                all[0] = first(ends, ANSWERED, HAD);
                all[index].record = record;
                judge(&all, &around);
            }
        }
    }
}
