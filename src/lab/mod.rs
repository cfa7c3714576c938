//! The accused: middleboxes that misbehave on purpose, one a file.
//!
//! Nothing here knows a probe, the network or a report: a middlebox gets the two streams of one connection and carries bytes
//! between them, badly.

pub mod head;
pub mod relay;

mod alter_101;
mod answer;
mod batch_events;
mod cache;
mod cap_lifetime;
mod change_content_type;
mod close_after_101;
mod compress_and_hold;
mod cut_streams;
mod delay_events;
mod end_when_idle;
mod forge_101;
mod forget_when_idle;
mod gateway_timeout;
mod hold_stream;
mod hold_until_bytes;
mod inject_text;
mod limit_connections;
mod one_event_behind;
mod repeat_events;
mod replace_by_page;
mod rewrite_request;
mod stream;
mod swallow_101;
mod swallow_after_101;
mod trickle_stream;
mod withhold_head;
mod write_page_after_101;

pub use alter_101::Alter101;
pub use answer::{Answer, Which};
pub use batch_events::BatchEvents;
pub use cache::Cache;
pub use cap_lifetime::CapLifetime;
pub use change_content_type::ChangeContentType;
pub use close_after_101::CloseAfter101;
pub use compress_and_hold::CompressAndHold;
pub use cut_streams::CutStreams;
pub use delay_events::DelayEvents;
pub use end_when_idle::{EndWhenIdle, Tells};
pub use forge_101::Forge101;
pub use forget_when_idle::ForgetWhenIdle;
pub use gateway_timeout::GatewayTimeout;
pub use hold_stream::{Held, HoldStream};
pub use hold_until_bytes::{HoldUntilBytes, Then};
pub use inject_text::InjectText;
pub use limit_connections::LimitConnections;
pub use one_event_behind::OneEventBehind;
pub use repeat_events::RepeatEvents;
pub use replace_by_page::ReplaceByPage;
pub use rewrite_request::RewriteRequest;
pub use swallow_101::Swallow101;
pub use swallow_after_101::SwallowAfter101;
pub use trickle_stream::TrickleStream;
pub use withhold_head::WithholdHead;
pub use write_page_after_101::WritePageAfter101;

use proxyprobe_probes::io::{BoxFuture, Io};

/// Something that carries one connection at a time between a client and the server behind it.
pub trait Middlebox: Send + Sync {
    /// Carries one connection to its end.
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()>;
}
