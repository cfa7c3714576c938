//! A slow path, or a lossy one: late, uneven, narrow, but honest.

use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, relay};
use proxyprobe_probes::io::pipe::{Link, pipe};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "link",
    does: "is a slow or lossy path that delivers everything in order: not a fault",
    seen: "satellites, mobile networks, full queues, guest networks in hotels",
    layer: Layer::Connection,
    parameters: &[
        Parameter { name: "latency", kind: Kind::Seconds, default: "0.15", means: "the one-way delay" },
        Parameter { name: "jitter", kind: Kind::Seconds, default: "0", means: "the most that is added to it at random" },
        Parameter {
            name: "rate",
            kind: Kind::Number(0, 1 << 40),
            default: "0",
            means: "bytes a second each way; 0 is unlimited",
        },
        Parameter {
            name: "loss",
            kind: Kind::Number(0, 50),
            default: "0",
            means: "percent of segments that come one retransmission later, and hold up what is behind them",
        },
        Parameter { name: "seed", kind: Kind::Number(0, u64::MAX), default: "1", means: "where chance begins" },
    ],
    build: |spec, _| {
        let link = Link {
            latency: spec.seconds("latency"),
            jitter: spec.seconds("jitter"),
            rate: Some(spec.number("rate")).filter(|rate| *rate > 0),
            loss_percent: u8::try_from(spec.number("loss")).unwrap_or(0),
            ..Link::default()
        };
        Arc::new(Slow { link, next_seed: AtomicU64::new(spec.number("seed")) })
    },
};

struct Slow {
    link: Link,
    next_seed: AtomicU64,
}

impl Middlebox for Slow {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let link = Link { seed: self.next_seed.fetch_add(1, Ordering::Relaxed), ..self.link };
        Box::pin(async move {
            let Ok(server) = onward.open().await else { return };
            let (near, far) = pipe(link);
            tokio::join!(relay::pass(client, near), relay::pass(far, server));
        })
    }
}
