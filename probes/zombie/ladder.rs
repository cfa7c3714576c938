//! The client's second conversation: many small messages at once, and then larger and larger ones.

use super::server::{LARGE, SIZES};
use super::{Asked, Part};
use crate::io::handshake::{Opening, Wish, open_as};
use crate::io::observe::{Scene, Sheet};
use crate::io::websocket::{Heard, LARGEST_BYTES, MESSAGE_BYTES};
use crate::plan::Depth;
use crate::timeline::{What, Why};
use std::future::ready;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};

/// So many small messages go out in quick succession: what damages frames that follow closely does it within a few.
const BURST: u32 = 20;
/// Their size: the smallest round one that holds our words, and an ordinary one for a chat or a cursor.
const SMALL: u32 = 64;
/// The rungs. A frame's length is written in one byte up to 125 and in three from 126 on (RFC 6455 section 5.2); then fourfold steps
/// to what fits in one TLS record, and beyond that.
const RUNGS: &[u32] = &[125, 126, 1_024, 4_096, 16 * 1_024, 64 * 1_024];
/// Those of a conversation of its own, which a server allows to few at once: up to what applications keep below in practice. The first
/// ones tell the pace of the path, so that no slow link is met by a megabyte.
const LARGE_RUNGS: &[u32] = &[125, 16 * 1_024, 64 * 1_024, 256 * 1_024, 1_024 * 1_024];
/// Links slower than this, 64 kbit/s, are not waited for: it is what the slowest tunnels and modems carry.
const BYTES_PER_SECOND: u64 = 8_000;
/// A rung that will take longer than this on the way, by what the one before took, is not climbed: on a link so slow it would
/// disturb whatever else is measured.
const RUNG: Duration = Duration::from_secs(2);
/// What takes longer than this, beyond what any message takes, is not sent again in another kind: beside it streams are measured, whose
/// events are half as far apart.
const BRIEF: Duration = Duration::from_millis(300);
/// The most that is sent at once: it fits into the buffers on the way, however little of the echoes has been read.
const AT_ONCE_BYTES: u32 = 32 * 1_024;

/// Climbs; and where a message fails, asks again whether it is its size. The size of the largest message of the first ladder that came
/// back soon; none where one failed.
pub(super) async fn observe(scene: &Scene, sheet: &Sheet<Asked>) -> Option<u32> {
    let rungs = match scene.plan.depth {
        Depth::Quick => RUNGS.get(..4),
        Depth::Standard => RUNGS.get(..5),
        Depth::Deep => None,
    };
    let burst = (0..BURST).map(|_| SMALL);
    let all = burst.chain(rungs.unwrap_or(RUNGS).iter().copied()).collect();
    let largest = twice(scene, sheet, Asked::sized(Part::Sizes, BURST, all)).await?;
    if scene.plan.depth == Depth::Deep {
        twice(scene, sheet, Asked::sized(Part::Large, 0, LARGE_RUNGS.to_vec())).await?;
    }
    Some(largest)
}

/// The size of the largest message that came back soon, where none failed.
async fn twice(scene: &Scene, sheet: &Sheet<Asked>, asked: Asked) -> Option<u32> {
    match climb(scene, sheet, &asked).await {
        Ok(largest) => Some(largest),
        Err(failed) => {
            let _ = climb(scene, sheet, &again(&asked, failed)).await;
            None
        }
    }
}

/// Before the message that failed go more messages and more bytes than before, in sizes that passed: what counts either ends this
/// conversation earlier, what looks at sizes ends it at the same message. A burst that failed is sent again.
fn again(asked: &Asked, failed: u32) -> Asked {
    let part = if asked.part == Part::Large { Part::LargeAgain } else { Part::Again };
    let small = (0..asked.at_once).map(|_| SMALL);
    if failed <= asked.at_once {
        return Asked::sized(part, asked.at_once, small.collect());
    }
    let before = usize::try_from(failed).unwrap_or(usize::MAX);
    let bytes: u32 = asked.sizes.iter().take(before).sum();
    let size = asked.size(failed).unwrap_or(SMALL);
    let passed = asked.size(failed - 1).unwrap_or(SMALL).max(1);
    let left = bytes.saturating_sub(asked.at_once * SMALL);
    // A few more, for the headers of the frames and for what counts messages.
    let count = left.div_ceil(passed) + 4;
    let fits = count * passed <= AT_ONCE_BYTES;
    let at_once = asked.at_once + if fits { count } else { 0 };
    Asked::sized(part, at_once, small.chain((0..count).map(|_| passed)).chain([size]).collect())
}

