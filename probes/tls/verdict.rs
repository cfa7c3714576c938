//! What two ends of TLS tell, by what each saw of its session.

use super::hello::Offer;
use super::*;
use crate::below::{Below, Certificate, Trust};
use crate::exchange::Record;
use crate::failure::{Kind, Operation};
use crate::products;

/// Judges the session, and the look where there was none.
pub(super) fn judge(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
    let of = |step| evidence.iter().filter(move |exchange| exchange.asked.step == step);
    let mut findings: Vec<Finding> = of(Step::Session)
        .flat_map(|one| compared(&one.asked, &one.record).into_iter().map(|finding| finding.seen_on([&one.record])))
        .collect();
    for look in of(Step::Look) {
        let arrived = of(Step::Seen).find_map(|one| one.record.witness.notes()?.below.hello_seen);
        // A server that closes connections unread has not seen what they brought.
        let arrived = arrived.filter(|seen| *seen || around.server_turned_away == 0);
        let finding = if look.asked.client.is_some() { stranger(&look.asked) } else { refused(&look.record, arrived) };
        findings.extend(finding.map(|finding| finding.seen_on([&look.record])));
    }
    findings
}

/// What is known of TLS to the server as a whole.
pub(super) fn server_tls(evidence: &[Exchange<Asked>]) -> ServerTls {
    // What a run met beside matters only to a handshake that came to nothing.
    let found = judge(evidence, &Circumstances::default());
    let inspected = found.iter().find(|f| [INTERCEPTED_TRUSTED_ROOT, INTERCEPTED_UNTRUSTED_ROOT].contains(&f.code));
    let is_one = |one: &Exchange<Asked>| {
        let there = one.record.witness.notes().and_then(|notes| notes.below.tls.as_ref()?.exporter.as_ref());
        let here = one.asked.client.as_ref().and_then(|client| client.exporter.as_ref());
        here.is_some() && here == there
    };
    match inspected {
        Some(finding) => ServerTls::Inspected(finding.word("issuer").unwrap_or_default().to_owned()),
        None if found.iter().any(|finding| finding.code == TERMINATED_BY_FRONT) => ServerTls::Front,
        None if evidence.iter().any(is_one) => ServerTls::OneSession,
        None => ServerTls::Unknown,
    }
}

/// The session as the client has it, beside the one that the server has.
fn compared(asked: &Asked, record: &Record) -> Vec<Finding> {
    let (Some(client), Some(notes)) = (&asked.client, record.witness.notes()) else { return Vec::new() };
    let below = &notes.below;
    let server = below.tls.as_ref();
    let same = match (&client.exporter, server.map(|server| &server.exporter)) {
        (Some(here), Some(Some(there))) => here == there,
        // Without its value at one end, nothing is compared.
        (_, Some(_)) => return Vec::new(),
        // There is no session at the server: whoever ended TLS passed the request on in cleartext.
        (_, None) if below.cleartext => false,
        (_, None) => return Vec::new(),
    };
    let mut findings = Vec::new();
    if !same {
        findings.push(two_sessions(asked, client, below));
        let (here, there) = (client.alpn.as_ref(), server.map(|server| server.alpn.as_ref()));
        let offered = offer(client).is_some_and(|offer| offer.offers_alpn());
        // The server agrees to what is offered: none at both ends is somebody's doing too.
        if there.is_some_and(|there| there != here || (offered && here.is_none())) {
            findings.push(both_ends(
                Finding::new(
                    ALPN_CHANGED,
                    format!(
                        "ALPN does not pass: this end agreed on {}, the server on {}.",
                        protocol(here),
                        protocol(there.flatten())
                    ),
                ),
                "alpn",
                protocol(here),
                there.map(|there| protocol(there.cloned().as_ref())),
            ));
        }
    }
    let offers_newest = offer(client).is_some_and(|offer| offer.offers_tls_1_3());
    let old = |end: &TlsEnd| end.version == "1.2";
    if offers_newest && (old(client) || server.is_some_and(old)) {
        let finding = Finding::new(
            VERSION_LOWERED,
            format!(
                "Both ends speak TLS 1.3, but the session is TLS {} here and {} at the server.",
                client.version,
                server.map_or("none".to_owned(), |server| format!("TLS {}", server.version))
            ),
        );
        findings.push(both_ends(finding, "version", client.version.clone(), server.map(|server| server.version.clone())));
    }
    findings
}

