//! The connections of a run as the logs of a network know them: when, from where, to where, and under which names.

use super::Report;
use jiff::{SignedDuration, Timestamp};
use proxyprobe_probes::exchange::{Proof, Record, Witness};
use proxyprobe_probes::finding::Finding;
use proxyprobe_probes::reach::Step;
use proxyprobe_probes::timeline::Event;
use proxyprobe_probes::transport::{Leg, Via};
use proxyprobe_probes::{Evidence, ProbeId};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// One connection.
#[derive(Serialize, JsonSchema)]
pub(super) struct Connection<'a> {
    /// Its name, which stands in the path of its request.
    pub(super) nonce: &'a str,
    /// The probe that opened it.
    pub(super) probe: &'static str,
    /// Its leg.
    pub(super) leg: Leg,
    /// When it was dialled (RFC 3339, UTC, by this machine's clock).
    pub(super) dialled_at: Option<String>,
    /// When it ended here, or the last thing that was heard of it.
    pub(super) last_at: Option<String>,
    /// How it left this machine; none when it never opened.
    pub(super) via: Option<Via>,
    /// The address and port on this machine.
    pub(super) local: Option<&'a str>,
    /// The address and port that were dialled: the server's or the proxy's.
    pub(super) remote: Option<&'a str>,
    /// What the proxy was asked to connect to.
    pub(super) tunnel_to: Option<&'a str>,
    /// The name in the ClientHello.
    pub(super) sni: Option<&'a str>,
    /// Whether a request of it arrived at the server; none where the server could not be asked, or writes none of its kind down.
    pub(super) arrived: Option<bool>,
    /// The address and port from which it arrived there.
    pub(super) seen_from: Option<&'a str>,
}

/// All connections, in the order of their dialling.
pub(super) fn connections(report: &Report) -> Vec<Connection<'_>> {
    let start: Option<Timestamp> = report.started_at.parse().ok();
    let mut all: Vec<(u64, Connection<'_>)> = Vec::new();
    for (probe, legs) in &report.hearing.evidence {
        for (leg, evidence) in legs {
            let each = evidence.records().into_iter().zip(are_written_down(evidence));
            let talked = each.filter(|(record, _)| !record.client.entries.is_empty());
            all.extend(talked.map(|one| (dialled(one.0), connection(*probe, *leg, one, start))));
        }
    }
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, connection)| connection).collect()
}

/// How many connections were open at one time, at the most.
pub(super) fn at_once(report: &Report) -> usize {
    let mut steps: Vec<(u64, i32)> = Vec::new();
    for record in report.hearing.evidence.values().flat_map(BTreeMap::values).flat_map(Evidence::records) {
        if let (Some(opened), Some(last)) = (record.client.first(|event| *event == Event::Opened), record.client.entries.last()) {
            steps.extend([(opened, 1), (last.at_ms.saturating_add(1), -1)]);
        }
    }
    // At one moment, ends come before beginnings.
    steps.sort_unstable();
    let open = steps.iter().scan(0, |open, (_, step)| {
        *open += step;
        Some(*open)
    });
    usize::try_from(open.max().unwrap_or(0)).unwrap_or(0)
}

/// When a connection was dialled, in milliseconds since the start of the run.
fn dialled(record: &Record) -> u64 {
    let first = record.client.entries.first().map_or(0, |entry| entry.at_ms);
    let opened = record.client.first(|event| *event == Event::Opened).unwrap_or(first);
    opened.saturating_sub(record.opened.as_ref().map_or(0, |opened| opened.took_ms))
}

/// Whether the server writes a request down, once it has arrived: not the one that begins the run, of which there is no record yet.
fn are_written_down(evidence: &Evidence) -> Vec<bool> {
    match evidence {
        Evidence::Reach(all) => all.iter().map(|one| !matches!(one.asked.step, Step::Start | Step::StartByGet)).collect(),
        other => other.records().iter().map(|_| true).collect(),
    }
}

fn arrived(record: &Record, written_down: bool) -> Option<bool> {
    let asked = record.client.first(|event| *event == Event::Request).is_some();
    match record.witness {
        Witness::Whole(_) | Witness::Partial(_) => Some(true),
        _ if record.proof == Proof::Valid => Some(true),
        Witness::Empty if asked && written_down => Some(false),
        Witness::Empty | Witness::Absent => None,
    }
}

