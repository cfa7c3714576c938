//! HTTP on one connection: which version it speaks, and answers that last.

use super::lasting::{Line, Stream};
use super::{Arrival, Server, routes};
use bytes::Bytes;
use http::{Method, Request, Version, header};
use hyper::body::{Body, Incoming};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use proxyprobe_probes::below::TlsEnd;
use proxyprobe_probes::io::testify::{Lasting, Reply};
use proxyprobe_probes::io::{BoxFuture, Io, Observer};
use std::convert::Infallible;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::AsyncReadExt;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

/// How a connection begins that speaks HTTP/2 (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The window of flow control, for a stream and for a connection: RFC 9113 section 6.9.2 begins with as much. Only reports are
/// longer.
const H2_WINDOW: u32 = 65_535;
/// What is kept for one stream whose peer does not read, beside a piece of its body: a hundred of them have 400 KiB.
const H2_SEND_BYTES: usize = 4 * 1024;

/// What all requests of a connection have in common.
pub(super) struct Connection {
    pub(super) server: Server,
    pub(super) observer: Observer,
    pub(super) tls: Option<Arc<TlsEnd>>,
    pub(super) arrival: Arrival,
    /// When it is ended.
    pub(super) until: Instant,
    /// For pages of records, of 256 KiB each: one after another, however many streams there are.
    pub(super) pages: Arc<Semaphore>,
    /// Kept for as long as anything goes on here.
    pub(super) held: Arc<dyn Send + Sync>,
}

/// An answer that lasts, for the connection to write by itself.
type Handed = Mutex<Option<oneshot::Sender<Reply>>>;

impl Connection {
    /// Serves it to its end.
    pub(super) async fn serve(self: Arc<Self>, io: Io) {
        // Boxed: all that HTTP takes is given back while an answer lasts.
        let mut speaking: BoxFuture<'_, Option<(Line, Reply)>> = Box::pin(self.begin(io));
        while let Some((line, reply)) = speaking.await {
            let mut stream = Stream::new(line, reply);
            let over = self.until_over(Pin::new(&mut stream), |_| ()).await;
            if over != Some(true) {
                return;
            }
            speaking = Box::pin(self.http1(stream.into_line(), None));
        }
    }

    /// Waits for the first bytes, and speaks the version that they are of.
    async fn begin(self: &Arc<Self>, mut io: Io) -> Option<(Line, Reply)> {
        // The library's own deadline begins with the first byte; a peer that sends none would stay for ever.
        let by = Instant::now() + self.server.0.limits.head;
        let stop = self.server.0.stop.clone();
        let mut first = Vec::with_capacity(PREFACE.len());
        let reading = async {
            while first.len() < PREFACE.len() && PREFACE.starts_with(&first) {
                let room = u64::try_from(PREFACE.len() - first.len()).unwrap_or_default();
                if (&mut io).take(room).read_buf(&mut first).await.ok()? == 0 {
                    return None;
                }
            }
            Some(())
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            read = timeout_at(by, reading) => match read {
                Ok(read) => read?,
                Err(_) => {
                    self.server.slow_head(&self.arrival);
                    return None;
                }
            },
        }
        let is_http2 = first == PREFACE;
        let line = Line::new(io, Bytes::from(first));
        if is_http2 {
            self.http2(line, by).await;
            return None;
        }
        self.http1(line, Some(by)).await
    }

