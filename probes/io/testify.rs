//! What the server half of a probe is given, and how it answers.

use super::Observer;
use super::hellos::Hellos;
use super::pen::{BelowPen, Pen, Quota};
use super::proof::Prover;
use super::websocket::{Heard, LARGEST_BYTES, MESSAGE_BYTES, Talk};
use crate::below::{RawHead, TlsEnd};
use crate::timeline::{End, Event, What, Why};
use crate::wire::{Message, PROOF_HEADER};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Version, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::ext::Protocol;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What the server answers.
pub type Reply = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// One request for a probe.
pub struct Call {
    /// The request.
    pub request: Request<Incoming>,
    /// The last part of its path.
    pub route: String,
    /// The name of the connection.
    pub nonce: String,
    /// Makes the proofs of the run.
    pub prover: Prover,
    /// Writes the server's record of it.
    pub pen: Pen,
    /// The connection under it.
    pub observer: Observer,
    /// The TLS session on it, where there is one.
    pub tls: Option<Arc<TlsEnd>>,
    /// The head of the request as it arrived, where it is known.
    pub raw: Option<RawHead>,
    /// Keeps what lies below HTTP.
    pub below: BelowPen,
    /// The ClientHello messages that arrived of late.
    pub hellos: Arc<Hellos>,
    /// Cancelled when the server shuts down.
    pub stop: CancellationToken,
    /// Where conversations that outlive the request are kept track of.
    pub tasks: TaskTracker,
    /// The longest that anything may take.
    pub longest: Duration,
    /// When the server ends the connection, whatever goes on there.
    pub until: Instant,
    /// The most bytes of a message on a WebSocket.
    pub message: usize,
    /// The subprotocol that is chosen where it is offered.
    pub chosen: Option<&'static str>,
    /// Its place among the conversations of large messages.
    pub large: Large,
    /// How many bytes this run may still be sent in messages and events.
    pub sent: Arc<Quota>,
    /// Kept for as long as the call is answered: what it belongs to does not expire meanwhile.
    pub held: Arc<dyn Send + Sync>,
}

/// So long a conversation of large messages waits until others of its kind are over: less than the client waits for a 101
/// ([`crate::plan::Plan::ANSWER_MS`]), with room for the way there and back.
const LARGE_WAITS: Duration = Duration::from_secs(2);
/// So long it lasts: what a client sends takes a few seconds on the slowest link on which it does.
const LARGE_LASTS: Duration = Duration::from_secs(60);

/// The largest message on a WebSocket over HTTP/2: what is asked there is whether it carries any.
const EXTENDED_BYTES: usize = 1024;

/// A place among the conversations of large messages, for one that wants it.
pub struct Large {
    /// How many there may still be of whoever began the run, and of all.
    free: [Arc<Semaphore>; 2],
    taken: Option<LargePlace>,
}

/// What is given back when it is dropped.
pub(super) type LargePlace = Box<[OwnedSemaphorePermit; 2]>;

impl Large {
    /// Not taken yet: one of `own`, and one of `all`.
    pub fn of(own: Arc<Semaphore>, all: Arc<Semaphore>) -> Self {
        Self { free: [own, all], taken: None }
    }

    /// Waits until there is one: first for one's own, so that nobody waits in the way of others.
    async fn take(&mut self) -> Result<(), AcquireError> {
        let [own, all] = self.free.clone();
        self.taken = Some(Box::new([own.acquire_owned().await?, all.acquire_owned().await?]));
        Ok(())
    }
}

impl Call {
    /// The proof for this request.
    pub fn proof(&self) -> String {
        self.prover.token(&self.nonce, &self.route)
    }

