//! The server's half: says hello, with proof.

use crate::io::testify::{Call, Reply};
use crate::timeline::{Event, What, Why};
use http::StatusCode;

/// Where the leg is proven.
pub(super) const ROUTE: &str = "hello";
/// The routes of this probe.
pub(super) const ROUTES: &[&str] = &[ROUTE];

pub(super) async fn testify(call: Call) -> Reply {
    let reply = call.answer(StatusCode::OK, What::Body);
    call.pen.note(Event::Closed(Why::Done));
    reply
}
