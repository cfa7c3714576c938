//! The timeline of a run without a layout: one lane for each connection, what both ends saw of it, on the client's clock.

mod ending;
mod lane;
mod passage;
mod text;

pub use ending::{By, Ending, How};
pub use lane::{Lane, Testified};
pub use passage::{Fate, Passage};
pub use text::text;

use lane::Told;
use proxyprobe_probes::exchange::{Exchange, Record};
use proxyprobe_probes::finding::seconds;
use proxyprobe_probes::hearing::Hearing;
use proxyprobe_probes::idle::{self, Speaker};
use proxyprobe_probes::latency;
use proxyprobe_probes::reach::{self, Step};
use proxyprobe_probes::sse::{self, Kind};
use proxyprobe_probes::transport::{Leg, Transport};
use proxyprobe_probes::upgrade::{self, Offer, Token};
use proxyprobe_probes::zombie::{self, Part};
use proxyprobe_probes::{Evidence, also, h2, headers, lifetime, long_poll, tls};

/// The most lanes that are kept: more than the deciding leg of the longest run has, and as many as a person will scroll past.
pub const MAX_LANES: usize = 96;

/// What a run looked like.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// The lanes: the deciding leg's first, and in a leg by probe.
    pub lanes: Vec<Lane>,
    /// How many connections have no lane because there were too many.
    pub left_out: usize,
    /// When the last thing happened, in milliseconds since the run's start.
    pub until_ms: u64,
}

impl Picture {
    /// Draws up the lanes of a run.
    pub fn of(hearing: &Hearing) -> Self {
        let mut lanes = Vec::new();
        let mut connections = 0;
        for leg in [hearing.leg, hearing.leg.other()] {
            for (probe, legs) in &hearing.evidence {
                for (asked, record) in legs.get(&leg).map(connections_of).unwrap_or_default() {
                    connections += 1;
                    if lanes.len() < MAX_LANES {
                        let told = Told { probe: *probe, leg, decides: leg == hearing.leg, asked };
                        lanes.push(Lane::of(told, record, &hearing.circumstances));
                    }
                }
            }
        }
        let until_ms = lanes.iter().map(Lane::until_ms).max().unwrap_or(0);
        Self { left_out: connections - lanes.len(), lanes, until_ms }
    }

    /// The lanes of one leg.
    pub fn on(&self, leg: Leg) -> impl Iterator<Item = &Lane> {
        self.lanes.iter().filter(move |lane| lane.leg == leg)
    }

    /// What is said where not every connection has a lane.
    pub fn left_out_words(&self) -> Option<String> {
        match self.left_out {
            0 => None,
            1 => Some("1 more connection is left out.".to_owned()),
            more => Some(format!("{more} more connections are left out.")),
        }
    }
}

/// What was asked on each connection, in a few words, and its record.
fn connections_of(evidence: &Evidence) -> Vec<(String, &Record)> {
    fn told<A>(all: &[Exchange<A>], words: impl Fn(&A) -> String) -> Vec<(String, &Record)> {
        let talked = all.iter().filter(|exchange| !exchange.record.client.entries.is_empty());
        talked.map(|exchange| (words(&exchange.asked), &exchange.record)).collect()
    }
    match evidence {
        Evidence::Reach(all) => told(all, reaching),
        Evidence::Upgrade(all) => told(all, upgrading),
        Evidence::Zombie(all) => told(all, conversing),
        Evidence::Idle(all) => told(all, idling),
        Evidence::Lifetime(all) => told(all, living),
        Evidence::Sse(all) => told(all, streaming),
        Evidence::LongPoll(all) => told(all, polling),
        Evidence::Tls(all) => told(all, shaking_hands),
        Evidence::Headers(all) => told(all, heading),
        Evidence::H2(all) => told(all, by_http2),
        Evidence::Latency(all) => told(all, timing),
        Evidence::Also(all) => told(all, visiting),
    }
}

fn reaching(asked: &reach::Asked) -> String {
    let words = match asked.step {
        Step::Start => "start the run",
        Step::StartByGet => "start the run by GET",
        Step::Hello => "prove the leg",
        Step::Tunnel => "ask for a tunnel",
        Step::Machine => "look at this machine",
        Step::Datagram => "ask by UDP",
    };
    words.to_owned()
}

fn upgrading(asked: &upgrade::Asked) -> String {
    let token = match asked.token {
        Token::Lower => "websocket",
        Token::Mixed => "WebSocket",
    };
    if let Some(port) = asked.port {
        return format!("Upgrade: {token}, port {port}");
    }
    match asked.offer {
        Offer::Compression => format!("Upgrade: {token}"),
        Offer::Subprotocols => format!("Upgrade: {token}, subprotocols"),
        Offer::Nothing => format!("Upgrade: {token}, no offers"),
    }
}

