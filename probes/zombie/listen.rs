//! The client's conversation in which it keeps silent: the server speaks twice, and closes when the client has spoken.

use super::server::LISTEN;
use super::{Asked, Part};
use crate::io::Io;
use crate::io::handshake::{Opening, open};
use crate::io::observe::{Scene, Sheet};
use crate::io::websocket::{Heard, Talk};
use crate::timeline::What;
use tokio::time::Instant;

/// Listens; where nothing was heard before it spoke, once more.
pub(super) async fn observe(scene: &Scene, sheet: &Sheet<Asked>) {
    if !listens(scene, sheet).await {
        listens(scene, sheet).await;
    }
}

/// Whether something was heard before this end spoke, or nothing opened.
async fn listens(scene: &Scene, sheet: &Sheet<Asked>) -> bool {
    let page = sheet.ask(Asked { messages: 1, part: Part::Listen, ..Asked::default() });
    let Opening::Open(mut talk) = open(scene, &page, LISTEN, "").await else { return true };
    let heard = hear_until(&mut talk, Some(What::Tick), Instant::now() + scene.answer()).await;
    if heard.over {
        return true;
    }
    // Now the server answers, and closes.
    if talk.say(What::Frame, 1).await && !hear_until(&mut talk, None, Instant::now() + scene.answer()).await.over {
        page.gave_up(&talk.observer);
    }
    heard.any
}

#[derive(Default)]
struct Sounds {
    any: bool,
    over: bool,
}

/// Listens until the end, a certain message or a moment.
async fn hear_until(talk: &mut Talk<Io>, last: Option<What>, deadline: Instant) -> Sounds {
    let mut sounds = Sounds::default();
    loop {
        match talk.hear_until(deadline).await {
            Some(Heard::Message(what, _) | Heard::Altered(what, _)) => {
                sounds.any = true;
                if last == Some(what) {
                    return sounds;
                }
            }
            Some(Heard::Over) => return Sounds { over: true, ..sounds },
            None => return sounds,
        }
    }
}
