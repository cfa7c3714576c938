//! One connection of HTTP/2 (RFC 9113), on which requests go side by side.

use super::http::{Answer, Driver, HEAD_BYTES, end_of, failure, head_of};
use super::observe::{Page, Scene};
use super::websocket::{MESSAGE_BYTES, Talk};
use super::{Io, Observer, Purpose, Way, WayOn};
use crate::exchange::Opened;
use crate::failure::Kind;
use crate::timeline::{End, Event, Why};
use crate::untrusted::Untrusted;
use crate::wire::route_path;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::time::Duration;
use tokio::time::timeout;

/// What a stream may bring before it is read: RFC 9113 section 6.9.2 begins with as much.
const STREAM_WINDOW: u32 = 65_535;
/// The same of a connection: as much for each of the streams that are open at once here, and room.
const CONNECTION_WINDOW: u32 = 16 * STREAM_WINDOW;

/// How this end behaves on a connection.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// What a stream may bring before it is read, in bytes.
    pub window: u32,
    /// Its PINGs, if it sends any.
    pub pings: Option<Pings>,
}

impl Default for Manner {
    fn default() -> Self {
        Self { window: STREAM_WINDOW, pings: None }
    }
}

/// A connection.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    _driver: Driver,
    way: WayOn,
    opened: Opened,
    /// The connection under it.
    pub observer: Observer,
}

/// PINGs of this end (RFC 9113 section 6.7).
#[derive(Clone, Copy, Debug)]
pub struct Pings {
    /// How long nothing has arrived when the next one is sent.
    pub every: Duration,
    /// How long its answer may take; without one the connection is ended.
    pub answer: Duration,
}

impl Connection {
    /// Dials, and begins where the other end agrees to HTTP/2; none where it does not, or where the connection did not come about: both
    /// are on the page.
    pub async fn open(scene: &Scene, page: &Page, manner: Manner) -> Option<Self> {
        let way = page.dial(scene, Purpose::Http2).await?;
        if !way.tls.as_ref().is_some_and(|secured| secured.end.is_http2()) {
            page.pen.note(Event::Closed(Why::Done));
            return None;
        }
        Self::over(way, page, manner).await
    }

    /// Begins on an open way whose other end has agreed to HTTP/2: the preface is sent. None where the connection is over already, which
    /// is on the page.
    pub async fn over(way: Way, page: &Page, manner: Manner) -> Option<Self> {
        let observer = way.io.observer();
        let opened = way.opened.clone();
        let (io, way) = way.split();
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(manner.window)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX));
        if let Some(pings) = manner.pings {
            builder.keep_alive_interval(pings.every).keep_alive_timeout(pings.answer).keep_alive_while_idle(true);
        }
        let (sender, connection) = match builder.handshake(TokioIo::new(io)).await {
            Ok(begun) => begun,
            Err(error) => {
                page.failed(failure(&way.host, Kind::Other, &error.to_string()));
                return None;
            }
        };
        let driver = Driver(tokio::spawn(async move {
            // Its end is seen through the bodies and the observer.
            let _ = connection.await;
        }));
        Some(Self { sender, _driver: driver, way, opened, observer })
    }

    /// Asks for a route of the run; everything up to the head of the answer is written down.
    pub async fn ask(
        &self,
        scene: &Scene,
        page: &Page,
        route: &str,
        query: &str,
        headers: HeaderMap,
        within: Duration,
    ) -> Option<Answer> {
        let path = format!("{}{query}", route_path(scene.prover.run(), page.nonce(), route));
        let request = (Method::GET, path.as_str(), Bytes::new());
        let response = self.send(page, request, headers, None, within).await?;
        Some(self.answered(scene, page, route, response))
    }

    /// The same with a body, which is posted.
    pub async fn post(&self, scene: &Scene, page: &Page, route: &str, headers: HeaderMap, body: Bytes) -> Option<Answer> {
        let path = route_path(scene.prover.run(), page.nonce(), route);
        let request = (Method::POST, path.as_str(), body);
        let response = self.send(page, request, headers, None, scene.answer()).await?;
        Some(self.answered(scene, page, route, response))
    }

    fn answered(&self, scene: &Scene, page: &Page, route: &str, response: Response<Incoming>) -> Answer {
        let answer = Answer::of(response, Untrusted::default(), self.observer.clone());
        let proof = scene.prover.examine(&answer.header_proof, page.nonce(), route);
        page.response(answer.head.clone(), proof);
        answer
    }

    /// Asks for a WebSocket (RFC 8441), where the other end has said that it takes such requests.
    pub async fn websocket(&self, scene: &Scene, page: &Page, route: &str) -> Option<Box<Talk<Io>>> {
        let path = route_path(scene.prover.run(), page.nonce(), route);
        let mut headers = HeaderMap::new();
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        let websocket = Some(Protocol::from_static("websocket"));
        let request = (Method::CONNECT, path.as_str(), Bytes::new());
        let response = self.send(page, request, headers, websocket, scene.answer()).await?;
        let (head, header_proof) = head_of(&response, Untrusted::default());
        page.response(head, scene.prover.examine(&header_proof, page.nonce(), route));
        if !response.status().is_success() {
            page.pen.note(Event::Closed(Why::Done));
            return None;
        }
        match timeout(scene.answer(), hyper::upgrade::on(response)).await {
            Ok(Ok(stream)) => {
                let io = Io::over(TokioIo::new(stream), self.observer.clone());
                Some(Box::new(Talk::opened(io, Vec::new(), page, scene.prover.clone(), route, MESSAGE_BYTES).await))
            }
            Ok(Err(error)) => {
                page.pen.note(Event::Ended(end_of(&error, &self.observer)));
                None
            }
            Err(_) => {
                page.gave_up(&self.observer);
                None
            }
        }
    }

    async fn send(
        &self,
        page: &Page,
        (method, path, body): (Method, &str, Bytes),
        headers: HeaderMap,
        protocol: Option<Protocol>,
        within: Duration,
    ) -> Option<Response<Incoming>> {
        page.shares(&self.opened);
        let own = self.way.headers_for(method.as_str(), path);
        let mut request = Request::builder().method(method).uri(format!("https://{}{path}", self.way.host));
        if let Some(all) = request.headers_mut() {
            all.extend(own);
            all.extend(headers);
        }
        if let Some(protocol) = protocol {
            request = request.extension(protocol);
        }
        let request = match request.body(Full::new(body)) {
            Ok(request) => request,
            Err(error) => {
                page.failed(failure(&self.way.host, Kind::Other, &error.to_string()));
                return None;
            }
        };
        page.pen.note(Event::Request);
        match timeout(within, self.sender.clone().send_request(request)).await {
            Ok(Ok(response)) => Some(response),
            Err(_) => {
                page.gave_up(&self.observer);
                None
            }
            Ok(Err(error)) => {
                match (end_of(&error, &self.observer), self.observer.ended()) {
                    (end @ (End::StreamReset(_) | End::GoAway(_)), _) | (end, None) => page.pen.note(Event::Ended(end)),
                    (end, Some((moment, _))) => page.pen.note_at(moment, Event::Ended(end)),
                }
                None
            }
        }
    }
}
