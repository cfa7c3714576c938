//! Requests and answers, with limits on everything that is read.

use super::heads::{raw_head, seen, version};
use super::observe::{Page, Scene};
use super::proof::Prover;
use super::{Observer, Purpose, Way, WayOn};
use crate::exchange::{Proof, ResponseHead};
use crate::failure::{Failure, Kind, Operation};
use crate::timeline::{End, Event};
use crate::untrusted::Untrusted;
use crate::wire::{PROOF_HEADER, route_path};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// An answer whose body has not been read yet.
pub struct Answer {
    /// Its head.
    pub head: ResponseHead,
    /// What its header proved.
    pub header_proof: String,
    /// The connection under it.
    pub observer: Observer,
    body: Incoming,
    /// None where the connection carries on.
    _driver: Option<Driver>,
}

/// An open connection on which requests follow one another.
pub struct Connection {
    sender: SendRequest<UnsyncBoxBody<Bytes, Infallible>>,
    driver: Driver,
    way: WayOn,
    used: bool,
    /// The connection under it.
    pub observer: Observer,
}

/// Ends the connection when dropped.
pub(super) struct Driver(pub(super) JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The most bytes of a response head that are read; curl's limit is 300 KiB, browsers' 256 KiB, ours is a diagnosis.
pub(super) const HEAD_BYTES: usize = 64 * 1024;

/// Sends one request on an open way and waits for the head of the answer.
///
/// # Errors
/// When the connection ends or the deadline passes before the head is complete, or when what comes is no HTTP.
pub async fn request(way: Way, method: Method, path: &str, headers: HeaderMap, within: Duration) -> Result<Answer, Failure> {
    send(way, method, path, headers, Bytes::new(), within).await
}

/// The same with a body.
///
/// # Errors
/// As [`request`].
pub async fn send(
    way: Way,
    method: Method,
    path: &str,
    headers: HeaderMap,
    body: Bytes,
    within: Duration,
) -> Result<Answer, Failure> {
    let mut connection = Connection::over(way).await?;
    let answer = connection.send(method, path, headers, Full::new(body).boxed_unsync(), within).await?;
    Ok(Answer { _driver: Some(connection.driver), ..answer })
}

impl Connection {
    /// On an open way; nothing is sent yet.
    ///
    /// # Errors
    /// When the connection is over already.
    pub async fn over(way: Way) -> Result<Self, Failure> {
        let observer = way.io.observer();
        let (io, way) = way.split();
        let mut builder = hyper::client::conn::http1::Builder::new();
        builder.title_case_headers(true).max_buf_size(HEAD_BYTES);
        let (sender, connection) =
            builder.handshake(TokioIo::new(io)).await.map_err(|error| explain(&error, &observer, &way.host))?;
        let driver = Driver(tokio::spawn(async move {
            // Its end is seen through the body and the observer.
            let _ = connection.await;
        }));
        Ok(Self { sender, driver, way, used: false, observer })
    }

    /// Whether another request may follow, once the body of the last answer was read.
    pub async fn goes_on(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// # Errors
    /// As [`request`].
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: UnsyncBoxBody<Bytes, Infallible>,
        within: Duration,
    ) -> Result<Answer, Failure> {
        if std::mem::replace(&mut self.used, true) {
            // What comes next begins with the head of the next answer.
            self.observer.take_first_bytes();
        }
        let own = self.way.headers_for(method.as_str(), path);
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.way.prefix));
        if let Some(all) = request.headers_mut() {
            if let Ok(host) = self.way.host.parse() {
                all.insert(header::HOST, host);
            }
            all.extend(own);
            all.extend(headers);
        }
        let request = request.body(body).map_err(|error| failure(&self.way.host, Kind::Other, &error.to_string()))?;
        let response = match timeout(within, self.sender.send_request(request)).await {
            Err(_) => return Err(failure(&self.way.host, Kind::TimedOut, "")),
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(explain(&error, &self.observer, &self.way.host)),
        };
        let raw = raw_head(&self.observer.first_bytes());
        Ok(Answer::of(response, raw, self.observer.clone()))
    }
}

pub(super) fn failure(peer: &str, kind: Kind, detail: &str) -> Failure {
    Failure { operation: Operation::Request, kind, peer: Untrusted::new(peer), detail: Untrusted::new(detail) }
}

fn explain(error: &hyper::Error, observer: &Observer, peer: &str) -> Failure {
    let fail = |kind, detail: &str| failure(peer, kind, detail);
    let first = observer.first_bytes();
    match observer.ended() {
        _ if error.is_parse_too_large() => fail(Kind::TooLarge, "the head of the answer is larger than 64 KiB"),
        // A peer that speaks first speaks something else.
        _ if error.is_parse() || !(first.is_empty() || first.starts_with(b"HTTP/")) => {
            let mut failure = fail(Kind::NotHttp, "");
            failure.detail = Untrusted::from_bytes(&first, 120);
            failure
        }
        Some((_, End::Reset)) => fail(Kind::Reset, ""),
        Some((_, End::Fin)) => fail(Kind::Closed, ""),
        _ => fail(Kind::Other, &error.to_string()),
    }
}

