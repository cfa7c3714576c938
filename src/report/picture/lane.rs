//! One connection.

use super::ending::Ending;
use super::passage::{Both, Fate, Passage};
use proxyprobe_probes::ProbeId;
use proxyprobe_probes::circumstances::Circumstances;
use proxyprobe_probes::exchange::{Proof, Record, Witness};
use proxyprobe_probes::finding::seconds;
use proxyprobe_probes::timeline::{Event, Timeline};
use proxyprobe_probes::transport::{Direction, Leg};

/// A stretch without a sign of life is a silence from here on: the beats that are measured are shorter, 1.5 s at the most.
pub(super) const SILENCE_MS: u64 = 2_000;

/// How far the server's record of a connection can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Testified {
    /// It is there, and what is not in it did not happen.
    Whole,
    /// Some of it is there.
    Partly,
    /// The server never saw the connection.
    Nothing,
    /// The server answered on this connection, and nothing of it is in its record: as of the one on which a run begins.
    Unwritten,
    /// It could not be read.
    Unread,
}

impl Testified {
    fn of(record: &Record) -> Self {
        match record.witness {
            Witness::Whole(_) => Testified::Whole,
            Witness::Partial(_) => Testified::Partly,
            Witness::Empty if record.proof == Proof::Valid => Testified::Unwritten,
            Witness::Empty => Testified::Nothing,
            Witness::Absent => Testified::Unread,
        }
    }
}

/// What is known of a lane before its record is read.
pub(super) struct Told {
    pub(super) probe: ProbeId,
    pub(super) leg: Leg,
    pub(super) decides: bool,
    pub(super) asked: String,
}

/// What both ends saw of one connection, on the client's clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// Who asked.
    pub probe: ProbeId,
    /// Over which leg.
    pub leg: Leg,
    /// Whether that is the leg that decides.
    pub decides: bool,
    /// What was asked, in a few words.
    pub asked: String,
    /// From when to when the way was opened: TCP, proxy and TLS.
    pub opening: Option<(u64, u64)>,
    /// From when to when it was open, as the client saw it.
    pub client: Option<(u64, u64)>,
    /// From when to when the server saw it.
    pub server: Option<(u64, u64)>,
    /// How far the server's record can be trusted.
    pub testified: Testified,
    /// What passed, or did not.
    pub passages: Vec<Passage>,
    /// When nothing passed either way.
    pub silences: Vec<(u64, u64)>,
    /// How it ended, as the client saw it.
    pub end: Option<Ending>,
    /// How it ended, as the server saw it.
    pub server_end: Option<Ending>,
    /// Whether one of the records was cut because it was too long.
    pub cut: bool,
}

impl Lane {
    pub(super) fn of(told: Told, record: &Record, around: &Circumstances) -> Self {
        let shift = |at_ms: u64| around.on_client_clock(at_ms);
        let moment_ms = around.same_moment_ms();
        let testified = Testified::of(record);
        let server = record.witness.notes().map(|notes| &notes.timeline);
        let end = Ending::of_client(record, testified, shift, moment_ms);
        let server_end = Ending::of_server(record, end.as_ref(), shift, moment_ms);
        let both = Both {
            client: &record.client,
            server,
            server_whole: matches!(testified, Testified::Whole | Testified::Nothing),
            client_over_ms: end.as_ref().map_or(u64::MAX, |end| end.at_ms.saturating_sub(moment_ms)),
        };
        let passages = both.passages(&shift);
        let opened_ms = record.client.first(|event| *event == Event::Opened);
        let took_ms = record.opened.as_ref().map_or(0, |opened| opened.took_ms);
        let client_end_ms = end.as_ref().map_or(0, |end| end.at_ms);
        let client = opened_ms.map(|from| (from, busy_until(&record.client).max(client_end_ms).max(from)));
        let server = server.and_then(|timeline| {
            let from = shift(timeline.entries.first()?.at_ms);
            // A server that saw no end still had it when the client had left.
            let over = server_end.as_ref().map(|end| end.at_ms).or(client.map(|(_, until)| until));
            Some((from, shift(busy_until(timeline)).max(over.unwrap_or(0)).max(from)))
        });
        let silences = client.map(|open| silences(open, &passages)).unwrap_or_default();
        let cut = record.client.cut || record.witness.notes().is_some_and(|notes| notes.timeline.cut);
        let opening = opened_ms.map(|at_ms| (at_ms.saturating_sub(took_ms), at_ms));
        let Told { probe, leg, decides, asked } = told;
        Self { probe, leg, decides, asked, opening, client, server, testified, passages, silences, end, server_end, cut }
    }

