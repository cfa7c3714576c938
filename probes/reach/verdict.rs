//! What the attempts to reach the server tell.

use super::*;
use crate::exchange::{Proof, Record, ResponseHead, Witness};
use crate::failure::{Failure, Kind, Operation};
use crate::refusal::Refusal;
use crate::timeline::{Event, What};
use crate::transport::{Direction, Via};

/// How to give credentials.
const CREDENTIALS: &str = "Give the user with --proxy-user, and the password at the prompt, in a file (--proxy-password-file) or in PROXYPROBE_PROXY_PASSWORD.";

/// What to do after a refusal: trying again locks accounts.
const REFUSED: &str = "Nothing else was tried with these credentials, so as not to lock the account. Check the user (--proxy-user, for NTLM as DOMAIN\\USER) and the password.";

/// Judges one leg: the last attempt speaks for it, and the tunnel for WebSockets alone.
pub(super) fn judge(evidence: &[Exchange<Asked>]) -> Vec<Finding> {
    let here: Vec<Finding> =
        evidence.iter().filter_map(|exchange| exchange.asked.machine.as_ref()).flat_map(machine::judge).collect();
    let asked = evidence.iter().filter(|exchange| !matches!(exchange.asked.step, Step::Machine | Step::Datagram));
    let (tunnels, attempts): (Vec<_>, Vec<_>) = asked.partition(|exchange| exchange.asked.step == Step::Tunnel);
    let proven =
        attempts.iter().any(|exchange| exchange.record.proof == Proof::Valid && exchange.record.client.failed().is_none());
    let mut findings = Vec::new();
    if !proven {
        let all: Vec<Finding> =
            attempts.iter().map(|exchange| attempt(&exchange.asked, &exchange.record).seen_on([&exchange.record])).collect();
        // The last attempt speaks for the leg, unless an earlier one showed who answers there.
        let telling = all.iter().find(|finding| finding.blames()).or(all.last());
        findings.extend(telling.cloned());
    }
    for exchange in tunnels {
        if let Some((_, failure)) = exchange.record.client.failed() {
            let finding = failed(failure, &exchange.asked).with("transport", "websocket").with("via", Via::Connect.as_str());
            findings.push(finding.seen_on([&exchange.record]));
        }
    }
    findings.extend(here);
    findings.extend(evidence.iter().filter(|exchange| exchange.asked.step == Step::Datagram).filter_map(by_datagram));
    findings
}

/// Whether a question by UDP was answered, and otherwise how far it came.
fn by_datagram(exchange: &Exchange<Asked>) -> Option<Finding> {
    let (record, peer) = (&exchange.record, &exchange.asked.peer);
    let over = |e: &Event| matches!(e, Event::GaveUp | Event::Failed(_));
    let finding = if record.client.first(|e| matches!(e, Event::Received(What::Body, ..))).is_some() {
        Finding::new(UDP_REACHABLE, format!("Datagrams to {peer} arrive, and are answered: HTTP/3 could be tried here."))
    } else {
        record.client.first(over)?;
        let blocked = |what: &str| Finding::new(UDP_BLOCKED, format!("Datagrams to {peer} {what}: no HTTP/3 here."));
        match record.witness {
            Witness::Empty => blocked("do not reach the server").towards(Direction::ToServer),
            Witness::Partial(_) | Witness::Whole(_) => {
                blocked("reach the server, and its answers get lost").towards(Direction::ToClient)
            }
            Witness::Absent => return None,
        }
    };
    Some(finding.seen_on([record]))
}

fn attempt(asked: &Asked, record: &Record) -> Finding {
    if let Some((_, failure)) = record.client.failed() {
        return failed(failure, asked);
    }
    let Some(head) = &record.response else {
        let silent = record.client.first(|e| *e == Event::GaveUp).is_some();
        return if silent {
            Finding::new(CONNECT_TIMED_OUT, format!("{} accepted the connection and then did not answer.", server(asked)))
        } else {
            Finding::new(CONNECTION_RESET, format!("The connection to {} ended before an answer.", server(asked)))
        };
    };
    let status = head.status;
    let location = head.values("location").next().unwrap_or_default();
    let finding = match status {
        403 if Refusal::of(head) == Some(Refusal::Token) => Finding::new(
            TOKEN_REQUIRED,
            format!(
                "{} is there and takes no run without a token that it knows. Give the one that its operator gave you, with \
                 --token-file or in PROXYPROBE_TOKEN.",
                server(asked)
            ),
        ),
        429 | 503 if Refusal::of(head).is_some() => return refused(asked, head),
        407 => {
            let schemes: Vec<&str> = head.values("proxy-authenticate").collect();
            let proxy = asked.proxy.as_ref().map_or("something in between", Untrusted::as_str);
            Finding::new(
                PROXY_AUTH_REQUIRED,
                format!("The proxy {proxy} asks for credentials ({}). {CREDENTIALS}", schemes.join(", ")),
            )
            .with("schemes", schemes)
        }
        429 | 502..=504 => Finding::new(
            SERVER_UNAVAILABLE,
            format!(
                "{} is not available: HTTP {status}. Either the server is down or over its limits, or a gateway cannot reach it.{}",
                server(asked),
                titled(asked)
            ),
        ),
        300..=399
            if asked.leg == Leg::Http && host_of(location) == Some(("https".to_owned(), plain_name(asked.host.as_str()))) =>
        {
            Finding::new(REDIRECTED_TO_HTTPS, "The cleartext leg redirects to TLS and was not tested.")
        }
        _ => match positive_evidence(asked, record, location) {
            Some(why) => Finding::new(
                ANSWERED_BY_MIDDLEBOX,
                format!(
                    "Something in between answered in place of {}, with HTTP {status}: {why}.{}",
                    server(asked),
                    titled(asked)
                ),
            ),
            None => Finding::new(
                NOT_OUR_SERVER,
                format!(
                    "{} answered with HTTP {status}, but it is not a proxyprobe server.{} Is the address right, and is `proxyprobe serve` running there?",
                    server(asked),
                    titled(asked)
                ),
            ),
        },
    };
    finding.with("status", status)
}

