//! How a connection came to its end, and by whom.

use super::lane::Testified;
use proxyprobe_probes::exchange::Record;
use proxyprobe_probes::failure::Failure;
use proxyprobe_probes::timeline::{End, Event, Timeline, Why};
use proxyprobe_probes::untrusted::Untrusted;

/// Who ended a connection, as far as the two records tell together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// This machine, as planned or because it had waited long enough.
    Client,
    /// The paired server.
    Server,
    /// Neither of the two.
    Between,
    /// The records do not tell.
    Unknown,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// The end that wrote it closed, for this reason.
    Closed(Why),
    /// The other side, or the path, ended it.
    Ended(End),
    /// The deadline passed with nothing heard.
    GaveUp,
    /// It never came about, or could not go on.
    Failed(Failure),
}

/// The end of a connection as one of its ends saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// When, on the client's clock.
    pub at_ms: u64,
    /// How.
    pub how: How,
    /// By whom.
    pub by: By,
}

/// The first thing in a timeline that ends it.
fn first(timeline: &Timeline) -> Option<(u64, How)> {
    timeline.entries.iter().find_map(|entry| {
        let how = match &entry.event {
            Event::Closed(why) => How::Closed(*why),
            Event::Ended(end) => How::Ended(end.clone()),
            Event::GaveUp => How::GaveUp,
            Event::Failed(failure) => How::Failed((**failure).clone()),
            _ => return None,
        };
        Some((entry.at_ms, how))
    })
}

impl Ending {
    /// The end as the client saw it; `moment_ms` is how far two clocks may part and still mean one moment.
    pub(super) fn of_client(record: &Record, testified: Testified, shift: impl Fn(u64) -> u64, moment_ms: u64) -> Option<Self> {
        let (at_ms, how) = first(&record.client)?;
        let server = record.witness.notes().and_then(|notes| first(&notes.timeline));
        let by = match &how {
            How::Closed(Why::AfterPeer) | How::Ended(_) => match (server, testified) {
                // The peer of a server that closes after its peer is what ended both.
                (Some((at, How::Closed(why))), _) if why != Why::AfterPeer && shift(at) <= at_ms.saturating_add(moment_ms) => {
                    By::Server
                }
                (Some(_), _) | (None, Testified::Whole | Testified::Nothing) => By::Between,
                (None, Testified::Partly | Testified::Unwritten | Testified::Unread) => By::Unknown,
            },
            How::Closed(_) | How::GaveUp => By::Client,
            How::Failed(_) => By::Unknown,
        };
        Some(Self { at_ms, how, by })
    }

    /// The end as the server saw it, given how the client saw it.
    pub(super) fn of_server(record: &Record, client: Option<&Self>, shift: impl Fn(u64) -> u64, moment_ms: u64) -> Option<Self> {
        let (at, how) = first(&record.witness.notes()?.timeline)?;
        let at_ms = shift(at);
        let client_first = client.is_some_and(|end| end.by == By::Client && end.at_ms <= at_ms.saturating_add(moment_ms));
        let by = match &how {
            How::Closed(Why::AfterPeer) | How::Ended(_) if client_first => By::Client,
            How::Closed(Why::AfterPeer) | How::Ended(_) => By::Between,
            How::Closed(_) | How::GaveUp => By::Server,
            How::Failed(_) => By::Unknown,
        };
        Some(Self { at_ms, how, by })
    }

    /// Whether it came about as one of the two ends had planned it.
    pub fn is_planned(&self) -> bool {
        match (&self.how, self.by) {
            (How::Closed(Why::Done | Why::Abort | Why::Farewell), _) => true,
            (How::Closed(Why::AfterPeer) | How::Ended(_), By::Client) => true,
            (How::Closed(Why::AfterPeer) | How::Ended(End::Complete | End::Fin | End::CloseFrame(_)), By::Server) => true,
            // An answer says itself where it ends.
            (How::Ended(End::Complete), By::Unknown) => true,
            _ => false,
        }
    }

    /// In a word or two, for a column: nothing of it comes from the network.
    pub fn short(&self) -> String {
        match &self.how {
            How::Closed(Why::Done | Why::AfterPeer | Why::Farewell) => "closed".to_owned(),
            How::Closed(Why::Abort) => "given up by plan".to_owned(),
            How::Closed(Why::Shutdown) => "server shut down".to_owned(),
            How::Closed(Why::Limit) => "server's limit".to_owned(),
            How::Ended(End::Fin) => "FIN".to_owned(),
            How::Ended(End::Reset) => "RST".to_owned(),
            How::Ended(End::CloseFrame(code)) => format!("close frame {code}"),
            How::Ended(End::Complete) => "complete".to_owned(),
            How::Ended(End::StreamReset(code)) => format!("stream reset {code}"),
            How::Ended(End::GoAway(code)) => format!("GOAWAY {code}"),
            How::Ended(End::Error(_)) => "error".to_owned(),
            How::GaveUp => "no answer".to_owned(),
            How::Failed(_) => "failed".to_owned(),
        }
    }

    /// In a few words, with who did it where that is not plain.
    pub fn label(&self) -> String {
        match (self.by, &self.how) {
            (By::Between, _) => format!("{}, in between", self.short()),
            (By::Server, How::Ended(End::Fin | End::Reset | End::CloseFrame(_) | End::Error(_))) => {
                format!("{}, by the server", self.short())
            }
            _ => self.short(),
        }
    }

    /// As the rest of a sentence that begins with who tells it.
    pub fn words(&self) -> String {
        let how = match &self.how {
            How::Closed(Why::Done) => "closed when all was done".to_owned(),
            How::Closed(Why::AfterPeer) => "closed because the other side had".to_owned(),
            How::Closed(Why::Abort) => "given up early, as planned".to_owned(),
            How::Closed(Why::Farewell) => "closed as planned, with a code of its own".to_owned(),
            How::Closed(Why::Shutdown) => "closed by the server, which was shutting down".to_owned(),
            How::Closed(Why::Limit) => "closed by a limit of the server".to_owned(),
            How::Ended(End::Fin) => "ended by FIN".to_owned(),
            How::Ended(End::Reset) => "ended by RST".to_owned(),
            How::Ended(End::CloseFrame(code)) => format!("ended by a close frame with code {code}"),
            How::Ended(End::Complete) => "the answer was complete".to_owned(),
            How::Ended(End::StreamReset(code)) => format!("ended by a reset of its stream with code {code}"),
            How::Ended(End::GoAway(code)) => format!("ended by a GOAWAY with code {code}"),
            How::Ended(End::Error(why)) => format!("ended by an error ({})", cut(why)),
            How::GaveUp => "given up: nothing was heard".to_owned(),
            How::Failed(failure) => format!("failed: {failure}"),
        };
        match (self.by, &self.how) {
            (By::Between, _) => format!("{how}, by something in between"),
            (By::Server, How::Ended(_)) => format!("{how}, by the server"),
            _ => how,
        }
    }
}

/// A reason in a sentence: longer ones are for the raw evidence.
fn cut(text: &Untrusted) -> String {
    let mut kept: String = text.as_str().chars().take(120).collect();
    if kept.len() < text.as_str().len() {
        kept.push('…');
    }
    kept
}
