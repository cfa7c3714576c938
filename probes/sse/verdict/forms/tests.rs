//! A plain stream, and others that depart from it.

use super::super::tests::{SENT, events, late, sent, stream};
use super::*;
use crate::company::Company;
use crate::testing::{around, beside, check, headers};

const TEXT: Form =
    Form { media_type: MediaType::Text, accepts_anything: false, uncompressed: false, close_delimited: false, http2: false };
const ANY: Form = Form { accepts_anything: true, media_type: MediaType::EventStream, ..TEXT };
const CLOSED: Form = Form { close_delimited: true, accepts_anything: false, ..ANY };
const BOTH: Form = Form { accepts_anything: true, ..TEXT };
const OVER_HTTP2: Form = Form { http2: true, media_type: MediaType::EventStream, ..TEXT };
const TEXT_OVER_HTTP2: Form = Form { http2: true, ..TEXT };
const ANY_OVER_HTTP2: Form = Form { http2: true, ..ANY };

fn of(form: Form, client: &str, server: &str) -> Exchange<Asked> {
    let mut one = stream(Kind::Varied, client, server);
    one.asked.form = form;
    if let Some(head) = one.record.response.as_mut().filter(|head| head.status == 200) {
        head.headers = headers(&[("content-type", form.media_type.as_str())]);
    }
    one
}

/// The plain stream and these others, as far as they were sent.
fn found(plain: &str, others: &[(Form, &str)]) -> Vec<Finding> {
    let others = others.iter().map(|(form, client)| of(*form, client, &sent()));
    judge(&[stream(Kind::Plain, plain, &sent())].into_iter().chain(others).collect::<Vec<_>>(), &around())
}

fn held() -> String {
    format!("{} complete@3766", events(|number, _| Some(3_320 + u64::from(number))))
}

#[test]
#[rustfmt::skip]
fn what_is_hurt_where_the_plain_one_is_not() {
    let (well, held, slow) = (late(5), held(), late(805));
    check(&[
        ("all as they should be", found(&well, &[(TEXT, &well), (ANY, &well), (CLOSED, &well)]), ""),
        ("one held to its end", found(&well, &[(TEXT, &held), (ANY, &well)]),
         "sse.other-forms-hurt transport=sse outcome=note"),
        ("one late", found(&well, &[(TEXT, &well), (CLOSED, &slow)]), "sse.other-forms-hurt"),
        ("a pair alone", found(&well, &[(TEXT, &well), (ANY, &well), (BOTH, &held)]), "sse.other-forms-hurt"),
        // It is a form, and no rule: no other one was cut.
        ("one cut in the middle", found(&well, &[(TEXT, &format!("{} reset@1450", events(|n, at| (n <= 5).then_some(at + 5)))), (ANY, &well)]), ""),
        ("a head that came late", found(&well, &[(TEXT, &format!("opened@0 request@0 200@815 got:comment0@815 {}", well.replace("@165", "@816").replace("@315", "@816")))]), ""),
        ("the plain one held: what else is held says nothing more", found(&held, &[(TEXT, &held), (CLOSED, &held)]), "sse.buffered-until-end"),
    ]);
    let named = found(&well, &[(TEXT, &held), (ANY, &slow), (BOTH, &held)]);
    assert_eq!(named[0].measured["forms"], serde_json::json!(["Content-Type: text/plain: buffered-until-end", "Accept: */*: delayed"]));
}

#[test]
fn a_status_of_somebody_else_is_a_refusal_of_the_form() {
    let well = late(5);
    let refused = of(TEXT, "unproven opened@0 request@0 403@20 foreign@21 done@21", "empty");
    let all = [stream(Kind::Plain, &well, &sent()), refused, of(ANY, &well, &sent())];
    check(&[
        ("a form is refused", judge(&all, &around()), "sse.other-forms-hurt"),
        ("connections are", judge(&all, &beside(Company { connections_limited: true, ..Company::default() })), ""),
    ]);
}

