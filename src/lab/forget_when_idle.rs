//! Forgets a silent connection and tells nobody, as a stateful firewall does; what comes later is dropped, or reset.

use super::Middlebox;
use super::relay::{Limit, until};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// Forgets connections after a silence.
#[derive(Clone, Copy, Debug)]
pub struct ForgetWhenIdle {
    /// After how much of it.
    pub after: Duration,
    /// Whether it answers the next bytes with a reset.
    pub resets: bool,
}

impl Middlebox for ForgetWhenIdle {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        let Self { after, resets } = *self;
        Box::pin(async move {
            let mut left = None;
            until(client, server, Some(Limit::Idle(after)), |client, server| left = Some((client, server))).await;
            let Some((mut client, mut server)) = left else { return };
            let (mut up, mut down) = ([0; 1024], [0; 1024]);
            loop {
                // FINs vanish as well: the connection is not known here any more.
                tokio::select! {
                    biased;
                    Ok(size) = client.read(&mut up) => if resets && size > 0 {
                        client.abort();
                        break;
                    } else if size == 0 {
                        break;
                    },
                    Ok(size) = server.read(&mut down) => if resets && size > 0 {
                        server.abort();
                        break;
                    } else if size == 0 {
                        break;
                    },
                    else => break,
                }
            }
            std::future::pending::<()>().await;
        })
    }
}
