//! The client's half: asks for a WebSocket as a browser does, and once more with the other spelling when that fails.

use super::server::{ROUTE, SUBPROTOCOL};
use super::{Asked, Offer, SUBPROTOCOLS, Token};
use crate::io::handshake::{Opening, Wish, open_as};
use crate::io::observe::{Scene, Sheet};
use crate::io::websocket::Heard;
use crate::timeline::{What, Why};
use tokio::time::Instant;

pub(super) async fn observe(mut scene: Scene, sheet: Sheet<Asked>) {
    let opening = scene.opening.take();
    let ask = |token, offer| handshake(&scene, &sheet, Asked { token, offer });
    let passed = ask(Token::Lower, Offer::Compression).await;
    if !passed {
        tokio::join!(ask(Token::Mixed, Offer::Compression), ask(Token::Lower, Offer::Nothing));
    }
    drop(opening);
    // One handshake beside a beat is no load.
    if passed {
        ask(Token::Lower, Offer::Subprotocols).await;
    }
}

/// Whether a 101 came.
async fn handshake(scene: &Scene, sheet: &Sheet<Asked>, asked: Asked) -> bool {
    let wish = Wish {
        route: if asked.offer == Offer::Subprotocols { SUBPROTOCOL } else { ROUTE },
        token: match asked.token {
            Token::Lower => "websocket",
            Token::Mixed => "WebSocket",
        },
        compression: asked.offer != Offer::Nothing,
        subprotocols: if asked.offer == Offer::Subprotocols { SUBPROTOCOLS } else { "" },
        ..Wish::of(ROUTE)
    };
    let page = sheet.ask(asked);
    let Opening::Open(mut talk) = open_as(scene, &page, wish).await else { return false };
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
