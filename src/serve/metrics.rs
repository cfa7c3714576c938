//! What the server counts, in the form that Prometheus reads. No run and no address is in it.

use super::Server;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::{Mutex, PoisonError};

/// One label: its name and its value, of which there are few.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Label(&'static str, String);

impl EncodeLabelSet for Label {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), std::fmt::Error> {
        [(self.0, self.1.as_str())].encode(encoder)
    }
}

/// The counters.
pub(super) struct Metrics {
    registry: Registry,
    connections: Family<Label, Counter>,
    connections_open: Family<Label, Gauge>,
    requests: Family<Label, Counter>,
    requests_open: Family<Label, Gauge>,
    runs: Family<Label, Counter>,
    refusals: Family<Label, Counter>,
    at_scrape: Mutex<AtScrape>,
}

/// What is known elsewhere, and read when it is asked for.
#[derive(Default)]
struct AtScrape {
    runs_kept: Gauge,
    record_bytes: Gauge,
    turned_away: Gauge,
    lag: Gauge,
    store_up: Gauge,
    store_nodes: Gauge,
    store_waiting: Gauge,
    store_dropped: Gauge,
}

/// Something that is open until this is dropped.
pub(super) struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// With those of a fleet, where the server is one of several.
    pub(super) fn new(fleet: bool) -> Self {
        let mut all = Self {
            registry: Registry::with_prefix("proxyprobe"),
            connections: Family::default(),
            connections_open: Family::default(),
            requests: Family::default(),
            requests_open: Family::default(),
            runs: Family::default(),
            refusals: Family::default(),
            at_scrape: Mutex::default(),
        };
        let at_scrape = AtScrape::default();
        let registry = &mut all.registry;
        registry.register("connections", "Connections accepted, by leg", all.connections.clone());
        registry.register("connections_open", "Connections open, by leg", all.connections_open.clone());
        registry.register("requests", "Requests of probes, by route", all.requests.clone());
        registry.register("requests_open", "Requests of probes under way, by route", all.requests_open.clone());
        registry.register("runs", "Runs begun, by the name of the token that admitted them", all.runs.clone());
        registry.register("refusals", "What was refused, by limit", all.refusals.clone());
        registry.register("runs_kept", "Runs kept, those that are over among them", at_scrape.runs_kept.clone());
        registry.register("record_bytes", "Bytes of all records", at_scrape.record_bytes.clone());
        registry.register("connections_turned_away", "Connections closed unread since the start", at_scrape.turned_away.clone());
        registry.register("timers_late_ms", "The most that a timer was late in the last minute", at_scrape.lag.clone());
        if fleet {
            registry.register("store_up", "Whether the store of the fleet answers", at_scrape.store_up.clone());
            registry.register("store_nodes", "Nodes that write to it", at_scrape.store_nodes.clone());
            registry.register(
                "store_waiting",
                "Runs of which there is something to write to it",
                at_scrape.store_waiting.clone(),
            );
            registry.register("store_dropped", "Notes that expired before they were written", at_scrape.store_dropped.clone());
        }
        *all.at_scrape.lock().unwrap_or_else(PoisonError::into_inner) = at_scrape;
        all
    }

    pub(super) fn connection(&self, leg: &str) -> Open {
        let label = Label("leg", leg.to_owned());
        self.connections.get_or_create(&label).inc();
        open(&self.connections_open, &label)
    }

    /// A request on a route that exists.
    pub(super) fn request(&self, route: &str) -> Open {
        let label = Label("route", route.to_owned());
        self.requests.get_or_create(&label).inc();
        open(&self.requests_open, &label)
    }

    pub(super) fn run(&self, token: &str) {
        self.runs.get_or_create(&Label("token", token.to_owned())).inc();
    }

    pub(super) fn refused(&self, limit: &str) {
        self.refusals.get_or_create(&Label("limit", limit.to_owned())).inc();
    }

    /// All of it as text.
    pub(super) fn text(&self, server: &Server) -> String {
        {
            let now = self.at_scrape.lock().unwrap_or_else(PoisonError::into_inner);
            let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
            now.runs_kept.set(number(server.0.door.runs()));
            now.record_bytes.set(number(server.0.runs.record_bytes()));
            now.turned_away.set(i64::try_from(server.0.door.turned_away()).unwrap_or(i64::MAX));
            now.lag.set(i64::try_from(server.recent_lag()).unwrap_or(i64::MAX));
            if let Some(fleet) = server.fleet() {
                let (waiting, dropped) = fleet.backlog();
                now.store_up.set(i64::from(fleet.is_up()));
                now.store_nodes.set(number(fleet.alive()));
                now.store_waiting.set(number(waiting));
                now.store_dropped.set(i64::try_from(dropped).unwrap_or(i64::MAX));
            }
        }
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn open(family: &Family<Label, Gauge>, label: &Label) -> Open {
    let gauge = family.get_or_create(label).clone();
    gauge.inc();
    Open(gauge)
}