/// Two sessions are in the place of one: by whose certificate?
fn two_sessions(asked: &Asked, client: &TlsEnd, below: &Below) -> Finding {
    let examined = &asked.examined;
    let served = below.tls.as_ref().and_then(|server| server.certificate_sha256.as_deref());
    let arrived = client.certificate_sha256.as_deref();
    let own = arrived.is_some() && (arrived == served || arrived == examined.pin.as_deref());
    let passed_on = if below.cleartext { "passed on in cleartext" } else { "opened anew" };
    let finding = if own || examined.public == Trust::Accepted {
        let whose = if own { "the server's own certificate" } else { "a certificate of a public authority" };
        Finding::new(
            TERMINATED_BY_FRONT,
            format!("TLS ends at something in front of the server that has {whose}, and is {passed_on} from there."),
        )
    } else {
        let issuer = issuer(examined);
        Finding::new(
            INTERCEPTED_TRUSTED_ROOT,
            format!(
                "TLS is inspected on the way, and {passed_on} towards the server: the certificate that arrived was signed by \
                 {issuer}, whom this machine trusts and browsers do not by themselves.{}",
                looks_like(examined)
            ),
        )
    };
    let finding = named(finding, examined, arrived, served)
        .with("version_client", client.version.as_str())
        .with("alpn_client", protocol(client.alpn.as_ref()));
    let Some(server) = &below.tls else { return finding.with("server_saw", "cleartext") };
    let finding = finding.with("version_server", server.version.as_str()).with("alpn_server", protocol(server.alpn.as_ref()));
    match (offer(client), offer(server)) {
        (Some(sent), Some(received)) => finding.with("client_hello_differs_in", sent.differences(&received)),
        _ => finding,
    }
}

/// A certificate that is not trusted here, seen on a session on which nothing was said.
fn stranger(asked: &Asked) -> Option<Finding> {
    let (client, examined) = (asked.client.as_ref()?, &asked.examined);
    if examined.local == Trust::Accepted || examined.public == Trust::Accepted {
        return None;
    }
    let arrived = client.certificate_sha256.as_deref()?;
    let is = |known: Option<&str>| known.map(|known| known.eq_ignore_ascii_case(arrived));
    let (by_server, by_pin) = (is(asked.served_sha256.as_ref().map(Untrusted::as_str)), is(examined.pin.as_deref()));
    let named = |finding| named(finding, examined, Some(arrived), asked.served_sha256.as_ref().map(Untrusted::as_str));
    // A server makes a certificate of its own anew, and the pin is old; whoever intercepts signs with a root.
    let own_making = examined.chain.first().is_some_and(|leaf| leaf.issuer == leaf.subject);
    let by_pin = by_pin.filter(|same| *same || !own_making);
    match by_server.or(by_pin) {
        Some(false) => {
            let known_by = if by_server.is_some() { "server" } else { "pin" };
            let known = if by_server.is_some() {
                "it is not the one that the server says it serves"
            } else {
                "it is not the one that --pin names"
            };
            let text = format!(
                "TLS is intercepted: the certificate that arrived was signed by {}, whom neither this machine nor browsers trust, \
                 and {known}.{}",
                issuer(examined),
                looks_like(examined)
            );
            let finding = named(Finding::new(INTERCEPTED_UNTRUSTED_ROOT, text)).with("known_by", known_by);
            Some(match &examined.pin {
                Some(pin) => finding.with("pinned_sha256", pin.as_str()),
                None => finding,
            })
        }
        // The server's own, which is no more than not trusted: that is said where the leg was tried.
        Some(true) if !matches!(examined.local, Trust::Invalid(_)) => None,
        own => {
            let why = match &examined.local {
                _ if examined.pin.is_some() => "it is not the one that --pin names".to_owned(),
                Trust::Invalid(why) | Trust::Refused(why) => why.to_string(),
                _ => "it leads to no root that is trusted here".to_owned(),
            };
            let whose = if own.is_some() { "the server's own" } else { "nothing says whether it is the server's own" };
            let remedy = if own.is_some() {
                String::new()
            } else {
                format!(
                    " If `proxyprobe serve --self-signed` printed its fingerprint, run again with --pin sha256:{arrived}; with a \
                     private authority, use --ca-file."
                )
            };
            let text = format!(
                "The certificate that arrived, signed by {}, cannot be used ({why}); {whose}.{}{remedy}",
                issuer(examined),
                looks_like(examined)
            );
            Some(named(Finding::new(CERTIFICATE_INVALID, text)))
        }
    }
}