/// A beat that brings many events in one arrival is in time all the same.
#[test]
fn another_beat_is_no_other_form() {
    let mut quick = stream(Kind::Varied, &held(), &sent());
    quick.asked.every_ms = 299;
    let all = [stream(Kind::Plain, &late(5), &sent()), quick.clone()];
    let hurt = judge(&all, &around());
    assert_eq!(hurt[0].measured["forms"], serde_json::json!(["an event each 299 ms: buffered-until-end"]));
    quick.record = stream(Kind::Varied, &late(5), &sent()).record;
    let mended = judge(&[stream(Kind::Plain, &held(), &sent()), quick], &around());
    assert_eq!(mended[0].word("mended_by"), None);
}

#[test]
fn what_mends_the_plain_one() {
    let (well, held) = (late(5), held());
    let by = |plain: &str, others: &[(Form, &str)]| {
        let found = found(plain, others);
        (found[0].word("mended_by").map(str::to_owned), found[0].measured.get("mended_for_event_source").cloned())
    };
    let text = Some("Content-Type: text/plain".to_owned());
    assert_eq!(by(&held, &[(TEXT, &well), (ANY, &held), (CLOSED, &held)]), (text.clone(), Some(false.into())));
    assert_eq!(by(&held, &[(TEXT, &held), (ANY, &held), (CLOSED, &well)]), (Some("not chunked".to_owned()), None));
    // Two departures where one is enough.
    assert_eq!(by(&held, &[(TEXT, &well), (ANY, &held), (BOTH, &well)]), (text, Some(false.into())));
    let both = Some("Content-Type: text/plain and Accept: */*".to_owned());
    assert_eq!(by(&held, &[(TEXT, &held), (ANY, &held), (BOTH, &well)]), (both, Some(false.into())));
    let http2 = Some("HTTP/2".to_owned());
    assert_eq!(by(&held, &[(TEXT, &held), (ANY, &held), (OVER_HTTP2, &well), (TEXT_OVER_HTTP2, &well)]), (http2, None));
    assert_eq!(by(&held, &[(TEXT, &well), (ANY, &well), (OVER_HTTP2, &well), (TEXT_OVER_HTTP2, &held)]), (None, None));
    // Where everything but the plain one arrives, it was an accident.
    assert_eq!(by(&held, &[(TEXT, &well), (ANY, &well), (CLOSED, &well)]), (None, None));
    assert_eq!(by(&held, &[(TEXT, &held), (ANY, &held)]), (None, None));
    // The hints come first.
    let hinted = [
        stream(Kind::Plain, &held, &sent()),
        stream(Kind::Hinted, &well, &sent()),
        of(TEXT, &well, &sent()),
        of(ANY, &held, &sent()),
    ];
    let found = judge(&hinted, &around());
    let by = found[0].word("mended_by").unwrap();
    assert!(by.starts_with("X-Accel-Buffering: no") && by.ends_with(" or Content-Type: text/plain"), "{by}");
    assert!(!found[0].measured.contains_key("mended_for_event_source"));
}

