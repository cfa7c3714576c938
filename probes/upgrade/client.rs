//! The client's half: asks for a WebSocket as a browser does, and once more with the other spelling when that fails.

use super::server::{ROUTE, SUBPROTOCOL};
use super::{Asked, OTHER_PORTS, Offer, SUBPROTOCOLS, Token};
use crate::io::handshake::{Opening, Wish, open_as};
use crate::io::observe::{Scene, Sheet};
use crate::io::websocket::Heard;
use crate::plan::Depth;
use crate::timeline::{What, Why};
use crate::transport::Leg;
use futures_util::future::join_all;
use tokio::time::Instant;

pub(super) async fn observe(mut scene: Scene, sheet: Sheet<Asked>) {
    let opening = scene.opening.take();
    let ask = |token, offer| handshake(&scene, &sheet, Asked { token, offer, port: None });
    let passed = ask(Token::Lower, Offer::Compression).await;
    if !passed {
        tokio::join!(ask(Token::Mixed, Offer::Compression), ask(Token::Lower, Offer::Nothing));
    }
    drop(opening);
    // One handshake beside a beat is no load.
    if passed {
        ask(Token::Lower, Offer::Subprotocols).await;
    }
    if scene.leg == Leg::Https && scene.plan.depth != Depth::Quick {
        join_all(scene.declared.other_ports.iter().take(OTHER_PORTS).map(|port| elsewhere(&scene, &sheet, *port))).await;
    }
}

/// The handshake as browsers make it, on another port of the server.
async fn elsewhere(scene: &Scene, sheet: &Sheet<Asked>, port: u16) {
    let Some(dial) = scene.dial.to_port(scene.leg, port) else { return };
    let asked = Asked { token: Token::Lower, offer: Offer::Compression, port: Some(port) };
    handshake(&Scene { dial, ..scene.clone() }, sheet, asked).await;
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
