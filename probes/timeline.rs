//! What happened on one connection and when, in the one shape that both ends write.

use crate::failure::Failure;
use crate::untrusted::Untrusted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one end saw of one connection, in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timeline {
    /// The entries, oldest first.
    pub entries: Vec<Entry>,
    /// Whether entries were left out because there were too many.
    #[serde(default)]
    pub cut: bool,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Milliseconds since the start of the run, by the clock of the end that wrote it.
    pub at_ms: u64,
    /// What.
    pub event: Event,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The way is open: TCP, proxy and TLS lie behind us.
    Opened,
    /// A request head was sent (client) or arrived (server).
    Request,
    /// A response head arrived (client) or was handed to the network (server).
    Response(u16),
    /// This end sent something.
    Sent(What, u32),
    /// This end received something: what, its number, and when the sender said that it sent it (by the sender's clock).
    Received(What, u32, Option<u64>),
    /// A piece of a body arrived, as it came from the path, or a message of somebody who is not ours: its bytes.
    Piece(u32),
    /// A message of our other half arrived and is not as it was sent: what, its number, and the bytes that arrived.
    Altered(What, u32, u32),
    /// How many bytes this end has sent and received on the connection so far, as its lowest layer saw them.
    Carried(u64, u64),
    /// The silence that was asked for is over.
    SilenceOver,
    /// Bytes that our other half never sends.
    Foreign(Untrusted),
    /// The words that came with a close frame.
    Reason(Untrusted),
    /// The other side, or the path, ended the connection.
    Ended(End),
    /// This end ended it, and why.
    Closed(Why),
    /// The deadline passed with nothing heard.
    GaveUp,
    /// It could not be done. Boxed: it is large and rare, and a server keeps many entries.
    Failed(Box<Failure>),
}

/// The units of conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The server's first words, which carry the proof.
    Greeting,
    /// A numbered message that asks for an echo.
    Frame,
    /// The echo of the message with that number.
    Echo,
    /// A numbered message that asks for nothing.
    Tick,
    /// A numbered server-sent event.
    Event,
    /// A server-sent comment.
    Comment,
    /// The whole body of an answer.
    Body,
    /// `Last-Event-ID`, with its number.
    LastEventId,
    /// A numbered ping of a WebSocket (RFC 6455 section 5.5.2).
    Ping,
    /// The answer to the ping with that number.
    Pong,
    /// A numbered message in a binary frame, which asks for an echo of the same kind.
    Binary,
    /// The echo of the binary message with that number.
    BinaryEcho,
    /// A numbered message in several frames with a ping between two of them (RFC 6455 section 5.4), which asks for an echo of the same
    /// kind.
    Pieces,
    /// The echo of the message in several frames with that number.
    PiecesEcho,
    /// A numbered message behind [`What::BYTES`] messages of one byte, which asks for an echo behind as many.
    Bytes,
    /// The echo of the message with that number, behind as many messages of one byte.
    BytesEcho,
    /// A message of one byte, numbered by its place among them; never written down where it is sent.
    Byte,
}

impl What {
    /// So many messages of one byte go out at once: what damages frames that follow closely does it within a few.
    pub const BYTES: u32 = 20;

    /// What the server answers to it, if it answers.
    pub fn echo(self) -> Option<What> {
        match self {
            What::Frame => Some(What::Echo),
            What::Binary => Some(What::BinaryEcho),
            What::Pieces => Some(What::PiecesEcho),
            What::Bytes => Some(What::BytesEcho),
            _ => None,
        }
    }
}

/// How the other side ended a connection, as far as this end could tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// End of stream.
    Fin,
    /// TCP reset.
    Reset,
    /// A WebSocket close frame with this code (RFC 6455 section 7.4); 1005 when it carried none.
    CloseFrame(u16),
    /// The response is complete, as HTTP frames it.
    Complete,
    /// A stream of HTTP/2 was reset, with this error code (RFC 9113 sections 6.4 and 7).
    StreamReset(u32),
    /// HTTP/2 was ended in an orderly way, with this error code, before the stream was complete (RFC 9113 section 6.8).
    GoAway(u32),
    /// Something else.
    Error(Untrusted),
}

/// Why this end closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// All that was asked was done.
    Done,
    /// The other side had ended it.
    AfterPeer,
    /// The server shuts down.
    Shutdown,
    /// A limit: one of the server's, or at the client more than any conversation here brings.
    Limit,
    /// The client gave it up early, as planned.
    Abort,
    /// As planned, with a code and words of an application's own, to see whether they arrive; see [`crate::wire::Farewell`].
    Farewell,
}

impl Timeline {
    /// The most entries that are kept: a busy connection of ten minutes at one message each way a second.
    pub const MAX_ENTRIES: usize = 1280;
    /// The most pieces of one body that are written: a trickle shows in far fewer, and there has to be room for the events.
    pub const MAX_PIECES: usize = 256;

    /// The most entries of foreign bytes: whoever says more of them says nothing new.
    pub const MAX_FOREIGN: usize = 64;

    /// Appends an entry, or notes that there was no room for it. Foreign bytes have room of their own behind all else, and ends are
    /// always kept: they decide.
    pub fn push(&mut self, at_ms: u64, event: Event) {
        if self.takes(&event) {
            self.entries.push(Entry { at_ms, event });
        } else {
            self.cut = true;
        }
    }

