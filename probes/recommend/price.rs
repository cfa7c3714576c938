//! What a request costs on this path, from the requests of the run itself.

use crate::exchange::{Proof, Record};
use crate::latency::Times;
use crate::timeline::Event;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Medians over the requests of a run that our server answered at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Price {
    /// From a request on an open connection to the head of its answer, in milliseconds.
    pub request_p50_ms: u64,
    /// What it takes to open a connection for it, with proxy and TLS, in milliseconds.
    pub new_connection_p50_ms: u64,
    /// How many requests that is the median of.
    pub requests: usize,
    /// From a WebSocket message to its echo, in milliseconds, where that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub websocket_p50_ms: Option<u64>,
}

/// Fewer requests than this give no median worth saying.
const ENOUGH: usize = 3;

impl Price {
    /// The price that the latency probe measured.
    pub(crate) fn measured(times: &Times) -> Option<Price> {
        Some(Price {
            request_p50_ms: times.requests.p50_ms()?,
            new_connection_p50_ms: times.openings.p50_ms()?,
            requests: times.requests.count(),
            websocket_p50_ms: times.messages.p50_ms(),
        })
    }

    /// The price that these connections paid; none when too few of them did.
    pub fn of<'a>(records: impl Iterator<Item = &'a Record>) -> Option<Price> {
        let (mut requests, mut openings) = (Vec::new(), Vec::new());
        for record in records.filter(|record| record.proof == Proof::Valid) {
            let asked = record.client.first(|event| *event == Event::Request);
            let answered = record.client.first(|event| matches!(event, Event::Response(_)));
            if let (Some(opened), Some(asked), Some(answered)) = (&record.opened, asked, answered) {
                requests.push(answered.saturating_sub(asked));
                openings.push(opened.took_ms);
            }
        }
        (requests.len() >= ENOUGH).then(|| Price {
            requests: requests.len(),
            request_p50_ms: median(requests),
            new_connection_p50_ms: median(openings),
            websocket_p50_ms: None,
        })
    }
}

fn median(mut times: Vec<u64>) -> u64 {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Opened;

    fn paid(took_ms: u64, answered_after_ms: u64) -> Record {
        let opened = Opened { took_ms, ..Opened::default() };
        let mut record = Record { opened: Some(opened), proof: Proof::Valid, ..Record::default() };
        record.client.push(100, Event::Request);
        record.client.push(100 + answered_after_ms, Event::Response(200));
        record
    }

    #[test]
    fn the_price_is_the_median_of_what_our_server_answered() {
        let mut all = vec![paid(100, 30), paid(120, 40), paid(110, 50)];
        let foreign = Record { proof: Proof::None, ..paid(1, 1) };
        all.push(foreign);
        assert_eq!(
            Price::of(all.iter()),
            Some(Price { request_p50_ms: 40, new_connection_p50_ms: 110, requests: 3, websocket_p50_ms: None })
        );
        assert_eq!(Price::of(all.iter().skip(1)), None, "two are too few");
    }
}
