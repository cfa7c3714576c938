//! Which request goes where.

use super::runs::{Found, Run};
use super::shelf::Refused;
use super::tokens::admitted;
use super::{Arrival, Server};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::ext::Protocol;
use proxyprobe_probes::ProbeId;
use proxyprobe_probes::below::{RawHead, TlsEnd};
use proxyprobe_probes::exchange::{Proof, RequestHead};
use proxyprobe_probes::h2::Offered;
use proxyprobe_probes::io::Observer;
use proxyprobe_probes::io::heads::{seen, version};
use proxyprobe_probes::io::pen::Quota;
use proxyprobe_probes::io::testify::{Call, Large, Reply, full};
use proxyprobe_probes::refusal::Refusal;
use proxyprobe_probes::timeline::{Event, Why};
use proxyprobe_probes::untrusted::Untrusted;
use proxyprobe_probes::wire::{
    PROOF_HEADER, PROTOCOL, REFUSED_HEADER, REPORT_BYTES, REPORT_ROUTE, RunStart, STREAM_FORMS, TOKEN_PARAMETER, WITNESS_ROUTE,
    WitnessPage,
};
use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

/// A nonce or a run's id is hex and no longer than this: 256 bits.
const NAME_LENGTH: usize = 64;

/// The connection that a request came in on.
pub(super) struct Came {
    pub(super) observer: Observer,
    pub(super) tls: Option<Arc<TlsEnd>>,
    pub(super) arrival: Arrival,
    /// When the connection is ended.
    pub(super) until: Instant,
    /// For pages of records that are read there.
    pub(super) pages: Arc<Semaphore>,
    /// Kept for as long as anything goes on there.
    pub(super) held: Arc<dyn Send + Sync>,
}

impl Came {
    /// The address that it came from.
    fn from(&self) -> Option<IpAddr> {
        self.arrival.peer.map(|peer| peer.ip())
    }

