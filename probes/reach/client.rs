//! The client's half: starts the run, and proves each leg.

use super::page::title;
use super::server::ROUTE;
use super::{Asked, Step};
use crate::exchange::{Proof, Record};
use crate::failure::{Failure, Kind, Operation};
use crate::io::http::{ask, proven_body, send};
use crate::io::observe::{Page, Scene, Sheet};
use crate::io::proof::{Prover, admission};
use crate::io::{Dial, Purpose};
use crate::refusal::Refusal;
use crate::timeline::{End, Event, What, Why};
use crate::untrusted::Untrusted;
use crate::wire::{ANSWER_BYTES, PROOF_HEADER, PROTOCOL, RunStart, TOKEN_PARAMETER, datagram, read, run_path};
use bytes::Bytes;
use http::{HeaderMap, Method};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// A run that the server agreed to.
pub struct Started {
    /// What the server said.
    pub start: RunStart,
    /// How long the request took, with its connection already open, in milliseconds.
    pub round_trip_ms: u64,
    /// When the answer arrived, by the client's clock.
    pub at_ms: u64,
}

/// So many bytes of a foreign body are kept: enough for the marks of a product.
const BODY: usize = 300;

/// Asks the server for a run, by POST and where that is not answered by our server, by GET.
///
/// A token admits the run where the server wants one.
pub async fn start(
    dial: &dyn Dial,
    about: &Asked,
    sheet: &Sheet<Asked>,
    within: Duration,
    token: Option<&str>,
) -> Option<Started> {
    for (step, method) in [(Step::Start, Method::POST), (Step::StartByGet, Method::GET)] {
        let page = sheet.ask(Asked { step, ..about.clone() });
        match attempt(dial, about, (sheet, step), &page, method, within, token).await {
            Attempt::Started(started) => return Some(*started),
            // Without a connection, or with an answer from a gateway, another method changes nothing.
            Attempt::Unreachable => return None,
            Attempt::Foreign => {}
        }
    }
    None
}

enum Attempt {
    Started(Box<Started>),
    Foreign,
    Unreachable,
}

async fn attempt(
    dial: &dyn Dial,
    about: &Asked,
    (sheet, step): (&Sheet<Asked>, Step),
    page: &Page,
    method: Method,
    within: Duration,
    token: Option<&str>,
) -> Attempt {
    let way = match dial.dial(about.leg, Purpose::Request).await {
        Ok(way) => way,
        Err(failure) => {
            page.failed(failure);
            return Attempt::Unreachable;
        }
    };
    page.opened(&way);
    page.pen.note(Event::Request);
    let deadline = Instant::now() + within;
    let shown = token.map(|token| format!("?{TOKEN_PARAMETER}={}", admission(token, page.nonce())));
    let path = run_path(page.nonce()) + &shown.unwrap_or_default();
    let asked_ms = page.pen.clock.ms();
    // With something in it, so that the start tells whether a POST with a body gets through while nothing else is open.
    let body = if method == Method::POST { Bytes::from(format!("{}\n", page.nonce())) } else { Bytes::new() };
    let mut answer = match send(way, method, &path, HeaderMap::new(), body, within).await {
        Ok(answer) => answer,
        Err(failure) => {
            // A POST that is cut off or answered with garbage may be a POST that somebody blocks.
            let blocked = matches!(failure.kind, Kind::NotHttp | Kind::Reset | Kind::Closed);
            keep(sheet, step, failure.detail.as_str());
            page.failed(failure);
            return if blocked { Attempt::Foreign } else { Attempt::Unreachable };
        }
    };
    let at_ms = page.pen.clock.ms();
    let head = answer.head.clone();
    let (text, end) = timeout_at(deadline, answer.read(ANSWER_BYTES)).await.unwrap_or_default();
    // The answer proves itself: it holds the key of the proof that stands in its first line.
    let text = String::from_utf8_lossy(&text).into_owned();
    let (proof, rest) = text.split_once('\n').unwrap_or(("", &text));
    let start = read::<RunStart>(rest).filter(RunStart::is_sound).filter(|start| {
        end == Some(End::Complete) && Prover::new(&start.run, &start.key).examine(proof, page.nonce(), "run") == Proof::Valid
    });
    let status = head.status;
    let refused = Refusal::of(&head).is_some();
    let claims_proof = head.values(PROOF_HEADER).next().is_some();
    page.response(head, if start.is_some() { Proof::Valid } else { Proof::None });
    if start.is_none() && claims_proof && end != Some(End::Complete) {
        // Our own answer began and did not arrive whole: that is no stranger.
        page.failed(Failure {
            operation: Operation::Body,
            kind: if end.is_none() { Kind::TimedOut } else { Kind::Closed },
            peer: about.host.clone(),
            detail: Untrusted::default(),
        });
        return Attempt::Unreachable;
    }
    page.pen.note(Event::Closed(Why::Done));
    match start {
        Some(start) if start.protocol != PROTOCOL => {
            page.failed(Failure {
                operation: Operation::Request,
                kind: Kind::OtherVersion,
                peer: about.host.clone(),
                detail: Untrusted::new(&format!(
                    "the server speaks version {} of the protocol, this client version {PROTOCOL}",
                    start.protocol
                )),
            });
            Attempt::Unreachable
        }
        Some(start) => {
            page.pen.note(Event::Received(What::Body, 0, Some(0)));
            Attempt::Started(Box::new(Started { start, round_trip_ms: at_ms - asked_ms, at_ms }))
        }
        None => {
            keep(sheet, step, &text);
            // A gateway that cannot reach the server, or the server over its limits: asking by GET changes nothing.
            if matches!(status, 407 | 429 | 502..=504) || refused { Attempt::Unreachable } else { Attempt::Foreign }
        }
    }
}

