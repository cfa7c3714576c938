//! Attempts to reach the server. The client is the only witness here: where the server was not reached, it saw nothing.

use super::*;
use crate::testing::{check, distorted, headers, record};
use crate::timeline::Event;

const SHA256: &str = "ab01";

fn asked(step: Step, leg: Leg) -> Asked {
    let name = |text| Untrusted::new(text);
    Asked {
        step,
        leg,
        host: name("probe.test"),
        peer: name("probe.test"),
        proxy: None,
        served_certificate: None,
        body: None,
        title: None,
        proven_elsewhere: false,
        machine: None,
    }
}

fn attempt_of(asked: Asked, client: &str) -> Exchange<Asked> {
    Exchange { asked, record: record(client, "absent") }
}

fn http(client: &str) -> Vec<Finding> {
    judge(&[attempt_of(asked(Step::Start, Leg::Http), client)])
}

/// An unproven answer with these headers and this body.
fn answered(status: u16, fields: &[(&str, &str)], body: &str, about: Asked) -> Vec<Finding> {
    let mut record = record(&format!("unproven opened@0 request@0 {status}@20 done@21"), "absent");
    record.response.as_mut().unwrap().headers = headers(fields);
    judge(&[Exchange { asked: Asked { body: Some(Untrusted::new(body)), ..about }, record }])
}

fn page(status: u16, fields: &[(&str, &str)], body: &str) -> Vec<Finding> {
    answered(status, fields, body, asked(Step::Start, Leg::Http))
}

/// TLS that failed because of the certificate; `served` is what the server says that it serves.
fn certificate(kind: Kind, served: Option<&str>) -> Vec<Finding> {
    let mut record = record("", "absent");
    let failure = Failure { operation: Operation::Tls, kind, peer: Untrusted::new("probe.test"), detail: Untrusted::default() };
    record.client.push(5, Event::Failed(Box::new(failure)));
    judge(&[Exchange {
        asked: Asked { served_certificate: served.map(Untrusted::new), ..asked(Step::Hello, Leg::Https) },
        record,
    }])
}

