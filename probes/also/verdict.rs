//! What one witness can tell. It decides nothing: a verdict needs two.

use super::met::{Got, Met, Vouched};
use super::*;
use crate::finding::seconds;
use crate::tls::ServerTls;

/// Judges each visit by itself.
pub(super) fn judge(evidence: &[Exchange<Asked>], server: &ServerTls) -> Vec<Finding> {
    evidence.iter().map(Met).flat_map(|met| [certificate(met, server), conversation(met)]).flatten().collect()
}

/// The certificate that arrived, beside the paired server's.
fn certificate(met: Met<'_>, server: &ServerTls) -> Option<Finding> {
    let url = &met.asked().url;
    let (word, compared) = met.compared(server)?;
    let issuer = met.issuer().unwrap_or_default();
    let product = met.signer();
    let finding = match met.vouched()? {
        Vouched::Public if matches!(server, ServerTls::Inspected(_)) => {
            Finding::new(EXEMPTED, format!("The certificate of {url} is one that public roots accept. {compared}"))
        }
        Vouched::Public | Vouched::Itself | Vouched::Unusable => return None,
        Vouched::Locally => {
            let looks_like = product.as_ref().map(|product| format!(" It looks like {}.", product.name)).unwrap_or_default();
            Finding::new(
                INTERCEPTED,
                format!(
                    "TLS to {url} ends at a certificate signed by \"{issuer}\", whom this machine trusts and browsers do not by \
                     themselves: an inspection, or the application's own private authority.{looks_like} {compared}"
                ),
            )
        }
        Vouched::ByNobody => {
            let looks_like = product.as_ref().map(|product| format!(" It looks like {}.", product.name)).unwrap_or_default();
            Finding::new(
                INTERCEPTED,
                format!(
                    "TLS to {url} ends at a certificate signed by \"{issuer}\", whom neither this machine nor browsers trust, and so \
                     nothing was sent.{looks_like} {compared}"
                ),
            )
        }
    };
    let finding = about(finding, met).with("issuer", issuer).with("probe_server", word);
    let finding = match met.asked().client.as_ref().and_then(|client| client.certificate_sha256.as_deref()) {
        Some(sha256) => finding.with("certificate_sha256", sha256),
        None => finding,
    };
    Some(match product.filter(|_| met.is_inspected()) {
        Some(product) => finding
            .with("looks_like", product.name)
            .with("vendor", product.vendor)
            .with("confidence", product.confidence.as_str())
            .with("stands", product.place.as_str()),
        None => finding,
    })
}

fn conversation(met: Met<'_>) -> Option<Finding> {
    let (asked, status) = (met.asked(), met.0.record.response.as_ref().map(|head| head.status));
    let url = &asked.url;
    let finding = match met.got() {
        Got::Unfinished | Got::Stood => return None,
        // That is what the certificate tells.
        Got::NotReached(_) if met.was_left() => return None,
        Got::NotReached(why) => Finding::new(NOT_REACHED, format!("{url} was not reached: {why}.")),
        Got::Refused(why) => {
            let finding = Finding::new(REFUSED, String::new()).with("status", status.unwrap_or_default());
            match met.product() {
                Some(product) => Finding {
                    summary: format!("{url} answered with {why}. The answer looks like {} ({}).", product.name, product.evidence),
                    ..finding
                }
                .with("looks_like", product.name)
                .with("confidence", product.confidence.as_str()),
                None => Finding { summary: format!("{url} answered with {why}."), ..finding },
            }
        }
        Got::Silent => {
            let text = match asked.wants {
                Wants::WebSocket if asked.heard.bytes == 0 => format!(
                    "{url} answered with 101, and then nothing came for {}, not even a pong to {} pings.",
                    met.watched(),
                    met.pings()
                ),
                Wants::WebSocket => {
                    format!(
                        "{url} answered with 101, and {} came in {}, but no pong to {} pings.",
                        met.amount(),
                        met.watched(),
                        met.pings()
                    )
                }
                Wants::EventStream => format!(
                    "{url} began an event stream, and nothing came on it for {}; it may have had nothing to say.",
                    met.watched()
                ),
            };
            Finding::new(SILENT, text).with("silent_ms", asked.watch_ms).with("bytes_heard", asked.heard.bytes)
        }
        Got::ClosedEarly(after_ms, how) => {
            Finding::new(CLOSED_EARLY, format!("{url} accepted, and {} later the connection {how}.", seconds(after_ms)))
                .with("after_ms", after_ms)
        }
    };
    Some(about(finding, met))
}

/// What it is about, and that it informs.
fn about(finding: Finding, met: Met<'_>) -> Finding {
    finding.not_decisive().with("url", met.asked().url.as_str()).with("via", met.0.record.via()).seen_on([&met.0.record])
}

#[cfg(test)]
mod tests;