/// The size of the largest message that came back soon, 0 where none did; or the number of the one that failed.
async fn climb(scene: &Scene, sheet: &Sheet<Asked>, asked: &Asked) -> Result<u32, u32> {
    let page = sheet.ask(asked.clone());
    let (route, message) = match asked.part {
        Part::Large | Part::LargeAgain => (LARGE, LARGEST_BYTES),
        _ => (SIZES, MESSAGE_BYTES),
    };
    let wish = Wish { message, ..Wish::of(route) };
    let Opening::Open(mut talk) = open_as(scene, &page, wish).await else { return Ok(0) };
    let (mut said, mut answered) = (0, Vec::new());
    let failed = |answered: &[u32]| (1..=asked.messages).find(|number| !answered.contains(number)).map_or(Ok(0), Err);
    let mut pace = Pace::default();
    // The one deadline of the conversation: it moves with each message, said or heard.
    let mut patience = Instant::now() + scene.answer();
    loop {
        let waiting: Vec<u32> = (1..=said).filter(|number| !answered.contains(number)).collect();
        let bytes = |numbers: &[u32]| numbers.iter().filter_map(|number| asked.size(*number)).map(u64::from).sum::<u64>();
        let under_way = |bytes: u64| Duration::from_millis(2 * bytes * 1_000 / BYTES_PER_SECOND);
        let next = said + 1;
        let all_heard = waiting.is_empty();
        if all_heard
            && (said == asked.messages
                || (matches!(asked.part, Part::Sizes | Part::Large) && pace.too_slow_for(asked.size(next))))
        {
            break;
        }
        tokio::select! {
            // What has arrived is heard before anything more is said: a failing write must not hide it.
            biased;
            heard = talk.hear() => match heard {
                Heard::Message(What::Echo, number) | Heard::Altered(What::Echo, number) => {
                    // What comes again answers nothing.
                    if waiting.contains(&number) {
                        answered.push(number);
                        patience = Instant::now() + scene.answer() + under_way(bytes(&waiting));
                        pace.heard(asked.size(number));
                    }
                }
                Heard::Message(..) | Heard::Altered(..) => {}
                Heard::Over => return failed(&answered),
            },
            () = ready(()), if next <= asked.messages && (next <= asked.at_once || all_heard) => {
                said = next;
                patience = Instant::now() + scene.answer() + under_way(bytes(&waiting) + u64::from(asked.size(next).unwrap_or(0)));
                pace.said(next > asked.at_once);
                match timeout_at(patience, talk.say_sized(What::Frame, next, asked.size(next))).await {
                    Ok(true) => {}
                    Ok(false) => return failed(&answered),
                    Err(_) => {
                        page.gave_up(&talk.observer);
                        return failed(&answered);
                    }
                }
            }
            () = sleep_until(patience) => {
                page.gave_up(&talk.observer);
                return failed(&answered);
            }
        }
    }
    talk.close(Why::Done).await;
    Ok(pace.brief)
}

/// How long messages take that go one at a time.
#[derive(Default)]
struct Pace {
    said: Option<Instant>,
    fastest: Option<Duration>,
    newest: Option<(u32, Duration)>,
    /// The largest that took no longer than [`BRIEF`].
    brief: u32,
}

impl Pace {
    fn said(&mut self, alone: bool) {
        self.said = alone.then(Instant::now);
    }

    fn heard(&mut self, size: Option<u32>) {
        if let Some((said, size)) = self.said.take().zip(size) {
            let took = said.elapsed();
            self.fastest = Some(self.fastest.map_or(took, |fastest| fastest.min(took)));
            self.newest = Some((size, took));
            if self.fastest.is_some_and(|fastest| took.saturating_sub(fastest) <= BRIEF) {
                self.brief = self.brief.max(size);
            }
        }
    }

    /// Whether a message of this size would take too long: what the newest took beyond the fastest is its bytes' time on the way.
    fn too_slow_for(&self, next: Option<u32>) -> bool {
        let Some((next, ((size, took), fastest))) = next.zip(self.newest.zip(self.fastest)) else { return false };
        took.saturating_sub(fastest).mul_f64(f64::from(next) / f64::from(size.max(1))) > RUNG
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_bytes_or_messages_ends_the_second_try_before_the_message_that_failed() {
        let burst = (0..BURST).map(|_| SMALL);
        let asked = Asked::sized(Part::Sizes, BURST, burst.chain(RUNGS.iter().copied()).collect());
        for failed in BURST + 1..=asked.messages {
            let again = again(&asked, failed);
            let (last, before) = again.sizes.split_last().unwrap();
            assert_eq!(Some(*last), asked.size(failed));
            assert!(before.iter().all(|size| size < last), "{failed}");
            assert!(before.len() > failed as usize, "{failed}: {before:?}");
            // Headers of frames are at most 14 bytes.
            let with_headers = |sizes: &[u32], header: u32| sizes.iter().map(|size| size + header).sum::<u32>();
            assert!(with_headers(before, 2) > with_headers(&asked.sizes[..failed as usize], 2), "{failed}");
            let at_once: u32 = again.sizes[..again.at_once as usize].iter().sum();
            assert!(at_once <= AT_ONCE_BYTES + BURST * SMALL, "{failed}");
        }
        assert_eq!(again(&asked, 7), Asked::sized(Part::Again, BURST, vec![SMALL; 20]));
    }

    #[test]
    fn a_slow_link_is_not_climbed_further() {
        let took = |size, ms: u64| Some((size, Duration::from_millis(ms)));
        let pace = |fastest, newest| Pace { said: None, fastest: Some(Duration::from_millis(fastest)), newest, brief: 0 };
        // 64 kbit/s: 4 KiB each way take a second.
        assert!(!pace(31, took(1_024, 256)).too_slow_for(Some(4_096)));
        assert!(pace(31, took(4_096, 1_024)).too_slow_for(Some(16_384)));
        // Far is not slow.
        assert!(!pace(600, took(4_096, 610)).too_slow_for(Some(16_384)));
        assert!(!Pace::default().too_slow_for(Some(125)));
    }
}
