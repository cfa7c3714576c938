//! The client's conversation about messages of other kinds: of one byte at once, binary, in pieces.

use super::server::KINDS;
use super::{Asked, Part};
use crate::io::handshake::{Opening, open};
use crate::io::observe::{Scene, Sheet};
use crate::io::websocket::Heard;
use crate::timeline::{What, Why};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// An ordinary size for a message of a chat or a cursor, and one whose pieces are small enough for anything.
const SMALL: u32 = 64;
/// What a large message may take on a link of 64 kbit/s both ways, in milliseconds a KiB.
const MS_A_KIB: u64 = 2 * 128;

/// Asks; a kind that fails is asked once more by itself, and then those behind it. Up to the size of `largest` text passes.
pub(super) async fn observe(scene: &Scene, sheet: &Sheet<Asked>, largest: u32) {
    let mut left = vec![(What::Bytes, SMALL), (What::Pieces, SMALL), (What::Binary, SMALL)];
    // Whether a binary message passes that is as large.
    left.extend(Some((What::Binary, largest)).filter(|(_, size)| *size > SMALL));
    while !left.is_empty() {
        let Some(failed) = converse(scene, sheet, Part::Kinds, &left).await else { return };
        converse(scene, sheet, Part::KindsAgain, &[failed]).await;
        // What fails when it is small fails when it is large.
        let behind = left.iter().skip_while(|one| **one != failed).skip(1).filter(|(what, _)| *what != failed.0);
        left = behind.copied().collect();
    }
}

/// The message that was sent and not answered, if that is how it ended.
async fn converse(scene: &Scene, sheet: &Sheet<Asked>, part: Part, kinds: &[(What, u32)]) -> Option<(What, u32)> {
    // A message as in the other conversations goes first, and has to pass.
    let all = [&[(What::Frame, SMALL)], kinds].concat();
    let page = sheet.ask(Asked::kinds(part, &all));
    let Opening::Open(mut talk) = open(scene, &page, KINDS, "").await else { return None };
    talk.expect_bytes();
    for (number, (what, size)) in (1..).zip(all) {
        let patience = scene.answer() + Duration::from_millis(u64::from(size.div_ceil(1_024)) * MS_A_KIB);
        let deadline = Instant::now() + patience;
        let asked = async {
            if !talk.say_sized(what, number, Some(size)).await {
                return false;
            }
            loop {
                match talk.hear().await {
                    Heard::Message(echo, heard) | Heard::Altered(echo, heard) if what.echo() == Some(echo) && heard == number => {
                        return true;
                    }
                    Heard::Message(..) | Heard::Altered(..) => {}
                    Heard::Over => return false,
                }
            }
        };
        match timeout_at(deadline, asked).await {
            Ok(true) => {}
            Ok(false) => return Some((what, size)).filter(|_| number > 1),
            Err(_) => {
                page.gave_up(&talk.observer);
                return Some((what, size)).filter(|_| number > 1);
            }
        }
    }
    talk.close(Why::Farewell).await;
    None
}
