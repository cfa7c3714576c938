//! What befalls one connection, or one moment, is no rule.

use super::*;

const CLOSED: (&str, &str) =
    ("opened@0 request@1 200@11 got:event1..2@250+250 fin@600", "request@6 200@6 sent:event1..2@245+250 fin@595");
const BROKEN: (&str, &str) = ("opened@0 request@1 200@11 got:event1..2@250+250 reset@600", CLOSED.1);

/// A crowd, the stream beside the unread one, and a busy one where there is one.
fn said(crowd: &[(&str, &str)], beside: (&str, &str), busy: Option<(&str, &str)>) -> Vec<Finding> {
    let mut all = super::crowd(crowd);
    all.push(one(Part::Beside, 2_000, 250, beside.0, beside.1));
    all.extend(busy.map(|(client, server)| one(Part::Busy, 30_500, 1_000, client, server)));
    judge(&all, &around())
}

#[test]
fn the_end_of_one_connection() {
    let (all_closed, alive, lived) = ([CLOSED; CROWD], (LIVED, STREAMED), (LONG, STREAMED_LONG));
    let reset = ("opened@0 request@1 200@11 got:event1@250 stream-reset:2@300", "request@6 200@6 sent:event1@245 fin@295");
    let silent = ("opened@0 request@1 200@11 gave-up@5500", STREAMED);
    check(&[
        ("a crowd's, and a busy one grew older", said(&all_closed, alive, Some(lived)), "h2.inconclusive reason=contradicted"),
        ("the one beside, by RST", said(&[], BROKEN, Some(lived)), "h2.inconclusive reason=contradicted"),
        ("a crowd's, and nothing grew older", said(&all_closed, alive, None), "h2.inconclusive reason=unclear"),
        ("two of them", said(&all_closed, BROKEN, Some(lived)), "h2.stream-reset how=connection-closed"),
        ("one, and the other is silent", said(&all_closed, silent, Some(lived)), "h2.inconclusive reason=contradicted"),
        ("a stream by itself", said(&[reset], alive, Some(lived)), "h2.stream-reset how=reset-2"),
        (
            "a stream by itself, and then the connection",
            said(&[CLOSED, reset], alive, Some(lived)),
            "h2.stream-reset how=reset-2",
        ),
    ]);
}

/// What befalls a crowd by accident does not hide what silence does.
#[test]
fn the_end_of_one_connection_beside_that_of_a_silent_stream() {
    let silent = ("opened@0 request@1 200@11 stream-reset:8@20011", "request@6 200@6 fin@20005");
    let said = |silent: (&str, &str)| {
        let mut all = super::crowd(&[CLOSED; CROWD]);
        all.push(one(Part::Silent, 30_500, 0, silent.0, silent.1));
        all.push(one(Part::Busy, 30_500, 1_000, LONG, STREAMED_LONG));
        judge(&all, &around())
    };
    check(&[
        ("silence ends a stream", said(silent), "h2.silent-stream-ended after_ms=20000 how=reset-8"),
        ("it does not", said((SILENT, SAID)), "h2.inconclusive reason=contradicted"),
    ]);
}

/// A WebSocket, and the streams that run at the same time.
#[test]
fn a_websocket_in_a_bad_moment() {
    let dead = ("opened@0 request@1 200@11 gave-up@3512", "request@6 200@6 sent:greeting0@6");
    let ended = ("opened@0 request@1 200@11 fin@40", "request@6 200@6 sent:greeting0@6 fin@35");
    let silent = ("opened@0 request@1 200@11 gave-up@5500", STREAMED);
    let refused = ("opened@0 request@1 stream-reset:7@11", "empty");
    let said = |websocket: (&str, &str), part: Part, stream: (&str, &str)| {
        let alive = one(Part::Crowd, 2_000, 250, LIVED, STREAMED);
        let websocket = one(Part::WebSocket, 0, 0, websocket.0, websocket.1);
        judge(&[first(BETWEEN, ANSWERED, HAD), alive, one(part, 2_000, 250, stream.0, stream.1), websocket], &around())
    };
    let well = (LIVED, STREAMED);
    let status = |status: u16| said((&format!("opened@0 request@1 {status}@11 unproven done@12"), "empty"), Part::Beside, well);
    let unclear = "h2.inconclusive reason=unclear";
    check(&[
        ("no room for it", said(refused, Part::Beside, well), unclear),
        ("a gateway that is busy", status(429), unclear),
        ("a gateway that gets no answer", status(502), unclear),
        ("a gateway that is overloaded", status(503), unclear),
        ("a gateway that waits in vain", status(504), unclear),
        ("a gateway that fails at it", status(500), "h2.websocket-broken how=status-500"),
        ("silent, beside what lives", said(dead, Part::Beside, well), "h2.websocket-broken how=silence arrived=true"),
        ("silent, and one of the crowd too", said(dead, Part::Crowd, silent), unclear),
        ("silent, and the unread one too", said(dead, Part::Unread, ("opened@0 request@1 gave-up@3500", "empty")), unclear),
        ("closed, beside what lives", said(ended, Part::Beside, well), "h2.websocket-broken how=closed"),
        ("closed, and another one too", said(ended, Part::Beside, CLOSED), "h2.inconclusive reason=unclear | h2.inconclusive"),
        (
            "reset by itself, whatever else is",
            said(("opened@0 request@1 stream-reset:13@11", "empty"), Part::Crowd, silent),
            "h2.websocket-broken how=reset-13",
        ),
    ]);
}

