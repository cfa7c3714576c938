//! One head as it was sent beside the same as it was received.

use crate::below::{HIDDEN, RawHead};

/// Headers of a single hop, or of how a body is framed on it: every proxy makes its own (RFC 9110 section 7.6.1, RFC 9112 section
/// 6). `date` may be set where it is missing (RFC 9110 section 6.6.1), and is not compared either.
const OF_ONE_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "proxy-authenticate",
    "te",
    "trailer",
    "transfer-encoding",
    "content-length",
    "upgrade",
    "date",
];

/// In what two heads differ; names as they are spelt where they stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Differences {
    /// They were not sent, and arrived.
    pub(super) added: Vec<String>,
    /// They were sent, and did not arrive.
    pub(super) removed: Vec<String>,
    /// They arrived with another value.
    pub(super) changed: Vec<String>,
    /// They arrived in another case.
    pub(super) respelt: Vec<String>,
    /// What arrived of it stands in another order.
    pub(super) reordered: bool,
}

fn is_compared(name: &str) -> bool {
    !OF_ONE_HOP.iter().any(|of_one_hop| name.eq_ignore_ascii_case(of_one_hop))
}

/// Names in the order in which they first stand, with all their values.
fn by_name(head: &RawHead) -> Vec<(&str, Vec<&str>)> {
    let mut all: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, value) in head.fields.iter().filter(|(name, _)| is_compared(name.as_str())) {
        match all.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name.as_str())) {
            Some((_, values)) => values.push(value.as_str()),
            None => all.push((name.as_str(), vec![value.as_str()])),
        }
    }
    all
}

/// Whether values are the same; several lines may have become one (RFC 9110 section 5.3).
fn same(sent: &[&str], received: &[&str]) -> bool {
    let hidden = |values: &[&str]| values.contains(&HIDDEN);
    let parts = |values: &[&str]| -> Vec<String> {
        values.iter().flat_map(|value| value.split(',')).map(|part| part.trim().to_owned()).collect()
    };
    // A value that was too long for the record says so at its end.
    let cut = |sent: &str, received: &str| received.strip_suffix('…').is_some_and(|kept| sent.starts_with(kept));
    let kept = matches!((sent, received), ([sent], [received]) if cut(sent, received));
    hidden(sent) || hidden(received) || kept || parts(sent) == parts(received)
}

/// Compares. Where `spelling` was lost on the way to the record, case and order are left out.
pub(super) fn compare(sent: &RawHead, received: &RawHead, spelling: bool) -> Differences {
    let (before, after) = (by_name(sent), by_name(received));
    let mut found = Differences::default();
    let mut positions = Vec::new();
    for (name, values) in &before {
        match after.iter().position(|(other, _)| other.eq_ignore_ascii_case(name)) {
            None => found.removed.push((*name).to_owned()),
            Some(position) => {
                positions.push(position);
                let Some((other, others)) = after.get(position) else { continue };
                if !same(values, others) {
                    found.changed.push((*name).to_owned());
                }
                if spelling && other != name {
                    found.respelt.push((*name).to_owned());
                }
            }
        }
    }
    for (name, _) in &after {
        if !before.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            found.added.push((*name).to_owned());
        }
    }
    found.reordered = spelling && !positions.is_sorted();
    found
}

/// The HTTP version in a request line or a status line.
pub(super) fn version(head: &RawHead) -> Option<&str> {
    head.first.as_str().split(' ').find_map(|word| word.strip_prefix("HTTP/"))
}

/// Method and target of a request line; a target that names the server is cut to what the server is asked for (RFC 9112 section
/// 3.2).
pub(super) fn target(head: &RawHead) -> Option<(&str, &str)> {
    let mut words = head.first.as_str().split(' ');
    Some((words.next()?, words.next()?))
}

/// The path of a target in absolute-form.
pub(super) fn path(target: &str) -> &str {
    let rest = target.split_once("://").map(|(_, rest)| rest);
    rest.and_then(|rest| rest.find('/').and_then(|at| rest.get(at..))).unwrap_or(target)
}