#[test]
#[rustfmt::skip]
fn what_is_hurt_over_http2() {
    let (well, held) = (late(5), held());
    let forms = |plain: &str, text: &str, any: &str, others: &[(Form, &str)]| {
        let own = [(OVER_HTTP2, plain), (TEXT_OVER_HTTP2, text), (ANY_OVER_HTTP2, any)];
        let found = found(&late(5), &[&own[..], others].concat());
        found.first().and_then(|finding| finding.measured.get("forms").cloned()).unwrap_or_default()
    };
    assert_eq!(forms(&well, &well, &well, &[]), serde_json::Value::Null);
    // Alone on one connection.
    assert_eq!(forms(&held, &well, &well, &[(OVER_HTTP2, &well)]), serde_json::json!(["HTTP/2: buffered-until-end"]));
    assert_eq!(forms(&well, &held, &well, &[]), serde_json::json!(["HTTP/2 and Content-Type: text/plain: buffered-until-end"]));
    // What hurts over HTTP/1.1, too, is not about HTTP/2.
    assert_eq!(forms(&well, &held, &well, &[(TEXT, &held)]), serde_json::json!(["Content-Type: text/plain: buffered-until-end"]));
    // All of one connection, and nothing of the other.
    assert_eq!(forms(&well, &held, &held, &[]), serde_json::Value::Null);
    // Not the form's doing: an end of the connection, no room, HTTP/2 not agreed on.
    for nothing in ["opened@0 request@0 fin@20", "opened@0 request@0 stream-reset:7@20", "opened@0 done@0"] {
        let all = [stream(Kind::Plain, &late(5), &sent()), of(OVER_HTTP2, &well, &sent()), of(TEXT_OVER_HTTP2, nothing, "empty")];
        check(&[(nothing, judge(&all, &around()), "")]);
    }
    let reset = of(TEXT_OVER_HTTP2, "opened@0 request@0 stream-reset:2@20", "empty");
    let all = [stream(Kind::Plain, &late(5), &sent()), of(OVER_HTTP2, &well, &sent()), reset, of(ANY_OVER_HTTP2, &well, &sent())];
    check(&[("a form is refused", judge(&all, &around()), "sse.other-forms-hurt transport=sse outcome=note")]);
}

#[test]
#[rustfmt::skip]
fn the_plain_form_over_http2_is_judged_as_the_plain_stream() {
    let (well, held, slow, five) = (late(5), held(), late(805), format!("{} reset@1450", events(|n, at| (n <= 5).then_some(at + 5))));
    let behind = format!("{} complete@3766", events(|n, _| Some(SENT.get(n as usize).map_or(3_765, |next| next + 5))));
    let over = |plain1: &str, plain: &str, text: &str| {
        found(plain1, &[(OVER_HTTP2, plain), (TEXT_OVER_HTTP2, text), (ANY_OVER_HTTP2, &well), (TEXT, plain1)])
    };
    check(&[
        ("held to its end, on two connections", over(&well, &held, &held),
         "sse.buffered-until-end form=HTTP/2 mended_by=HTTP/1.1 mended_for_event_source=false transport=sse outcome=broken"),
        ("late, as when the path is busy", over(&well, &slow, &slow), "sse.other-forms-hurt outcome=note"),
        ("one event behind", over(&well, &behind, &behind), "sse.one-event-behind form=HTTP/2 outcome=degraded"),
        ("nothing comes", over(&well, "gave-up@7400", "gave-up@7400"), "sse.cut received=0 form=HTTP/2"),
        ("one connection late, and a stream of the other held: two accidents", over(&well, &slow, &held), "sse.other-forms-hurt"),
        ("cut in the middle, which is another probe's to tell", over(&well, &five, &five), ""),
        ("over HTTP/1.1, too", over(&held, &held, &held), "sse.buffered-until-end outcome=broken"),
    ]);
    let both = over(&held, &held, &held);
    assert!(!both[0].measured.contains_key("form"));
}

/// A beat over HTTP/2 says nothing where the same beat is hurt over HTTP/1.1.
#[test]
fn another_beat_over_http2() {
    let held = held();
    let at = |form, every_ms, client: &str| {
        let mut one = of(form, client, &sent());
        one.asked.every_ms = every_ms;
        one
    };
    let forms = |slow: &str| {
        let well = late(5);
        let all = [
            stream(Kind::Plain, &late(5), &sent()),
            at(Form::default(), 299, slow),
            at(OVER_HTTP2, 300, &well),
            at(OVER_HTTP2, 299, &held),
            at(ANY_OVER_HTTP2, 300, &well),
        ];
        judge(&all, &around()).first().map(|finding| finding.measured["forms"].clone())
    };
    assert_eq!(forms(&late(5)), Some(serde_json::json!(["HTTP/2 and an event each 299 ms: buffered-until-end"])));
    assert_eq!(forms(&held), Some(serde_json::json!(["an event each 299 ms: buffered-until-end"])));
}