/// Keeps the beginning of what came in the server's place.
fn keep(sheet: &Sheet<Asked>, step: Step, text: &str) {
    let body = Untrusted::from_bytes(text.as_bytes(), BODY);
    let title = title(text).map(|title| Untrusted::new(&title));
    sheet.amend(
        |asked| asked.step == step,
        |asked| {
            asked.body = Some(body.clone());
            asked.title.clone_from(&title);
        },
    );
}

/// How long the other leg may take: two retransmissions of a SYN (1 s and 2 s, RFC 6298). The run waits for it.
const HELLO: Duration = Duration::from_millis(3_200);

/// Proves a leg of a run that has begun.
pub async fn hello(scene: &Scene, about: &Asked, sheet: &Sheet<Asked>) {
    let page = sheet.ask(Asked { step: Step::Hello, ..about.clone() });
    let patience = scene.answer().min(HELLO);
    let deadline = Instant::now() + patience;
    let asking = ask(scene, &page, ROUTE, "", HeaderMap::new(), patience);
    // A little later than the answer's own deadline, which says more about what is missing.
    let Some(mut answer) = timeout_at(deadline + Duration::from_millis(200), asking).await.unwrap_or_else(|_| {
        page.failed(Failure {
            operation: Operation::Connect,
            kind: Kind::TimedOut,
            peer: about.peer.clone(),
            detail: Untrusted::default(),
        });
        None
    }) else {
        return;
    };
    match timeout_at(deadline, proven_body(&scene.prover, page.nonce(), ROUTE, &mut answer, ANSWER_BYTES)).await {
        Err(_) => page.gave_up(&answer.observer),
        Ok(Err(end)) => page.pen.note(Event::Ended(end.unwrap_or(End::Complete))),
        Ok(Ok((proof, text))) => {
            page.proved(proof);
            if proof == Proof::Valid {
                page.pen.note(Event::Received(What::Body, 0, None));
            } else {
                keep(sheet, Step::Hello, &text);
            }
            page.pen.note(Event::Closed(Why::Done));
        }
    }
}

/// Asks the proxy for the tunnel that a WebSocket on the cleartext leg uses.
pub async fn tunnel(scene: &Scene, about: &Asked, sheet: &Sheet<Asked>) {
    let page = sheet.ask(Asked { step: Step::Tunnel, ..about.clone() });
    if page.dial(scene, Purpose::WebSocket).await.is_some() {
        page.pen.note(Event::Closed(Why::Done));
    }
}

/// Asks by UDP, where the server says that it answers datagrams and this way has any; gives what became of it.
pub async fn datagram(scene: &Scene, port: u16) -> Option<Record> {
    let sheet = Sheet::new(scene.clock, &scene.entropy);
    let page = sheet.ask(());
    let nonce = page.nonce().to_owned();
    let proof = scene.prover.token(&nonce, datagram::ROUTE);
    let question = datagram::Question { run: scene.prover.run().to_owned(), nonce: nonce.clone(), proof }.to_string();
    page.pen.note(Event::Request);
    let answer = scene.dial.datagram(scene.leg, port, question.into_bytes(), scene.answer()).await?;
    let proof = |bytes: Vec<u8>| scene.prover.examine(&String::from_utf8_lossy(&bytes), &nonce, datagram::ANSWER);
    match answer.map(proof) {
        Ok(Proof::Valid) => {
            page.proved(Proof::Valid);
            page.pen.note(Event::Received(What::Body, 0, None));
            page.pen.note(Event::Closed(Why::Done));
        }
        // Somebody else's words are no answer, and a refusal is that of whoever is there.
        Ok(_) | Err(_) => page.pen.note(Event::GaveUp),
    }
    sheet.exchanges().pop().map(|exchange| exchange.record)
}

/// Reaching is done before the other probes begin; beside them there is nothing left to observe.
pub(super) async fn observe(_: Scene, _: Sheet<Asked>) {}