    /// A number from the query, at most as long as the server's own limit for times.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.word(name)?.parse().ok().map(|number: u64| number.min(u64::try_from(self.longest.as_millis()).unwrap_or(u64::MAX)))
    }

    /// A word from the query.
    pub fn word(&self, name: &str) -> Option<&str> {
        let query = self.request.uri().query()?;
        Some(query.split('&').find_map(|pair| pair.split_once('=').filter(|(found, _)| *found == name))?.1)
    }

    /// Whether a flag is in the query.
    pub fn flag(&self, name: &str) -> bool {
        self.request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair == name))
    }

    /// An answer of a few words, proven in its header and in its first line.
    pub fn answer(&self, status: StatusCode, what: What) -> Reply {
        self.pen.note(Event::Response(status.as_u16()));
        self.numbered_answer(status, what, 0)
    }

    /// The same with a number, where several requests follow one another on a connection; of each only that is written down.
    pub fn numbered_answer(&self, status: StatusCode, what: What, number: u32) -> Reply {
        let message = Message { what, number, sent_ms: self.pen.clock.ms(), word: self.nonce.clone(), size: None };
        let body = format!("{}\n{message}\n", self.proof());
        self.pen.note(Event::Sent(what, number));
        proven(Response::builder().status(status), self).body(full(body)).unwrap_or_default()
    }

    /// From now on, messages of this call may have [`LARGEST_BYTES`]; or this is the answer, because there are too many of its kind already
    /// or the operator wants smaller ones.
    pub async fn enlarge(&mut self) -> Option<Reply> {
        // Over HTTP/2 messages are small, whatever is wanted.
        let wanted = self.message >= MESSAGE_BYTES && self.request.version() != Version::HTTP_2;
        let wait = if wanted { LARGE_WAITS } else { Duration::ZERO };
        let taken = timeout(wait, self.large.take()).await;
        let (Ok(Ok(())), false) = (taken, wait.is_zero()) else {
            let reply = self.answer(StatusCode::SERVICE_UNAVAILABLE, What::Body);
            self.pen.note(Event::Closed(Why::Limit));
            return Some(reply);
        };
        self.message = LARGEST_BYTES.max(self.message);
        self.until = self.until.min(Instant::now() + LARGE_LASTS);
        None
    }

    /// Accepts a WebSocket and lets `converse` talk on it; anything that is no valid upgrade is answered and recorded as such.
    pub fn websocket<F>(
        mut self,
        converse: impl FnOnce(Box<Talk<TokioIo<hyper::upgrade::Upgraded>>>, CancellationToken) -> F + Send + 'static,
    ) -> Reply
    where
        F: Future<Output = ()> + Send + 'static,
    {
        // RFC 8441 section 4: over HTTP/2 there is no key, and nothing is switched.
        let protocol = self.request.extensions().get::<Protocol>().map(Protocol::as_str);
        let extended = self.request.method() == Method::CONNECT && protocol == Some("websocket");
        let headers = super::heads::seen(self.request.headers());
        let valid = crate::exchange::has_token(&headers, "upgrade", "websocket")
            && crate::exchange::has_token(&headers, "connection", "upgrade");
        let key = self.request.headers().get(header::SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
        let accept = key.filter(|_| valid);
        if extended {
            // A connection has many streams, and all that is kept for each of them is kept a hundred times.
            self.message = self.message.min(EXTENDED_BYTES);
        }
        if accept.is_none() && !extended {
            // RFC 9110 section 15.5.22: says what it would take.
            let mut reply = self.answer(StatusCode::UPGRADE_REQUIRED, What::Body);
            reply.headers_mut().insert(header::UPGRADE, header::HeaderValue::from_static("websocket"));
            // RFC 9110 section 7.8: whoever sends Upgrade names it in Connection.
            reply.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("Upgrade"));
            self.pen.note(Event::Closed(Why::Done));
            return reply;
        }
        let status = if accept.is_some() { StatusCode::SWITCHING_PROTOCOLS } else { StatusCode::OK };
        self.pen.note(Event::Response(status.as_u16()));
        let mut reply = proven(Response::builder().status(status), &self);
        if let Some(accept) = accept {
            reply = reply
                .header(header::CONNECTION, "Upgrade")
                .header(header::UPGRADE, "websocket")
                .header(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        let offered = |name: &&str| crate::exchange::has_token(&headers, "sec-websocket-protocol", name);
        if let Some(name) = self.chosen.filter(offered) {
            reply = reply.header(header::SEC_WEBSOCKET_PROTOCOL, name);
        }
        let reply = reply.body(full(String::new())).unwrap_or_default();
        let upgrade = hyper::upgrade::on(&mut self.request);
        let proof = self.proof();
        // What a conversation does not need goes now: a request's headers alone keep all that was read with them.
        let Call { nonce, pen, observer, stop, tasks, until, message, sent, held, large, .. } = self;
        tasks.spawn(async move {
            let _held = held;
            let Ok(io) = upgrade.await else {
                let end = observer.ended().map_or(End::Fin, |(_, end)| end);
                pen.note(Event::Ended(end));
                return;
            };
            observer.stop_tapping();
            // Boxed: each future that it is moved through would have room for all of it.
            let mut talk =
                Box::new(Box::pin(Talk::accepted(TokioIo::new(io), observer, pen.clone(), nonce, message, sent)).await);
            talk.enlarged = large.taken;
            if Box::pin(talk.say_with(What::Greeting, 0, proof)).await {
                tokio::select! {
                    () = converse(talk, stop) => {}
                    () = sleep_until(until) => pen.note(Event::Closed(Why::Limit)),
                }
            }
        });
        reply
    }
}

/// What the server does on a WebSocket beside echoing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// What it sends of its own accord.
    pub beat: Option<Beat>,
    /// It speaks first, once, after this much silence since the first echo.
    pub after_silence: Option<Duration>,
    /// Messages of one byte are part of the conversation.
    pub bytes: bool,
    /// It ends the conversation behind its first echo, by [`Why::Farewell`].
    pub farewell: bool,
}

/// Ticks or pings at a steady pace.
#[derive(Clone, Copy, Debug)]
pub struct Beat {
    /// [`What::Tick`] or [`What::Ping`].
    pub what: What,
    /// How many.
    pub count: u32,
    /// How far apart.
    pub every: Duration,
}

