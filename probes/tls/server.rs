//! The server's half: writes down the session on which it is asked, and whether a ClientHello arrived.

use crate::io::testify::{Call, Reply};
use crate::timeline::{Event, What, Why};
use http::StatusCode;

/// Where the session is compared.
pub(super) const ROUTE: &str = "tls";
/// Where the server is asked for a ClientHello.
pub(super) const HELLO: &str = "tls-hello";
/// The routes of this probe.
pub(super) const ROUTES: &[&str] = &[ROUTE, HELLO];

pub(super) async fn testify(call: Call) -> Reply {
    if call.route == HELLO {
        call.below.hello_seen(call.word("random").is_some_and(|random| call.hellos.seen(random)));
    } else {
        call.below.tls(call.tls.as_deref().cloned());
    }
    let reply = call.answer(StatusCode::OK, What::Body);
    call.pen.note(Event::Closed(Why::Done));
    reply
}