/// The server's own answer, which names its limit.
fn refused(asked: &Asked, head: &ResponseHead) -> Finding {
    let refusal = Refusal::of(head);
    let because = refusal.map_or("", Refusal::because);
    let after: Option<u64> = head.values("retry-after").next().and_then(|seconds| seconds.trim().parse().ok());
    let again = after.map_or_else(|| "later".to_owned(), |seconds| format!("in {} s", seconds.min(MOST_PATIENCE_S)));
    let text = format!("{} is there and takes no run from here now: {because}. Try again {again}.", server(asked));
    let finding = Finding::new(SERVER_UNAVAILABLE, text).with("status", head.status);
    finding.with("limit", refusal.map_or("", Refusal::as_str))
}

/// Nobody is told to wait for longer than a day.
const MOST_PATIENCE_S: u64 = 86_400;

/// Why an unproven answer is a middlebox's and not a stranger's, if anything says so.
fn positive_evidence(asked: &Asked, record: &Record, location: &str) -> Option<String> {
    let head = record.response.as_ref()?;
    if head.status == 511 {
        return Some("this network wants a login first (RFC 6585 section 6)".to_owned());
    }
    if let Some((_, host)) =
        host_of(location).filter(|(_, host)| (300..400).contains(&head.status) && *host != plain_name(asked.host.as_str()))
    {
        return Some(format!("a redirect to another host, {host}"));
    }
    let texts = head.headers.iter().map(|(_, value)| value.as_str());
    let names = head.headers.iter().map(|(name, _)| name.as_str());
    let body = asked.body.iter().map(Untrusted::as_str);
    if let Some(product) = products::named_in(texts.chain(names).chain(body)) {
        return Some(format!("the answer carries the marks of {product}"));
    }
    asked.proven_elsewhere.then(|| "the server was proven to be there over the other leg".to_owned())
}

/// What the page calls itself.
fn titled(asked: &Asked) -> String {
    asked.title.as_ref().map(|title| format!(" Its page has the title \"{title}\".")).unwrap_or_default()
}

/// Scheme and host of an absolute URL, both in lower case, the host without the root's dot.
fn host_of(url: &str) -> Option<(String, String)> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let port_at = host.rfind(':').filter(|at| host.get(at + 1..).is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit())));
    let host = port_at.and_then(|at| host.get(..at)).unwrap_or(host);
    Some((scheme.to_ascii_lowercase(), plain_name(host)))
}

fn plain_name(host: &str) -> String {
    host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase()
}

