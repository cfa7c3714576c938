//! The client's half: writes a request byte by byte, and keeps the head of the answer as it came.

use super::server::ROUTE;
use super::{Asked, Kind};
use crate::below::{HIDDEN, RawHead};
use crate::exchange::{Proof, ResponseHead};
use crate::failure::{self, Failure, Operation};
use crate::io::heads::raw_head;
use crate::io::observe::{Page, Scene, Sheet};
use crate::io::{Io, Purpose, Way};
use crate::timeline::{End, Event, What, Why};
use crate::untrusted::Untrusted;
use crate::wire::{PROOF_HEADER, route_path};
use http::header;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

// Names whose like no browser sends, all legal (RFC 9110 section 5.1).

/// Nobody knows it.
const UNKNOWN: &str = "X-Proxyprobe-Unknown";
/// nginx drops names with an underscore unless it is told otherwise.
const UNDERSCORE: &str = "X_Proxyprobe_Underscore";
/// Names have no case, and so may be spelt in any.
const ODD_CASE: &str = "x-pRoXyPrObE-cAsE";
/// It stands twice, with two values (RFC 9110 section 5.3).
const TWICE: &str = "X-Proxyprobe-Twice";
/// It is long.
const LONG: &str = "X-Proxyprobe-Long";
/// The bytes of the long one in a request: more than the first buffer of nginx (1 KiB), less than any limit that is known.
const REQUEST_BYTES: usize = 2_000;
/// The same in an answer: nginx keeps 4 KiB for the whole head.
pub(super) const RESPONSE_BYTES: usize = 1_200;

/// The most bytes of an answer that are read: its head, and a body of a few words.
const ANSWER_BYTES: usize = 32 * 1024;

pub(super) async fn observe(mut scene: Scene, sheet: Sheet<Asked>) {
    let opening = scene.opening.take();
    if !ask(&scene, &sheet, Kind::Unusual).await {
        ask(&scene, &sheet, Kind::Usual).await;
    }
    drop(opening);
}

/// Whether our own answer came.
async fn ask(scene: &Scene, sheet: &Sheet<Asked>, kind: Kind) -> bool {
    let front_headers = scene.declared.front_headers.clone();
    let page = sheet.ask(Asked { kind, sent: RawHead::default(), received: None, asks_proxy: false, front_headers });
    let Some(way) = page.dial(scene, Purpose::Request).await else { return false };
    let observer = way.io.observer();
    let peer = Untrusted::new(&way.host);
    let query = if kind == Kind::Unusual { "?unusual" } else { "" };
    let path = format!("{}{query}", route_path(scene.prover.run(), page.nonce(), ROUTE));
    let (bytes, sent) = request(&way, &path, kind, page.nonce());
    let asks_proxy = !way.prefix.is_empty();
    sheet.amend(
        |asked| asked.kind == kind,
        |asked| {
            asked.sent = sent.clone();
            asked.asks_proxy = asks_proxy;
        },
    );
    let mut io = way.io;
    page.pen.note(Event::Request);
    let mut read = Vec::new();
    let talk = async {
        io.write_all(&bytes).await?;
        io.flush().await?;
        answer(&mut io, &mut read).await
    };
    let done = timeout_at(Instant::now() + scene.answer(), talk).await;
    let whole = RawHead::read(&read).and_then(|raw| recorded(&raw, &read).map(|head| (raw, head)));
    let Some((raw, head)) = whole else {
        match (done, observer.ended()) {
            (Err(_), _) => page.gave_up(&observer),
            (_, Some((moment, end @ (End::Reset | End::Fin)))) if read.is_empty() => page.pen.note_at(moment, Event::Ended(end)),
            _ => page.failed(Failure {
                operation: Operation::Request,
                kind: failure::Kind::NotHttp,
                peer,
                detail: Untrusted::from_bytes(&read, 120),
            }),
        }
        return false;
    };
    sheet.amend(|asked| asked.kind == kind, |asked| asked.received = Some(raw.clone()));
    judge_body(scene, &page, head, &read)
}