/// The error of HTTP/2 in an error, if there is one.
fn http2_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a h2::Error> {
    error.downcast_ref().or_else(|| http2_error(error.source()?))
}

/// How the other side ended a request or its answer, as far as an error tells: a stream of HTTP/2 ends without its connection.
pub(super) fn end_of(error: &hyper::Error, observer: &Observer) -> End {
    let code = |error: &h2::Error| error.reason().map_or(0, u32::from);
    match http2_error(error) {
        Some(error) if error.is_reset() && error.is_remote() => End::StreamReset(code(error)),
        Some(error) if error.is_go_away() && error.is_remote() => End::GoAway(code(error)),
        _ => {
            let end = observer.ended().map(|(_, end)| end);
            end.unwrap_or_else(|| End::Error(Untrusted::new(&innermost(error))))
        }
    }
}

/// What the innermost error says: those around it say no more than that there was one.
fn innermost(error: &(dyn Error + 'static)) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

/// The head of an answer, which stood on the wire as `raw`, and what it says in proof of its origin.
pub(super) fn head_of<B>(response: &Response<B>, raw: Untrusted) -> (ResponseHead, String) {
    let proof = response.headers().get(PROOF_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let head = ResponseHead {
        status: response.status().as_u16(),
        version: version(response.version()).to_owned(),
        headers: seen(response.headers()),
        raw,
    };
    (head, proof.to_owned())
}

impl Answer {
    /// Takes an answer apart whose head stood on the wire as `raw`.
    pub(super) fn of(response: Response<Incoming>, raw: Untrusted, observer: Observer) -> Self {
        let (head, header_proof) = head_of(&response, raw);
        Self { head, header_proof, observer, body: response.into_body(), _driver: None }
    }

    /// The next piece of the body, or how it ended.
    pub async fn next(&mut self) -> Result<Bytes, End> {
        loop {
            match self.body.frame().await {
                None => return Err(End::Complete),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        return Ok(data);
                    }
                }
                Some(Err(error)) => return Err(end_of(&error, &self.observer)),
            }
        }
    }

    /// The body, of which at most `limit` bytes are read, and how it ended; an end of `None` says that there was more.
    pub async fn read(&mut self, limit: usize) -> (Vec<u8>, Option<End>) {
        let mut text = Vec::new();
        loop {
            match self.next().await {
                Ok(piece) if text.len() + piece.len() > limit => {
                    text.extend(piece.iter().take(limit - text.len()));
                    return (text, None);
                }
                Ok(piece) => text.extend_from_slice(&piece),
                Err(end) => return (text, Some(end)),
            }
        }
    }
}

/// Dials and asks for a route of the run; everything up to the head of the answer is written down.
pub async fn ask(scene: &Scene, page: &Page, route: &str, query: &str, headers: HeaderMap, within: Duration) -> Option<Answer> {
    let way = page.dial(scene, Purpose::Request).await?;
    ask_on(way, scene, page, route, query, headers, within).await
}

/// The same on a way that is open already.
pub async fn ask_on(
    way: Way,
    scene: &Scene,
    page: &Page,
    route: &str,
    query: &str,
    headers: HeaderMap,
    within: Duration,
) -> Option<Answer> {
    let observer = way.io.observer();
    let path = format!("{}{query}", route_path(scene.prover.run(), page.nonce(), route));
    page.pen.note(Event::Request);
    match request(way, Method::GET, &path, headers, within).await {
        Ok(answer) => {
            let proof = scene.prover.examine(&answer.header_proof, page.nonce(), route);
            page.response(answer.head.clone(), proof);
            Some(answer)
        }
        Err(failure) => {
            match (&failure.kind, observer.ended()) {
                (Kind::TimedOut, _) => page.gave_up(&observer),
                (Kind::Reset | Kind::Closed, Some((moment, end))) => page.pen.note_at(moment, Event::Ended(end)),
                _ => page.failed(failure),
            }
            None
        }
    }
}

/// Reads the body of an answer, which must begin with a line of proof; the rest is returned.
///
/// # Errors
/// How the connection ended, when the body is not complete; no end says that the body is too large.
pub async fn proven_body(
    prover: &Prover,
    nonce: &str,
    route: &str,
    answer: &mut Answer,
    limit: usize,
) -> Result<(Proof, String), Option<End>> {
    let (text, end) = answer.read(limit).await;
    if end != Some(End::Complete) {
        return Err(end);
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    Ok((prover.examine(first, nonce, route), rest.to_owned()))
}
