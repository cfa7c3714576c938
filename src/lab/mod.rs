//! The accused: middleboxes that misbehave on purpose, one a file.
//!
//! Nothing here knows a probe, a report or how bytes leave this machine: a middlebox gets the client's stream and a way onward,
//! and carries bytes between them, badly. The same code stands between sockets and between pipes in memory.

pub mod head;
pub mod relay;

mod decrypt;
mod events;
mod frames;
mod front;
mod kit;
mod only;
mod onward;
mod row;
mod spec;
mod stream;

pub use kit::{Kit, Root, Speaks};
pub use onward::Onward;
pub use row::Row;
pub use spec::{ONLY, Spec};

use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Something that stands between a client and a server. It does not change while it runs.
pub trait Middlebox: Send + Sync {
    /// What becomes of a connection attempt, before its first byte.
    fn admits(&self) -> Admission {
        Admission::Accepts
    }

    /// Carries one connection to its end.
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()>;
}

/// What becomes of a connection attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is accepted.
    Accepts,
    /// It is answered with a RST.
    Refuses,
    /// It is not answered.
    Ignores,
}

/// What a middlebox must see of a connection to do what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Bytes, whatever they are: it stands on encrypted connections as well as on others.
    Connection,
    /// The beginning of a TLS session.
    Tls,
    /// Requests and answers: on encrypted connections it stands behind an inspection, with the lab's own root.
    Http,
    /// The client's requests to it: an explicit proxy, which the client must be told of.
    Proxy,
}

/// A middlebox of the lab, as it is listed.
pub struct Entry {
    /// Its name: lower case, words joined by hyphens.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub does: &'static str,
    /// Who is known to do that.
    pub seen: &'static str,
    /// What it must see.
    pub layer: Layer,
    /// What can be set.
    pub parameters: &'static [Parameter],
    /// Makes one.
    pub build: fn(&Spec, &Kit) -> Arc<dyn Middlebox>,
}

/// Something that can be set.
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What may stand there.
    pub kind: Kind,
    /// What stands there when nothing is said.
    pub default: &'static str,
    /// What it means.
    pub means: &'static str,
}

/// What may stand in a parameter.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A time in seconds, from zero to a day, with decimals.
    Seconds,
    /// A whole number from the first to the second.
    Number(u64, u64),
    /// A word as it stands in a path.
    Word,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// Declares the middleboxes: a file each, and its row in the list.
macro_rules! middleboxes {
    ($($file:ident),+ $(,)?) => {
        $(mod $file;)+

        /// All middleboxes, in the order in which they are listed.
        pub const ALL: &[Entry] = &[$($file::ENTRY),+];
    };
}

middleboxes! {
    // Whether the server is reached at all.
    refuse_connections,
    ignore_connections,
    reset_connections,
    answer_requests,
    proxy,
    proxy_refuses_tunnels,
    proxy_fakes_tunnels,
    proxy_asks_credentials,
    // TLS.
    inspect_tls,
    end_client_hello,
    edit_http2,
    // Headers.
    edit_headers,
    // The upgrade.
    strip_upgrade,
    rewrite_connection,
    swallow_101,
    forge_101,
    alter_101,
    edit_offers,
    // After the 101.
    swallow_after_101,
    close_after_101,
    write_page_after_101,
    lose_greeting,
    lose_last_byte,
    wait_for_client,
    stall_large_frames,
    refuse_frames,
    rewrite_close,
    answer_pings,
    invent_close,
    close_after_frames,
    close_after_bytes,
    // Silence and age.
    end_when_idle,
    forget_when_idle,
    cap_lifetime,
    ignore_pings,
    limit_connections,
    // Streams.
    hold_stream,
    hold_until_bytes,
    batch_events,
    trickle_stream,
    delay_events,
    keep_one_event,
    compress_stream,
    withhold_head,
    change_content_type,
    show_progress_page,
    inject_text,
    repeat_events,
    cut_streams,
    // Long polls.
    give_up_on_answers,
    stop_uploads,
    cache_answers,
    keep_aborted_requests,
    retry_requests,
    // Paths that must not be blamed.
    reverse_proxy,
    link,
    lose_server,
}
