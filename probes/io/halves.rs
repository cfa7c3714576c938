//! What joins the two halves of a probe to it.

use super::observe::{Scene, Sheet};
use super::testify::{Call, Reply};
use crate::probe::Probe;
use std::future::Future;

/// The two halves of a probe that touch the world.
pub trait Observe: Probe {
    /// The routes that the server's half answers on.
    const ROUTES: &'static [&'static str];

    /// Talks and writes down what happens. It cannot fail: what goes wrong is evidence.
    fn observe(scene: Scene, sheet: Sheet<Self::Asked>) -> impl Future<Output = ()> + Send + 'static;

    /// Answers one request and writes down what it saw. It never judges.
    fn testify(call: Call) -> impl Future<Output = Reply> + Send;
}
