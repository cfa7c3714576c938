//! The client's half: one session on which the server is asked what it saw, and a look at whoever answers in its place.

use super::hello::Offer;
use super::server::{HELLO, ROUTE};
use super::{Asked, Step};
use crate::exchange::Proof;
use crate::io::http::{ask, ask_on, proven_body};
use crate::io::observe::{Page, Scene, Sheet};
use crate::io::proof::hex;
use crate::io::{Dial, Purpose, Secured};
use crate::timeline::{Event, What, Why};
use crate::transport::Leg;
use crate::untrusted::Untrusted;
use crate::wire::ANSWER_BYTES;
use http::HeaderMap;
use tokio::time::{Instant, timeout_at};

pub(super) async fn observe(mut scene: Scene, sheet: Sheet<Asked>) {
    let opening = scene.opening.take();
    if scene.leg == Leg::Https {
        session(&scene, &sheet).await;
    }
    drop(opening);
}

/// One verified session, and a request on it.
async fn session(scene: &Scene, sheet: &Sheet<Asked>) {
    let page = sheet.ask(Asked::new(Step::Session));
    let Some(mut way) = page.dial(scene, Purpose::Request).await else { return };
    if let Some(secured) = way.tls.take() {
        seen(&*scene.dial, sheet, Step::Session, &secured);
    }
    let Some(mut answer) = ask_on(way, scene, &page, ROUTE, "", HeaderMap::new(), scene.answer()).await else { return };
    let observer = answer.observer.clone();
    let deadline = Instant::now() + scene.answer();
    match timeout_at(deadline, proven_body(&scene.prover, page.nonce(), ROUTE, &mut answer, ANSWER_BYTES)).await {
        Err(_) => page.gave_up(&observer),
        Ok(Err(Some(end))) => page.pen.note(Event::Ended(end)),
        Ok(Err(None)) => page.pen.note(Event::Closed(Why::Limit)),
        Ok(Ok((proof, _))) => heard(&page, proof),
    }
}

fn heard(page: &Page, proof: Proof) {
    page.proved(proof);
    if proof == Proof::Valid {
        page.pen.note(Event::Received(What::Body, 0, None));
    }
    page.pen.note(Event::Closed(Why::Done));
}

fn seen(dial: &dyn Dial, sheet: &Sheet<Asked>, step: Step, secured: &Secured) {
    let examined = dial.examine(&secured.chain);
    sheet.amend(
        |asked| asked.step == step,
        |asked| {
            asked.client = Some(secured.end.clone());
            asked.examined = examined.clone();
        },
    );
}

/// Looks at whoever answers TLS on the way to a leg that was not reached; `served` is the SHA-256 of the certificate that the server
/// says it serves. Where there is no session either, the server is asked over `other` whether it saw the ClientHello.
pub async fn look(dial: &dyn Dial, sheet: &Sheet<Asked>, served: Option<&str>, other: Option<&Scene>) {
    let page = sheet.ask(Asked { served_sha256: served.map(Untrusted::new), ..Asked::new(Step::Look) });
    let looked = dial.look(Leg::Https).await;
    match looked.session {
        Ok(secured) => {
            seen(dial, sheet, Step::Look, &secured);
            page.pen.note(Event::Opened);
            page.pen.note(Event::Closed(Why::Done));
        }
        Err(failure) => {
            page.failed(failure);
            let random = looked.hellos.first().and_then(|hello| Offer::read(hello)).map(|offer| hex(&offer.random));
            if let (Some(scene), Some(random)) = (other, random) {
                arrived(scene, sheet, &random).await;
            }
        }
    }
}

/// Asks whether a ClientHello arrived.
async fn arrived(scene: &Scene, sheet: &Sheet<Asked>, random: &str) {
    let page = sheet.ask(Asked::new(Step::Seen));
    let query = format!("?random={random}");
    let Some(mut answer) = ask(scene, &page, HELLO, &query, HeaderMap::new(), scene.answer()).await else { return };
    let deadline = Instant::now() + scene.answer();
    if let Ok(Ok((proof, _))) =
        timeout_at(deadline, proven_body(&scene.prover, page.nonce(), HELLO, &mut answer, ANSWER_BYTES)).await
    {
        heard(&page, proof);
    }
}
