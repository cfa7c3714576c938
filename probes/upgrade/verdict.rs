//! What an opening handshake tells, by what both ends saw of it.

use super::*;
use crate::circumstances::{Doubt, broken_off};
use crate::exchange::{Proof, Record, Witness, has_token};
use crate::finding::Outcome;
use crate::timeline::Event;
use crate::transport::{Direction, Transport, Via};

/// Judges the handshake as browsers make it, and beside it those on other ports.
pub(super) fn judge(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
    let mut found = here(evidence, around);
    found.extend(ports::judge(evidence, around));
    found
}

/// The handshake as browsers make it; the other spelling only explains it.
fn here(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
    let asked = |token, offer| {
        let found = evidence.iter().find(|exchange| exchange.asked == Asked { token, offer, port: None });
        found.map(|exchange| &exchange.record)
    };
    let Some(record) = asked(Token::Lower, Offer::Compression) else { return Vec::new() };
    let Some(finding) = handshake(record, around) else {
        let lost = asked(Token::Lower, Offer::Subprotocols).and_then(|record| subprotocol(record, around));
        return lost.into_iter().collect();
    };
    let passes = |other: Option<&Record>| other.is_some_and(|other| is_ours(other) && status(other) == Some(101));
    let mixed_passes = passes(asked(Token::Mixed, Offer::Compression));
    let plain_passes = passes(asked(Token::Lower, Offer::Nothing));
    let by_the_token = finding.code == HEADER_STRIPPED || finding.code == REFUSED;
    // What is not told by the token may be told by the offer; and what passes without it, as with the other token, is no contradiction.
    let by_the_offer = [REFUSED, NO_ANSWER, LOST_101].contains(&finding.code);
    let finding = if mixed_passes && by_the_token {
        Finding::new(
            TOKEN_CASE_SENSITIVE,
            "The handshake passes with `Upgrade: WebSocket` and fails with `Upgrade: websocket`, which is what browsers send.",
        )
    } else if plain_passes && !mixed_passes && by_the_offer {
        Finding::new(
            EXTENSION_REFUSED,
            "The handshake passes without the offer to compress messages and fails with it; every browser makes that offer.",
        )
    } else {
        finding
    };
    // Other WebSockets of this leg opened as a browser's does: what happened to this one is no rule.
    let finding = if finding.outcome == Outcome::Broken
        && around.company.websockets_opened > usize::from(mixed_passes) + usize::from(plain_passes)
    {
        inconclusive(Doubt::Contradicted)
    } else {
        finding
    };
    let via = record.opened.as_ref().map(|opened| opened.via);
    let finding = finding.on(Transport::WebSocket).with("via", via.map_or("none", Via::as_str)).seen_on([record]);
    vec![if via == Some(Via::AbsoluteForm) { finding.not_decisive() } else { finding }]
}

/// What became of subprotocols that were offered, where a handshake without them passes.
fn subprotocol(record: &Record, around: &Circumstances) -> Option<Finding> {
    if around.unfinished(record).is_some() || around.doubt(record, last(record)).is_some() {
        return None;
    }
    // A server that accepted an upgrade has seen one: a record without it says nothing of what else arrived.
    let notes = record.witness.notes().filter(|notes| notes.request.has_token("upgrade", "websocket"));
    let list = |all: Vec<&str>| all.join(", ");
    let arrived = notes.map(|notes| list(notes.request.values("sec-websocket-protocol").collect()));
    let answer = record.response.as_ref().filter(|head| head.status == 101).filter(|_| is_ours(record) && sent_101(record));
    let answered = answer.map(|head| list(head.values("sec-websocket-protocol").collect()));
    let (way, summary) = match (&arrived, &answered) {
        (Some(arrived), _) if arrived.is_empty() => (
            Direction::ToServer,
            "The client offered two subprotocols, and its request arrived at the server without them.".to_owned(),
        ),
        // The order and the names are the client's; spaces are nobody's.
        (Some(arrived), _) if !same_list(arrived, SUBPROTOCOLS) => (
            Direction::ToServer,
            format!("The client offered the subprotocols {SUBPROTOCOLS}, and {arrived} arrived at the server."),
        ),
        (Some(_), Some(answered)) if answered.is_empty() => {
            (Direction::ToClient, "The server chose a subprotocol, and its 101 arrived without it.".to_owned())
        }
        (Some(_), Some(answered)) if answered != CHOSEN => {
            (Direction::ToClient, format!("The server chose the subprotocol {CHOSEN}, and {answered} arrived at the client."))
        }
        _ => return None,
    };
    let via = record.opened.as_ref().map(|opened| opened.via);
    let finding = Finding::new(SUBPROTOCOL_LOST, summary)
        .towards(way)
        .on(Transport::WebSocket)
        .with("via", via.map_or("none", Via::as_str))
        .seen_on([record]);
    Some(if via == Some(Via::AbsoluteForm) { finding.not_decisive() } else { finding })
}

fn same_list(one: &str, other: &str) -> bool {
    one.split(',').map(str::trim).eq(other.split(',').map(str::trim))
}

pub(super) fn handshake(record: &Record, around: &Circumstances) -> Option<Finding> {
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

pub(super) fn last(record: &Record) -> u64 {
    record.client.entries.last().map_or(0, |entry| entry.at_ms)
}

fn inconclusive(doubt: Doubt) -> Finding {
    Finding::new(INCONCLUSIVE, format!("The WebSocket handshake could not be judged: {}.", doubt.because()))
        .with("reason", doubt.as_str())
}

#[cfg(test)]
mod tests;
