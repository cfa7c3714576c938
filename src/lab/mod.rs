//! The accused: middleboxes that misbehave on purpose, one a file.
//!
//! Nothing here knows a probe, the network or a report: a middlebox gets the two streams of one connection and carries bytes
//! between them, badly.

pub mod frames;
pub mod head;
pub mod relay;

mod alter_101;
mod answer;
mod answer_pings;
mod cache;
mod cap_lifetime;
mod close_after_101;
mod close_after_frames;
mod end_when_idle;
mod events;
mod forge_101;
mod forget_when_idle;
mod gateway_timeout;
mod invent_close;
mod limit_connections;
mod lose_last_byte;
mod rewrite_request;
mod stall_large_frames;
mod swallow_101;
mod swallow_after_101;
mod write_page_after_101;

pub use alter_101::Alter101;
pub use answer::{Answer, Which};
pub use answer_pings::AnswerPings;
pub use cache::Cache;
pub use cap_lifetime::CapLifetime;
pub use close_after_101::CloseAfter101;
pub use close_after_frames::{CloseAfterBytes, CloseAfterFrames};
pub use end_when_idle::{EndWhenIdle, Tells};
pub use events::{DelayEvents, EditEvents, HoldStream, WithholdHead};
pub use forge_101::Forge101;
pub use forget_when_idle::ForgetWhenIdle;
pub use gateway_timeout::GatewayTimeout;
pub use invent_close::InventClose;
pub use limit_connections::LimitConnections;
pub use lose_last_byte::LoseLastByte;
pub use rewrite_request::RewriteRequest;
pub use stall_large_frames::StallLargeFrames;
pub use swallow_101::Swallow101;
pub use swallow_after_101::SwallowAfter101;
pub use write_page_after_101::WritePageAfter101;

use proxyprobe_probes::io::{BoxFuture, Io};

/// Something that carries one connection at a time between a client and the server behind it.
pub trait Middlebox: Send + Sync {
    /// Carries one connection to its end.
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()>;
}
