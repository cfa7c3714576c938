//! The limits of `serve`, as flags. docs/serve.md says why each has its number.

use crate::serve::limits::Limits;
use clap::{Args, value_parser};
use std::time::Duration;

/// The limits.
#[derive(Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitFlags {
    /// Connections at once
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections)]
    pub max_connections: usize,
    /// Connections at once of one address, or of one /64 network of IPv6; 0: addresses are not told apart, as behind a front
    #[arg(long, value_name = "N", default_value_t = Limits::default().address_connections.unwrap_or(0))]
    pub max_connections_per_address: usize,
    /// Runs at once, those that are over and still kept among them
    #[arg(long, value_name = "N", default_value_t = Limits::default().runs)]
    pub max_runs: usize,
    /// Runs that one address begins in a minute; 0: addresses are not told apart
    #[arg(long, value_name = "N", default_value_t = Limits::default().address_runs.unwrap_or(0))]
    pub max_runs_per_minute: u32,
    /// Requests of one run
    #[arg(long, value_name = "N", default_value_t = Limits::default().notes)]
    pub max_requests_per_run: usize,
    /// Bytes of the record of one run
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().record)]
    pub max_record_bytes: usize,
    /// Bytes of all records together
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().memory)]
    pub max_memory_bytes: usize,
    /// Bytes that one run is sent in echoes and events
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().sent)]
    pub max_sent_bytes: usize,
    /// Bytes of one message on a WebSocket
    #[arg(long, value_name = "BYTES", default_value_t = largest_message(), value_parser = value_parser!(u32).range(128..=i64::from(largest_message())))]
    pub max_message_bytes: u32,
    /// Conversations at once of messages of up to 1 MiB; each takes up to 5 MiB of memory
    #[arg(long, value_name = "N", default_value_t = Limits::default().large)]
    pub max_large: usize,
    /// Bytes of a request head
    #[arg(long, value_name = "BYTES", default_value_t = 32_768, value_parser = value_parser!(u32).range(8_192..=1_048_576))]
    pub max_head_bytes: u32,
    /// Streams at once on one HTTP/2 connection
    #[arg(long, value_name = "N", default_value_t = Limits::default().streams, value_parser = value_parser!(u32).range(1..))]
    pub max_streams: u32,
    /// Reports that arrive at once (--keep-reports); each takes up to 8 MiB
    #[arg(long, value_name = "N", default_value_t = Limits::default().reports)]
    pub max_reports: usize,
    /// How long a request head may take from the beginning of its connection, TLS included
    #[arg(long, value_name = "SECS", default_value_t = Limits::default().head.as_secs(), value_parser = value_parser!(u64).range(1..=600))]
    pub head_seconds: u64,
    /// How long one connection lasts, and with it any conversation, stream or held request
    #[arg(long, value_name = "SECS", default_value_t = Limits::default().longest.as_secs(), value_parser = value_parser!(u64).range(1..=86_400))]
    pub connection_seconds: u64,
    /// How long a run is kept
    #[arg(long, value_name = "SECS", default_value_t = Limits::default().kept.as_secs(), value_parser = value_parser!(u64).range(1..=86_400))]
    pub run_seconds: u64,
    /// How long a run is kept of which nothing is open
    #[arg(long, value_name = "SECS", default_value_t = Limits::default().kept_idle.as_secs(), value_parser = value_parser!(u64).range(1..=86_400))]
    pub idle_run_seconds: u64,
    /// How long a shutdown waits for what is under way
    #[arg(long, value_name = "SECS", default_value_t = Limits::default().farewell.as_secs(), value_parser = value_parser!(u64).range(0..=86_400))]
    pub farewell_seconds: u64,
}

fn largest_message() -> u32 {
    u32::try_from(Limits::default().message).unwrap_or(u32::MAX)
}

impl LimitFlags {
    /// The limits that they say.
    pub fn limits(&self) -> Limits {
        Limits {
            connections: self.max_connections.max(1),
            address_connections: Some(self.max_connections_per_address).filter(|most| *most > 0),
            runs: self.max_runs.max(1),
            address_runs: Some(self.max_runs_per_minute).filter(|most| *most > 0),
            notes: self.max_requests_per_run,
            record: self.max_record_bytes,
            memory: self.max_memory_bytes,
            sent: self.max_sent_bytes,
            message: usize::try_from(self.max_message_bytes).unwrap_or(usize::MAX),
            head_bytes: usize::try_from(self.max_head_bytes).unwrap_or(usize::MAX),
            large: self.max_large,
            streams: self.max_streams,
            reports: self.max_reports,
            head: Duration::from_secs(self.head_seconds),
            longest: Duration::from_secs(self.connection_seconds),
            kept: Duration::from_secs(self.run_seconds),
            kept_idle: Duration::from_secs(self.idle_run_seconds),
            farewell: Duration::from_secs(self.farewell_seconds),
            ..Limits::default()
        }
    }
}