#[test]
fn a_stall_of_the_path_is_none_of_a_window() {
    let read = (
        "opened@0 request@1 200@11 got:event1@1100 got:event2@1110 done@1110",
        "request@6 200@6 sent:event1@250 sent:event2@1105 done@1106",
    );
    let stuck = ("opened@0 request@1 200@11 gave-up@8000", "request@6 200@6 sent:event1@250");
    let reset = ("opened@0 request@1 200@11 stream-reset:3@800", "request@6 200@6 sent:event1@250 fin@795");
    let silent = ("opened@0 request@1 200@11 gave-up@4000", STREAMED);
    let well = (LIVED, STREAMED);
    let said = |unread: (&str, &str), beside: (&str, &str), in_crowd: (&str, &str), around: &Circumstances| {
        let all = [
            first(BETWEEN, ANSWERED, HAD),
            one(Part::Crowd, 2_000, 250, LIVED, STREAMED),
            one(Part::Crowd, 2_000, 250, in_crowd.0, in_crowd.1),
            one(Part::Unread, 500, 250, unread.0, unread.1),
            one(Part::Beside, 2_000, 250, beside.0, beside.1),
        ];
        judge(&all, around)
    };
    let (near, distant) = (around(), Circumstances { round_trip_ms: 151, ..around() });
    let (same, other) = ("h2.flow-control-stalled stalled=the-same-stream", "h2.flow-control-stalled stalled=another-stream");
    check(&[
        ("reset, beside what lives", said(reset, well, well, &near), "h2.flow-control-stalled how=reset-3"),
        (
            "reset, and the connection closed",
            said(reset, CLOSED, well, &near),
            "h2.inconclusive reason=unclear | h2.inconclusive reason=unclear",
        ),
        (
            "reset, and the one beside was never answered",
            said(reset, ("opened@0 request@1 gave-up@3500", "empty"), well, &near),
            "h2.inconclusive reason=unclear",
        ),
        ("it does not go on", said(stuck, well, well, &near), same),
        ("it does not go on, on a long path", said(stuck, well, well, &distant), "h2.inconclusive reason=own-load"),
        ("reset, on a long path", said(reset, well, well, &distant), "h2.flow-control-stalled how=reset-3"),
        ("another one stops, on a long path", said(read, silent, well, &distant), other),
        ("it does not go on, nor does one elsewhere", said(stuck, well, silent, &near), "h2.inconclusive reason=path-stalled"),
        ("another one stops, and one elsewhere", said(read, silent, silent, &near), "h2.inconclusive reason=path-stalled"),
    ]);
}

#[test]
fn a_gateway_in_trouble_answers_the_first_request() {
    let said = |status: u16| {
        let client = format!("opened@0 request@1 {status}@11 unproven done@12");
        judge(&[first(BETWEEN, &client, "empty")], &around())
    };
    let unclear = "h2.inconclusive reason=unclear";
    check(&[
        ("429", said(429), unclear),
        ("502", said(502), unclear),
        ("503", said(503), unclear),
        ("504", said(504), unclear),
        ("500", said(500), "h2.no-answer how=status-500"),
        ("403", said(403), "h2.no-answer how=status-403"),
    ]);
}