    /// When the first thing happened on it.
    pub fn since_ms(&self) -> u64 {
        let spans = self.opening.into_iter().chain(self.client).chain(self.server).map(|(from, _)| from);
        let ends = self.end.iter().chain(&self.server_end).map(|end| end.at_ms);
        let arrivals = self.passages.iter().flat_map(Passage::moments);
        spans.chain(ends).chain(arrivals).min().unwrap_or(0)
    }

    /// When the last thing happened on it.
    pub fn until_ms(&self) -> u64 {
        let spans = self.client.into_iter().chain(self.server).map(|(_, until)| until);
        let ends = self.end.iter().chain(&self.server_end).map(|end| end.at_ms);
        let arrivals = self.passages.iter().flat_map(Passage::moments);
        spans.chain(ends).chain(arrivals).max().unwrap_or(0)
    }

    /// How many messages left this way, as far as is known, and how many of them arrived.
    pub fn count(&self, way: Direction) -> (usize, usize) {
        let mine = || self.passages.iter().filter(|passage| passage.way == way && passage.left_ms.is_some());
        (mine().count(), mine().filter(|passage| passage.arrived_ms.is_some()).count())
    }

    /// How many arrived that our other half never sent.
    pub fn foreign(&self) -> usize {
        self.passages.iter().filter(|passage| passage.fate == Fate::Foreign).count()
    }

    /// All of it in sentences, for whoever cannot see it.
    pub fn words(&self) -> String {
        let mut said = vec![format!("{} over {}: {}.", self.probe.id(), self.leg, self.asked)];
        if let Some((from, until)) = self.client {
            said.push(format!("Open from {} to {}.", seconds(from), seconds(until)));
        }
        said.push(match self.testified {
            Testified::Nothing => "The server never saw it.".to_owned(),
            Testified::Unwritten => "It is not in the server's record, although the server answered.".to_owned(),
            Testified::Unread => "The server's record of it could not be read.".to_owned(),
            Testified::Whole | Testified::Partly => {
                let ((up, there), (down, here)) = (self.count(Direction::ToServer), self.count(Direction::ToClient));
                format!("{there} of {up} messages reached the server, {here} of {down} the client.")
            }
        });
        if self.foreign() > 0 {
            said.push(format!("{} arrived that the other end never sent.", self.foreign()));
        }
        if let Some((from, until)) = self.silences.iter().max_by_key(|(from, until)| until - from) {
            said.push(format!("Longest silence: {}.", seconds(until - from)));
        }
        if let Some(end) = &self.end {
            said.push(format!("The client at {}: {}.", seconds(end.at_ms), end.words()));
        }
        match &self.server_end {
            Some(end) => said.push(format!("The server at {}: {}.", seconds(end.at_ms), end.words())),
            None if self.testified == Testified::Whole => said.push("The server saw no end.".to_owned()),
            None => {}
        }
        if self.cut {
            said.push("Its record was too long and was cut.".to_owned());
        }
        said.join(" ")
    }
}

/// When something last happened that is no end: an end that the other side began is written down again when it is answered.
fn busy_until(timeline: &Timeline) -> u64 {
    let is_end = |event: &Event| matches!(event, Event::Closed(_) | Event::Ended(_) | Event::GaveUp | Event::Failed(_));
    timeline.last(|event| !is_end(event)).unwrap_or(0)
}

/// The stretches of an open connection in which nothing was sent or received by either end.
fn silences((from, until): (u64, u64), passages: &[Passage]) -> Vec<(u64, u64)> {
    let mut moments: Vec<u64> = passages.iter().flat_map(Passage::moments).filter(|at| (from..=until).contains(at)).collect();
    moments.extend([from, until]);
    moments.sort_unstable();
    let pairs = moments.iter().zip(moments.iter().skip(1));
    pairs.filter(|(from, until)| **until - **from >= SILENCE_MS).map(|(from, until)| (*from, *until)).collect()
}