/// A handshake that somebody ended: the server tells whether the ClientHello had reached it.
fn refused(record: &Record, arrived: Option<bool>) -> Option<Finding> {
    let (_, failure) = record.client.failed()?;
    let how = match &failure.kind {
        _ if failure.operation != Operation::Tls => return None,
        Kind::Reset => "reset",
        Kind::Closed => "closed",
        Kind::TlsRefused => "refused",
        _ => return None,
    };
    // Both witnesses: it ended here, and it never began there.
    (arrived == Some(false)).then(|| {
        Finding::new(
            HANDSHAKE_REFUSED,
            format!(
                "Something in between ends TLS at its first message: the connection was {how}, and the server, which answers on the \
                 other leg, never saw the ClientHello."
            ),
        )
        .with("how", how)
    })
}

fn named(finding: Finding, examined: &Examined, arrived: Option<&str>, served: Option<&str>) -> Finding {
    let mut finding = finding;
    if let Some(leaf) = examined.chain.first() {
        finding = finding.with("issuer", leaf.issuer.as_str());
    }
    for (name, sha256) in [("certificate_sha256", arrived), ("served_sha256", served)] {
        if let Some(sha256) = sha256 {
            finding = finding.with(name, sha256);
        }
    }
    match product(examined) {
        Some(product) => finding
            .with("looks_like", product.name)
            .with("vendor", product.vendor)
            .with("confidence", product.confidence.as_str())
            .with("evidence", product.evidence)
            .with("stands", product.place.as_str()),
        None => finding,
    }
}

fn product(examined: &Examined) -> Option<products::Product> {
    products::of_names(examined.chain.iter().flat_map(|one: &Certificate| [one.issuer.as_str(), one.subject.as_str()]))
}

/// The end of a sentence that names a product, if one is known by its certificates.
fn looks_like(examined: &Examined) -> String {
    product(examined).map_or_else(String::new, |product| match product.place {
        products::Place::ThisMachine => format!(" It looks like {}, on this very machine.", product.name),
        _ => format!(" It looks like {}.", product.name),
    })
}

fn issuer(examined: &Examined) -> String {
    examined.chain.first().map_or_else(|| "nobody known".to_owned(), |leaf| format!("\"{}\"", leaf.issuer))
}

fn both_ends(finding: Finding, name: &str, here: String, there: Option<String>) -> Finding {
    let finding = finding.with(&format!("{name}_client"), here);
    match there {
        Some(there) => finding.with(&format!("{name}_server"), there),
        None => finding,
    }
}

fn protocol(alpn: Option<&Untrusted>) -> String {
    alpn.map_or_else(|| "none".to_owned(), ToString::to_string)
}

/// The last ClientHello: a second one is the answer to a HelloRetryRequest.
fn offer(end: &TlsEnd) -> Option<Offer> {
    Offer::read(end.hellos.last()?)
}

#[cfg(test)]
mod tests;
