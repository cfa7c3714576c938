//! Sessions, as both ends may have seen them.

use super::*;
use crate::exchange::Witness;
use crate::testing::{check, distorted, record};
use crate::tls::hello::tests::{hex, message};
use serde_json::json;

const CLIENT: &str = "opened@0 request@0 200@20 got:body0@21 done@22";
const SERVER: &str = "request@10 200@11 sent:body0@11 done@11";

/// An end: its version, its ALPN, its exporter value and its certificate.
fn end(version: &str, alpn: &str, exporter: &str, sha256: &str) -> TlsEnd {
    let versions: &[u8] = &[4, 3, 4, 3, 3];
    TlsEnd {
        version: version.into(),
        alpn: (alpn != "none").then(|| Untrusted::new(alpn)),
        exporter: Some(exporter.into()),
        hellos: vec![hex(&message(exporter.len() as u8, &[0x1301], &[(16, b"x"), (43, versions)]))],
        certificate_sha256: Some(sha256.into()),
    }
}

fn heard(evidence: &[Exchange<Asked>]) -> Vec<Finding> {
    judge(evidence, &Circumstances::default())
}

/// Who vouches for a certificate of this issuer: this machine, the public roots, a pin.
fn examined(issuer: &str, local: Trust, public: Trust, pin: Option<&str>) -> Examined {
    let chain =
        vec![Certificate { sha256: "c".into(), subject: Untrusted::new("CN=probe.test"), issuer: Untrusted::new(issuer) }];
    Examined { chain, local, public, pin: pin.map(str::to_owned) }
}

/// A session: the client's end, who vouches for it, and the server's end; none is cleartext.
fn session(client: TlsEnd, examined: Examined, server: Option<TlsEnd>) -> Vec<Exchange<Asked>> {
    let mut record = record(CLIENT, SERVER);
    if let Witness::Whole(notes) = &mut record.witness {
        notes.below = Below { cleartext: server.is_none(), tls: server, ..Below::default() };
    }
    vec![Exchange { asked: Asked { client: Some(client), examined, ..Asked::new(Step::Session) }, record }]
}

fn corporate() -> Examined {
    examined("CN=Corp", Trust::Accepted, Trust::UnknownIssuer, None)
}

fn public() -> Examined {
    examined("CN=R11, O=Let's Encrypt", Trust::Accepted, Trust::Accepted, None)
}

#[test]
#[rustfmt::skip]
fn what_the_two_ends_of_a_session_say_together() {
    let http = |exporter, sha256| end("1.3", "http/1.1", exporter, sha256);
    let zscaler = examined("CN=Zscaler Intermediate Root CA, O=Zscaler Inc.", Trust::Accepted, Trust::UnknownIssuer, None);
    let avast = examined("CN=Avast Web/Mail Shield Root", Trust::Accepted, Trust::UnknownIssuer, None);
    let pinned = examined("CN=own", Trust::Accepted, Trust::UnknownIssuer, Some("c"));
    let of = |client, examined, server| heard(&session(client, examined, server));
    let mut unknown = session(http("a", "c"), corporate(), None);
    if let Witness::Whole(notes) = &mut unknown[0].record.witness {
        notes.below = Below::default();
    }
    let mut unseen = session(http("a", "c"), corporate(), Some(http("bb", "s")));
    unseen[0].record.witness = Witness::Empty;
    let mut valueless = http("a", "s");
    valueless.exporter = None;
    check(&[
        ("one session, a root of the company's", of(http("a", "c"), corporate(), Some(http("a", "c"))), ""),
        ("one session, nobody vouches for it but the pin", of(http("a", "c"), pinned.clone(), Some(http("a", "c"))), ""),
        ("two sessions, a root of the company's", of(http("a", "c"), corporate(), Some(http("bb", "s"))),
         "tls.intercepted-trusted-root issuer=CN=Corp certificate_sha256=c served_sha256=s version_client=1.3 outcome=note"),
        ("two sessions, a public root", of(http("a", "c"), public(), Some(http("bb", "s"))),
         "tls.terminated-by-front outcome=note alpn_client=http/1.1 alpn_server=http/1.1"),
        ("two sessions, the server's own certificate", of(http("a", "s"), corporate(), Some(http("bb", "s"))), "tls.terminated-by-front"),
        ("cleartext at the server, the pinned certificate", of(http("a", "c"), pinned, None),
         "tls.terminated-by-front server_saw=cleartext"),
        ("cleartext at the server, a public root", of(http("a", "c"), public(), None), "tls.terminated-by-front"),
        ("cleartext at the server, a root of the company's", of(http("a", "c"), corporate(), None), "tls.intercepted-trusted-root"),
        ("a known issuer", of(http("a", "c"), zscaler, Some(http("bb", "s"))),
         "tls.intercepted-trusted-root looks_like=Zscaler confidence=high stands=network"),
        ("an antivirus on this machine", of(http("a", "c"), avast, Some(http("bb", "s"))),
         "tls.intercepted-trusted-root looks_like=Avast stands=this-machine"),
        ("no protocol at this end", of(end("1.3", "none", "a", "c"), corporate(), Some(http("bb", "s"))),
         "tls.intercepted-trusted-root | tls.alpn-changed alpn_client=none alpn_server=http/1.1 outcome=note"),
        ("no protocol at either end", of(end("1.3", "none", "a", "c"), corporate(), Some(end("1.3", "none", "bb", "s"))),
         "tls.intercepted-trusted-root | tls.alpn-changed alpn_client=none alpn_server=none"),
        ("another protocol at the server", of(http("a", "c"), public(), Some(end("1.3", "h2", "bb", "s"))),
         "tls.terminated-by-front | tls.alpn-changed alpn_server=h2"),
        ("an old version at this end", of(end("1.2", "http/1.1", "a", "c"), corporate(), Some(http("bb", "s"))),
         "tls.intercepted-trusted-root | tls.version-lowered version_client=1.2 version_server=1.3 outcome=note"),
        ("an old version at the server", of(http("a", "c"), corporate(), Some(end("1.2", "http/1.1", "bb", "s"))),
         "tls.intercepted-trusted-root | tls.version-lowered version_client=1.3 version_server=1.2"),
        ("a server that keeps nothing", heard(&unknown), ""),
        ("a server that saw nothing", heard(&unseen), ""),
        ("no exporter value at the server", of(http("a", "c"), corporate(), Some(valueless)), ""),
    ]);
}

