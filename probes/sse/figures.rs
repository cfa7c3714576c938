//! The times of each stream, for programs: what a healthy path has as well.

use super::verdict::{arrivals, timing};
use super::{Asked, Kind};
use crate::circumstances::Circumstances;
use crate::exchange::Exchange;
use crate::timeline::{Entry, Event, What};
use schemars::JsonSchema;
use serde::Serialize;

/// What was measured of one stream. Delays are beyond half a round trip, and as uncertain as the bound of the two clocks.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Figures {
    /// Which stream.
    pub kind: Kind,
    /// How it departs from the plain one, where it does.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub form: String,
    /// The mean time between its events, in milliseconds.
    pub every_ms: u64,
    /// How many events arrived.
    pub events: usize,
    /// From when the server sent the head of the answer to its arrival, in milliseconds; none where the server's record has it not.
    pub head_delay_ms: Option<u64>,
    /// The same of the first event.
    pub first_event_delay_ms: Option<u64>,
    /// The same of all events: the median.
    pub extra_delay_p50_ms: Option<u64>,
    /// And what all but one of twenty stay within.
    pub extra_delay_p95_ms: Option<u64>,
    /// How many events came with one piece of the body, on the mean: more than one where something collects them. Over HTTP/2 each frame
    /// is a piece of its own, and those of one millisecond are taken together.
    pub events_per_arrival: Option<f64>,
}

impl Figures {
    /// Those of all streams, in the order in which they were asked for.
    pub fn of(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Self> {
        evidence.iter().map(|exchange| Self::of_one(exchange, around)).collect()
    }

    fn of_one(exchange: &Exchange<Asked>, around: &Circumstances) -> Self {
        let Exchange { asked, record } = exchange;
        let delays = timing::delays(&arrivals(record, around), around);
        let mut sorted = delays.clone();
        sorted.sort_unstable();
        // The nearest rank (as in latency): the smallest value that so many of a hundred stay within.
        let rank = |percent: usize| sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        let pieces = record.client.entries.chunk_by(|_, next| !matches!(next.event, Event::Piece(_)));
        let events = |piece: &[Entry]| {
            let at = piece.first().filter(|first| matches!(first.event, Event::Piece(_)))?.at_ms;
            Some((at, piece.iter().filter(|e| matches!(e.event, Event::Received(What::Event, ..))).count()))
        };
        let with_events: Vec<(u64, usize)> = pieces.filter_map(events).filter(|(_, n)| *n > 0).collect();
        let in_pieces: usize = with_events.iter().map(|(_, n)| n).sum();
        let arrivals = with_events.chunk_by(|(one, _), (next, _)| asked.form.http2 && next.saturating_sub(*one) <= 1).count();
        #[expect(clippy::cast_precision_loss, reason = "a stream has no more than a few hundred events")]
        let per_arrival = in_pieces as f64 / arrivals.max(1) as f64;
        Self {
            kind: asked.kind,
            form: asked.form.words(),
            every_ms: asked.every_ms,
            events: delays.len(),
            head_delay_ms: timing::head_delay(record, around),
            first_event_delay_ms: delays.first().copied(),
            extra_delay_p50_ms: rank(50),
            extra_delay_p95_ms: rank(95),
            events_per_arrival: (in_pieces > 0).then_some((per_arrival * 10.0).round() / 10.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Form;
    use super::*;
    use crate::testing::{around, record};

    #[test]
    fn what_comes_together_is_one_arrival() {
        let figures = |http2, client: &str| {
            let form = Form { http2, ..Form::default() };
            let asked = Asked { kind: Kind::Varied, count: 4, every_ms: 100, form };
            Figures::of(&[Exchange { asked, record: record(client, "request@10 200@10") }], &around()).remove(0)
        };
        // In the notation, what happens at one time happens in the order in which it is written.
        let one_by_one = "opened@0 request@0 200@15 piece:60@115 got:event1~110@115 piece:60@215 got:event2~210@215";
        let frames = "opened@0 request@0 200@15 piece:60@415 got:event1~110@415 piece:60@415 got:event2~210@415 \
                      piece:60@416 got:event3~310@416 piece:60@616 got:event4~610@616";
        for http2 in [false, true] {
            assert_eq!(figures(http2, one_by_one).events_per_arrival, Some(1.0));
        }
        let held = figures(true, frames);
        assert_eq!((held.form.as_str(), held.events, held.events_per_arrival), ("HTTP/2", 4, Some(2.0)));
        assert_eq!((held.head_delay_ms, held.first_event_delay_ms, held.extra_delay_p50_ms), (Some(0), Some(300), Some(101)));
        assert_eq!(figures(false, frames).events_per_arrival, Some(1.0));
    }
}