    /// Whether there is room for this.
    pub fn takes(&self, event: &Event) -> bool {
        let room = match event {
            Event::Ended(_) | Event::Closed(_) | Event::Failed(_) | Event::GaveUp => Self::MAX_ENTRIES + Self::MAX_FOREIGN + 8,
            Event::Foreign(_) if self.foreign() < Self::MAX_FOREIGN => Self::MAX_ENTRIES + Self::MAX_FOREIGN,
            Event::Foreign(_) => 0,
            _ => Self::MAX_ENTRIES,
        };
        self.entries.len() < room
    }

    fn foreign(&self) -> usize {
        self.entries.iter().filter(|entry| matches!(entry.event, Event::Foreign(_))).count()
    }

    /// Whether this end stopped listening because more came than any conversation here brings.
    pub fn flooded(&self) -> bool {
        self.foreign() > 0 && self.closed().is_some_and(|(_, why)| why == Why::Limit)
    }

    /// When the first entry that `wanted` accepts was written.
    pub fn first(&self, wanted: impl Fn(&Event) -> bool) -> Option<u64> {
        self.entries.iter().find(|entry| wanted(&entry.event)).map(|entry| entry.at_ms)
    }

    /// When the last entry that `wanted` accepts was written.
    pub fn last(&self, wanted: impl Fn(&Event) -> bool) -> Option<u64> {
        self.entries.iter().rev().find(|entry| wanted(&entry.event)).map(|entry| entry.at_ms)
    }

    /// How the other side ended it, and when, if it did so before this end did.
    pub fn ended(&self) -> Option<(u64, &End)> {
        self.entries.iter().find_map(|entry| match &entry.event {
            Event::Ended(end) => Some((entry.at_ms, end)),
            _ => None,
        })
    }

    /// Why this end closed it, and when.
    pub fn closed(&self) -> Option<(u64, Why)> {
        self.entries.iter().find_map(|entry| match entry.event {
            Event::Closed(why) => Some((entry.at_ms, why)),
            _ => None,
        })
    }

    /// The failure that stopped it, and when.
    pub fn failed(&self) -> Option<(u64, &Failure)> {
        self.entries.iter().find_map(|entry| match &entry.event {
            Event::Failed(failure) => Some((entry.at_ms, &**failure)),
            _ => None,
        })
    }

    /// The numbers of the units of this kind that were received, in order of arrival.
    pub fn received(&self, what: What) -> Vec<u32> {
        self.entries
            .iter()
            .filter_map(|entry| match entry.event {
                Event::Received(kind, number, _) if kind == what => Some(number),
                _ => None,
            })
            .collect()
    }

    /// The same, with those that arrived changed: a changed message is a sign of life.
    pub fn arrived(&self, what: What) -> Vec<u32> {
        self.entries
            .iter()
            .filter_map(|entry| match entry.event {
                Event::Received(kind, number, _) | Event::Altered(kind, number, _) if kind == what => Some(number),
                _ => None,
            })
            .collect()
    }

    /// What arrived changed: what, its number, and the bytes that arrived.
    pub fn altered(&self) -> Vec<(What, u32, u32)> {
        self.entries
            .iter()
            .filter_map(|entry| match entry.event {
                Event::Altered(what, number, bytes) => Some((what, number, bytes)),
                _ => None,
            })
            .collect()
    }

    /// The numbers of the units of this kind that were sent, in order.
    pub fn sent(&self, what: What) -> Vec<u32> {
        self.entries
            .iter()
            .filter_map(|entry| match entry.event {
                Event::Sent(kind, number) if kind == what => Some(number),
                _ => None,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_timeline_says_that_it_was_cut_and_still_takes_the_end() {
        let mut timeline = Timeline::default();
        for number in 0..2000 {
            timeline.push(u64::from(number), Event::Sent(What::Tick, number));
        }
        timeline.push(9000, Event::Ended(End::Fin));
        assert!(timeline.cut);
        assert_eq!(timeline.ended(), Some((9000, &End::Fin)));
        assert_eq!(timeline.entries.len(), Timeline::MAX_ENTRIES + 1);
    }

    #[test]
    fn a_flood_of_foreign_bytes_leaves_room_for_all_else_and_shows_behind_it() {
        let foreign = |timeline: &mut Timeline| timeline.push(1, Event::Foreign(Untrusted::new("x")));
        let mut timeline = Timeline::default();
        (0..2000).for_each(|_| foreign(&mut timeline));
        assert!(timeline.cut);
        assert_eq!(timeline.entries.len(), Timeline::MAX_FOREIGN);
        (0..2000).for_each(|number| timeline.push(2, Event::Sent(What::Tick, number)));
        assert_eq!(timeline.entries.len(), Timeline::MAX_ENTRIES);
        let mut replayed = Timeline::default();
        (0..2000).for_each(|_| replayed.push(1, Event::Received(What::Tick, 1, None)));
        assert!(!replayed.flooded());
        foreign(&mut replayed);
        replayed.push(3, Event::Closed(Why::Limit));
        assert!(replayed.flooded());
    }
}
