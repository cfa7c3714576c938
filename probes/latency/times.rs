//! How long things took: from what was sent to what answered it.

use super::{Asked, Kind};
use crate::exchange::{Exchange, Proof, Record};
use crate::timeline::{Event, What};

/// Times of one kind, in milliseconds, in order of size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series(Vec<u64>);

/// Below this many, the slowest of twenty cannot be told from the slowest of all.
const ENOUGH_FOR_P95: usize = 20;
/// Fewer than this give no median worth saying.
const ENOUGH: usize = 3;

impl Series {
    fn of(mut times: Vec<u64>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The median; none where too few were measured.
    pub fn p50_ms(&self) -> Option<u64> {
        (self.count() >= ENOUGH).then(|| self.0.get(self.count() / 2).copied()).flatten()
    }

    /// The slowest.
    pub fn worst_ms(&self) -> Option<u64> {
        self.0.last().copied()
    }

    /// What all but one of twenty stay within; none where fewer than twenty were measured.
    pub fn p95_ms(&self) -> Option<u64> {
        // The nearest rank.
        let rank = (self.count() * 95).div_ceil(100).saturating_sub(1);
        (self.count() >= ENOUGH_FOR_P95).then(|| self.0.get(rank).copied()).flatten()
    }
}

/// What a leg's times are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// From a WebSocket message to its echo.
    pub messages: Series,
    /// From a request on an open connection to the end of its answer. At a beat that was asked for: from when it was due.
    pub requests: Series,
    /// The same over HTTP/2.
    pub requests_http2: Series,
    /// Opening a connection for requests, with proxy and TLS.
    pub openings: Series,
    /// The beat at which requests were sent, where one was asked for, in milliseconds.
    pub every_ms: Option<u64>,
    /// Whether the path lets requests follow one another on a connection; none where that was not seen.
    pub keeps_open: Option<bool>,
    /// Requests that were sent beside an open stream.
    pub sent: usize,
    /// Bytes on the wire, both ways, for a message and its echo, a request and its answer, and an event.
    pub bytes: Bytes,
}

/// Bytes of a connection's lowest layer: TLS records and what is in them, without the headers of TCP and IP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// A WebSocket message and its echo.
    pub message: Option<u64>,
    /// A request and its answer.
    pub request: Option<u64>,
    /// A server-sent event.
    pub event: Option<u64>,
}

impl Times {
    /// What these connections show.
    pub fn of(evidence: &[Exchange<Asked>]) -> Self {
        let proven = || evidence.iter().filter(|one| one.record.proof == Proof::Valid);
        let of = |kind: Kind| proven().filter(move |one| one.asked.kind == kind);
        // Requests beside a stream are what an application would send; the few before it stand in where there are none.
        let beside = of(Kind::Beside).any(|one| !answered(&one.record).is_empty());
        let kind = if beside { Kind::Beside } else { Kind::Alone };
        let every_ms = of(kind).find_map(|one| one.asked.every_ms);
        let requests: Vec<Answered> = of(kind).flat_map(|one| answered(&one.record)).collect();
        let many = |one: &&Exchange<Asked>| answered(&one.record).len() > 1;
        let connections = of(kind).filter(|one| !answered(&one.record).is_empty()).count();
        Self {
            messages: Series::of(of(Kind::Messages).flat_map(|one| due(&answered(&one.record), one.asked.every_ms)).collect()),
            sent: of(kind).map(|one| one.record.client.sent(What::Frame).len()).sum(),
            keeps_open: match connections {
                0 => None,
                _ if of(kind).any(|one| many(&one)) => Some(true),
                1 => None,
                _ => Some(false),
            },
            requests: Series::of(due(&requests, every_ms)),
            requests_http2: Series::of(of(Kind::Http2).flat_map(|one| due(&answered(&one.record), None)).collect()),
            openings: Series::of(
                proven()
                    .filter(|one| one.asked.kind != Kind::Messages)
                    .filter_map(|one| Some(one.record.opened.as_ref()?.took_ms))
                    .collect(),
            ),
            every_ms,
            bytes: Bytes {
                message: weight(of(Kind::Messages), What::Echo),
                request: weight(of(kind), What::Echo),
                event: weight(of(Kind::Stream), What::Event),
            },
        }
    }
}

/// Something that was answered.
#[derive(Clone, Copy)]
struct Answered {
    number: u32,
    sent: u64,
    received: u64,
}

/// What was answered before it counted as overdue.
fn answered(record: &Record) -> Vec<Answered> {
    let overdue = record.client.first(|e| *e == Event::GaveUp).unwrap_or(u64::MAX);
    let find = |wanted: &dyn Fn(&Event) -> bool| record.client.first(wanted);
    let one = |number: u32| {
        let sent = find(&|e| *e == Event::Sent(What::Frame, number))?;
        let received = find(&|e| matches!(e, Event::Received(What::Echo, found, _) if *found == number))?;
        (received < overdue).then_some(Answered { number, sent, received })
    };
    record.client.sent(What::Frame).into_iter().filter_map(one).collect()
}

