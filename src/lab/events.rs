//! Events in the bytes of a stream, wherever these are cut.

use super::Onward;
use super::stream::Stream;
use proxyprobe_probes::io::Io;

/// What is longer than this is taken for no event.
const LONGEST: usize = 1024 * 1024;

/// Finds the ends of events: an empty line behind data.
#[derive(Debug, Default)]
struct Events {
    /// The event under way.
    event: Vec<u8>,
}

impl Events {
    /// Cuts a piece behind each event that ends in it. The whole event, as it stood on the wire, comes with its last part.
    fn cut<'a>(&mut self, piece: &'a [u8]) -> Vec<(&'a [u8], Option<Vec<u8>>)> {
        let (mut parts, mut rest, mut size) = (Vec::new(), piece, 0);
        for line in piece.split_inclusive(|byte| *byte == b'\n') {
            size += line.len();
            if self.event.len() > LONGEST {
                self.event.clear();
            }
            self.event.extend_from_slice(line);
            let ends = [&b"\n\n"[..], b"\n\r\n"].iter().any(|end| self.event.ends_with(end));
            let blank = [&b"\n"[..], b"\r\n"].contains(&self.event.as_slice());
            let whole = if ends || blank { std::mem::take(&mut self.event) } else { Vec::new() };
            if whole.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"data:")) {
                let (part, behind) = rest.split_at(size);
                parts.push((part, Some(whole)));
                (rest, size) = (behind, 0);
            }
        }
        parts.push((rest, None));
        parts
    }
}

/// Passes an event stream on, with more behind every event: `more` is given the whole event.
pub(super) async fn add_behind_each(client: Io, onward: Onward, more: impl Fn(Vec<u8>) -> Vec<u8>) {
    let Some(mut stream) = Stream::of_events(client, onward).await else { return };
    if !stream.begin_another().await {
        return;
    }
    let mut events = Events::default();
    while let Some(piece) = stream.next().await {
        for (part, event) in events.cut(&piece) {
            if !stream.say(part).await || !stream.say(&event.map(&more).unwrap_or_default()).await {
                return;
            }
        }
    }
    stream.end().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_end_where_they_end_however_they_are_cut() {
        let stream = b": comment\n\nid: 1\ndata: a\n\n\r\ndata: b\r\n\r\nevent: data:\n\ndata: c";
        for size in 1..=stream.len() {
            let (mut events, mut found, mut all) = (Events::default(), Vec::new(), Vec::new());
            for piece in stream.chunks(size) {
                for (part, whole) in events.cut(piece) {
                    all.extend_from_slice(part);
                    found.extend(whole);
                }
            }
            assert_eq!(all, stream, "pieces of {size}");
            assert_eq!(found, [&b"id: 1\ndata: a\n\n"[..], b"data: b\r\n\r\n"], "pieces of {size}");
        }
    }
}
