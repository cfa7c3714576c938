//! Edits HTTP/2 (RFC 9113): what the server has set, how long streams live, and when answers arrive.

use super::decrypt::Decrypt;
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, WriteHalf, split};
use tokio::time::Instant;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "edit-http2",
    does: "agrees to HTTP/2 on both sides, and allows less than the server does",
    seen: "gateways and inspections that speak HTTP/2 with limits of their own; few of them know WebSockets over HTTP/2",
    layer: Layer::Tls,
    parameters: &[
        Parameter {
            name: "streams",
            kind: Kind::Number(0, 1_000),
            default: "0",
            means: "how many streams a connection may have at once; 0: as many as the server allows",
        },
        Parameter {
            name: "websockets",
            kind: Kind::Choice(&["passed", "removed", "refused"]),
            default: "passed",
            means: "the server's offer of WebSockets: as it is, taken away, or passed on and then refused",
        },
        Parameter {
            name: "resets",
            kind: Kind::Choice(&["nothing", "old", "silent"]),
            default: "nothing",
            means: "which streams it resets: those of an age, or those that brought nothing for so long",
        },
        Parameter { name: "after", kind: Kind::Seconds, default: "10", means: "that age, or that silence" },
        Parameter {
            name: "holds",
            kind: Kind::Choice(&["nothing", "answers"]),
            default: "nothing",
            means: "whether what an answer brings is held until its end; a WebSocket is none",
        },
    ],
    build: |spec, kit| {
        let edit = EditHttp2 {
            streams: u32::try_from(spec.number("streams")).unwrap_or(u32::MAX),
            websockets: spec.word("websockets").to_owned(),
            resets: spec.word("resets").to_owned(),
            after: spec.seconds("after"),
            holds: spec.word("holds") == "answers",
        };
        let mut inspection = Decrypt::around(Arc::new(edit), kit);
        inspection.inspects = true;
        inspection.http2 = true;
        Arc::new(inspection)
    },
};

#[derive(Clone)]
struct EditHttp2 {
    streams: u32,
    websockets: String,
    resets: String,
    after: Duration,
    holds: bool,
}

/// How a client of HTTP/2 begins (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The types of frames that are looked at (RFC 9113 section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
/// On HEADERS and DATA: nothing follows from this side. On SETTINGS: an acknowledgement.
const END_STREAM: u8 = 1;
/// SETTINGS_MAX_CONCURRENT_STREAMS and SETTINGS_ENABLE_CONNECT_PROTOCOL.
const MAX_CONCURRENT_STREAMS: u16 = 3;
const ENABLE_CONNECT_PROTOCOL: u16 = 8;
/// Error codes (RFC 9113 section 7).
const CANCEL: u32 = 8;
const HTTP_1_1_REQUIRED: u32 = 13;
/// The most bytes of a frame: no end of ours allows more than RFC 9113 section 4.2 begins with.
const FRAME: usize = 16 * 1024 + 9;

/// A frame, header and all.
struct Frame(Vec<u8>);

impl Frame {
    /// Takes the first whole one from what was read.
    fn take(read: &mut Vec<u8>) -> Option<Self> {
        let [a, b, c, ..] = read.as_slice() else { return None };
        let whole = 9 + u32::from_be_bytes([0, *a, *b, *c]) as usize;
        (read.len() >= whole).then(|| Self(read.drain(..whole).collect()))
    }

    fn of(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Self {
        let length = u32::try_from(payload.len()).unwrap_or(0).to_be_bytes();
        let mut bytes = length.get(1..).unwrap_or_default().to_vec();
        bytes.extend([kind, flags]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        Self(bytes)
    }

    fn reset(stream: u32, code: u32) -> Self {
        Self::of(RST_STREAM, 0, stream, &code.to_be_bytes())
    }

    fn kind(&self) -> u8 {
        self.0.get(3).copied().unwrap_or(u8::MAX)
    }

    fn flag(&self) -> bool {
        self.0.get(4).is_some_and(|flags| flags & END_STREAM != 0)
    }

    fn stream(&self) -> u32 {
        let bytes = self.0.get(5..9).and_then(|bytes| bytes.try_into().ok()).unwrap_or_default();
        u32::from_be_bytes(bytes) & 0x7fff_ffff
    }

    fn payload(&self) -> &[u8] {
        self.0.get(9..).unwrap_or_default()
    }
}

impl Middlebox for EditHttp2 {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let edit = self.clone();
        Box::pin(async move {
            let mut client = client;
            let mut first = vec![0; 4];
            if client.read_exact(&mut first).await.is_err() {
                return;
            }
            let http2 = PREFACE.starts_with(&first);
            let client = relay::unread(client, first);
            let Ok(server) = onward.open().await else { return };
            if http2 {
                edit.frames(client, server).await;
            } else {
                relay::pass(client, server).await;
            }
        })
    }
}

impl EditHttp2 {
    /// Carries frames until either side ends. What a side does not read stops the other: nothing here sends that much.
    async fn frames(&self, client: Io, server: Io) {
        let (mut from_client, mut to_client) = split(client);
        let (mut from_server, mut to_server) = split(server);
        let (mut up, mut down) = (Vec::new(), Vec::new());
        let mut begun = false;
        let mut streams = Streams::default();
        loop {
            let due = streams.due(self.after).filter(|_| self.resets != "nothing");
            let carried = tokio::select! {
                read = from_client.read_buf(&mut up) => {
                    if !matches!(read, Ok(size) if size > 0) {
                        break;
                    }
                    if !begun && up.len() >= PREFACE.len() {
                        begun = true;
                        let preface: Vec<u8> = up.drain(..PREFACE.len()).collect();
                        let _ = to_server.write_all(&preface).await;
                    }
                    if begun { self.up(&mut up, &mut streams, &mut to_server, &mut to_client).await } else { true }
                }
                read = from_server.read_buf(&mut down) => {
                    matches!(read, Ok(size) if size > 0) && self.down(&mut down, &mut streams, &mut to_client).await
                }
                () = relay::at(due) => {
                    let old = streams.end_old(self.after);
                    let mut written = true;
                    for stream in old {
                        written &= write(&mut to_client, &Frame::reset(stream, CANCEL)).await;
                        written &= write(&mut to_server, &Frame::reset(stream, CANCEL)).await;
                    }
                    written
                }
            };
            if !carried || up.len() > FRAME || down.len() > FRAME {
                break;
            }
        }
        let _ = to_client.shutdown().await;
        let _ = to_server.shutdown().await;
    }

