//! The server's stream of events (WHATWG HTML, section 9.2).

use super::pen::{Pen, Quota};
use super::testify::{Call, Lasting, Leaving, Reply, proven};
use crate::timeline::{Event, What, Why};
use crate::wire::Message;
use bytes::Bytes;
use futures_util::stream;
use http::{Response, Version, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// How long a client waits before it reconnects: short, so that a resumed stream fits into a quick run.
const RETRY_MS: u64 = 200;

/// What the server streams.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// The number of the first event.
    pub first: u32,
    /// How many events.
    pub count: u32,
    /// The silence before the first event.
    pub silence: Duration,
    /// How often a comment comes during that silence, where any does.
    pub comments: Option<Duration>,
    /// The mean time between events; see [`Schedule::gap`].
    pub every: Duration,
    /// Whether the usual hints against buffering and transforming are sent.
    pub hinted: bool,
    /// The content type.
    pub media_type: &'static str,
    /// Whether only the end of the connection ends it, as HTTP/1.0 has it.
    pub close_delimited: bool,
    /// How many bytes the body has after each event but the last: comments before the event bring it up to that, and all gaps
    /// are the mean. None: nothing is padded.
    pub sizes: Option<fn(u32) -> u64>,
}

impl Schedule {
    /// The time between an event and the one before it: half and one and a half times the mean in turn, so that "one event
    /// behind" and "late by a constant" look different.
    pub fn gap(every: Duration, number: u32) -> Duration {
        if number.is_multiple_of(2) { every / 2 } else { every + every / 2 }
    }
}

/// Answers with a stream that keeps to the schedule.
pub fn stream_reply(call: Call, schedule: Schedule) -> Reply {
    let resumed = call.request.headers().get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    if let Some(id) = resumed {
        call.pen.note(Event::Received(What::LastEventId, id, None));
    }
    call.pen.note(Event::Response(200));
    let mut reply = proven(Response::builder(), &call).header(header::CONTENT_TYPE, schedule.media_type);
    reply = if schedule.close_delimited {
        // The library chunks what is of HTTP/1.1 and has no length.
        reply.version(Version::HTTP_10).header(header::CONNECTION, "close")
    } else {
        reply.extension(Lasting)
    };
    if schedule.hinted {
        reply = reply.header("x-accel-buffering", "no").header(header::CACHE_CONTROL, "no-cache, no-transform");
    }
    let leaving = Leaving::watch(&call);
    let (now, next) = (Instant::now(), 0);
    let comment = schedule.comments.map(|every| now + every);
    let first = format!(": {}\nretry: {RETRY_MS}\n\n", call.proof());
    // What a stream does not need goes now: a request's headers alone keep all that was read with them.
    let most = if call.request.version() == Version::HTTP_2 { PART_BYTES } else { usize::MAX };
    let Call { nonce, pen, stop, until, sent, held, .. } = call;
    let state = Streaming {
        leaving,
        nonce,
        pen,
        stop,
        until,
        sent,
        _held: held,
        first,
        schedule,
        next,
        due: now + schedule.silence,
        comment,
        comments: 0,
        written: 0,
        most,
        left: None,
    };
    let frames = stream::unfold(state, |mut state| async move {
        let piece = state.piece().await?;
        state.written += piece.len();
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(piece))), state))
    });
    reply.body(StreamBody::new(frames).boxed_unsync()).unwrap_or_default()
}

struct Streaming {
    leaving: Leaving,
    nonce: String,
    pen: Pen,
    stop: CancellationToken,
    until: Instant,
    sent: Arc<Quota>,
    _held: Arc<dyn Send + Sync>,
    /// The first words.
    first: String,
    schedule: Schedule,
    next: u32,
    due: Instant,
    /// When the next comment is due, and how many there have been.
    comment: Option<Instant>,
    comments: u32,
    /// Bytes of the body so far.
    written: usize,
    /// How much padding may be in one piece.
    most: usize,
    /// What is left of an event: bytes of padding before it, what that is made from, and the event.
    left: Option<(usize, u32, String)>,
}

