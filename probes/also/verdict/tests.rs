//! Visits, as this end may have seen them.

use super::*;
use crate::below::{Certificate, TlsEnd, Trust};
use crate::testing::{check, distorted, headers, record};

const PONGS: &str = "opened@0 request@0 101@20 sent:ping0@20 got:pong0@30 sent:ping1@1020 got:pong1@1030 done@5020";
const STREAM: &str = "opened@0 request@0 200@20 piece:14@25 piece:14@1025 done@5020";

fn asked(wants: Wants) -> Asked {
    Asked {
        url: Untrusted::new("wss://app.test/socket"),
        host: Untrusted::new("app.test"),
        wants,
        watch_ms: 5_000,
        proxy: None,
        chosen_by: "none".into(),
        client: None,
        examined: Examined::default(),
        looked: false,
        heard: Heard::default(),
        marks: Vec::new(),
    }
}

fn visit(asked: Asked, client: &str) -> Exchange<Asked> {
    Exchange { asked, record: record(client, "absent") }
}

/// A visit over TLS, with a certificate of this issuer, for whom these two vouch.
fn secured(issuer: &str, local: Trust, public: Trust, client: &str) -> Exchange<Asked> {
    let named = |name: &str| Untrusted::new(name);
    let chain = vec![Certificate { sha256: "c".into(), subject: named("CN=app.test"), issuer: named(issuer) }];
    let end = TlsEnd { version: "1.3".into(), certificate_sha256: Some("c".into()), ..TlsEnd::default() };
    let examined = Examined { chain, local, public, pin: None };
    let looked = client.contains("failed");
    visit(Asked { client: Some(end), examined, looked, ..asked(Wants::WebSocket) }, client)
}

fn answered(client: &str, fields: &[(&str, &str)]) -> Exchange<Asked> {
    let mut visit = visit(asked(Wants::WebSocket), client);
    visit.record.response.as_mut().unwrap().headers = headers(fields);
    visit
}

fn heard(wants: Wants, pieces: u32, bytes: u64, client: &str) -> Exchange<Asked> {
    visit(Asked { heard: Heard { pieces, bytes, event_ends: pieces, cut: false }, ..asked(wants) }, client)
}

fn corporate() -> ServerTls {
    ServerTls::Inspected("CN=Corp".into())
}

