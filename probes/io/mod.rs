//! What both halves of every probe run on: one boxed stream, whatever is under it, and the ways to open it.

pub mod encoding;
pub mod events;
#[doc(hidden)]
pub mod fuzz;
pub mod halves;
pub mod handshake;
pub mod heads;
pub mod hellos;
pub mod http;
pub mod http2;
pub mod observe;
pub mod pen;
pub mod pipe;
pub mod proof;
pub mod streaming;
pub mod testify;
pub mod websocket;

use crate::below::{Examined, TlsEnd};
use crate::exchange::{KernelNote, Opened};
use crate::failure::{Failure, Kind, Operation};
use crate::timeline::End;
use crate::transport::Leg;
use crate::untrusted::Untrusted;
use ::http::header::PROXY_AUTHORIZATION;
use ::http::{HeaderMap, HeaderValue};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// A boxed future that can move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How many of the first bytes of a connection are kept: more than any response head that is accepted in practice.
const TAP_BYTES: usize = 16 * 1024;
/// How many bytes of the newest read are kept, to show what broke a protocol.
const LAST_BYTES: usize = 256;

/// The most bytes that one conversation or stream may bring: ten times what the longest here brings. Who sends more floods, and a
/// flood can keep this end from ever looking at the time.
pub const FLOOD_BYTES: u64 = 4 * 1024 * 1024;

/// Something that carries bytes both ways.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What can be asked of the lowest layer while others own the stream.
pub trait Control: Send + Sync {
    /// What the kernel knows of the connection.
    fn kernel(&self) -> Option<KernelNote>;
    /// Makes the next close a reset.
    fn abort(&self);
    /// Has the kernel ask the other side, each time that so much has passed without a word, whether it is still there; whether it
    /// will.
    fn keep_alive(&self, _every: Duration) -> bool {
        false
    }
}

/// The stream that everything runs on. It remembers how it began and how it ended.
pub struct Io {
    inner: Option<Box<dyn Stream>>,
    shared: Arc<Shared>,
}

/// A handle on an [`Io`] that somebody else owns.
#[derive(Clone)]
pub struct Observer(Arc<Shared>);

