//! What an opening handshake tells, by what both ends saw of it.

use super::*;
use crate::circumstances::{Doubt, broken_off};
use crate::exchange::{Proof, Record, Witness, has_token};
use crate::finding::Outcome;
use crate::timeline::Event;
use crate::transport::{Transport, Via};

/// Judges the handshake as browsers make it; the other spelling only explains it.
pub(super) fn judge(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
    let spelt = |token| evidence.iter().find(|exchange| exchange.asked.token == token).map(|exchange| &exchange.record);
    let Some(record) = spelt(Token::Lower) else { return Vec::new() };
    let Some(finding) = handshake(record, around) else { return Vec::new() };
    let mixed_passes = spelt(Token::Mixed).is_some_and(|other| is_ours(other) && status(other) == Some(101));
    let by_the_token = finding.code == HEADER_STRIPPED || finding.code == REFUSED;
    let finding = if mixed_passes && by_the_token {
        Finding::new(
            TOKEN_CASE_SENSITIVE,
            "The handshake passes with `Upgrade: WebSocket` and fails with `Upgrade: websocket`, which is what browsers send.",
        )
    } else {
        finding
    };
    // Other WebSockets of this leg opened as a browser's does: what happened to this one is no rule.
    let finding = if finding.outcome == Outcome::Broken && around.company.websockets_opened > usize::from(mixed_passes) {
        inconclusive(Doubt::Contradicted)
    } else {
        finding
    };
    let via = record.opened.as_ref().map(|opened| opened.via);
    let finding = finding.on(Transport::WebSocket).with("via", via.map_or("none", Via::as_str)).seen_on([record]);
    vec![if via == Some(Via::AbsoluteForm) { finding.not_decisive() } else { finding }]
}

fn handshake(record: &Record, around: &Circumstances) -> Option<Finding> {
    if let Some(doubt) = around.unfinished(record) {
        return Some(inconclusive(doubt));
    }
    if let Some((_, failure)) = record.client.failed().filter(|_| record.opened.is_none()) {
        return Some(Finding::new(INCONCLUSIVE, format!("No connection for the handshake: {failure}.")));
    }
    match status(record) {
        Some(101) => switched(record, around),
        Some(status) => refused(record, status, around),
        None => unanswered(record, around),
    }
}

/// A 101 arrived.
fn switched(record: &Record, around: &Circumstances) -> Option<Finding> {
    if !is_ours(record) && !sent_101(record) {
        return Some(match around.doubt(record, last(record)) {
            Some(doubt) => inconclusive(doubt),
            None => Finding::new(
                FORGED,
                match &record.witness {
                    Witness::Empty => "A 101 arrived, but the server never saw the request: something in between made it up.",
                    _ => "A 101 arrived, but the server had answered something else: something in between made it up.",
                },
            ),
        });
    }
    let deviations = deviations(record);
    (!deviations.is_empty()).then(|| {
        Finding::new(ALTERED, format!("The server's 101 was changed on the way: {}.", deviations.join("; ")))
            .with("deviations", deviations)
    })
}

/// Another answer arrived.
fn refused(record: &Record, status: u16, around: &Circumstances) -> Option<Finding> {
    let doubt = around.doubt(record, last(record));
    // Our own limits and shutdowns are never the path's doing.
    if doubt == Some(Doubt::OwnEnd) || (is_ours(record) && matches!(status, 429 | 503)) {
        return Some(inconclusive(Doubt::OwnEnd));
    }
    let finding = match record.witness.notes() {
        None if is_ours(record) => return Some(inconclusive(Doubt::WitnessAbsent)),
        None => match doubt {
            Some(doubt) => return Some(inconclusive(doubt)),
            None => Finding::new(
                REFUSED,
                format!("Something in between refused the WebSocket with HTTP {status}; the server never saw the request."),
            ),
        },
        Some(_) => match (as_arrived(record), doubt) {
            (Some(finding), _) => finding,
            (None, Some(doubt)) => return Some(inconclusive(doubt)),
            (None, None) if !sent_101(record) => return Some(inconclusive(Doubt::Unclear)),
            (None, None) => Finding::new(
                LOST_101,
                format!("The server accepted the WebSocket, but instead of its 101 an HTTP {status} arrived."),
            ),
        },
    };
    Some(finding.with("status", status))
}

