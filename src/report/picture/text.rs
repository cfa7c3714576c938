//! The timeline for a terminal: one line for each connection, in characters that survive any pipe.

use super::Picture;
use super::ending::How;
use super::lane::Lane;
use super::passage::Fate;
use proxyprobe_probes::finding::seconds;
use proxyprobe_probes::transport::Direction;
use std::fmt::Write;

/// The fewest columns of time that still show anything.
const LEAST_COLUMNS: usize = 20;
/// What was asked may take this many columns: the longest, `WebSocket, 32.0 s, client first`, fits.
const ASKED_COLUMNS: usize = 31;

/// What the characters mean.
const LEGEND: &[(char, &str)] = &[
    ('.', "opening"),
    ('=', "both ways"),
    ('>', "to the server"),
    ('<', "to the client"),
    ('-', "nothing"),
    ('s', "seen by the server alone"),
    ('L', "sent and lost"),
    (']', "ended as planned"),
    ('x', "ended by something else"),
    ('?', "no answer: given up"),
    ('!', "failed"),
];

/// The timeline in lines of at most `width` columns, the legend included.
pub fn text(picture: &Picture, width: usize) -> String {
    let mut text = String::new();
    if picture.lanes.is_empty() {
        return text;
    }
    let widest = |of: &dyn Fn(&Lane) -> usize| picture.lanes.iter().map(of).max().unwrap_or(0);
    let probe = widest(&|lane| lane.probe.id().len());
    let leg = widest(&|lane| lane.leg.as_str().len());
    let asked = widest(&|lane| lane.asked.chars().count()).min(ASKED_COLUMNS);
    // Two blanks between columns, and a bar at both ends of the time.
    let columns = width.saturating_sub(probe + leg + asked + 3 * 2 + 2).max(LEAST_COLUMNS);
    let scale = Scale { until_ms: picture.until_ms.max(1), columns };
    let until = seconds(picture.until_ms);
    let _ = writeln!(text, "{:indent$}0{until:>rest$}", "", indent = probe + leg + asked + 3 * 2 + 1, rest = columns - 1);
    for lane in &picture.lanes {
        let words: String = lane.asked.chars().take(asked).collect();
        let id = lane.probe.id();
        let _ = writeln!(text, "{id:probe$}  {:leg$}  {words:asked$}  |{}|", lane.leg.as_str(), cells(lane, &scale));
    }
    if let Some(words) = picture.left_out_words() {
        let _ = writeln!(text, "{words}");
    }
    let mut line = String::new();
    for (sign, words) in LEGEND {
        let entry = format!("{sign} {words}");
        if !line.is_empty() && line.len() + 3 + entry.len() > width {
            let _ = writeln!(text, "{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push_str("   ");
        }
        line.push_str(&entry);
    }
    let _ = writeln!(text, "{line}");
    text
}

/// Time in columns.
struct Scale {
    until_ms: u64,
    columns: usize,
}

impl Scale {
    fn column(&self, at_ms: u64) -> usize {
        let last = self.columns.saturating_sub(1);
        let place = u128::from(at_ms) * last as u128 / u128::from(self.until_ms);
        usize::try_from(place).unwrap_or(last).min(last)
    }
}

/// A lane as a row of characters; what says more overwrites what says less.
fn cells(lane: &Lane, scale: &Scale) -> String {
    let mut cells = vec![' '; scale.columns];
    let mut paint = |from_ms: u64, until_ms: u64, sign: char| {
        let (from, until) = (scale.column(from_ms), scale.column(until_ms));
        cells.iter_mut().take(until + 1).skip(from).for_each(|cell| *cell = sign);
    };
    if let Some((from, until)) = lane.opening {
        paint(from, until, '.');
    }
    if let Some((from, until)) = lane.client {
        paint(from, until, '-');
    }
    for passage in &lane.passages {
        // Seen by one end alone, where the other one's record would have it.
        let server_alone = passage.way == Direction::ToClient && passage.arrived_ms.is_none();
        let sign = match (passage.fate, passage.way) {
            (_, _) if server_alone => 's',
            (Fate::Lost, _) => 'L',
            (_, Direction::ToServer) => '>',
            (_, Direction::ToClient | Direction::Both) => '<',
        };
        let at_ms = if passage.way == Direction::ToServer { passage.left_ms } else { passage.arrived_ms };
        if let Some(at_ms) = at_ms.or(passage.moments().next()) {
            mark(&mut cells, scale.column(at_ms), sign);
        }
        // What the server sent long before it arrived shows where it was sent.
        if let (Direction::ToClient, Some(left), Some(arrived)) = (passage.way, passage.left_ms, passage.arrived_ms)
            && scale.column(left) < scale.column(arrived)
        {
            mark(&mut cells, scale.column(left), 's');
        }
    }
    if let Some(end) = &lane.end {
        let sign = match end.how {
            How::Failed(_) => '!',
            How::GaveUp => '?',
            _ if end.is_planned() => ']',
            _ => 'x',
        };
        let column = scale.column(end.at_ms);
        // What passed at the very end is not hidden by it, where there is room.
        let taken = cells.get(column).is_some_and(|cell| !matches!(cell, ' ' | '-' | '.'));
        let place = if taken && column + 1 < cells.len() { column + 1 } else { column };
        if let Some(cell) = cells.get_mut(place) {
            *cell = sign;
        }
    }
    cells.into_iter().collect()
}

/// Marks one moment: what passes both ways says so, and nothing hides a loss.
fn mark(cells: &mut [char], column: usize, sign: char) {
    let Some(cell) = cells.get_mut(column) else { return };
    *cell = match (*cell, sign) {
        ('L', _) | (_, 'L') => 'L',
        ('=', _) | ('<', '>') | ('>', '<') => '=',
        ('<' | '>', 's') => *cell,
        (_, sign) => sign,
    };
}