/// What was written since it was asked for, as far as it is kept. The connection does not stay open for it.
#[derive(Clone)]
pub struct Written {
    limit: usize,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Written {
    /// A copy of it.
    pub fn bytes(&self) -> Vec<u8> {
        self.lock().clone()
    }

    /// Keeps what there is room for, and says whether anybody may still read it.
    fn keep(&self, new: &[u8]) -> bool {
        let mut bytes = self.lock();
        let room = self.limit.saturating_sub(bytes.len());
        bytes.extend_from_slice(new.get(..room).unwrap_or(new));
        Arc::strong_count(&self.bytes) > 1
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Shared {
    control: Arc<dyn Control>,
    below: Option<Observer>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tap: Vec<u8>,
    /// Whether the first bytes are kept no more.
    untapped: bool,
    written: Option<Written>,
    last: Vec<u8>,
    /// How many bytes may still be read, where that has a limit.
    may_read: Option<u64>,
    ended: Option<(Instant, End)>,
    carried: Carried,
    /// By how many.
    held: u16,
    parked: Option<Box<dyn Stream>>,
}

/// How many bytes a connection has carried: what the lowest layer sees, TLS records and all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// From this end.
    pub sent: u64,
    /// To this end.
    pub received: u64,
}

impl Io {
    /// The lowest layer: a socket or a pipe.
    pub fn new(stream: impl Stream + 'static, control: Arc<dyn Control>) -> Self {
        let shared = Shared { control, below: None, state: Mutex::default() };
        Self { inner: Some(Box::new(stream)), shared: Arc::new(shared) }
    }

    /// A layer over another one, such as TLS: how the connection ended is what the lowest layer says.
    pub fn over(stream: impl Stream + 'static, below: Observer) -> Self {
        let shared = Shared { control: below.0.control.clone(), below: Some(below), state: Mutex::default() };
        Self { inner: Some(Box::new(stream)), shared: Arc::new(shared) }
    }

    /// A handle that outlives the stream.
    pub fn observer(&self) -> Observer {
        Observer(self.shared.clone())
    }

    /// Ends the connection by a reset.
    pub fn abort(self) {
        self.shared.control.abort();
    }

    fn stream(&mut self) -> io::Result<Pin<&mut Box<dyn Stream>>> {
        self.inner.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn end_by(&self, error: &io::Error) {
        let end = match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => End::Reset,
            io::ErrorKind::UnexpectedEof => End::Fin,
            _ => End::Error(Untrusted::new(&error.to_string())),
        };
        self.shared.lock().ended.get_or_insert_with(|| (Instant::now(), end));
    }
}

impl Observer {
    /// When and how the other side ended the connection, if it has.
    pub fn ended(&self) -> Option<(Instant, End)> {
        let below = self.0.below.as_ref().and_then(Observer::ended);
        below.or_else(|| self.0.lock().ended.clone())
    }

    /// How much the connection has carried so far.
    pub fn carried(&self) -> Carried {
        self.0.below.as_ref().map_or_else(|| self.0.lock().carried, Observer::carried)
    }

    /// The first bytes that were read.
    pub fn first_bytes(&self) -> Vec<u8> {
        self.0.lock().tap.clone()
    }

    /// The first bytes that were read, which are then forgotten: those that come next are the first ones.
    pub fn take_first_bytes(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().tap)
    }

    /// Forgets what was read, and keeps none of the first bytes any more: what follows is no head.
    pub fn stop_tapping(&self) {
        let mut state = self.0.lock();
        state.untapped = true;
        state.tap = Vec::new();
        state.last = Vec::new();
    }

    /// From now on, keeps what is written, up to so many bytes, for as long as somebody has what is given.
    pub fn keep_written(&self, limit: usize) -> Written {
        let written = Written { limit, bytes: Arc::default() };
        self.0.lock().written = Some(written.clone());
        written
    }

    /// The bytes of the newest read.
    pub fn last_bytes(&self) -> Vec<u8> {
        self.0.lock().last.clone()
    }

    /// From now on, lets so many bytes be read; with more, reading fails.
    pub fn limit_reading(&self, bytes: u64) {
        self.0.lock().may_read = Some(bytes);
    }

    /// Whether reading failed because there was more to read than was allowed.
    pub fn flooded(&self) -> bool {
        self.0.lock().may_read == Some(0)
    }

    /// What the kernel knows of the connection.
    pub fn kernel(&self) -> Option<KernelNote> {
        self.0.control.kernel()
    }

    /// Turns on TCP keep-alive; false where this connection has none.
    pub fn keep_alive(&self, every: Duration) -> bool {
        self.0.control.keep_alive(every)
    }

    /// Keeps this end open whatever its owner does, until [`Observer::release`]: so that an end that the path made at one
    /// side is not passed on to the other by us.
    pub fn hold(&self) {
        let mut state = self.0.lock();
        state.held = state.held.saturating_add(1);
    }

    /// Lets go of a held stream, once for each time that it was held: with the last, it closes if its owner has dropped it.
    pub fn release(&self) {
        let parked = {
            let mut state = self.0.lock();
            state.held = state.held.saturating_sub(1);
            if state.held == 0 { state.parked.take() } else { None }
        };
        drop(parked);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if state.held > 0 {
            state.parked = self.inner.take();
        }
    }
}

impl AsyncRead for Io {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let had_room = buf.remaining() > 0;
        if self.shared.lock().may_read == Some(0) {
            let error = io::Error::other("it sent more than any conversation here has");
            self.end_by(&error);
            return Poll::Ready(Err(error));
        }
        match ready!(self.stream()?.poll_read(cx, buf)) {
            Ok(()) => {
                let new = buf.filled().get(before..).unwrap_or_default();
                let mut state = self.shared.lock();
                let read = u64::try_from(new.len()).unwrap_or(u64::MAX);
                state.carried.received += read;
                state.may_read = state.may_read.map(|left| left.saturating_sub(read));
                if new.is_empty() {
                    if had_room {
                        state.ended.get_or_insert_with(|| (Instant::now(), End::Fin));
                    }
                } else {
                    if !state.untapped {
                        let room = TAP_BYTES.saturating_sub(state.tap.len());
                        state.tap.extend_from_slice(new.get(..room).unwrap_or(new));
                    }
                    state.last.clear();
                    state.last.extend_from_slice(new.get(..LAST_BYTES).unwrap_or(new));
                }
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                self.end_by(&error);
                Poll::Ready(Err(error))
            }
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = ready!(self.stream()?.poll_write(cx, bytes));
        {
            let mut state = self.shared.lock();
            state.carried.sent += result.as_ref().map_or(0, |size| *size as u64);
            // Of what could not be written it is not known either how much of it has left.
            let size = result.as_ref().map_or(bytes.len(), |size| *size);
            state.written = state.written.take().filter(|written| written.keep(bytes.get(..size).unwrap_or(bytes)));
        }
        if let Err(error) = &result {
            self.end_by(error);
        }
        Poll::Ready(result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = ready!(self.stream()?.poll_flush(cx));
        if let Err(error) = &result {
            self.end_by(error);
        }
        Poll::Ready(result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.shared.lock().held > 0 {
            return Poll::Ready(Ok(()));
        }
        self.stream()?.poll_shutdown(cx)
    }
}

/// What a connection is wanted for: a browser sends WebSockets through a tunnel, and plain requests in absolute-form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Requests and answers.
    Request,
    /// Requests and answers by HTTP/2, where the other side agrees to it (ALPN, RFC 7301); on a leg with TLS.
    Http2,
    /// A WebSocket.
    WebSocket,
    /// A WebSocket in absolute-form, where a proxy refuses the tunnel.
    WebSocketWithoutTunnel,
}

/// The user's real way out.
pub trait Dial: Send + Sync {
    /// Opens a connection to the server, with all that is in between.
    fn dial(&self, leg: Leg, purpose: Purpose) -> BoxFuture<'_, Result<Way, Failure>>;

