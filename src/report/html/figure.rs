//! The timeline as geometry: where each line of each connection lies. What it looks like is said by the style sheet.

use crate::report::picture::{Ending, Fate, Lane, Passage, Picture, Testified};
use proxyprobe_probes::ProbeId;
use proxyprobe_probes::finding::seconds;
use proxyprobe_probes::transport::{Direction, Leg};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Where the time begins, right of what was asked.
const LEFT: f64 = 210.0;
/// Where it ends, left of how it ended. The template knows where that stands.
const RIGHT: f64 = 766.0;
/// Room for the axis.
const TOP: f64 = 20.0;
/// A connection takes this much height.
const ROW: f64 = 36.0;
/// The client's line, from the top of its row.
const CLIENT: f64 = 8.0;
/// The server's line.
const SERVER: f64 = 26.0;
/// Where a message ends that did not arrive.
const MIDDLE: f64 = 17.0;
/// A figure shows at least this much time: below it the differences are those of the machine, not of the path.
const LEAST_MS: u64 = 2_000;
/// The most strokes of a kind in a row: as many as there are places for them to stand apart.
const MAX_STROKES: usize = 560;
/// What is said of the server's record takes this much.
const SERVER_WORDS: f64 = 200.0;
/// A silence narrower than this has no room for its words.
const WORDS: f64 = 90.0;

/// The connections of one probe on one leg.
pub(super) struct Figure {
    pub(super) probe: &'static str,
    pub(super) question: &'static str,
    pub(super) label: String,
    pub(super) height: u32,
    pub(super) ticks: Vec<Tick>,
    pub(super) lanes: Vec<Row>,
}

/// A mark on the axis.
pub(super) struct Tick {
    pub(super) x: String,
    pub(super) label: String,
}

/// One connection.
pub(super) struct Row {
    pub(super) y: String,
    pub(super) title: String,
    pub(super) asked: String,
    pub(super) silences: Vec<Silence>,
    pub(super) strokes: Vec<Stroke>,
    pub(super) server_words: &'static str,
    pub(super) server_words_x: String,
    pub(super) end: String,
    pub(super) bad: bool,
}

/// A stretch in which nothing passed.
pub(super) struct Silence {
    pub(super) band: String,
    pub(super) middle: String,
    pub(super) words: String,
}

/// Lines of one kind.
pub(super) struct Stroke {
    pub(super) class: &'static str,
    pub(super) d: String,
}

/// The figures of one leg, in the order of the probes.
pub(super) fn figures(picture: &Picture, leg: Leg) -> Vec<Figure> {
    ProbeId::ALL
        .iter()
        .map(|probe| (probe, picture.on(leg).filter(|lane| lane.probe == *probe).collect::<Vec<_>>()))
        .filter(|(_, lanes)| !lanes.is_empty())
        .map(|(probe, lanes)| figure(*probe, leg, &lanes))
        .collect()
}

fn figure(probe: ProbeId, leg: Leg, lanes: &[&Lane]) -> Figure {
    let from = lanes.iter().map(|lane| lane.since_ms()).min().unwrap_or(0);
    let until = lanes.iter().map(|lane| lane.until_ms()).max().unwrap_or(0);
    let scale = Scale::over(from, until);
    let rows = lanes.iter().enumerate().map(|(index, lane)| row(index, lane, &scale)).collect::<Vec<_>>();
    // Rows are bounded, and so is the height.
    let height = (TOP + ROW * rows.len() as f64) as u32;
    let connections = if rows.len() == 1 { "1 connection".to_owned() } else { format!("{} connections", rows.len()) };
    let label = format!("{} over {leg}, {connections}", probe.id());
    Figure { probe: probe.id(), question: probe.question(), label, height, ticks: scale.ticks(), lanes: rows }
}

/// Time as a place from left to right.
struct Scale {
    from: f64,
    step: f64,
    until: f64,
}

impl Scale {
    fn over(from_ms: u64, until_ms: u64) -> Self {
        let until_ms = until_ms.max(from_ms.saturating_add(LEAST_MS));
        let (from, until) = (from_ms as f64, until_ms as f64);
        // The smallest of 1, 2, 5, 10 .. with which the axis has at most eight parts.
        let part = (until - from) / 8.0;
        let power = 10f64.powf(part.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|digit| digit * power).find(|step| *step >= part).unwrap_or(part);
        Self { from: (from / step).floor() * step, step, until: (until / step).ceil() * step }
    }

