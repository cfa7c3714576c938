//! The rules: one ordered table, of which the first that holds decides.

use super::{Client, Situation};
use crate::transport::Transport;

/// A rule: when it holds, it decides.
pub(super) struct Rule {
    /// Its name in reports.
    pub(super) id: &'static str,
    /// When it holds.
    pub(super) when: fn(&Situation) -> bool,
    /// What it recommends.
    pub(super) transport: Option<Transport>,
    /// The recommendation as a sentence.
    pub(super) sentence: &'static str,
}

/// The rule that always holds.
pub(super) const NOTHING_WORKS: Rule = Rule {
    id: "nothing-works",
    when: |_| true,
    transport: None,
    sentence: "No transport is known to work on this path: something between client and server must be changed first.",
};

/// The rules, in order: the first that holds decides.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "nothing-judged",
        when: |s| !Transport::ALL.iter().any(|t| s.judged(*t)),
        transport: None,
        sentence: "No recommendation: no transport could be judged on this path.",
    },
    Rule {
        id: "websocket-needed",
        when: |s| s.needs_websocket() && s.usable(Transport::WebSocket),
        transport: Some(Transport::WebSocket),
        sentence: "Use WebSockets: the client sends much or at once through the same channel.",
    },
    Rule {
        id: "websocket-needed-sse-instead",
        when: |s| s.needs_websocket() && s.streams() && !s.requests_stopped(),
        transport: Some(Transport::Sse),
        sentence: "WebSockets are what the application needs, but they are not known to work here: use Server-Sent Events for what the server says and a POST for each thing that the client sends.",
    },
    Rule {
        id: "websocket-needed-long-polling-instead",
        when: |s| s.needs_websocket() && s.usable(Transport::LongPolling),
        transport: Some(Transport::LongPolling),
        sentence: "WebSockets are what the application needs, but neither they nor Server-Sent Events are known to work here: use long polling for what the server says and a POST for each thing that the client sends.",
    },
    Rule {
        id: "requests-stopped-websocket",
        when: |s| s.requests_stopped() && s.usable(Transport::WebSocket),
        transport: Some(Transport::WebSocket),
        sentence: "Use WebSockets: requests of the client's own do not get through here while an event stream is open, or not at all, and a WebSocket carries both directions.",
    },
    Rule {
        id: "no-event-stream-client",
        when: |s| s.answers.client == Client::Constrained && s.usable(Transport::LongPolling),
        transport: Some(Transport::LongPolling),
        sentence: "Use long polling: the client knows no event streams.",
    },
    Rule {
        id: "no-event-stream-client-websocket",
        when: |s| s.answers.client == Client::Constrained && s.usable(Transport::WebSocket),
        transport: Some(Transport::WebSocket),
        sentence: "Use WebSockets: the client knows no event streams, and long polling is not known to work here.",
    },
    Rule {
        id: "sse-with-headers",
        when: |s| s.mended() && s.mended_by_headers() && s.answers.client != Client::Constrained,
        transport: Some(Transport::Sse),
        sentence: "Use Server-Sent Events, and send the header X-Accel-Buffering: no: without it this path holds the stream back.",
    },
    Rule {
        id: "sse-in-another-form",
        when: |s| s.mended() && s.answers.client != Client::Constrained,
        transport: Some(Transport::Sse),
        sentence: "Use Server-Sent Events in the form that passes here, which the finding names: in the usual one this path holds the stream back.",
    },
    Rule {
        id: "sse-too-late",
        when: |s| s.starved() && s.usable(Transport::LongPolling),
        transport: Some(Transport::LongPolling),
        sentence: "Use long polling: event streams get through here, but not in time.",
    },
    Rule {
        id: "sse",
        when: Situation::streams,
        transport: Some(Transport::Sse),
        sentence: "Use Server-Sent Events: the client mostly listens.",
    },
    Rule {
        id: "behind-proxies-long-polling",
        when: |s| s.enterprise() && s.usable(Transport::LongPolling),
        transport: Some(Transport::LongPolling),
        sentence: "Use long polling: Server-Sent Events are not known to work here, and behind such proxies a held request is the safest.",
    },
    Rule {
        id: "websocket-instead-of-sse",
        when: |s| s.usable(Transport::WebSocket),
        transport: Some(Transport::WebSocket),
        sentence: "Use WebSockets: Server-Sent Events are not known to work here.",
    },
    Rule {
        id: "long-polling-alone",
        when: |s| s.usable(Transport::LongPolling),
        transport: Some(Transport::LongPolling),
        sentence: "Use long polling: it is the only transport that is known to work here.",
    },
    Rule {
        id: "sse-late",
        when: |s| s.usable(Transport::Sse) && s.answers.client != Client::Constrained,
        transport: Some(Transport::Sse),
        sentence: "Use Server-Sent Events, although events come late: nothing else is known to work here.",
    },
    NOTHING_WORKS,
];

impl Rule {
    /// Whether requests take the place of the WebSocket that the application needs.
    pub(super) fn is_substitute(&self) -> bool {
        self.transport.is_some_and(|transport| transport != Transport::WebSocket)
    }
}