    /// The same way out to another port of the leg's server; none where this way knows none.
    fn to_port(&self, _leg: Leg, _port: u16) -> Option<Arc<dyn Dial>> {
        None
    }

    /// Does a TLS handshake with whoever answers, whatever the certificate, sends nothing and closes.
    fn look(&self, leg: Leg) -> BoxFuture<'_, Looked> {
        let failure = Failure {
            operation: Operation::Tls,
            kind: Kind::Other,
            peer: Untrusted::new(leg.as_str()),
            detail: Untrusted::new("this way cannot look"),
        };
        Box::pin(std::future::ready(Looked { hellos: Vec::new(), session: Err(failure) }))
    }

    /// Sends a question as a datagram to a UDP port of the leg's server, again and again, until an answer comes or the time is over;
    /// none where this way has no datagrams, as through a proxy.
    fn datagram(
        &self,
        _leg: Leg,
        _port: u16,
        _question: Vec<u8>,
        _within: Duration,
    ) -> BoxFuture<'_, Option<io::Result<Vec<u8>>>> {
        Box::pin(std::future::ready(None))
    }

    /// Who vouches for a chain of certificates in DER, the leaf first.
    fn examine(&self, _chain: &[Vec<u8>]) -> Examined {
        Examined::default()
    }
}

/// A TLS handshake on which nothing was said.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The ClientHello messages that were sent, in lower-case hex.
    pub hellos: Vec<String>,
    /// The session, or why there was none.
    pub session: Result<Secured, Failure>,
}

/// A TLS session as the client has it.
#[derive(Clone, Debug)]
pub struct Secured {
    /// What this end saw of it.
    pub end: TlsEnd,
    /// The certificates that arrived, in DER, the leaf first.
    pub chain: Vec<Vec<u8>>,
}

/// An open way to the server.
pub struct Way {
    /// The stream; behind it, requests go to the server or to a proxy that passes them on.
    pub io: Io,
    /// How it was opened.
    pub opened: Opened,
    /// Stands before the path in a request line: empty, or `http://host:port` for absolute-form.
    pub prefix: String,
    /// The `Host` header (RFC 9110 section 7.2).
    pub host: String,
    /// Further headers of every request: the user agent, the user's own, credentials for a proxy that sees the request.
    pub headers: HeaderMap,
    /// The TLS session with the server, where there is one.
    pub tls: Option<Secured>,
    /// Where the proxy wants each request signed (Digest, RFC 7616): its `Proxy-Authorization`, by method and request target.
    pub sign: Option<Sign>,
}

/// Gives the `Proxy-Authorization` for a method and a request target.
pub type Sign = Arc<dyn Fn(&str, &str) -> Option<HeaderValue> + Send + Sync>;

impl Way {
    /// The headers of a request for `path` by `method`, but for `Host`.
    pub fn headers_for(&self, method: &str, path: &str) -> HeaderMap {
        headers_for(&self.headers, self.sign.as_ref(), method, &format!("{}{path}", self.prefix))
    }

    /// Takes the stream apart from how requests on it are written.
    pub(crate) fn split(self) -> (Io, WayOn) {
        let Way { io, prefix, host, headers, sign, .. } = self;
        (io, WayOn { prefix, host, headers, sign })
    }
}

/// How requests on a way are written.
pub(crate) struct WayOn {
    pub(crate) prefix: String,
    pub(crate) host: String,
    headers: HeaderMap,
    sign: Option<Sign>,
}

impl WayOn {
    /// The headers of a request for `path` by `method`, but for `Host`.
    pub(crate) fn headers_for(&self, method: &str, path: &str) -> HeaderMap {
        headers_for(&self.headers, self.sign.as_ref(), method, &format!("{}{path}", self.prefix))
    }
}

fn headers_for(headers: &HeaderMap, sign: Option<&Sign>, method: &str, target: &str) -> HeaderMap {
    let mut headers = headers.clone();
    if let Some(value) = sign.and_then(|sign| sign(method, target)) {
        headers.insert(PROXY_AUTHORIZATION, value);
    }
    headers
}
