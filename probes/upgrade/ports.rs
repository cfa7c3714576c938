//! One port of the server beside another.

use super::verdict::{handshake, last};
use super::*;
use crate::exchange::Record;
use crate::finding::Outcome;
use crate::timeline::{Event, What};
use crate::transport::Transport;

/// What became of a handshake.
enum Fate {
    /// It passed, and the greeting arrived behind it.
    Passes,
    /// It did not, and this is how, as a sentence.
    Fails(String),
    /// A doubt forbids to say.
    Unknown,
}

/// Says which ports differ from the URL's.
pub(super) fn judge(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
    let usual = Asked { token: Token::Lower, offer: Offer::Compression, port: None };
    let Some(here) = evidence.iter().find(|exchange| exchange.asked == usual) else { return Vec::new() };
    let others = evidence.iter().filter_map(|exchange| Some((exchange.asked.port?, &exchange.record)));
    others.filter_map(|(port, there)| differs(&here.record, port, there, around)).collect()
}

fn differs(here: &Record, port: u16, there: &Record, around: &Circumstances) -> Option<Finding> {
    let (passes, summary) = match (fate(here, around), fate(there, around)) {
        (Fate::Passes, Fate::Fails(how)) => {
            ("url", format!("A WebSocket passes on the port of the URL, and not on port {port} of the same server. {how}"))
        }
        // Without a connection there is nothing on this port to compare with.
        (Fate::Fails(_), Fate::Passes) if here.opened.is_some() => {
            ("other", format!("A WebSocket passes on port {port} of the same server, and not on the port of the URL."))
        }
        _ => return None,
    };
    let finding = Finding::new(PORT_DIFFERS, summary).on(Transport::WebSocket).with("port", port).with("passes", passes);
    Some(finding.seen_on([here, there]))
}

fn fate(record: &Record, around: &Circumstances) -> Fate {
    if around.unfinished(record).is_some() || around.under_way(record) {
        return Fate::Unknown;
    }
    let sure = around.doubt(record, last(record)).is_none();
    if let Some((_, failure)) = record.client.failed().filter(|_| record.opened.is_none()) {
        return if sure { Fate::Fails(format!("There is no connection: {failure}.")) } else { Fate::Unknown };
    }
    let greeted = || record.client.first(|e| matches!(e, Event::Received(What::Greeting, ..))).is_some();
    match handshake(record, around) {
        Some(finding) if finding.outcome == Outcome::Inconclusive => Fate::Unknown,
        Some(finding) if finding.outcome == Outcome::Broken => Fate::Fails(finding.summary),
        _ if greeted() => Fate::Passes,
        _ if sure => Fate::Fails("It opens, and the first message does not arrive.".to_owned()),
        _ => Fate::Unknown,
    }
}

#[cfg(test)]
mod tests;
