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