/// Notes the answer, and whether it is ours.
fn judge_body(scene: &Scene, page: &Page, head: ResponseHead, read: &[u8]) -> bool {
    let in_header = head.values(PROOF_HEADER).next().map(|text| scene.prover.examine(text, page.nonce(), ROUTE));
    page.response(head, in_header.unwrap_or_default());
    // The body's first line, wherever a proxy that cuts it into chunks has put it.
    let lines = read.split(|byte| *byte == b'\n').map(String::from_utf8_lossy);
    let in_body = lines.filter(|line| !line.contains(':')).map(|line| scene.prover.examine(&line, page.nonce(), ROUTE));
    let in_body = in_body.into_iter().find(|proof| *proof == Proof::Valid).unwrap_or_default();
    page.proved(in_body);
    if in_body == Proof::Valid {
        page.pen.note(Event::Received(What::Body, 0, None));
    }
    page.pen.note(Event::Closed(Why::Done));
    in_body == Proof::Valid || in_header == Some(Proof::Valid)
}

/// Reads until the answer is over, or as much of it as is read.
async fn answer(io: &mut Io, read: &mut Vec<u8>) -> std::io::Result<()> {
    while read.len() < ANSWER_BYTES && !is_whole(read) {
        if io.read_buf(read).await? == 0 {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether an answer has all the bytes that its head announces; one without a length ends with its connection.
fn is_whole(read: &[u8]) -> bool {
    let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let Some(head) = RawHead::read(read) else { return false };
    let value =
        |name: &str| head.fields.iter().find(|(found, _)| found.as_str().eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let body = read.len() - end - 4;
    match value("content-length").and_then(|length| length.as_str().parse::<usize>().ok()) {
        Some(length) => body >= length,
        // RFC 9112 section 7.1: the last chunk is empty.
        None => value("transfer-encoding").is_some() && read.ends_with(b"\r\n0\r\n\r\n"),
    }
}

/// A request in the order and with the names of a browser, and unusual headers behind; as bytes, and as it is recorded.
fn request(way: &Way, path: &str, kind: Kind, nonce: &str) -> (Vec<u8>, RawHead) {
    let mut bytes = format!("GET {}{path} HTTP/1.1\r\n", way.prefix).into_bytes();
    let mut fields = Vec::new();
    let mut push = |name: &str, value: &[u8], told: bool| {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
        let value = if told { Untrusted::from_bytes(value, 4096) } else { Untrusted::new(HIDDEN) };
        fields.push((Untrusted::new(name), value));
    };
    push("Host", way.host.as_bytes(), true);
    // One request a connection: what belongs to a single hop is not compared.
    push("Connection", b"close", true);
    for (name, value) in &way.headers_for("GET", path) {
        // What the user adds may be a secret, and so are credentials for a proxy.
        let own = *name == header::USER_AGENT || *name == header::ORIGIN;
        push(&title_case(name.as_str()), value.as_bytes(), own);
    }
    push("Accept", b"*/*", true);
    push("Accept-Encoding", b"gzip", true);
    push("Accept-Language", b"en", true);
    push("Cache-Control", b"no-cache", true);
    if kind == Kind::Unusual {
        for (name, value) in unusual(nonce, REQUEST_BYTES) {
            push(name, value.as_bytes(), true);
        }
    }
    bytes.extend_from_slice(b"\r\n");
    let first = Untrusted::new(&format!("GET {}{path} HTTP/1.1", way.prefix));
    (bytes, RawHead { first, fields })
}

/// The unusual headers, in order.
pub(super) fn unusual(nonce: &str, long: usize) -> [(&'static str, String); 6] {
    [
        (UNKNOWN, nonce.to_owned()),
        (UNDERSCORE, nonce.to_owned()),
        (ODD_CASE, nonce.to_owned()),
        (TWICE, "first".to_owned()),
        (TWICE, "second".to_owned()),
        (LONG, nonce.chars().cycle().take(long).collect()),
    ]
}

/// `user-agent` as browsers write it: `User-Agent`.
fn title_case(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    });
    words.collect::<Vec<_>>().join("-")
}

fn recorded(raw: &RawHead, bytes: &[u8]) -> Option<ResponseHead> {
    let mut words = raw.first.as_str().splitn(3, ' ');
    let version = words.next()?.strip_prefix("HTTP/")?.to_owned();
    let status = words.next()?.parse().ok()?;
    let lower = |name: &Untrusted| Untrusted::new(&name.as_str().to_ascii_lowercase());
    let headers = raw.fields.iter().map(|(name, value)| (lower(name), value.clone())).collect();
    Some(ResponseHead { status, version, headers, raw: raw_head(bytes) })
}