    /// Speaks HTTP/1 until the connection is over, or has an answer that lasts. The first head of a connection has to be there by a
    /// moment.
    async fn http1(self: &Arc<Self>, line: Line, by: Option<Instant>) -> Option<(Line, Reply)> {
        let limits = self.server.0.limits;
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            // Between requests too: nothing of ours waits there.
            .header_read_timeout(limits.head)
            // So that an answer can spell headers as its request did.
            .preserve_header_case(true)
            .max_buf_size(limits.head_bytes);
        let (hand, mut handed) = oneshot::channel();
        let hand: Arc<Handed> = Arc::new(Mutex::new(Some(hand)));
        let begun = Arc::new(AtomicBool::new(false));
        let service = {
            let (connection, begun) = (self.clone(), begun.clone());
            hyper::service::service_fn(move |request: Request<Incoming>| {
                begun.store(true, Ordering::Relaxed);
                // The first request only: of an answer before it something might still wait to be written.
                let hand = hand.lock().unwrap_or_else(PoisonError::into_inner).take().filter(|_| can_last(&request));
                let connection = connection.clone();
                let answering: BoxFuture<'_, Result<Reply, Infallible>> = Box::pin(async move {
                    let reply = connection.answer(request).await;
                    match hand.filter(|_| reply.extensions().get::<Lasting>().is_some()) {
                        Some(hand) => {
                            let _ = hand.send(reply);
                            pending().await
                        }
                        None => Ok(reply),
                    }
                });
                answering
            })
        };
        let mut connection = builder.serve_connection(TokioIo::new(line), service).with_upgrades();
        let reply = tokio::select! {
            over = self.until_over(Pin::new(&mut connection), http1::UpgradeableConnection::graceful_shutdown) => {
                // Silence between two requests is no slow head.
                if over.is_some_and(|over| over.is_err_and(|error| error.is_timeout())) && !self.observer.first_bytes().is_empty() {
                    self.server.slow_head(&self.arrival);
                }
                return None;
            }
            () = self.too_late(by, &begun) => return None,
            Ok(reply) = &mut handed => reply,
        };
        let parts = connection.into_parts()?;
        Some((parts.io.into_inner().before(parts.read_buf), reply))
    }

    async fn http2(self: &Arc<Self>, line: Line, by: Instant) {
        let limits = self.server.0.limits;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            // WebSockets over HTTP/2 (RFC 8441).
            .enable_connect_protocol()
            // What a peer may send before it is read, and what waits for a peer that does not read: by stream and by connection.
            .initial_stream_window_size(H2_WINDOW)
            .initial_connection_window_size(H2_WINDOW)
            .max_send_buf_size(H2_SEND_BYTES)
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX));
        let begun = Arc::new(AtomicBool::new(false));
        let service = {
            let (connection, begun) = (self.clone(), begun.clone());
            hyper::service::service_fn(move |request| {
                begun.store(true, Ordering::Relaxed);
                let connection = connection.clone();
                async move { Ok::<_, Infallible>(connection.answer(request).await) }
            })
        };
        let connection = std::pin::pin!(builder.serve_connection(TokioIo::new(line), service));
        tokio::select! {
            _ = self.until_over(connection, http2::Connection::graceful_shutdown) => {}
            () = self.too_late(Some(by), &begun) => {}
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Reply {
        let came = routes::Came {
            observer: self.observer.clone(),
            tls: self.tls.clone(),
            arrival: self.arrival,
            until: self.until,
            pages: self.pages.clone(),
            held: self.held.clone(),
        };
        let has_body = !request.body().is_end_stream();
        let reply = routes::answer(&self.server, request, came).await;
        if has_body {
            // What came behind its head is no beginning of another one.
            drop(self.observer.take_first_bytes());
        }
        reply
    }

    /// Waits for what goes on here to end by itself; when the server shuts down, or the connection has lasted long enough, only for a
    /// little.
    async fn until_over<C: Future>(
        &self,
        mut connection: Pin<&mut C>,
        gracefully: impl FnOnce(Pin<&mut C>),
    ) -> Option<C::Output> {
        let (stop, farewell) = (&self.server.0.stop, self.server.0.limits.farewell);
        tokio::select! {
            // A server that shuts down begins nothing new.
            biased;
            () = stop.cancelled() => {}
            over = connection.as_mut() => return Some(over),
            // What goes on here ends by itself now, and says why; only what a peer does not read is cut.
            () = sleep_until(self.until) => {}
        }
        gracefully(connection.as_mut());
        timeout(farewell, connection).await.ok()
    }

    /// Waits until the first head should have come; for ever, if it has.
    async fn too_late(&self, by: Option<Instant>, begun: &AtomicBool) {
        let Some(by) = by else { return pending().await };
        sleep_until(by).await;
        if begun.load(Ordering::Relaxed) {
            pending().await
        }
        self.server.slow_head(&self.arrival);
    }
}

/// Whether an answer to this may last: the connection goes on behind it, and nothing else is to be read before.
fn can_last(request: &Request<Incoming>) -> bool {
    let closes = |value: &http::HeaderValue| value.as_bytes().to_ascii_lowercase().windows(5).any(|word| word == b"close");
    request.version() == Version::HTTP_11
        && request.method() == Method::GET
        && request.body().is_end_stream()
        && !request.headers().get_all(header::CONNECTION).iter().any(closes)
}
