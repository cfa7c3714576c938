//! A stream that dribbles: small pieces of one size at one interval, slower than it is sent.

use super::size::pieces;
use super::*;
use crate::finding::seconds;
use crate::timeline::Timeline;

/// So few pieces are not yet a pattern.
const PIECES: usize = 6;
/// A piece of a trickle is smaller than one event of ours: larger ones are packets of a slow link.
const PIECE_BYTES: u64 = 48;
/// Intervals of one beat differ by no more than this, or a quarter.
const BEAT_MS: u64 = 25;
/// Closer together than this, pieces are one burst that something cut up.
const APART_MS: u64 = 5;

/// Judges whether the stream was still far behind when the client stopped listening, and came piece by piece.
pub(super) fn trickled(exchange: &Exchange<Asked>, arrived: &[Arrival], around: &Circumstances) -> Option<Finding> {
    let pieces = pieces(&exchange.record);
    let intervals: Vec<u64> =
        pieces.iter().zip(pieces.iter().skip(1)).map(|((at, _), (next, _))| next.saturating_sub(*at)).collect();
    let every = timing::median(&intervals);
    let sizes: Vec<u64> = pieces.iter().map(|(_, bytes)| *bytes).collect();
    let bytes = timing::median(&sizes);
    let mostly = |all: &[u64], fits: &dyn Fn(u64) -> bool| all.iter().filter(|v| fits(**v)).count() * 10 >= all.len() * 9;
    let steady = mostly(&intervals, &|interval| interval.abs_diff(every) <= BEAT_MS.max(every / 4));
    let small = bytes <= PIECE_BYTES && mostly(&sizes, &|size| size == bytes);
    if pieces.len() < PIECES || !steady || !small || every < APART_MS {
        return None;
    }
    let late = |arrival: &Arrival| arrival.at.saturating_sub(arrival.sent).saturating_sub(around.round_trip_ms / 2);
    let behind = match (arrived.first(), arrived.last()) {
        (Some(first), Some(last)) if last.number == exchange.asked.count => {
            late(last) > late(first).saturating_add(timing::late_ms(around))
        }
        // The client gave up while pieces still came.
        _ => {
            let gave_up = exchange.record.client.first(|e| *e == Event::GaveUp);
            let last = pieces.last().map_or(0, |(at, _)| *at);
            pieces.len() >= Timeline::MAX_PIECES
                || gave_up.is_some_and(|at| at.saturating_sub(last) <= COMING_MS.max(every.saturating_mul(2)))
        }
    };
    behind.then(|| {
        let what = if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") };
        let summary = format!("The stream arrives in a trickle: {what} every {}.", seconds(every));
        Finding::new(TRICKLED, summary)
            .with("bytes", bytes)
            .with("every_ms", every)
            .with("received", arrived.len())
            .with("expected", exchange.asked.count)
    })
}