fn conversing(asked: &zombie::Asked) -> String {
    match (asked.part, asked.sizes.iter().max()) {
        (Part::Beat, _) => format!("{} messages each way", asked.messages),
        (Part::Sizes, Some(largest)) => format!("messages up to {largest} bytes"),
        (Part::Again, Some(largest)) => format!("{largest} bytes once more"),
        (Part::Large, Some(largest)) => format!("messages up to {} KiB", largest / 1_024),
        (Part::LargeAgain, Some(largest)) => format!("{} KiB once more", largest / 1_024),
        (Part::Sizes | Part::Again | Part::Large | Part::LargeAgain, None) => "messages of many sizes".to_owned(),
        (Part::Kinds, _) => "bytes, pieces, binary".to_owned(),
        (Part::KindsAgain, _) => "one kind once more".to_owned(),
        (Part::Listen, _) => "the server speaks first".to_owned(),
    }
}

fn idling(asked: &idle::Asked) -> String {
    if let Some(kept) = asked.kept {
        return format!("{}, {}, {}", short(asked.transport), seconds(asked.silent_ms), kept.by.as_str().replace('-', " "));
    }
    let first = match asked.first_speaker {
        Speaker::Client => "client",
        Speaker::Server => "server",
    };
    format!("{}, {}, {first} first", short(asked.transport), seconds(asked.silent_ms))
}

fn timing(asked: &latency::Asked) -> String {
    let words = match asked.kind {
        latency::Kind::Messages => "messages, timed",
        latency::Kind::Alone => "requests, timed",
        latency::Kind::Beside => "requests beside a stream, timed",
        latency::Kind::Stream => "the stream beside them",
        latency::Kind::Http2 => "requests over HTTP/2, timed",
        latency::Kind::Chunked => "a request in chunks",
    };
    words.to_owned()
}

fn by_http2(asked: &h2::Asked) -> String {
    match asked.part {
        h2::Part::First | h2::Part::Before => "a request over HTTP/2".to_owned(),
        h2::Part::Crowd => "one of many streams, HTTP/2".to_owned(),
        h2::Part::WebSocket => "WebSocket over HTTP/2".to_owned(),
        h2::Part::Silent => format!("stream, HTTP/2, {} silent", seconds(asked.lasts_ms)),
        h2::Part::Pinged => format!("stream, HTTP/2, {}, PINGs", seconds(asked.lasts_ms)),
        h2::Part::Unread => "stream, HTTP/2, unread for a while".to_owned(),
        h2::Part::Beside => "stream, HTTP/2, beside it".to_owned(),
        h2::Part::Busy => format!("stream, HTTP/2, {} busy", seconds(asked.lasts_ms)),
    }
}

fn living(asked: &lifetime::Asked) -> String {
    format!("{}, {} busy", short(asked.transport), seconds(asked.busy_ms))
}

fn streaming(asked: &sse::Asked) -> String {
    let kind = match asked.kind {
        Kind::Plain => "plain",
        Kind::Hinted => "with hints",
        Kind::Resumed => "resumed",
        Kind::Padded => "padded",
        Kind::Together => "one of several",
        Kind::Varied if asked.form.words().is_empty() => {
            return format!("{} events, one each {} ms", asked.count, asked.every_ms);
        }
        Kind::Varied => return format!("{} events, {}", asked.count, asked.form.words()),
    };
    format!("{} events, {kind}", asked.count)
}

fn polling(asked: &long_poll::Asked) -> String {
    let held = format!("held for {}", seconds(asked.hold_ms));
    asked.abort_ms.map_or(held, |ms| format!("given up after {}", seconds(ms)))
}

fn shaking_hands(asked: &tls::Asked) -> String {
    let words = match asked.step {
        tls::Step::Session => "compare the session",
        tls::Step::Look => "look at the certificate",
        tls::Step::Seen => "ask for the ClientHello",
    };
    words.to_owned()
}

fn heading(asked: &headers::Asked) -> String {
    let words = match asked.kind {
        headers::Kind::Unusual => "unusual headers",
        headers::Kind::Usual => "usual headers",
    };
    words.to_owned()
}

fn visiting(asked: &also::Asked) -> String {
    let wants = match asked.wants {
        also::Wants::WebSocket => "WebSocket",
        also::Wants::EventStream => "stream",
    };
    // A column is no wider than what is asked elsewhere.
    let host: String = asked.host.as_str().chars().take(24).collect();
    format!("{wants} of {host}")
}

/// A transport in a column.
fn short(transport: Transport) -> &'static str {
    match transport {
        Transport::WebSocket => "WebSocket",
        Transport::Sse => "SSE",
        Transport::LongPolling => "poll",
    }
}

#[cfg(test)]
mod tests;