#[test]
#[rustfmt::skip]
fn what_a_conversation_tells() {
    let of = |visit: Exchange<Asked>| judge(&[visit], &ServerTls::Unknown);
    let ws = |client| of(visit(asked(Wants::WebSocket), client));
    let stream = |client| of(heard(Wants::EventStream, 2, 28, client));
    check(&[
        ("pongs came", ws(PONGS), ""),
        ("a stream flowed", stream(STREAM), ""),
        ("a name that is not there", ws("failed:resolve/name-not-found@3"),
         "also.not-reached url=wss://app.test/socket via=none outcome=note decisive=false"),
        ("a reset before the answer", ws("opened@0 request@0 reset@9"), "also.not-reached via=direct"),
        ("no answer in time", ws("opened@0 request@0 gave-up@10000"), "also.not-reached"),
        ("a sign-in is wanted", ws("opened@0 request@0 401@20 done@21"), "also.refused status=401 decisive=false outcome=note"),
        ("a redirect", of(answered("opened@0 request@0 302@20 done@21", &[("location", "https://login.test/")])), "also.refused status=302"),
        ("a 101 with a wrong key", ws("wrong-key opened@0 request@0 101@20 done@20"), "also.refused status=101"),
        ("a product's answer", of(answered("opened@0 request@0 403@20 done@21", &[("x-squid-error", "ERR_ACCESS_DENIED 0")])),
         "also.refused status=403 looks_like=Squid confidence=high"),
        ("a page in place of a stream", of(Exchange { asked: asked(Wants::EventStream),
            ..answered("opened@0 request@0 200@20 done@21", &[("content-type", "text/html")]) }), "also.refused status=200"),
        ("nothing after the 101", ws("opened@0 request@0 101@20 sent:ping0@20 sent:ping1@1020 done@5020"),
         "also.silent silent_ms=5000 bytes_heard=0 decisive=false outcome=note"),
        ("messages, and no pong", of(heard(Wants::WebSocket, 2, 28, "opened@0 request@0 101@20 sent:ping0@20 piece:14@30 piece:14@90 done@5020")),
         "also.silent bytes_heard=28"),
        ("nothing on a stream", of(visit(asked(Wants::EventStream), "opened@0 request@0 200@20 done@5020")), "also.silent"),
        ("ended by a close frame", ws("opened@0 request@0 101@20 sent:ping0@20 close:1008@60"),
         "also.closed-early after_ms=40 decisive=false outcome=note"),
        ("ended after a pong", ws("opened@0 request@0 101@20 sent:ping0@20 got:pong0@30 reset@2520"), "also.closed-early after_ms=2500"),
        ("a stream that is over", stream("opened@0 request@0 200@20 piece:28@25 complete@30"), "also.closed-early after_ms=10"),
        ("more than is read, and no pong", ws("opened@0 request@0 101@20 sent:ping0@20 limit@400"), ""),
        ("the run was stopped", ws("opened@0 request@0 101@20 sent:ping0@20"), ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_certificate_is_compared_with_the_probe_servers() {
    let corp = |server: &ServerTls| judge(&[secured("CN=Corp", Trust::Accepted, Trust::UnknownIssuer, PONGS)], server);
    let public = |server: &ServerTls| judge(&[secured("CN=R11", Trust::Accepted, Trust::Accepted, PONGS)], server);
    let untrusted = "failed:tls/closed@9";
    let nobody = |issuer: &str| judge(&[secured(issuer, Trust::UnknownIssuer, Trust::UnknownIssuer, untrusted)], &ServerTls::OneSession);
    let expired = Trust::Invalid(Untrusted::new("expired"));
    check(&[
        ("the probe host is exempted", corp(&ServerTls::OneSession),
         "also.intercepted probe_server=exempted issuer=CN=Corp certificate_sha256=c outcome=note decisive=false"),
        ("both alike", corp(&corporate()), "also.intercepted probe_server=alike"),
        ("by another", corp(&ServerTls::Inspected("CN=Else".into())), "also.intercepted probe_server=by-another"),
        ("a front there", corp(&ServerTls::Front), "also.intercepted probe_server=front"),
        ("nothing known", corp(&ServerTls::Unknown), "also.intercepted probe_server=unknown"),
        ("a product signs", judge(&[secured("CN=mitmproxy, O=mitmproxy", Trust::Accepted, Trust::UnknownIssuer, PONGS)], &ServerTls::Unknown),
         "also.intercepted looks_like=mitmproxy"),
        ("signed by itself, and trusted by --ca-file", judge(&[secured("CN=app.test", Trust::Accepted, Trust::UnknownIssuer, PONGS)], &corporate()), ""),
        ("held until it ends", judge(&[secured("CN=Corp", Trust::Accepted, Trust::UnknownIssuer, "opened@0 request@0 gave-up@9000")], &corporate()),
         "also.intercepted probe_server=alike | also.not-reached"),
        ("a root that nobody trusts: nothing else is said", nobody("CN=Corp"), "also.intercepted probe_server=exempted"),
        ("signed by itself", nobody("CN=app.test"), "also.not-reached"),
        ("expired", judge(&[secured("CN=R11", expired.clone(), expired, untrusted)], &ServerTls::OneSession), "also.not-reached"),
        ("this host is exempted", public(&corporate()), "also.exempted probe_server=inspected issuer=CN=R11 decisive=false outcome=note"),
        ("public here, one session there", public(&ServerTls::OneSession), ""),
        ("public here, a front there", public(&ServerTls::Front), ""),
        ("public here", public(&ServerTls::Unknown), ""),
    ]);
    assert!(corp(&ServerTls::OneSession)[0].summary.contains("the probe host is exempted from inspection, and this host is not"));
}

#[test]
fn each_visit_is_told() {
    let all = [
        secured("CN=Corp", Trust::Accepted, Trust::UnknownIssuer, PONGS),
        heard(Wants::EventStream, 2, 28, STREAM),
        visit(asked(Wants::WebSocket), "failed:connect/refused@3"),
    ];
    let told = told(&all, &ServerTls::OneSession);
    let [corp, stream, refused] = told.as_slice() else { panic!("{told:?}") };
    for words in ["signed by \"CN=Corp\"", "101 after 20 ms, pong after 10 ms", "stood for 5.0 s", "the probe host is exempted"] {
        assert!(corp.contains(words), "{corp}");
    }
    assert!(stream.contains("An event stream after 20 ms, the first bytes 5 ms later"), "{stream}");
    assert!(stream.contains("2 events (28 bytes in all) came"), "{stream}");
    assert!(refused.contains("Not reached: ") && refused.contains("connection refused"), "{refused}");
}

#[test]
fn no_time_that_a_file_can_hold_makes_it_panic() {
    for client in [PONGS, STREAM, "opened@0 request@0 101@20 sent:ping0@20 close:1008@60"] {
        for wants in [Wants::WebSocket, Wants::EventStream] {
            for (record, _) in distorted(&record(client, "absent")) {
                let heard = Heard { pieces: u32::MAX, bytes: u64::MAX, event_ends: u32::MAX, cut: true };
                let visit = [Exchange { asked: Asked { heard, watch_ms: u64::MAX, ..asked(wants) }, record }];
                assert!(
                    judge(&visit, &corporate())
                        .iter()
                        .all(|finding| !finding.decisive && finding.outcome == crate::finding::Outcome::Note)
                );
                told(&visit, &corporate());
            }
        }
    }
}
