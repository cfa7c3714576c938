use super::*;
use crate::company::Company;
use crate::testing::{around, beside, check, distorted, doubts, record};

const ANSWERED: &str =
    "opened@0 request@1 sent:frame1@1 200@11 got:echo1@11 sent:frame2@60 got:echo2@71 sent:frame3@120 got:echo3@133 done@140";
const HAD: &str = "request@6 got:frame1@6 sent:echo1@6 got:frame2@65 sent:echo2@65 got:frame3@125 sent:echo3@125";
const STALLED: &str = "opened@0 request@1 sent:frame1@1 gave-up@3501";
const SWAPPED: &str = "opened@0 request@1 sent:frame1@1 403@11 unproven complete@12";
const FREED: &str = "opened@0 request@1 sent:frame1@1 gave-up@3501 200@3520 got:echo1@3520 complete@3520";
/// The server gets it when the stream has ended.
const LATE: &str = "request@3515 got:frame1@3515 sent:echo1@3515";
const STREAM: &str = "opened@0 request@1 200@10 got:event1..9@200+250 done@3501";
const STREAMED: &str = "request@5 200@5 sent:event1..9@195+250 fin@3510";

fn one(kind: Kind, attempt: u8, client: &str, server: &str) -> Exchange<Asked> {
    Exchange { asked: Asked { kind, every_ms: None, attempt }, record: record(client, server) }
}

fn alone(client: &str, server: &str) -> Vec<Exchange<Asked>> {
    (0..3).map(|_| one(Kind::Alone, 1, client, server)).collect()
}

/// Requests were answered, and then, beside a stream, met these two fates.
fn pairs(first: (&str, &str), second: Option<(&str, &str)>) -> Vec<Exchange<Asked>> {
    let mut all = vec![one(Kind::Alone, 1, ANSWERED, HAD)];
    for (attempt, (client, server)) in [Some(first), second].into_iter().flatten().enumerate() {
        let attempt = u8::try_from(attempt).unwrap() + 1;
        all.push(one(Kind::Stream, attempt, STREAM, STREAMED));
        all.push(one(Kind::Beside, attempt, client, server));
    }
    all
}

/// What blames, or doubts: the times are another table's.
fn judged(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
    judge(evidence, around).into_iter().filter(|finding| finding.code != ROUND_TRIP).collect()
}

#[test]
fn requests_beside_a_stream() {
    let refused = ("opened@0 request@1 sent:frame1@1 403@11 unproven complete@12", "empty");
    let rows = [
        ("answered", pairs((ANSWERED, HAD), None), ""),
        (
            "held until the stream ended, twice",
            pairs((FREED, LATE), Some((FREED, LATE))),
            "latency.upload-stalled fate=silence direction=to-server freed_by=end-of-stream transport=sse",
        ),
        (
            "never answered, and the server never had them",
            pairs((STALLED, "empty"), Some((STALLED, "empty"))),
            "latency.upload-stalled fate=silence direction=to-server outcome=degraded",
        ),
        (
            "the answers got lost",
            pairs((STALLED, "request@6 got:frame1@6 sent:echo1@6"), Some((STALLED, "request@6 got:frame1@6 sent:echo1@6"))),
            "latency.upload-stalled fate=silence direction=to-client",
        ),
        ("answered by somebody else", pairs(refused, Some(refused)), "latency.upload-stalled fate=status-403"),
        (
            "answered by our server, and something else came of it",
            pairs((SWAPPED, HAD), Some((SWAPPED, HAD))),
            "latency.upload-stalled fate=status-403 direction=to-client",
        ),
        ("once only", pairs((STALLED, "empty"), Some((ANSWERED, HAD))), "latency.inconclusive reason=contradicted"),
        ("no second attempt", pairs((STALLED, "empty"), None), "latency.inconclusive reason=contradicted"),
        ("two fates", pairs((STALLED, "empty"), Some(refused)), "latency.inconclusive reason=contradicted"),
        ("no witness", pairs((STALLED, "absent"), Some((STALLED, "absent"))), "latency.inconclusive reason=witness-absent"),
        (
            "a limit of the server",
            pairs((STALLED, "request@5 limit@6"), Some((STALLED, "request@5 limit@6"))),
            "latency.inconclusive reason=own-end",
        ),
    ];
    check(&rows.map(|(case, evidence, expected)| (case, judged(&evidence, &around()), expected)));
}

