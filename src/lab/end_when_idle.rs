//! Ends a silent connection loudly: FIN or RST, to both sides or to one.

use super::Middlebox;
use super::relay::{Limit, until};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::time::Duration;

/// Whom it tells, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tells {
    /// FIN to both, as Squid and nginx do.
    Both,
    /// FIN to the client and RST to the server, as HAProxy does.
    ResetsServer,
    /// RST to the client and FIN to the server.
    ResetsClient,
    /// FIN to the client; the server's side stays open.
    ClientOnly,
    /// FIN to the server; the client's side stays open.
    ServerOnly,
}

/// Ends connections after a silence.
#[derive(Clone, Copy, Debug)]
pub struct EndWhenIdle {
    /// After how much of it.
    pub after: Duration,
    /// Whom it tells.
    pub tells: Tells,
}

impl Middlebox for EndWhenIdle {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        let Self { after, tells } = *self;
        Box::pin(async move {
            let mut left = None;
            until(client, server, Some(Limit::Idle(after)), |client, server| match tells {
                Tells::Both => drop((client, server)),
                Tells::ResetsServer => server.abort(),
                Tells::ResetsClient => client.abort(),
                Tells::ClientOnly => left = Some(server),
                Tells::ServerOnly => left = Some(client),
            })
            .await;
            if let Some(open) = left {
                // Longer than any run: whoever was not told is left with an open connection.
                tokio::time::sleep(Duration::from_secs(3_600)).await;
                drop(open);
            }
        })
    }
}