impl Streaming {
    async fn piece(&mut self) -> Option<String> {
        if let Some((missing, seed, event)) = self.left.take() {
            return Some(self.part(missing, seed, event));
        }
        let number = self.next;
        self.next += 1;
        if number == 0 {
            // Proof first, then how soon to come back; a reader that sees the head but not this is being held up.
            self.pen.note(Event::Sent(What::Comment, 0));
            return Some(std::mem::take(&mut self.first));
        }
        if number > self.schedule.count {
            self.leaving.done(Why::Done);
            return None;
        }
        let comment = self.comment.filter(|comment| *comment < self.due);
        let due = comment.unwrap_or(self.due);
        let over = tokio::select! {
            biased;
            () = sleep_until(due.min(self.until)) => (due > self.until).then_some(Why::Limit),
            () = self.stop.cancelled() => Some(Why::Shutdown),
        };
        if let Some(why) = over {
            self.leaving.done(why);
            return None;
        }
        if comment.is_some() {
            return self.kept_up();
        }
        let id = self.schedule.first.saturating_add(number - 1);
        let every = self.schedule.every;
        self.due += if self.schedule.sizes.is_some() { every } else { Schedule::gap(every, id.saturating_add(1)) };
        let sent_ms = self.pen.clock.ms();
        let message = Message { what: What::Event, number: id, sent_ms, word: self.nonce.clone(), size: None };
        let event = format!("id: {id}\ndata: {message}\n\n");
        let size = self.schedule.sizes.filter(|_| number < self.schedule.count).map_or(0, |sizes| sizes(number));
        let missing = usize::try_from(size).unwrap_or(0).saturating_sub(self.written + event.len());
        if !self.sent.take(missing + event.len()) {
            self.leaving.done(Why::Limit);
            return None;
        }
        self.pen.note(Event::Sent(What::Event, id));
        Some(self.part(missing, number, event))
    }

    /// As much of an event, and of the padding before it, as goes into one piece.
    fn part(&mut self, missing: usize, seed: u32, event: String) -> String {
        // One byte cannot be padding.
        let now = missing.min(if missing == self.most.saturating_add(1) { missing / 2 } else { self.most });
        if now < missing {
            self.left = Some((missing - now, seed.wrapping_add(SEEDS), event));
            return padding(now, seed);
        }
        [padding(now, seed), event].concat()
    }

    /// A comment where the event is not due yet.
    fn kept_up(&mut self) -> Option<String> {
        self.next -= 1;
        self.comments += 1;
        self.comment = self.comment.zip(self.schedule.comments).map(|(due, every)| due + every);
        let comment = format!(": {} {}\n\n", self.comments, self.nonce);
        if !self.sent.take(comment.len()) {
            self.leaving.done(Why::Limit);
            return None;
        }
        self.pen.note(Event::Sent(What::Comment, self.comments));
        Some(comment)
    }
}

/// Padding in one piece of a stream of HTTP/2, of which there are a hundred on a connection: of each, two pieces may wait for a peer that
/// does not read.
const PART_BYTES: usize = 2 * 1024;
/// How far apart the seeds of such pieces are: more than a stream has padded events.
const SEEDS: u32 = 1_000;
/// The longest line of padding: below any limit on lines.
const PADDING_LINE: usize = 512;
/// What padding is made of: nothing that a filter could look for.
const PADDING: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Comments of that many bytes in all. They read like noise, so that a path that compresses cannot make them small.
fn padding(bytes: usize, seed: u32) -> String {
    // Odd, and another for each seed: what comes twice is small where a path compresses.
    let mut noise = (u64::from(seed) << 1) | 1;
    let mut text = String::with_capacity(bytes);
    while text.len() + 2 <= bytes {
        let line = (bytes - text.len()).min(PADDING_LINE);
        // One byte cannot be a line of its own.
        let line = if bytes - text.len() - line == 1 { line - 1 } else { line };
        text.push(':');
        for _ in 2..line {
            // Knuth's linear congruential generator; its high bits are the good ones.
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push(char::from(PADDING.get((noise >> 58) as usize).copied().unwrap_or(b'x')));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::events::{Item, Parser};

    #[test]
    fn padding_has_the_size_that_was_asked_for_and_is_comments_alone() {
        for bytes in (0..2_000).chain([16 * 1024]) {
            let text = padding(bytes, 7);
            assert_eq!(text.len(), if bytes < 2 { 0 } else { bytes });
            assert!(text.is_empty() || text.ends_with('\n'));
            assert!(Parser::default().push(text.as_bytes()).iter().all(|item| matches!(item, Item::Comment(_))));
        }
    }

    #[test]
    fn a_path_that_compresses_cannot_make_the_padding_of_a_stream_small() {
        use flate2::{Compression, write::GzEncoder};
        use std::io::Write;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        for number in 1..=13 {
            gzip.write_all(padding(4_096, number).as_bytes()).unwrap();
        }
        // Letters of 64 kinds take six bits of eight.
        assert!(gzip.finish().unwrap().len() > 13 * 4_096 * 7 / 10);
    }
}