/// A look: its certificate, who vouches for it, and what the server says it serves.
fn look(examined: Examined, sha256: &str, served: Option<&str>) -> Vec<Finding> {
    let asked = Asked {
        client: Some(end("1.3", "http/1.1", "a", sha256)),
        examined,
        served_sha256: served.map(Untrusted::new),
        ..Asked::new(Step::Look)
    };
    heard(&[Exchange { asked, record: record("opened@0 done@1", "empty") }])
}

#[test]
#[rustfmt::skip]
fn whose_certificate_it_is_that_nobody_vouches_for() {
    let nobodys = |pin| examined("CN=Fortinet_CA_SSL, O=Fortinet", Trust::UnknownIssuer, Trust::UnknownIssuer, pin);
    let expired = |public| examined("CN=own", Trust::Invalid(Untrusted::new("expired")), public, None);
    check(&[
        ("not the server's", look(nobodys(None), "c", Some("s")),
         "tls.intercepted-untrusted-root known_by=server served_sha256=s looks_like=FortiGate outcome=broken"),
        ("not the one of the pin", look(nobodys(Some("s")), "c", None), "tls.intercepted-untrusted-root known_by=pin"),
        ("not the one of the pin, of the server's own making", look(examined("CN=probe.test", Trust::UnknownIssuer, Trust::UnknownIssuer, Some("s")), "c", None),
         "tls.certificate-invalid certificate_sha256=c"),
        ("the server's, whatever the pin", look(nobodys(Some("p")), "s", Some("S")), ""),
        ("the server's own making", look(nobodys(None), "s", Some("s")), ""),
        ("nobody tells", look(nobodys(None), "c", None), "tls.certificate-invalid certificate_sha256=c outcome=inconclusive"),
        ("the server's, expired", look(expired(Trust::Invalid(Untrusted::default())), "s", Some("s")), "tls.certificate-invalid"),
        ("browsers would accept it", look(examined("CN=R11", Trust::UnknownIssuer, Trust::Accepted, None), "c", Some("s")), ""),
        ("accepted now", look(corporate(), "c", Some("s")), ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_handshake_is_refused_when_the_server_never_saw_it() {
    let after = |client: &str, seen: Option<bool>, around: Circumstances| {
        let mut asked = record(CLIENT, SERVER);
        if let Witness::Whole(notes) = &mut asked.witness {
            notes.below.hello_seen = seen;
        }
        let look = Exchange { asked: Asked::new(Step::Look), record: record(client, "empty") };
        judge(&[look, Exchange { asked: Asked::new(Step::Seen), record: asked }], &around)
    };
    let of = |client: &str, seen| after(client, seen, Circumstances::default());
    let full = |client: &str, seen| after(client, seen, Circumstances { server_turned_away: 3, ..Circumstances::default() });
    check(&[
        ("reset, never seen", of("failed:tls/reset@5", Some(false)), "tls.handshake-refused how=reset outcome=broken"),
        ("closed, never seen", of("failed:tls/closed@5", Some(false)), "tls.handshake-refused how=closed"),
        ("an alert, never seen", of("failed:tls/tls-refused@5", Some(false)), "tls.handshake-refused how=refused"),
        ("reset, seen", of("failed:tls/reset@5", Some(true)), ""),
        ("reset, and nobody tells", of("failed:tls/reset@5", None), ""),
        ("reset, and the server closes some unread", full("failed:tls/reset@5", Some(false)), ""),
        ("silence", of("failed:tls/timed-out@5000", Some(false)), ""),
        ("no connection", of("failed:connect/refused@5", Some(false)), ""),
    ]);
}

#[test]
fn evidence_that_somebody_edited_is_judged_without_a_fault() {
    let one = session(end("1.3", "http/1.1", "a", "c"), corporate(), Some(end("1.2", "none", "bb", "s"))).remove(0);
    for (record, _) in distorted(&one.record) {
        for hello in ["", "zz", "0100", "01000000"] {
            let mut asked = one.asked.clone();
            asked.client.as_mut().unwrap().hellos = vec![hello.to_owned()];
            heard(&[Exchange { asked, record: record.clone() }]);
        }
    }
}

#[test]
fn evidence_of_fewer_fields_is_read() {
    let read: Asked = serde_json::from_value(json!({"step": "session"})).unwrap();
    assert_eq!(read, Asked::new(Step::Session));
}