    fn leg(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

pub(super) async fn answer(server: &Server, request: Request<Incoming>, came: Came) -> Reply {
    // Each request's head is the first that is read of it, also on a connection that has carried others.
    let first = came.observer.take_first_bytes();
    let refusal = came.arrival.refusal;
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let extended = request.extensions().get::<Protocol>().is_some();
    let mut reply = match parts.as_slice() {
        // No proxy and no mirror; what RFC 8441 made of CONNECT is a request like any other.
        _ if request.method() == Method::TRACE || (request.method() == Method::CONNECT && !extended) => not_allowed(ALL),
        ["v1", "run", nonce] if is_name(nonce) => match refusal {
            Some(refusal) => turn_down(server, refusal, &came, None),
            None => start(server, &request, nonce, &came, &first),
        },
        ["v1", run, nonce, route] if is_name(run) && is_name(nonce) => match server.0.runs.find(run, came.from()) {
            Found::Run(run) => within(server, &run, nonce, route, Arrived { request, came, first }).await,
            Found::NoRoom(refusal, prover) => turn_down(server, refusal, &came, Some((run, prover.token(nonce, route)))),
            Found::No => {
                let mut reply = plain(StatusCode::NOT_FOUND, "This run is not known here, or has expired.\n");
                // No proof, but a mark: nobody in between is blamed for a server that was started anew.
                reply.headers_mut().insert(PROOF_HEADER, HeaderValue::from_static("pp1.unknown-run"));
                reply
            }
        },
        [""] | ["*"] if request.method() == Method::OPTIONS => {
            let reply = Response::builder().status(StatusCode::NO_CONTENT).header(header::ALLOW, READS);
            reply.body(full(String::new())).unwrap_or_default()
        }
        [""] if ![Method::GET, Method::HEAD].contains(request.method()) => not_allowed(READS),
        [""] => plain(StatusCode::OK, "This is a proxyprobe server. Point `proxyprobe check` at it.\n"),
        _ => plain(StatusCode::NOT_FOUND, "This is a proxyprobe server; there is nothing here.\n"),
    };
    // Nothing that a request brought is ever shown as a page, and what is shown runs nothing.
    let headers = reply.headers_mut();
    headers.entry("x-content-type-options").or_insert(HeaderValue::from_static("nosniff"));
    headers.entry("content-security-policy").or_insert(HeaderValue::from_static("default-src 'none'; sandbox"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if refusal.is_some() {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    reply
}

/// What is answered where there is only a line to read.
pub(super) const READS: &str = "GET, HEAD, OPTIONS";
/// What is answered anywhere.
pub(super) const ALL: &str = "GET, HEAD, OPTIONS, POST";

/// RFC 9110 section 15.5.6: says what is.
fn not_allowed(allowed: &'static str) -> Reply {
    let text = format!("This is a proxyprobe server, and no proxy: it takes {allowed} here.\n");
    let mut reply = plain(StatusCode::METHOD_NOT_ALLOWED, &text);
    reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    reply
}

/// A word of the query.
fn word<'a>(request: &'a Request<Incoming>, wanted: &str) -> Option<&'a str> {
    let mut pairs = request.uri().query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, word)| word)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME_LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn start(server: &Server, request: &Request<Incoming>, nonce: &str, came: &Came, first: &[u8]) -> Reply {
    let tokens = server.0.tokens.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let token = match tokens.is_empty() {
        true => String::new(),
        false => match admitted(&tokens, nonce, word(request, TOKEN_PARAMETER).unwrap_or_default()) {
            Some(name) => name,
            None => return turn_down(server, Refusal::Token, came, None),
        },
    };
    let begun = if server.is_draining() { Err(Refusal::Draining) } else { server.0.runs.begin(came.from()) };
    let run = match begun {
        Ok(run) => run,
        Err(refusal) => return turn_down(server, refusal, came, None),
    };
    server.0.metrics.run(&token);
    let from = came.from().map_or_else(String::new, |from| from.to_string());
    server.0.log.line("run-begun", &[("run", run.prover.run()), ("from", &from), ("leg", came.leg()), ("token", &token)]);
    let start = RunStart {
        protocol: PROTOCOL,
        server: Untrusted::new(env!("CARGO_PKG_VERSION")),
        run: run.prover.run().to_owned(),
        key: run.key.clone(),
        request: recorded(request),
        peer: came.arrival.peer.map(|peer| Untrusted::new(&peer.to_string())),
        raw: RawHead::find(first, nonce),
        alpn: came.tls.as_ref().and_then(|tls| tls.alpn.clone()),
        tls: came.tls.as_deref().cloned(),
        certificate_sha256: server.tls().map(|(_, sha256)| sha256),
        legs: *server.0.legs.lock().unwrap_or_else(PoisonError::into_inner),
        front_headers: server.0.front_headers.clone(),
        http2: server.tls().is_some().then(|| Offered { streams: server.0.limits.streams, websockets: true }),
        knows: vec![Untrusted::new(STREAM_FORMS)],
        udp: *server.0.udp.lock().unwrap_or_else(PoisonError::into_inner),
        other_ports: server.0.other_ports.lock().unwrap_or_else(PoisonError::into_inner).clone(),
    };
    proven(&run, nonce, "run", &start)
}

/// A request, and what is below it.
struct Arrived {
    request: Request<Incoming>,
    came: Came,
    /// The first bytes that were read of it.
    first: Vec<u8>,
}

async fn within(server: &Server, run: &Arc<Run>, nonce: &str, route: &str, arrived: Arrived) -> Reply {
    let Arrived { request, came, first } = arrived;
    let proof = || run.prover.token(nonce, route);
    // The witness is read on refused connections as well: it is what tells the client whose doing that was.
    if route == WITNESS_ROUTE {
        if run.prover.examine(word(&request, "proof").unwrap_or_default(), nonce, route) != Proof::Valid {
            return plain(StatusCode::FORBIDDEN, "A run's record is read with the proof of its key.\n");
        }
        let from = word(&request, "page").and_then(|page| page.parse().ok()).unwrap_or(0);
        // What the request brought goes before anything is waited for: a connection may have a hundred of them.
        drop((request, first));
        let unreadable = || {
            server.0.metrics.refused(NO_RECORD);
            plain(StatusCode::SERVICE_UNAVAILABLE, UNREADABLE)
        };
        let Some(places) = places(run, came.pages).await else { return unreadable() };
        let page = match &server.0.fleet {
            Some(fleet) => fleet.page(run, from).await,
            None => Ok(run.page(from, server.lag_since(run.began))),
        };
        return page.ok().and_then(|page| proven_page(run, nonce, &page, places)).unwrap_or_else(unreadable);
    }
    if route == REPORT_ROUTE {
        return match came.arrival.refusal {
            Some(refusal) => turn_down(server, refusal, &came, Some((run.prover.run(), proof()))),
            None => keep(server, run, nonce, request).await,
        };
    }
    let Some(probe) = ProbeId::on_route(route) else { return plain(StatusCode::NOT_FOUND, "There is no such route.\n") };
    let goes_on = probe.in_series().then(|| run.series(nonce)).flatten();
    let follows = goes_on.is_some();
    let begin = || run.note(nonce, recorded(&request), came.arrival.peer, probe.looks_below(route));
    let Some((pen, below)) = goes_on.or_else(begin) else {
        let refusal = came.arrival.refusal.unwrap_or(Refusal::Requests);
        return turn_down(server, refusal, &came, Some((run.prover.run(), proof())));
    };
    if !follows {
        pen.note(Event::Request);
    }
    if let Some(refusal) = came.arrival.refusal {
        pen.note(Event::Response(StatusCode::SERVICE_UNAVAILABLE.as_u16()));
        pen.note(Event::Closed(Why::Limit));
        return turn_down(server, refusal, &came, Some((run.prover.run(), proof())));
    }
    let call = Call {
        request,
        route: route.to_owned(),
        nonce: nonce.to_owned(),
        prover: run.prover.clone(),
        pen,
        raw: if probe.looks_below(route) { RawHead::find(&first, nonce) } else { None },
        observer: came.observer,
        tls: came.tls,
        below,
        hellos: server.0.hellos.clone(),
        stop: server.0.stop.clone(),
        tasks: server.0.tasks.clone(),
        longest: server.0.limits.longest,
        until: came.until,
        message: server.0.limits.message,
        chosen: None,
        large: Large::of(run.large.clone(), server.0.large.clone()),
        sent: run.sent.clone(),
        held: Arc::new((run.clone(), server.0.metrics.request(route), came.held)),
    };
    probe.testify(call).await
}

/// Places for a page of a record: a connection has one, a run a few. First comes the connection's, so that one that is slow keeps a
/// single place of its run.
async fn places(run: &Run, here: Arc<Semaphore>) -> Option<[OwnedSemaphorePermit; 2]> {
    let both = async { Ok::<_, AcquireError>([here.acquire_owned().await?, run.pages.clone().acquire_owned().await?]) };
    timeout(PAGE_WAITS, both).await.ok()?.ok()
}

/// How long a page waits for others to leave: a client waits 3.5 s for the head of an answer, and learns of it.
const PAGE_WAITS: Duration = Duration::from_secs(3);
/// Said where a record cannot be read.
const UNREADABLE: &str = "The record of this run cannot be read now.\n";
/// The name, in metrics, of a record that was asked for and could not be given: the store was lost, or there was no room.
const NO_RECORD: &str = "no-record";
/// How long a report may take to arrive: a megabyte on a path of 256 kbit/s, and room.
const REPORT_TIME: Duration = Duration::from_secs(60);

/// Puts a report on the shelf, if there is one and the client holds the run's key.
async fn keep(server: &Server, run: &Arc<Run>, nonce: &str, request: Request<Incoming>) -> Reply {
    let Some(shelf) = server.0.shelf.clone() else {
        return plain(StatusCode::NOT_FOUND, "This server keeps no reports.\n");
    };
    let proof = request.headers().get(PROOF_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if request.method() != Method::POST || run.prover.examine(proof, nonce, REPORT_ROUTE) != Proof::Valid {
        return plain(StatusCode::FORBIDDEN, "Reports are left by POST, with the proof of their run.\n");
    }
    // Each of them takes 8 MiB of memory.
    let Ok(_one) = server.0.reports.try_acquire() else {
        return refused(Refusal::Reports, Some(run.prover.token(nonce, REPORT_ROUTE)));
    };
    if !run.may_leave_report() {
        return plain(StatusCode::CONFLICT, "This run has left its report.\n");
    }
    let body = Limited::new(request.into_body(), REPORT_BYTES).collect();
    let report = match timeout(REPORT_TIME, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return plain(StatusCode::PAYLOAD_TOO_LARGE, "A report may have 8 MiB.\n");
        }
        _ => return plain(StatusCode::REQUEST_TIMEOUT, "The report did not arrive whole.\n"),
    };
    match spawn_blocking(move || shelf.keep(&report)).await {
        Ok(Ok(kept)) => {
            server.0.log.line("report-kept", &[("run", run.prover.run()), ("id", &kept.id)]);
            proven(run, nonce, REPORT_ROUTE, &kept)
        }
        Ok(Err(Refused::NoReport)) => plain(StatusCode::UNPROCESSABLE_ENTITY, "This is no report.\n"),
        Ok(Err(Refused::Full)) => plain(StatusCode::INSUFFICIENT_STORAGE, "This server has as many reports as it keeps.\n"),
        // What the file system said is the operator's business.
        Ok(Err(Refused::Failed)) | Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "The report could not be kept.\n"),
    }
}

/// The head of a request as it is written down.
fn recorded(request: &Request<Incoming>) -> RequestHead {
    RequestHead {
        method: Untrusted::new(request.method().as_str()),
        target: Untrusted::new(&request.uri().to_string()),
        version: version(request.version()).to_owned(),
        headers: seen(request.headers()),
    }
}

/// A value as JSON behind a line of proof.
fn proven(run: &Run, nonce: &str, route: &str, value: &impl serde::Serialize) -> Reply {
    let proof = run.prover.token(nonce, route);
    let Ok(json) = serde_json::to_string(value) else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "This cannot be written down.\n");
    };
    proven_reply(&proof).body(full(format!("{proof}\n{json}"))).unwrap_or_default()
}

