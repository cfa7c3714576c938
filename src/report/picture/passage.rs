//! What went from one end to the other: when it left, when it arrived, and what became of it.

use proxyprobe_probes::timeline::{Event, Timeline, What};
use proxyprobe_probes::transport::Direction;
use std::collections::{BTreeMap, VecDeque};

/// What became of something that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrived.
    Arrived,
    /// It arrived, and not as it was sent.
    Changed,
    /// It never arrived, and the record of the end that should have had it is whole.
    Lost,
    /// The other end's record does not tell.
    Unknown,
    /// It arrived, and our other half never sent it.
    Foreign,
}

/// One thing on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// To the server or to the client.
    pub way: Direction,
    /// When it was sent, on the client's clock.
    pub left_ms: Option<u64>,
    /// When it was received, on the client's clock.
    pub arrived_ms: Option<u64>,
    /// What became of it.
    pub fate: Fate,
}

impl Passage {
    /// The moments at which it was seen.
    pub fn moments(&self) -> impl Iterator<Item = u64> {
        self.left_ms.into_iter().chain(self.arrived_ms)
    }
}

/// Names something on its way, so that its two ends can be put together: its kind and its number.
type Name = (u8, u32);

/// Request and response have no number; the units of conversation come after them.
const REQUEST: Name = (0, 0);
const RESPONSE: Name = (1, 0);

fn named(what: What, number: u32) -> Name {
    (2 + what as u8, number)
}

/// Something that one end received.
struct Arrival {
    name: Option<Name>,
    at_ms: u64,
    /// When its sender says that it sent it.
    said_ms: Option<u64>,
    fate: Fate,
}

/// What one end sent, and what it received.
struct Seen {
    left: BTreeMap<Name, VecDeque<u64>>,
    arrivals: Vec<Arrival>,
}

/// Reads one end's timeline. `own` and `other` put the two clocks on the client's.
fn seen(timeline: &Timeline, is_client: bool, own: &dyn Fn(u64) -> u64, other: &dyn Fn(u64) -> u64) -> Seen {
    let mut seen = Seen { left: BTreeMap::new(), arrivals: Vec::new() };
    for entry in &timeline.entries {
        let at_ms = own(entry.at_ms);
        let mut leave = |name| seen.left.entry(name).or_default().push_back(at_ms);
        let arrival = |name, said_ms, fate| Arrival { name, at_ms, said_ms, fate };
        let arrived = match &entry.event {
            Event::Request if is_client => {
                leave(REQUEST);
                continue;
            }
            Event::Response(_) if !is_client => {
                leave(RESPONSE);
                continue;
            }
            Event::Sent(what, number) => {
                leave(named(*what, *number));
                continue;
            }
            Event::Request => arrival(Some(REQUEST), None, Fate::Arrived),
            Event::Response(_) => arrival(Some(RESPONSE), None, Fate::Arrived),
            // It came with the request.
            Event::Received(What::LastEventId, ..) => continue,
            // The other end's library answers pings and does not write that down.
            Event::Received(What::Pong, ..) => arrival(None, None, Fate::Arrived),
            // They came with the message behind them.
            Event::Received(What::Byte, ..) => continue,
            Event::Received(what, number, said) => arrival(Some(named(*what, *number)), said.map(other), Fate::Arrived),
            Event::Altered(what, number, _) => arrival(Some(named(*what, *number)), None, Fate::Changed),
            // Of more than one message, or of less: it has no name of its own.
            Event::Piece(_) => arrival(None, None, Fate::Arrived),
            Event::Foreign(_) => arrival(None, None, Fate::Foreign),
            _ => continue,
        };
        seen.arrivals.push(arrived);
    }
    seen
}

/// Puts what one end sent and what the other one received together.
///
/// `sender_whole` and `receiver_whole` say whether the two records can be trusted to hold all; what leaves from `over_ms` on may have
/// been under way when the receiver left.
fn pair(
    way: Direction,
    mut left: BTreeMap<Name, VecDeque<u64>>,
    arrivals: Vec<Arrival>,
    (sender_whole, receiver_whole): (bool, bool),
    over_ms: u64,
) -> Vec<Passage> {
    let mut all = Vec::new();
    for arrival in arrivals {
        let departure = arrival.name.and_then(|name| left.get_mut(&name)?.pop_front());
        let left_ms = departure.or(arrival.said_ms);
        let of_nobody = arrival.name.is_some() && left_ms.is_none() && sender_whole && arrival.fate == Fate::Arrived;
        let fate = if of_nobody { Fate::Foreign } else { arrival.fate };
        all.push(Passage { way, left_ms, arrived_ms: Some(arrival.at_ms), fate });
    }
    for at_ms in left.into_values().flatten() {
        let fate = if receiver_whole && at_ms < over_ms { Fate::Lost } else { Fate::Unknown };
        all.push(Passage { way, left_ms: Some(at_ms), arrived_ms: None, fate });
    }
    all
}

/// The two records of a connection, and how far they can be trusted.
pub(super) struct Both<'a> {
    /// The client's.
    pub(super) client: &'a Timeline,
    /// The server's, where there is one.
    pub(super) server: Option<&'a Timeline>,
    /// Whether what is not in the server's record did not happen there.
    pub(super) server_whole: bool,
    /// From when on the client no longer listened.
    pub(super) client_over_ms: u64,
}

impl Both<'_> {
    /// Everything that passed, by the time at which it was first seen.
    pub(super) fn passages(&self, shift: &dyn Fn(u64) -> u64) -> Vec<Passage> {
        let none = Timeline::default();
        let as_it_is = |at_ms: u64| at_ms;
        let client = seen(self.client, true, &as_it_is, shift);
        let server = seen(self.server.unwrap_or(&none), false, shift, &as_it_is);
        let client_whole = !self.client.cut;
        let up = pair(Direction::ToServer, client.left, server.arrivals, (client_whole, self.server_whole), u64::MAX);
        let down =
            pair(Direction::ToClient, server.left, client.arrivals, (self.server_whole, client_whole), self.client_over_ms);
        let mut all: Vec<Passage> = up.into_iter().chain(down).collect();
        all.sort_by_key(|passage| passage.moments().min());
        all
    }
}