fn failed(failure: &Failure, asked: &Asked) -> Finding {
    let (code, hint) = match (&failure.operation, &failure.kind) {
        (_, Kind::CredentialsRequired(schemes) | Kind::CredentialsRefused { schemes, .. }) => {
            let schemes: Vec<&str> = schemes.iter().map(Untrusted::as_str).collect();
            let refused = matches!(failure.kind, Kind::CredentialsRefused { .. });
            let hint = if refused { REFUSED } else { CREDENTIALS };
            let finding = Finding::new(PROXY_AUTH_REQUIRED, format!("{}. {hint}", capitalised(&failure.to_string())));
            return match &failure.kind {
                Kind::CredentialsRefused { tried, .. } => finding.with("schemes", schemes).with("tried", tried.as_str()),
                _ => finding.with("schemes", schemes),
            };
        }
        (Operation::Pac, _) => {
            (PAC_FAILED, "Give a script that works with --pac, or the proxy itself with --proxy; --no-proxy goes without.")
        }
        (Operation::SignIn, _) => {
            (PROXY_UNREACHABLE, "The proxy did not let the signing in come to an end: try another scheme with --proxy-auth.")
        }
        (Operation::TlsProxy, Kind::CertificateUntrusted(_) | Kind::CertificateInvalid(_)) => (
            PROXY_UNREACHABLE,
            "The proxy's certificate is not accepted here: use the name that it is for, or trust its root with --ca-file.",
        ),
        (Operation::TlsProxy, _) => {
            (PROXY_UNREACHABLE, "Does the proxy speak TLS on this port? Most are given as http://HOST:PORT.")
        }
        (Operation::ConnectProxy, _) => (PROXY_UNREACHABLE, "Is the proxy's address right? --no-proxy goes without it."),
        (Operation::Tunnel, Kind::NotSocks) => {
            (PROXY_UNREACHABLE, "What answers there does not speak SOCKS: is the proxy's address right, and is it a SOCKS proxy?")
        }
        (Operation::Tunnel, Kind::Forbidden) => {
            (PROXY_REFUSED_TUNNEL, "The proxy must allow connections to this host and port; 443 is what most allow.")
        }
        (Operation::Tunnel, Kind::Refused | Kind::Unreachable) => {
            (SERVER_UNAVAILABLE, "The proxy could not reach the server: is it running, and is its port right?")
        }
        (Operation::Resolve, _) => {
            (DNS_FAILED, "Is the name right? Where only the proxy resolves names, give the proxy with --proxy.")
        }
        (Operation::Tunnel, Kind::Status(502..=504)) => {
            (SERVER_UNAVAILABLE, "The proxy could not reach the server: is it running, and is its port right?")
        }
        (Operation::Tunnel, Kind::Status(_)) if asked.leg == Leg::Http => {
            (PROXY_REFUSED_TUNNEL, "Most proxies allow tunnels to port 443 alone: use wss on 443.")
        }
        (Operation::Tunnel, Kind::Status(_)) => {
            (PROXY_REFUSED_TUNNEL, "The proxy must allow CONNECT to this host and port; 443 is what most allow.")
        }
        (Operation::Tunnel, Kind::SpokeFirst) => {
            (ANSWERED_BY_MIDDLEBOX, "It granted the tunnel and did not open one: ask for the rule that is behind these words.")
        }
        (Operation::Tunnel, Kind::NotHttp) => {
            (PROXY_UNREACHABLE, "What answers there does not speak HTTP: is the proxy's address right?")
        }
        (_, Kind::CertificateUntrusted(sha256) | Kind::CertificateInvalid(sha256)) => return untrusted(failure, asked, sha256),
        (_, Kind::TlsRefused) => (CONNECTION_RESET, "What answers there does not speak TLS as expected: is the port right?"),
        (Operation::Request, Kind::OtherVersion) => (NOT_OUR_SERVER, "Use the same version of proxyprobe at both ends."),
        (_, Kind::Refused) => (CONNECT_REFUSED, "Is `proxyprobe serve` running there, and is the port right?"),
        (_, Kind::TimedOut | Kind::Unreachable) => {
            (CONNECT_TIMED_OUT, "Nobody answers there: a firewall, a wrong address, or a server that is down.")
        }
        (_, Kind::NotHttp | Kind::TooLarge) => (NOT_OUR_SERVER, "What answers there is not a proxyprobe server."),
        _ => (CONNECTION_RESET, "The connection was ended before an answer: try again, and try the other leg."),
    };
    Finding::new(code, format!("{}. {hint}", capitalised(&failure.to_string())))
}

/// A certificate that is not trusted: the server's own, or somebody else's?
fn untrusted(failure: &Failure, asked: &Asked, sha256: &str) -> Finding {
    let server = server(asked);
    if matches!(failure.kind, Kind::CertificateInvalid(_)) {
        let text = format!("{failure}. Use the name that the certificate is for, or mend the certificate.");
        return Finding::new(CERTIFICATE_UNTRUSTED, text).with("certificate_sha256", sha256);
    }
    match &asked.served_certificate {
        Some(served) if served.as_str().eq_ignore_ascii_case(sha256) => Finding::new(
            SELF_SIGNED_SERVER,
            format!("The TLS leg was not tested: {server} serves a certificate of its own making. Run again with --pin sha256:{sha256}."),
        )
        .with("certificate_sha256", sha256),
        Some(served) => Finding::new(
            ANSWERED_BY_MIDDLEBOX,
            format!("Something in between answered TLS in place of {server}: the certificate that arrived is not trusted here, and it is not the one that the server serves."),
        )
        .with("certificate_sha256", sha256)
        .with("served_sha256", served.as_str()),
        None => Finding::new(
            CERTIFICATE_UNTRUSTED,
            format!("{failure}. If `proxyprobe serve --self-signed` printed this fingerprint, run again with --pin sha256:{sha256}; with a private authority, use --ca-file."),
        )
        .with("certificate_sha256", sha256),
    }
}

fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

fn server(asked: &Asked) -> String {
    asked.peer.to_string()
}

#[cfg(test)]
mod tests;