/// How long each took. At a beat that was asked for, what has to wait for a free connection is late from when it was due.
fn due(all: &[Answered], every_ms: Option<u64>) -> Vec<u64> {
    let at = |every: u64, number: u32| every.saturating_mul(u64::from(number.saturating_sub(1)));
    let begin = every_ms.and_then(|every| all.iter().map(|one| one.sent.saturating_sub(at(every, one.number))).min());
    all.iter()
        .map(|one| {
            let due = begin.zip(every_ms).map_or(one.sent, |(begin, every)| begin.saturating_add(at(every, one.number)));
            one.received.saturating_sub(due.min(one.sent))
        })
        .collect()
}

/// How many bytes these connections carried for each of what they received, from one weighing to the next.
fn weight<'a>(all: impl Iterator<Item = &'a Exchange<Asked>>, what: What) -> Option<u64> {
    let (mut bytes, mut count) = (0_u64, 0_u64);
    for Exchange { record, .. } in all {
        let weighed = |event: &Event| matches!(event, Event::Carried(..));
        let mut entries = record.client.entries.iter();
        let Some(Event::Carried(sent, received)) = entries.find(|entry| weighed(&entry.event)).map(|entry| &entry.event) else {
            continue;
        };
        let before = sent.saturating_add(*received);
        let mut between = 0;
        for entry in entries {
            match entry.event {
                Event::Received(found, ..) if found == what => between += 1,
                Event::Carried(sent, received) => {
                    bytes = bytes.saturating_add(sent.saturating_add(received).saturating_sub(before));
                    count += between;
                }
                _ => {}
            }
        }
    }
    bytes.checked_div(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::record;

    fn one(kind: Kind, every_ms: Option<u64>, client: &str) -> Exchange<Asked> {
        Exchange { asked: Asked { kind, every_ms, attempt: 1 }, record: record(client, "") }
    }

    #[test]
    fn percentiles_need_enough_of_them() {
        assert_eq!(Series::of(vec![5, 1]).p50_ms(), None);
        assert_eq!(Series::of(vec![5, 1, 9]).p50_ms(), Some(5));
        assert_eq!(Series::of((1..=19).collect()).p95_ms(), None);
        assert_eq!(Series::of((1..=20).collect()).p95_ms(), Some(19));
        assert_eq!(Series::of((1..=100).collect()).p95_ms(), Some(95));
    }

    #[test]
    fn times_are_from_what_was_sent_to_what_answered_it() {
        let line =
            "opened@0 request@0 200@10 sent:frame1@100 got:echo1@120 sent:frame2@150 got:echo2@180 sent:frame3@200 got:echo3@240";
        let times = Times::of(&[one(Kind::Beside, None, line), one(Kind::Alone, None, line)]);
        assert_eq!((times.requests.0.as_slice(), times.keeps_open, times.sent), ([20, 30, 40].as_slice(), Some(true), 3));
        assert_eq!(Times::of(&[one(Kind::Alone, None, line)]).requests.p50_ms(), Some(30), "without a stream those before it");
    }

    #[test]
    fn at_a_beat_what_waits_for_a_connection_is_late() {
        // The second one was due at 110, and had to wait for the first.
        let line = "opened@0 request@0 200@10 sent:frame1@100 got:echo1@130 sent:frame2@130 got:echo2@160";
        assert_eq!(Times::of(&[one(Kind::Beside, Some(10), line)]).requests.0, [30, 50]);
        assert_eq!(Times::of(&[one(Kind::Beside, None, line)]).requests.0, [30, 30]);
    }

    #[test]
    fn what_comes_after_it_was_given_up_is_not_in_time() {
        let line = "opened@0 request@0 200@10 sent:frame1@100 gave-up@3600 got:echo1@3700";
        assert_eq!(Times::of(&[one(Kind::Beside, None, line)]).requests.count(), 0);
    }

    #[test]
    fn a_connection_for_each_request_is_seen() {
        let each = "opened@0 request@0 200@10 sent:frame1@100 got:echo1@120";
        let other = "opened@200 request@200 200@210 sent:frame2@300 got:echo2@320";
        let times = Times::of(&[one(Kind::Beside, None, each), one(Kind::Beside, None, other)]);
        assert_eq!((times.keeps_open, times.openings.count()), (Some(false), 2));
        assert_eq!(Times::of(&[one(Kind::Beside, None, each)]).keeps_open, None);
    }

    #[test]
    fn bytes_are_counted_between_two_weighings() {
        let line = "opened@0 request@0 101@10 sent:frame1@100 got:echo1@120 carried:100+50@120 sent:frame2@130 got:echo2@140 \
                    sent:frame3@150 got:echo3@160 carried:220+130@160";
        assert_eq!(Times::of(&[one(Kind::Messages, None, line)]).bytes.message, Some(100));
    }
}
