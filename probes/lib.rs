//! The questions that proxyprobe asks of a network path, one folder each, and what is concluded from the answers.
//!
//! Without the `io` feature this crate is the judge alone: evidence in, findings out, no network in its dependencies.

pub mod below;
pub mod causes;
pub mod circumstances;
pub mod company;
pub mod exchange;
pub mod failure;
pub mod finding;
pub mod hearing;
#[cfg(feature = "io")]
pub mod io;
pub mod plan;
#[macro_use]
pub mod probe;
pub mod products;
pub mod recommend;
pub mod refusal;
#[cfg(test)]
mod testing;
pub mod timeline;
pub mod transport;
pub mod untrusted;
pub mod wire;

probes! {
    reach: Reach,
    tls: Tls,
    headers: Headers,
    upgrade: Upgrade,
    zombie: Zombie,
    idle: Idle,
    lifetime: Lifetime,
    sse: Sse,
    long_poll: LongPoll,
    h2: H2,
    latency: Latency,
    also: Also,
}
