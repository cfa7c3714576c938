//! The client's half: asks for a WebSocket as a browser does, and once more with the other spelling when that fails.

use super::server::ROUTE;
use super::{Asked, Token};
use crate::io::observe::{Scene, Sheet};
use crate::io::websocket::{Heard, Opening, open};
use crate::timeline::{What, Why};
use tokio::time::Instant;

pub(super) async fn observe(mut scene: Scene, sheet: Sheet<Asked>) {
    let opening = scene.opening.take();
    if !handshake(&scene, &sheet, Token::Lower).await {
        handshake(&scene, &sheet, Token::Mixed).await;
    }
    drop(opening);
}

/// Whether a 101 came.
async fn handshake(scene: &Scene, sheet: &Sheet<Asked>, token: Token) -> bool {
    let page = sheet.ask(Asked { token });
    let spelling = match token {
        Token::Lower => "websocket",
        Token::Mixed => "WebSocket",
    };
    let Opening::Open(mut talk) = open(scene, &page, ROUTE, "", spelling).await else { return false };
    // The greeting proves the 101 where its header was removed.
    let deadline = Instant::now() + scene.answer();
    loop {
        match talk.hear_until(deadline).await {
            Some(Heard::Message(What::Greeting, _) | Heard::Altered(What::Greeting, _)) => break,
            Some(Heard::Message(..) | Heard::Altered(..)) => {}
            Some(Heard::Over) => return true,
            None => {
                page.gave_up(&talk.observer);
                return true;
            }
        }
    }
    talk.close(Why::Done).await;
    true
}
