//! The server's half: keeps the head as it arrived, and answers with the same headers as it was asked with.

use super::client::{RESPONSE_BYTES, unusual};
use crate::io::testify::{Call, Reply};
use crate::timeline::{Event, What, Why};
use http::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{StatusCode, Version};

/// Where headers are compared.
pub(super) const ROUTE: &str = "headers";
/// The routes of this probe.
pub(super) const ROUTES: &[&str] = &[ROUTE];

pub(super) async fn testify(call: Call) -> Reply {
    call.below.request(call.raw.clone());
    if call.request.version() != Version::HTTP_2 {
        call.below.answers_on(&call.observer);
    }
    let mut reply = call.answer(StatusCode::OK, What::Body);
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if call.request.version() != Version::HTTP_2 {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if call.flag("unusual") {
        for (name, value) in unusual(&call.nonce, RESPONSE_BYTES) {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value)) {
                headers.append(name, value);
            }
        }
        // The library spells the headers of an answer as those of its request: an odd case goes both ways.
        *reply.extensions_mut() = call.request.extensions().clone();
    }
    call.pen.note(Event::Closed(Why::Done));
    reply
}