/// How long an end that the other side has closed stays open here, so that who was told can be told apart.
///
/// A second longer than the judge's "still open 3 s later", so that our own farewell is never taken for somebody else's.
pub const HOLD: Duration = Duration::from_secs(4);

/// Echoes frames and beats in its manner until the client leaves.
pub async fn converse<S>(mut talk: Box<Talk<S>>, manner: Manner, pen: Pen, stop: CancellationToken)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin,
{
    if manner.bytes {
        talk.expect_bytes();
    }
    let silent = Beat { what: What::Tick, count: 0, every: Duration::from_secs(1) };
    let Beat { what, count: mut left, every } = manner.beat.unwrap_or(silent);
    // Timers that most conversations do not have: they cost memory while it is idle, and time with each message.
    let mut tick = (left > 0).then(|| Box::pin(sleep(every)));
    let mut silence = None;
    let mut spoken = 0;
    let mut stopped = pin!(stop.cancelled());
    loop {
        tokio::select! {
            biased;
            heard = talk.hear() => match heard {
                // A message that arrived changed is answered like any other: it is alive, and the record says what was wrong with it.
                Heard::Message(what, number) | Heard::Altered(what, number) if what.echo().is_some() => {
                    if !talk.echo(what, number).await {
                        break;
                    }
                    if manner.farewell {
                        talk.close(Why::Farewell).await;
                        return;
                    }
                    if spoken == 0 && silence.is_none() {
                        silence = manner.after_silence.map(|wait| Box::pin(sleep(wait)));
                    }
                }
                Heard::Message(..) | Heard::Altered(..) => {}
                Heard::Over => break,
            },
            due = due(&mut tick) => {
                spoken += 1;
                left -= 1;
                tick = (left > 0).then(|| Box::pin(sleep_until(due + every)));
                if !talk.say(what, spoken).await {
                    break;
                }
            }
            _ = due(&mut silence) => {
                silence = None;
                spoken += 1;
                pen.note(Event::SilenceOver);
                if !talk.say(What::Tick, spoken).await {
                    break;
                }
            }
            () = stopped.as_mut() => {
                talk.close(Why::Shutdown).await;
                return;
            }
        }
    }
    let over = pen.timeline();
    if matches!(over.ended(), Some((_, End::CloseFrame(_)))) || over.closed().is_some() {
        return;
    }
    // An end that was made at this side only must not reach the client through us. What messages took is given back before.
    let _open = talk.into_stream();
    tokio::select! {
        () = sleep(HOLD) => {}
        () = stop.cancelled() => {}
    }
    pen.note(Event::Closed(Why::AfterPeer));
}

/// Waits for a timer, if there is one, and gives the moment for which it was set.
async fn due(timer: &mut Option<Pin<Box<Sleep>>>) -> Instant {
    let Some(timer) = timer else { return std::future::pending().await };
    timer.as_mut().await;
    timer.deadline()
}

/// Notes how a request ended when its answer is dropped before it was complete.
pub struct Leaving {
    pen: Pen,
    observer: Observer,
    stop: CancellationToken,
    until: Instant,
    /// A connection that stays open counts until it is closed.
    held: Arc<dyn Send + Sync>,
    over: bool,
}

impl Leaving {
    /// From now on, a drop is noted. The connection stays open for [`HOLD`] after the other side has left.
    pub fn watch(call: &Call) -> Self {
        call.observer.hold();
        let (pen, observer, stop) = (call.pen.clone(), call.observer.clone(), call.stop.clone());
        Self { pen, observer, stop, until: call.until, held: call.held.clone(), over: false }
    }

    /// The answer is complete.
    pub fn done(&mut self, why: Why) {
        if !self.over {
            self.over = true;
            self.pen.note(Event::Closed(why));
            self.observer.release();
        }
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        match self.observer.ended() {
            _ if self.stop.is_cancelled() => self.pen.note(Event::Closed(Why::Shutdown)),
            None if self.until <= Instant::now() => self.pen.note(Event::Closed(Why::Limit)),
            Some((moment, end)) => self.pen.note_at(moment, Event::Ended(end)),
            None => self.pen.note(Event::Ended(End::Fin)),
        }
        let (observer, held) = (self.observer.clone(), self.held.clone());
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if !self.stop.is_cancelled() => {
                runtime.spawn(async move {
                    sleep(HOLD).await;
                    observer.release();
                    drop((observer, held));
                });
            }
            _ => observer.release(),
        }
    }
}

/// The headers that every answer carries: never cached, never transformed into something a browser would run.
pub fn proven(builder: http::response::Builder, call: &Call) -> http::response::Builder {
    builder.header(PROOF_HEADER, call.proof()).header(header::CACHE_CONTROL, "no-store")
}

/// Marks, among the extensions of an answer, one whose body goes on for a while with little in it: a server may see to it that
/// such a one costs little.
#[derive(Clone, Copy)]
pub struct Lasting;

/// A body that is there at once.
pub fn full(text: String) -> UnsyncBoxBody<Bytes, Infallible> {
    Full::new(Bytes::from(text)).boxed_unsync()
}
