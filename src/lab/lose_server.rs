//! The server dies in the middle of a run: all its connections end at once, and it takes no new ones.

use super::relay::{at, until};
use super::{Admission, Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::Instant;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "lose-server",
    does: "ends all connections at one moment and refuses new ones, as the death of the server does: not the path's fault",
    seen: "deployments, crashes, reloads",
    layer: Layer::Connection,
    parameters: &[Parameter { name: "after", kind: Kind::Seconds, default: "15", means: "how long after the first connection" }],
    build: |spec, _| Arc::new(LoseServer { after: spec.seconds("after"), dies: Arc::default() }),
};

struct LoseServer {
    after: Duration,
    dies: Arc<OnceLock<Instant>>,
}

impl Middlebox for LoseServer {
    fn admits(&self) -> Admission {
        match self.dies.get() {
            Some(dies) if *dies <= Instant::now() => Admission::Refuses,
            _ => Admission::Accepts,
        }
    }

    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let dies = *self.dies.get_or_init(|| Instant::now() + self.after);
        Box::pin(async move {
            let carrying = async {
                let Ok(server) = onward.open().await else { return };
                until(client, server, None, drop).await;
            };
            tokio::select! {
                biased;
                () = at(Some(dies)) => {}
                () = carrying => {}
            }
        })
    }
}