fn proven_reply(proof: &str) -> http::response::Builder {
    Response::builder().header(header::CONTENT_TYPE, "text/plain; charset=utf-8").header(PROOF_HEADER, proof)
}

/// The same of a page of a record, which gives these places back when the last of it is taken. Until then it takes from what the
/// records of all runs may have.
fn proven_page(run: &Run, nonce: &str, page: &WitnessPage, places: [OwnedSemaphorePermit; 2]) -> Option<Reply> {
    let proof = run.prover.token(nonce, WITNESS_ROUTE);
    let json = serde_json::to_string(page).unwrap_or_default();
    let text = format!("{proof}\n{json}");
    let room = Quota::within(text.len(), &run.memory);
    if !room.take(text.len()) {
        return None;
    }
    let text = Bytes::from_owner(Text { text, _kept: (places, room) });
    let reply = proven_reply(&proof).header(header::CONTENT_LENGTH, text.len());
    let piece = move |at: usize| Ok(Frame::data(text.slice(at..text.len().min(at + PIECE_BYTES))));
    let pieces = (0..proof.len() + 1 + json.len()).step_by(PIECE_BYTES).map(piece);
    Some(reply.body(StreamBody::new(stream::iter(pieces)).boxed_unsync()).unwrap_or_default())
}

/// What the library is given of a page at once: over HTTP/1 it copies that.
const PIECE_BYTES: usize = 16 * 1024;