    async fn up(
        &self,
        read: &mut Vec<u8>,
        streams: &mut Streams,
        server: &mut WriteHalf<Io>,
        client: &mut WriteHalf<Io>,
    ) -> bool {
        while let Some(frame) = Frame::take(read) {
            let stream = frame.stream();
            // A request with more to come is a WebSocket here: nothing else that is sent by HTTP/2 has a body.
            if frame.kind() == HEADERS && !frame.flag() && self.websockets == "refused" {
                streams.ended.insert(stream);
                if !write(client, &Frame::reset(stream, HTTP_1_1_REQUIRED)).await {
                    return false;
                }
                continue;
            }
            if frame.kind() == HEADERS {
                streams.open.insert(stream, Instant::now());
                if self.holds && frame.flag() {
                    streams.held.insert(stream, Vec::new());
                }
            }
            if streams.ended.contains(&stream) {
                continue;
            }
            if frame.kind() == RST_STREAM {
                streams.open.remove(&stream);
            }
            if !write(server, &frame).await {
                return false;
            }
        }
        true
    }

    async fn down(&self, read: &mut Vec<u8>, streams: &mut Streams, client: &mut WriteHalf<Io>) -> bool {
        while let Some(frame) = Frame::take(read) {
            let stream = frame.stream();
            if streams.ended.contains(&stream) {
                continue;
            }
            let ends = matches!(frame.kind(), HEADERS | DATA) && frame.flag();
            match (frame.kind(), streams.held.get_mut(&stream)) {
                (DATA, Some(held)) if !ends => {
                    held.push(frame);
                    continue;
                }
                _ if ends || frame.kind() == RST_STREAM => {
                    for held in streams.held.remove(&stream).unwrap_or_default() {
                        if !write(client, &held).await {
                            return false;
                        }
                    }
                }
                _ => {}
            }
            match frame.kind() {
                RST_STREAM => {
                    streams.open.remove(&stream);
                }
                _ if ends => {
                    streams.open.remove(&stream);
                }
                DATA if self.resets == "silent" => {
                    streams.open.insert(stream, Instant::now());
                }
                _ => {}
            }
            let frame = if frame.kind() == SETTINGS && !frame.flag() { self.settings(&frame) } else { frame };
            if !write(client, &frame).await {
                return false;
            }
        }
        true
    }

    /// What the server has set, and what becomes of it.
    fn settings(&self, frame: &Frame) -> Frame {
        let mut payload = Vec::new();
        for setting in frame.payload().chunks_exact(6) {
            let id = setting.first_chunk().map_or(0, |id| u16::from_be_bytes(*id));
            let limited = id == MAX_CONCURRENT_STREAMS && self.streams > 0;
            let removed = id == ENABLE_CONNECT_PROTOCOL && self.websockets == "removed";
            if !limited && !removed {
                payload.extend(setting);
            }
        }
        if self.streams > 0 {
            payload.extend(MAX_CONCURRENT_STREAMS.to_be_bytes());
            payload.extend(self.streams.to_be_bytes());
        }
        Frame::of(SETTINGS, 0, 0, &payload)
    }
}

/// The streams of a connection.
#[derive(Default)]
struct Streams {
    /// Those that are open, and since when their time runs.
    open: BTreeMap<u32, Instant>,
    /// Those that were ended here: nothing of theirs passes any more.
    ended: BTreeSet<u32>,
    /// What is held of answers that have not ended: no more than what the client's windows allow.
    held: BTreeMap<u32, Vec<Frame>>,
}

impl Streams {
    /// When the next one has had its time.
    fn due(&self, after: Duration) -> Option<Instant> {
        self.open.values().min().map(|since| *since + after)
    }

    /// Ends those that have had their time.
    fn end_old(&mut self, after: Duration) -> Vec<u32> {
        let now = Instant::now();
        let old: Vec<u32> = self.open.iter().filter(|(_, since)| **since + after <= now).map(|(stream, _)| *stream).collect();
        for stream in &old {
            self.open.remove(stream);
            self.ended.insert(*stream);
        }
        old
    }
}

async fn write(to: &mut WriteHalf<Io>, frame: &Frame) -> bool {
    to.write_all(&frame.0).await.is_ok() && to.flush().await.is_ok()
}