#[test]
fn each_is_compared_with_the_type_that_it_was_sent_as() {
    let mut text = of(TEXT, &late(5), &sent());
    assert!(super::super::stream(&text, &around()).is_empty());
    text.record.response.as_mut().unwrap().headers = headers(&[("content-type", "text/event-stream")]);
    let found = super::super::stream(&text, &around());
    assert_eq!(found[0].code, CONTENT_TYPE_CHANGED);
}

/// Both connections are asked at the same instant: what passes by itself may have met both.
#[test]
fn a_gateway_in_trouble_over_http2() {
    let well = late(5);
    let over = |status: u16| {
        let refused = format!("unproven opened@0 request@0 {status}@20 foreign@21 done@21");
        found(&well, &[(OVER_HTTP2, &refused), (TEXT_OVER_HTTP2, &refused), (ANY_OVER_HTTP2, &well), (TEXT, &well)])
    };
    let refused = |status: u16| format!("sse.refused form=HTTP/2 status={status} outcome=broken");
    check(&[
        ("busy", over(429), ""),
        ("bad gateway", over(502), ""),
        ("unavailable", over(503), ""),
        ("late", over(504), ""),
        ("forbidden", over(403), &refused(403)),
        ("not allowed", over(405), &refused(405)),
        ("HTTP/2 not supported", over(505), &refused(505)),
    ]);
}

/// What is hurt over HTTP/1.1, too, is no second witness against HTTP/2, nor is what was not tried there.
#[test]
fn a_second_witness_against_http2_is_clean_over_http1() {
    let (well, held) = (late(5), held());
    let said = |others: &[(Form, &str)]| {
        let own: [(Form, &str); 3] = [(OVER_HTTP2, &held), (TEXT_OVER_HTTP2, &held), (ANY_OVER_HTTP2, &well)];
        found(&well, &[&own[..], others].concat())
    };
    check(&[
        ("clean over HTTP/1.1", said(&[(TEXT, &well)]), "sse.buffered-until-end form=HTTP/2"),
        ("held over HTTP/1.1, too", said(&[(TEXT, &held), (ANY, &well)]), "sse.other-forms-hurt outcome=note"),
        ("not tried over HTTP/1.1", said(&[(ANY, &well)]), "sse.other-forms-hurt outcome=note"),
    ]);
}

/// A stream of which nobody heard says nothing beside one that was answered; and three connections are three.
#[test]
fn the_fate_of_one_connection_or_of_one_stream() {
    let (well, held) = (late(5), held());
    let kept = of(TEXT_OVER_HTTP2, "opened@0 request@0 gave-up@7400", "empty");
    let with = |others: &[(Form, &str)]| {
        let others = others.iter().map(|(form, client)| of(*form, client, &sent()));
        let all = [stream(Kind::Plain, &well, &sent()), of(OVER_HTTP2, &well, &sent()), kept.clone()];
        judge(&all.into_iter().chain(others).collect::<Vec<_>>(), &around())
    };
    let both = Form { http2: true, ..BOTH };
    let neither = Form { uncompressed: true, ..ANY_OVER_HTTP2 };
    let pairs = |text: &str, one: &str, other: &str| {
        let forms = [(OVER_HTTP2, &*well), (TEXT_OVER_HTTP2, text), (ANY_OVER_HTTP2, &well), (both, one), (neither, other)];
        found(&well, &forms)
    };
    check(&[
        ("never heard of, beside one that was answered", with(&[(ANY_OVER_HTTP2, &well)]), ""),
        ("never heard of, and nothing beside it", with(&[(both, &well)]), "sse.other-forms-hurt"),
        ("all of the third connection", pairs(&well, &held, &held), ""),
        ("one of the third connection", pairs(&well, &held, &well), "sse.other-forms-hurt"),
        ("all of the third, and one of the second", pairs(&held, &held, &held), "sse.other-forms-hurt"),
    ]);
}
