//! What a report says of each visit, whether anything is wrong with it or not.

use super::met::{Got, Met, Vouched};
use super::{Asked, Wants};
use crate::exchange::Exchange;
use crate::finding::seconds;
use crate::tls::ServerTls;

/// A paragraph for each visit: the way, the certificate, what was met, and how that compares with the paired server.
pub fn told(evidence: &[Exchange<Asked>], server: &ServerTls) -> Vec<String> {
    evidence.iter().map(Met).map(|met| one(met, server)).collect()
}

fn one(met: Met<'_>, server: &ServerTls) -> String {
    let asked = met.asked();
    let way = match &asked.proxy {
        Some(proxy) => format!("through the proxy {proxy}"),
        None => "without a proxy".to_owned(),
    };
    let compared = met.compared(server).map(|(_, sentence)| sentence);
    let sentences = [Some(format!("{}, {way}.", asked.url)), certificate(met), conversation(met), compared];
    sentences.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn certificate(met: Met<'_>) -> Option<String> {
    let version = &met.asked().client.as_ref()?.version;
    let vouched = match met.vouched()? {
        Vouched::Public => "which public roots accept",
        Vouched::Locally => "whom this machine trusts and browsers do not by themselves",
        Vouched::Itself => "which is its own and trusted here",
        Vouched::ByNobody => "whom nobody here trusts: nothing was sent",
        Vouched::Unusable => "which cannot be used: nothing was sent",
    };
    let product = met.signer().filter(|_| met.is_inspected()).map(|product| format!(" (looks like {})", product.name));
    let issuer = met.issuer().unwrap_or("nobody known");
    Some(format!("TLS {version}, certificate signed by \"{issuer}\"{}, {vouched}.", product.unwrap_or_default()))
}

fn conversation(met: Met<'_>) -> Option<String> {
    let asked = met.asked();
    let head = met.head_ms().map(seconds).unwrap_or_default();
    Some(match met.got() {
        // The certificate tells why.
        Got::NotReached(_) if met.was_left() => return None,
        Got::Unfinished => "The run was stopped before it was over.".to_owned(),
        Got::NotReached(why) => format!("Not reached: {why}."),
        Got::Refused(why) => format!("It answered after {head} with {why}."),
        Got::Silent => {
            let accepted = if asked.wants == Wants::WebSocket { "101" } else { "An event stream" };
            let came = if asked.heard.bytes == 0 { "nothing came".to_owned() } else { format!("{} came, no pong", met.amount()) };
            format!("{accepted} after {head}; then {came} for {}.", met.watched())
        }
        Got::ClosedEarly(after_ms, how) => {
            format!("Accepted after {head}; {} later the connection {how}; {} had come.", seconds(after_ms), met.amount())
        }
        Got::Stood => match asked.wants {
            Wants::WebSocket => {
                let pong = met.pong_ms().map(|ms| format!(", pong after {}", seconds(ms))).unwrap_or_default();
                format!("101 after {head}{pong}; it {}; {} came.", stood(met), met.amount())
            }
            Wants::EventStream => {
                let first = met.first_piece_ms().map(|ms| format!(", the first bytes {} later", seconds(ms)));
                format!("An event stream after {head}{}; it {}; {} came.", first.unwrap_or_default(), stood(met), met.amount())
            }
        },
    })
}

/// How long it stood.
fn stood(met: Met<'_>) -> String {
    if met.asked().heard.cut { "was left when enough had come".to_owned() } else { format!("stood for {}", met.watched()) }
}
