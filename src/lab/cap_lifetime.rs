//! Ends every connection at an age, busy or not.

use super::Middlebox;
use super::relay::{Limit, until};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::time::Duration;

/// Ends connections of this age.
#[derive(Clone, Copy, Debug)]
pub struct CapLifetime {
    /// The age.
    pub age: Duration,
}

impl Middlebox for CapLifetime {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        let age = self.age;
        Box::pin(until(client, server, Some(Limit::Age(age)), |client, server| drop((client, server))))
    }
}