#[test]
#[rustfmt::skip]
fn what_became_of_a_datagram() {
    let of = |client: &str, server: &str| {
        let asked = asked(Step::Datagram, Leg::Https);
        judge(&[attempt_of(self::asked(Step::Start, Leg::Https), "opened@0 request@0 200@20 done@21 got:body0@21"), Exchange { asked, record: record(client, server) }])
    };
    check(&[
        ("answered", of("request@0 got:body0@20 done@20", "request@10 sent:body0@10 done@10"), "reach.udp-reachable outcome=note"),
        ("answered, and the record is lost", of("request@0 got:body0@20 done@20", "absent"), "reach.udp-reachable"),
        ("never arrived", of("request@0 gave-up@3500", "empty"), "reach.udp-blocked direction=to-server outcome=note"),
        ("the answers got lost", of("request@0 gave-up@3500", "request@10 sent:body0@10 done@10"),
         "reach.udp-blocked direction=to-client"),
        ("no witness", of("request@0 gave-up@3500", "absent"), ""),
        ("the run was stopped before", of("request@0", "empty"), ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_proven_leg_has_no_finding() {
    let start = |client| attempt_of(asked(Step::Start, Leg::Http), client);
    let proven = "opened@0 request@0 200@20 done@21 got:body0@21";
    check(&[
        ("by POST", http(proven), ""),
        ("by GET, where POST is blocked",
         judge(&[start("unproven opened@0 request@0 403@20 done@20"), attempt_of(asked(Step::StartByGet, Leg::Http), proven)]),
         ""),
        ("by the other leg's run",
         judge(&[start("opened@0 request@0 failed:request/timed-out@10000"), attempt_of(asked(Step::Hello, Leg::Http), proven)]),
         ""),
        ("nothing was tried", judge(&[]), ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn what_did_not_come_about() {
    check(&[
        ("no address", http("failed:resolve/name-not-found@5"), "reach.dns-failed outcome=inconclusive"),
        ("no answer of the name server", http("failed:resolve/timed-out@5000"), "reach.dns-failed"),
        ("refused", http("failed:connect/refused@5"), "reach.connect-refused outcome=inconclusive"),
        ("no answer", http("failed:connect/timed-out@9000"), "reach.connect-timed-out outcome=inconclusive"),
        ("no route", http("failed:connect/unreachable@5"), "reach.connect-timed-out"),
        ("reset while TLS begins", http("failed:tls/reset@5"), "reach.connection-reset outcome=inconclusive"),
        ("no TLS", http("failed:tls/tls-refused@5"), "reach.connection-reset"),
        ("reset before an answer", http("opened@0 request@0 failed:request/reset@5"), "reach.connection-reset"),
        ("FIN before an answer", http("opened@0 request@0 failed:request/closed@5"), "reach.connection-reset"),
        ("no answer to the request", http("opened@0 request@0 failed:request/timed-out@10000"),
         "reach.connect-timed-out"),
        ("our answer began and stalled", http("opened@0 request@0 200@20 failed:body/timed-out@10000"),
         "reach.connect-timed-out"),
        ("our answer began and broke off", http("opened@0 request@0 200@20 failed:body/closed@30"),
         "reach.connection-reset"),
        ("hello: silence", judge(&[attempt_of(asked(Step::Hello, Leg::Http), "opened@0 request@0 gave-up@3500")]),
         "reach.connect-timed-out"),
        ("hello: an end", judge(&[attempt_of(asked(Step::Hello, Leg::Http), "opened@0 request@0 reset@30")]),
         "reach.connection-reset"),
        ("something that speaks no HTTP", http("opened@0 request@0 failed:request/not-http@5"),
         "reach.not-our-server outcome=inconclusive"),
        ("another version", http("opened@0 request@0 200@20 done@21 failed:request/other-version@21"),
         "reach.not-our-server"),
        ("no proxy", http("failed:connect-proxy/refused@5"), "reach.proxy-unreachable outcome=inconclusive"),
        ("a proxy that speaks no HTTP", http("failed:tunnel/not-http@5"), "reach.proxy-unreachable"),
        ("the proxy refuses", http("failed:tunnel/status403@5"), "reach.proxy-refused-tunnel outcome=broken"),
        // A server that is down is not a middlebox.
        ("the proxy cannot reach the server: 502", http("failed:tunnel/status502@5"),
         "reach.server-unavailable outcome=inconclusive"),
        ("the proxy cannot reach the server: 503", http("failed:tunnel/status503@5"), "reach.server-unavailable"),
        ("the proxy cannot reach the server: 504", http("failed:tunnel/status504@5"), "reach.server-unavailable"),
    ]);
}

#[test]
#[rustfmt::skip]
fn who_answered_instead() {
    let elsewhere = Asked { proven_elsewhere: true, ..asked(Step::Hello, Leg::Http) };
    let to = |location| page(302, &[("location", location)], "");
    let https = |location| answered(302, &[("location", location)], "", asked(Step::Start, Leg::Https));
    check(&[
        ("a stranger", page(404, &[("server", "nginx")], "<h1>Not Found</h1>"),
         "reach.not-our-server status=404 outcome=inconclusive"),
        ("a stranger with a page", page(200, &[], "<html>Welcome</html>"), "reach.not-our-server status=200"),
        ("511", page(511, &[], ""), "reach.answered-by-middlebox status=511 outcome=broken"),
        ("a redirect to a login", to("http://login.hotel.test/"), "reach.answered-by-middlebox status=302"),
        ("a redirect to a page of its own", to("/login"), "reach.not-our-server status=302"),
        ("a product's header", page(403, &[("x-squid-error", "ERR_ACCESS_DENIED 0")], ""),
         "reach.answered-by-middlebox status=403"),
        ("a product's page", page(403, &[], "<p>Powered By Fortinet</p>"), "reach.answered-by-middlebox"),
        ("a page where the server is proven to be", answered(403, &[], "", elsewhere.clone()),
         "reach.answered-by-middlebox status=403"),
        ("the same by 503: the gateway may have lost the server", answered(503, &[], "", elsewhere),
         "reach.server-unavailable status=503 outcome=inconclusive"),
        ("502", page(502, &[], ""), "reach.server-unavailable status=502"),
        ("our server, with its reason", page(429, &[("proxyprobe-refused", "runs-per-address"), ("retry-after", "60")], ""),
         "reach.server-unavailable status=429 limit=runs-per-address outcome=inconclusive"),
        ("our server wants a token", page(403, &[("proxyprobe-refused", "token")], ""),
         "reach.token-required status=403 outcome=inconclusive"),
        ("somebody else says no", page(403, &[], ""), "reach.not-our-server status=403"),
        ("a reason that no server gives", page(503, &[("proxyprobe-refused", "you")], ""),
         "reach.server-unavailable status=503 outcome=inconclusive"),
        ("Squid cannot reach the server", page(503, &[("x-squid-error", "ERR_CONNECT_FAIL 111")], ""),
         "reach.server-unavailable status=503"),
        ("over its limits", page(429, &[], ""), "reach.server-unavailable status=429"),
        ("407", page(407, &[("proxy-authenticate", "Negotiate"), ("proxy-authenticate", "Basic")], ""),
         "reach.proxy-auth-required status=407 outcome=inconclusive"),
        ("cleartext to TLS", to("https://probe.test/"), "reach.redirected-to-https status=302 outcome=note"),
        ("cleartext to TLS on another port", to("https://probe.test:8443/v1"), "reach.redirected-to-https"),
        ("TLS to TLS on the same host", https("https://probe.test/login"), "reach.not-our-server"),
        ("TLS to cleartext on the same host", https("http://probe.test/"), "reach.not-our-server"),
        ("TLS to another host", https("https://login.hotel.test/"), "reach.answered-by-middlebox"),
    ]);
}

#[test]
fn a_page_is_told_with_its_status_and_its_title() {
    let about = Asked { title: Some(Untrusted::new("Web Page Blocked")), ..asked(Step::Start, Leg::Http) };
    for (status, fields) in [(403, &[("x-squid-error", "x")][..]), (200, &[]), (503, &[])] {
        let summary = answered(status, fields, "", about.clone())[0].summary.clone();
        let told =
            summary.contains(&format!("HTTP {status}")) && summary.contains("Its page has the title \"Web Page Blocked\".");
        assert!(told, "{summary}");
    }
}

/// Schemes and names have no case, and a name may end in a dot (RFC 3986 sections 3.1 and 3.2.2).
#[test]
fn the_same_name_otherwise_spelt_is_the_same_host() {
    let spelt = ["https://probe.test:443/", "https://Probe.Test/", "HTTPS://probe.test/", "https://probe.test./"];
    check(&spelt.map(|location| (location, page(301, &[("location", location)], ""), "reach.redirected-to-https outcome=note")));
}

#[test]
#[rustfmt::skip]
fn a_host_is_told_from_its_port_and_from_what_looks_like_it() {
    let at = |host: &str, location: &str| {
        let about = Asked { host: Untrusted::new(host), ..asked(Step::Start, Leg::Http) };
        answered(301, &[("location", location)], "", about)
    };
    check(&[
        ("an address of version 6", at("2001:db8::1", "https://[2001:db8::1]/"), "reach.redirected-to-https"),
        ("the same with a port", at("2001:db8::1", "https://[2001:db8::1]:8443/"), "reach.redirected-to-https"),
        ("a name that only begins like it", at("probe.test", "https://probe.test.evil.test/"),
         "reach.answered-by-middlebox"),
        ("a name before an @", at("probe.test", "https://probe.test@evil.test/"), "reach.answered-by-middlebox"),
    ]);
}

#[test]
#[rustfmt::skip]
fn whose_certificate_it_is() {
    let untrusted = || Kind::CertificateUntrusted(SHA256.to_owned());
    check(&[
        ("the server's own", certificate(untrusted(), Some("AB01")),
         "reach.self-signed-server certificate_sha256=ab01 outcome=note"),
        ("somebody else's", certificate(untrusted(), Some("cd02")),
         "reach.answered-by-middlebox certificate_sha256=ab01 served_sha256=cd02 outcome=broken"),
        ("nothing to compare it with", certificate(untrusted(), None),
         "reach.certificate-untrusted certificate_sha256=ab01 outcome=inconclusive"),
        ("for another name, or expired", certificate(Kind::CertificateInvalid(SHA256.to_owned()), None),
         "reach.certificate-untrusted certificate_sha256=ab01"),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_refused_tunnel_speaks_for_websockets_alone() {
    let proven = attempt_of(asked(Step::Start, Leg::Http), "opened@0 request@0 200@20 done@21");
    let tunnel = |client| judge(&[proven.clone(), attempt_of(asked(Step::Tunnel, Leg::Http), client)]);
    check(&[
        ("it opened", tunnel("opened@0 done@1"), ""),
        ("refused", tunnel("failed:tunnel/status403@5"),
         "reach.proxy-refused-tunnel transport=websocket outcome=broken"),
        ("the proxy cannot reach the server", tunnel("failed:tunnel/status503@5"),
         "reach.server-unavailable transport=websocket outcome=inconclusive"),
        ("no answer", tunnel("failed:tunnel/timed-out@9000"),
         "reach.connect-timed-out transport=websocket outcome=inconclusive"),
        ("a leg that was not reached has that finding too",
         judge(&[attempt_of(asked(Step::Start, Leg::Http), "failed:connect-proxy/refused@5"), attempt_of(asked(Step::Tunnel, Leg::Http), "failed:connect-proxy/refused@9")]),
         "reach.proxy-unreachable | reach.proxy-unreachable transport=websocket"),
    ]);
}

#[test]
fn credentials_are_asked_for_by_name() {
    let mut wanted = record("", "absent");
    let kind = Kind::CredentialsRequired(vec![Untrusted::new("Negotiate"), Untrusted::new("Basic")]);
    let peer = Untrusted::new("probe.test");
    wanted
        .client
        .push(5, Event::Failed(Box::new(Failure { operation: Operation::Tunnel, kind, peer, detail: Untrusted::default() })));
    let found = judge(&[Exchange { asked: asked(Step::Start, Leg::Https), record: wanted }]);
    assert!(found[0].summary.contains("Negotiate, Basic") && found[0].summary.contains("--proxy-user"), "{}", found[0].summary);
    check(&[("CONNECT answered with 407", found, "reach.proxy-auth-required outcome=inconclusive")]);
}

/// A dial that failed in this way.
fn dial(operation: Operation, kind: Kind, detail: &str) -> Vec<Finding> {
    let mut wanted = record("", "absent");
    let failure = Failure { operation, kind, peer: Untrusted::new("peer.test"), detail: Untrusted::new(detail) };
    wanted.client.push(5, Event::Failed(Box::new(failure)));
    judge(&[Exchange { asked: asked(Step::Start, Leg::Https), record: wanted }])
}

#[test]
#[rustfmt::skip]
fn what_goes_wrong_at_a_proxy_is_told_apart() {
    let refused = || Kind::CredentialsRefused { schemes: vec![Untrusted::new("NTLM")], tried: "NTLM".to_owned() };
    check(&[
        ("a script with a mistake", dial(Operation::Pac, Kind::Other, "x is not defined, line 3"), "reach.pac-failed outcome=inconclusive"),
        ("a script that is not there", dial(Operation::Pac, Kind::Status(404), ""), "reach.pac-failed"),
        ("a wrong password", dial(Operation::SignIn, refused(), ""), "reach.proxy-auth-required outcome=inconclusive tried=NTLM"),
        ("signing in breaks off", dial(Operation::SignIn, Kind::Closed, ""), "reach.proxy-unreachable"),
        ("a proxy's certificate", dial(Operation::TlsProxy, Kind::CertificateUntrusted("00".into()), ""), "reach.proxy-unreachable"),
        ("no TLS at a proxy", dial(Operation::TlsProxy, Kind::TlsRefused, ""), "reach.proxy-unreachable"),
        ("no SOCKS at a proxy", dial(Operation::Tunnel, Kind::NotSocks, ""), "reach.proxy-unreachable"),
        ("SOCKS: by rule", dial(Operation::Tunnel, Kind::Forbidden, ""), "reach.proxy-refused-tunnel outcome=broken"),
        ("SOCKS: refused behind it", dial(Operation::Tunnel, Kind::Refused, ""), "reach.server-unavailable"),
        ("SOCKS: unreachable behind it", dial(Operation::Tunnel, Kind::Unreachable, ""), "reach.server-unavailable"),
    ]);
    let sentence = |found: Vec<Finding>| found[0].summary.clone();
    let words = sentence(dial(Operation::SignIn, refused(), "it says: No"));
    assert!(words.contains("tried: NTLM; it offers: NTLM") && words.contains("it says: No") && words.contains("lock"), "{words}");
    assert!(sentence(dial(Operation::Pac, Kind::Other, "x is not defined, line 3")).contains("peer.test: failed (x is not defined, line 3)"));
}

#[test]
fn odd_evidence_is_judged_without_a_panic() {
    for client in ["", "opened@0", "opened@0 request@0 999@5", "unproven opened@0 request@0 301@20"] {
        for (record, _) in distorted(&record(client, "absent")) {
            judge(&[Exchange { asked: asked(Step::Start, Leg::Http), record }]);
        }
    }
    for location in
        ["", "://", "https://", "https://:", "https://[", "https://[]:1", "https://@", "https://é:é/", "//probe.test/"]
    {
        page(302, &[("location", location)], "");
    }
}