fn connection<'a>(
    probe: ProbeId,
    leg: Leg,
    (record, written_down): (&'a Record, bool),
    start: Option<Timestamp>,
) -> Connection<'a> {
    let moment = |ms: u64| moment(start?, ms);
    let opened = record.opened.as_ref();
    Connection {
        nonce: &record.nonce,
        probe: probe.id(),
        leg,
        dialled_at: moment(dialled(record)),
        last_at: record.client.entries.last().and_then(|entry| moment(entry.at_ms)),
        via: opened.map(|opened| opened.via),
        local: opened.map(|opened| opened.local.as_str()),
        remote: opened.map(|opened| opened.remote.as_str()),
        tunnel_to: opened.and_then(|opened| opened.tunnel_to.as_deref()),
        sni: opened.and_then(|opened| opened.sni.as_deref()),
        arrived: arrived(record, written_down),
        seen_from: record.witness.notes().and_then(|notes| notes.peer.as_ref()).map(|peer| peer.as_str()),
    }
}

fn moment(start: Timestamp, ms: u64) -> Option<String> {
    let at = start.checked_add(SignedDuration::from_millis(i64::try_from(ms).ok()?)).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

/// So many connections of one finding are listed for people; all of them are in the JSON.
const LISTED: usize = 3;

/// The connections of a finding as lines for whoever reads logs.
pub(super) fn for_the_logs(all: &[Connection<'_>], finding: &Finding) -> Vec<String> {
    let of: Vec<&Connection<'_>> = all.iter().filter(|one| finding.connections.iter().any(|nonce| nonce == one.nonce)).collect();
    let mut lines: Vec<String> = of.iter().take(LISTED).map(|one| one.words()).collect();
    match of.len().saturating_sub(LISTED) {
        0 => {}
        more => lines.push(format!("and {more} more, which are in the report as JSON")),
    }
    lines
}

impl Connection<'_> {
    fn words(&self) -> String {
        let at = self.dialled_at.as_deref().unwrap_or("at an unknown time");
        let Some((local, remote)) = self.local.zip(self.remote) else {
            return format!("{at}: it never opened");
        };
        let proxied = self.via.is_some_and(|via| via != Via::Direct);
        let mut words = format!("{at} from {local} to {}{remote}", if proxied { "the proxy " } else { "" });
        if let Some(tunnel_to) = self.tunnel_to {
            words.push_str(&format!(", CONNECT {tunnel_to}"));
        }
        if let Some(sni) = self.sni {
            words.push_str(&format!(", SNI {sni}"));
        }
        match (self.seen_from, self.arrived) {
            (Some(seen_from), _) => words.push_str(&format!("; it came to the server from {seen_from}")),
            (None, Some(false)) => words.push_str("; nothing of it came to the server"),
            (None, _) => {}
        }
        if let Some(last) = self.last_at.as_deref() {
            words.push_str(&format!("; last heard of at {}", last.split_once('T').map_or(last, |(_, time)| time)));
        }
        words.push_str(&format!("; the path of its request holds {}", self.nonce));
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_in_milliseconds_whatever_the_start_was_told_in() {
        for (start, ms, expected) in [
            ("2026-01-01T00:00:00Z", 1_234, "2026-01-01T00:00:01.234Z"),
            ("2026-12-31T23:59:59.900+01:00", 100, "2026-12-31T23:00:00.000Z"),
        ] {
            assert_eq!(moment(start.parse().unwrap(), ms).as_deref(), Some(expected));
        }
    }

    #[test]
    fn nothing_is_said_not_to_have_arrived_that_nobody_would_have_written_down() {
        let mut record = Record { witness: Witness::Empty, ..Record::default() };
        assert_eq!(arrived(&record, true), None, "no request left");
        record.client.push(1, Event::Request);
        assert_eq!((arrived(&record, true), arrived(&record, false)), (Some(false), None));
        record.proof = Proof::Valid;
        assert_eq!(arrived(&record, false), Some(true));
        record = Record { witness: Witness::Absent, proof: Proof::None, ..record };
        assert_eq!(arrived(&record, true), None);
    }

    #[test]
    fn a_line_has_what_a_proxys_log_has() {
        let connection = Connection {
            nonce: "6f2a",
            probe: "idle",
            leg: Leg::Https,
            dialled_at: Some("2026-01-01T00:00:01.234Z".into()),
            last_at: Some("2026-01-01T00:00:31.234Z".into()),
            via: Some(Via::Connect),
            local: Some("10.0.0.5:51000"),
            remote: Some("10.0.0.1:3128"),
            tunnel_to: Some("probe.example:443"),
            sni: Some("probe.example"),
            arrived: Some(true),
            seen_from: Some("203.0.113.9:40112"),
        };
        assert_eq!(
            connection.words(),
            "2026-01-01T00:00:01.234Z from 10.0.0.5:51000 to the proxy 10.0.0.1:3128, CONNECT probe.example:443, \
             SNI probe.example; it came to the server from 203.0.113.9:40112; last heard of at 00:00:31.234Z; the path of its request holds 6f2a"
        );
    }
}