#[test]
fn a_stall_beside_a_stream_on_which_nothing_came_is_no_stall_beside_a_stream() {
    let mut all = pairs((STALLED, "empty"), Some((STALLED, "empty")));
    all.retain(|one| one.asked.kind != Kind::Stream);
    check(&[("no stream", judged(&all, &around()), "latency.inconclusive reason=unclear")]);
}

/// A link that goes down when the request is sent takes the stream with it.
#[test]
fn an_outage_is_no_stall() {
    let mut all = pairs((STALLED, "empty"), Some((STALLED, "empty")));
    for one in all.iter_mut().filter(|one| one.asked.kind == Kind::Stream) {
        one.record = record("opened@0 request@0 200@0 got:event1..2@0+1 done@3501", STREAMED);
    }
    check(&[("an outage", judged(&all, &around()), "latency.inconclusive reason=unclear")]);
}

#[test]
fn requests_that_never_get_through() {
    let refused = "opened@0 request@1 sent:frame1@1 403@11 unproven complete@12";
    let at_first = |post| Circumstances { post_at_first: post, ..around() };
    let streams = Company { oldest_stream_ms: 20_000, ..Company::default() };
    let stalled = Circumstances { post_at_first: Some(true), ..beside(streams) };
    let rows = [
        ("no POST ever", alone(refused, "empty"), at_first(Some(false)), "latency.upload-refused fate=status-403 transport=sse"),
        (
            "reset",
            alone("opened@0 request@1 sent:frame1@1 reset@9", "empty"),
            at_first(Some(false)),
            "latency.upload-refused fate=reset",
        ),
        (
            "emptied",
            alone("opened@0 request@1 sent:frame1@1 422@9", "request@5 422@5"),
            at_first(Some(false)),
            "latency.upload-refused fate=emptied",
        ),
        ("since streams are open", alone(STALLED, "empty"), stalled, "latency.upload-stalled fate=silence direction=to-server"),
        ("without streams", alone(STALLED, "empty"), at_first(Some(true)), "latency.inconclusive reason=contradicted"),
        ("nobody knows what a POST did before", alone(STALLED, "empty"), at_first(None), ""),
        ("no connection", alone("failed:connect/refused@1", "empty"), at_first(Some(true)), ""),
        (
            "stopped",
            alone("opened@0 request@1 sent:frame1@1", "empty"),
            Circumstances { cut_short_at_ms: Some(100), ..at_first(Some(true)) },
            "latency.inconclusive reason=cut-short",
        ),
    ];
    check(&rows.map(|(case, evidence, around, expected)| (case, judged(&evidence, &around), expected)));
}

#[test]
fn requests_in_chunks() {
    let with = |client: &str, server: &str| {
        let mut all = pairs((ANSWERED, HAD), None);
        all.push(one(Kind::Chunked, 1, client, server));
        judged(&all, &around())
    };
    check(&[
        ("answered", with(ANSWERED, HAD), ""),
        ("411", with("opened@0 request@1 sent:frame1@1 411@9 unproven", "empty"), "latency.chunked-upload-refused status=411"),
        ("HTTP/1.0 knows no chunks", with("opened@0 request@1 sent:frame1@1 400@9 unproven", "empty"), ""),
        ("no witness", with("opened@0 request@1 sent:frame1@1 411@9 unproven", "absent"), ""),
        ("lost once", with(STALLED, "empty"), ""),
    ]);
}

#[test]
fn nobody_is_blamed_where_a_circumstance_explains_it() {
    for (reason, around) in doubts(3_501) {
        let found = judged(&pairs((STALLED, "empty"), Some((STALLED, "empty"))), &around);
        check(&[(reason, found, &format!("latency.inconclusive reason={reason}"))]);
    }
}

#[test]
fn times_are_told_where_timers_were_in_time() {
    let all = pairs((ANSWERED, HAD), None);
    let expected = "latency.round-trip request_p50_ms=11 requests=3 outcome=note";
    check(&[("a quiet machine", judge(&all, &around()), expected)]);
    assert_eq!(judge(&all, &Circumstances { client_lag_ms: 101, ..around() }), []);
    assert_eq!(judge(&[], &around()), []);
}

#[test]
fn strange_times_are_judged_all_the_same() {
    for kind in [Kind::Messages, Kind::Beside, Kind::Stream] {
        for (record, around) in distorted(&record(ANSWERED, HAD)) {
            for every_ms in [None, Some(0), Some(u64::MAX)] {
                judge(&[Exchange { asked: Asked { kind, every_ms, attempt: 1 }, record: record.clone() }], &around);
            }
        }
    }
}