    fn place(&self, at_ms: u64) -> f64 {
        let share = (at_ms as f64 - self.from) / (self.until - self.from);
        LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    fn ticks(&self) -> Vec<Tick> {
        let parts = ((self.until - self.from) / self.step).round() as u32;
        // The smallest step is half a second.
        let decimals = if self.step >= 1000.0 { 0 } else { 1 };
        let tick = |part: u32| {
            let at_ms = self.from + self.step * f64::from(part);
            let x = LEFT + f64::from(part) / f64::from(parts.max(1)) * (RIGHT - LEFT);
            Tick { x: number(x), label: format!("{:.decimals$} s", at_ms / 1000.0) }
        };
        (0..=parts).map(tick).collect()
    }
}

/// A length to the nearest tenth, without a needless zero.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

fn row(index: usize, lane: &Lane, scale: &Scale) -> Row {
    let mut strokes = Vec::new();
    let mut draw = |class, d: String| {
        if !d.is_empty() {
            strokes.push(Stroke { class, d });
        }
    };
    if let Some((from, until)) = lane.opening {
        draw("opening", level(scale, from, until, CLIENT));
    }
    let open = lane.client.map(|(from, until)| level(scale, from, until, CLIENT)).unwrap_or_default();
    let server = lane.server.map(|(from, until)| level(scale, from, until, SERVER)).unwrap_or_default();
    draw("open", open + &server);
    for (class, passages) in kinds(&lane.passages) {
        draw(class, lines(&passages, scale));
    }
    let ends = [(&lane.end, CLIENT), (&lane.server_end, SERVER)];
    let marks = |planned: bool| {
        let ends = ends.iter().filter_map(|(end, y)| end.as_ref().map(|end| (end, *y)));
        ends.filter(|(end, _)| end.is_planned() == planned).map(|(end, y)| mark(scale.place(end.at_ms), y, planned)).collect()
    };
    draw("end", marks(true));
    draw("cut", marks(false));
    let server_words = match lane.testified {
        Testified::Nothing => "the server never saw it",
        Testified::Unwritten => "not in the server's record",
        Testified::Unread => "the server's record could not be read",
        Testified::Whole | Testified::Partly => "",
    };
    Row {
        y: number(TOP + ROW * index as f64),
        title: lane.words(),
        asked: lane.asked.clone(),
        silences: lane.silences.iter().map(|silence| band(*silence, scale)).collect(),
        strokes,
        server_words,
        server_words_x: number(lane.client.map_or(LEFT, |(_, until)| (scale.place(until) + 8.0).min(RIGHT - SERVER_WORDS))),
        end: lane.end.as_ref().map(Ending::label).unwrap_or_default(),
        bad: lane.end.as_ref().is_some_and(|end| !end.is_planned()),
    }
}

/// A line along the time.
fn level(scale: &Scale, from_ms: u64, until_ms: u64, y: f64) -> String {
    // What begins and ends at once is still seen.
    let (from, until) = (scale.place(from_ms), scale.place(until_ms).max(scale.place(from_ms) + 1.0));
    format!("M{} {}H{}", number(from), number(y), number(until))
}

/// The mark at the end of a line.
fn mark(x: f64, y: f64, planned: bool) -> String {
    let x = number(x);
    if planned { format!("M{x} {}v10", number(y - 5.0)) } else { format!("M{x} {}m-4-4l8 8m0-8l-8 8", number(y)) }
}

fn band((from, until): (u64, u64), scale: &Scale) -> Silence {
    let (left, right) = (scale.place(from), scale.place(until));
    let words = if right - left < WORDS { String::new() } else { format!("{} silent", seconds(until - from)) };
    let band = format!("M{} {}H{}V{}H{}z", number(left), number(CLIENT), number(right), number(SERVER), number(left));
    Silence { band, middle: number((left + right) / 2.0), words }
}

/// What passed, by what is to be seen of it; what went wrong comes last and lies on top.
fn kinds(passages: &[Passage]) -> Vec<(&'static str, Vec<&Passage>)> {
    let class = |passage: &Passage| match (passage.fate, passage.way) {
        (Fate::Arrived, Direction::ToServer) => "up",
        (Fate::Arrived, Direction::ToClient | Direction::Both) => "down",
        (Fate::Changed | Fate::Foreign, _) => "changed",
        (Fate::Lost, _) => "lost",
        (Fate::Unknown, _) => "unknown",
    };
    let of = |wanted: &'static str| (wanted, passages.iter().filter(|passage| class(passage) == wanted).collect());
    ["unknown", "up", "down", "changed", "lost"].map(of).into()
}

/// The lines of one kind, each once where several would lie on each other.
fn lines(passages: &[&Passage], scale: &Scale) -> String {
    let mut seen = BTreeSet::new();
    let mut d = String::new();
    for passage in passages {
        let (near, far) = match passage.way {
            Direction::ToServer => (CLIENT, SERVER),
            Direction::ToClient | Direction::Both => (SERVER, CLIENT),
        };
        let left = passage.left_ms.map(|at_ms| number(scale.place(at_ms).round()));
        let arrived = passage.arrived_ms.map(|at_ms| number(scale.place(at_ms).round()));
        if seen.len() >= MAX_STROKES || !seen.insert((left.clone(), arrived.clone(), passage.way)) {
            continue;
        }
        let (near, far, middle) = (number(near), number(far), number(MIDDLE));
        let _ = match (left, arrived) {
            (Some(left), Some(arrived)) if left == arrived => write!(d, "M{left} {near}V{far}"),
            (Some(left), Some(arrived)) => write!(d, "M{left} {near}L{arrived} {far}"),
            (Some(left), None) if passage.fate == Fate::Lost => write!(d, "M{left} {near}V{middle}m-3-3l6 6m0-6l-6 6"),
            (Some(left), None) => write!(d, "M{left} {near}V{middle}"),
            (None, Some(arrived)) => write!(d, "M{arrived} {middle}V{far}"),
            (None, None) => Ok(()),
        };
    }
    d
}
