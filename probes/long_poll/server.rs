//! The server's half: holds a request for as long as it is asked to, and notices when the client leaves.

use crate::io::testify::{Call, Leaving, Reply};
use crate::timeline::{What, Why};
use http::{HeaderMap, StatusCode, Uri};
use std::time::Duration;
use tokio::time::{sleep, sleep_until};

/// The request; `hold_ms` says for how long it is held.
pub(super) const ROUTE: &str = "long-poll";
/// The routes of this probe.
pub(super) const ROUTES: &[&str] = &[ROUTE];

pub(super) async fn testify(mut call: Call) -> Reply {
    let hold = Duration::from_millis(call.number("hold_ms").unwrap_or(0));
    // What the request brought goes now: a connection may hold a hundred of them for minutes.
    (*call.request.headers_mut(), *call.request.uri_mut()) = (HeaderMap::new(), Uri::default());
    let mut leaving = Leaving::watch(&call);
    let why = tokio::select! {
        biased;
        () = sleep(hold) => Why::Done,
        () = call.stop.cancelled() => Why::Shutdown,
        () = sleep_until(call.until) => Why::Limit,
    };
    let status = if why == Why::Done { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let reply = call.answer(status, What::Body);
    leaving.done(why);
    reply
}
