//! The application's server is not ours: there is no other half.

use crate::io::testify::{Call, Reply};
use crate::timeline::What;
use http::StatusCode;

/// No route of the paired server belongs to this probe.
pub(super) const ROUTES: &[&str] = &[];

pub(super) async fn testify(call: Call) -> Reply {
    call.answer(StatusCode::NOT_FOUND, What::Body)
}