/// Nothing arrived, or the connection ended first.
fn unanswered(record: &Record, around: &Circumstances) -> Option<Finding> {
    let how = match broken_off(&record.client) {
        Some(_) => "the connection ended",
        None => "nothing came back",
    };
    if let Some(finding) = as_arrived(record) {
        return Some(finding);
    }
    if around.under_way(record) {
        return Some(inconclusive(Doubt::Unclear));
    }
    let garbage = record.client.failed().map(|(_, failure)| failure);
    Some(match (around.doubt(record, last(record)), record.witness.notes(), garbage) {
        (Some(doubt), ..) => inconclusive(doubt),
        // It came, but the server had not answered yet.
        (None, Some(_), _) if !sent_101(record) => inconclusive(Doubt::Unclear),
        (None, None, Some(failure)) => {
            Finding::new(REFUSED, format!("Something in between answered the handshake with what is no answer to it: {failure}."))
        }
        (None, None, None) => Finding::new(NO_ANSWER, format!("The handshake was sent and {how}; the server never saw it.")),
        (None, Some(_), Some(failure)) => {
            Finding::new(LOST_101, format!("The server answered the handshake with 101, and something else arrived: {failure}."))
        }
        (None, Some(_), None) => Finding::new(LOST_101, format!("The server answered the handshake with 101, but here {how}.")),
    })
}

/// What the request had lost when it arrived at the server, if it had.
fn as_arrived(record: &Record) -> Option<Finding> {
    let request = &record.witness.notes()?.request;
    let upgrade = request.has_token("upgrade", "websocket");
    let connection = request.has_token("connection", "upgrade");
    if !upgrade {
        let seen = request.values("connection").next().unwrap_or("absent").to_owned();
        return Some(
            Finding::new(
                HEADER_STRIPPED,
                format!("The request reached the server as HTTP/{} without its `Upgrade` header.", request.version),
            )
            .with("connection_seen", seen)
            .with("http_version_seen", request.version.clone()),
        );
    }
    if !connection {
        let seen = request.values("connection").next().unwrap_or("absent").to_owned();
        return Some(
            Finding::new(CONNECTION_REWRITTEN, "`Upgrade` reached the server, but `Connection` no longer names it.")
                .with("connection_seen", seen),
        );
    }
    request
        .values("sec-websocket-key")
        .next()
        .is_none()
        .then(|| Finding::new(HEADER_STRIPPED, "The request reached the server without its `Sec-WebSocket-Key`."))
}

/// The client's checklist of RFC 6455 section 4.1, all of it.
fn deviations(record: &Record) -> Vec<&'static str> {
    let Some(head) = &record.response else { return Vec::new() };
    let mut found = Vec::new();
    let mut check = |holds: bool, deviation| {
        if !holds {
            found.push(deviation);
        }
    };
    // "A |Status-Line| with a 101 response code as per RFC 2616": HTTP/1.1 or later.
    check(head.version == "1.1", "it arrived as HTTP/1.0");
    // Point 2.
    check(has_token(&head.headers, "upgrade", "websocket"), "the Upgrade header is missing or names something else");
    // Point 3.
    check(has_token(&head.headers, "connection", "upgrade"), "the Connection header does not name Upgrade");
    // Point 4.
    check(record.accept_key_matches != Some(false), "the Sec-WebSocket-Accept key is missing or wrong");
    // Point 5: our server accepts none.
    check(head.values("sec-websocket-extensions").next().is_none(), "it accepts an extension that the server did not accept");
    // Point 6: we ask for none.
    check(head.values("sec-websocket-protocol").next().is_none(), "it names a subprotocol that nobody asked for");
    found
}

/// Whether the server says that it answered with a 101.
fn sent_101(record: &Record) -> bool {
    record.witness.notes().is_some_and(|notes| notes.timeline.first(|e| *e == Event::Response(101)).is_some())
}

fn is_ours(record: &Record) -> bool {
    record.proof == Proof::Valid
}

fn status(record: &Record) -> Option<u16> {
    record.response.as_ref().map(|head| head.status)
}

fn last(record: &Record) -> u64 {
    record.client.entries.last().map_or(0, |entry| entry.at_ms)
}

fn inconclusive(doubt: Doubt) -> Finding {
    Finding::new(INCONCLUSIVE, format!("The WebSocket handshake could not be judged: {}.", doubt.because()))
        .with("reason", doubt.as_str())
}

#[cfg(test)]
mod tests;