/// Text, and what is given back with it.
struct Text {
    text: String,
    _kept: ([OwnedSemaphorePermit; 2], Arc<Quota>),
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

fn plain(status: StatusCode, text: &str) -> Reply {
    let reply = Response::builder().status(status).header(header::CONTENT_TYPE, "text/plain; charset=utf-8");
    reply.body(full(text.to_owned())).unwrap_or_default()
}

/// Refuses, and says so to the operator, too.
fn turn_down(server: &Server, refusal: Refusal, came: &Came, within: Option<(&str, String)>) -> Reply {
    server.0.metrics.refused(refusal.as_str());
    let from = came.from().map_or_else(String::new, |from| from.to_string());
    let run = within.as_ref().map_or("", |(run, _)| run);
    server.0.log.refusal(refusal, &[("run", run), ("from", &from)]);
    refused(refusal, within.map(|(_, proof)| proof))
}

/// An answer that names the limit that it is owed to. Within a run it is proven, so that no middlebox is blamed for it.
fn refused(refusal: Refusal, proof: Option<String>) -> Reply {
    // Within a run it is the server that has no room, whatever the limit: 429 would speak of the client.
    let status = if proof.is_some() { 503 } else { refusal.status() };
    let line = proof.as_ref().map_or_else(String::new, |proof| format!("{proof}\n"));
    let text = format!("{line}This server takes no more now: {}.\n", refusal.because());
    let mut reply = plain(StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE), &text);
    let headers = reply.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from(refusal.retry_after_seconds()));
    headers.insert(REFUSED_HEADER, HeaderValue::from_static(refusal.as_str()));
    if let Some(Ok(proof)) = proof.map(HeaderValue::try_from) {
        headers.insert(PROOF_HEADER, proof);
    }
    reply
}
