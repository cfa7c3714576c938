//! Which nodes there are, and up to when each has written down what it saw.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;
use tokio::time::Instant;

/// What a node says of itself, again and again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Pulse {
    /// Everything that it noted before this moment is in the store: milliseconds since 1970 by the fleet's clock.
    pub(super) until_ms: u64,
    /// How wrong its clock may be.
    pub(super) bound_ms: u64,
    /// When it last closed a connection unread.
    pub(super) turned_away_ms: Option<u64>,
    /// When a ClientHello that arrived was last forgotten.
    pub(super) hellos_lost_ms: Option<u64>,
    /// It has stopped, and left nothing unwritten.
    pub(super) left: bool,
}

/// What is known of all nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Peers(BTreeMap<String, Peer>);

#[derive(Clone, Debug)]
struct Peer {
    pulse: Pulse,
    /// When the pulse was last another one than before.
    moved: Instant,
}

/// A node whose pulse stood still for so long is not waited for: it beats twenty times a second.
const STILL: Duration = Duration::from_secs(1);

impl Peers {
    /// Takes what the store says. A node that it does not name any more is remembered: the store may have lost it, and its notes.
    pub(super) fn hear(&mut self, pulses: HashMap<String, Pulse>) {
        for (node, pulse) in pulses {
            match self.0.get_mut(&node) {
                Some(peer) if peer.pulse == pulse => {}
                Some(peer) => *peer = Peer { pulse, moved: Instant::now() },
                None => drop(self.0.insert(node, Peer { pulse, moved: Instant::now() })),
            }
        }
    }

    /// Forgets the nodes that wrote nothing since this moment, and gives their names: no run of theirs is left.
    pub(super) fn forget_before(&mut self, ms: u64) -> Vec<String> {
        let (kept, gone) = std::mem::take(&mut self.0).into_iter().partition(|(_, peer)| peer.pulse.until_ms >= ms);
        self.0 = kept;
        gone.into_keys().collect()
    }

    /// The nodes that may know of something before this moment that is not in the store.
    pub(super) fn behind(&self, ms: u64) -> BTreeSet<String> {
        let behind = |peer: &Peer| !peer.pulse.left && peer.pulse.until_ms < ms.saturating_add(peer.pulse.bound_ms);
        self.0.iter().filter(|(_, peer)| behind(peer)).map(|(node, _)| node.clone()).collect()
    }

    /// Whether one of these nodes may come up soon.
    pub(super) fn any_moves(&self, nodes: &BTreeSet<String>) -> bool {
        nodes.iter().filter_map(|node| self.0.get(node)).any(|peer| peer.moved.elapsed() < STILL)
    }

    /// How many nodes closed connections unread since this moment.
    pub(super) fn turned_away_since(&self, ms: u64) -> u64 {
        let since = self.0.values().filter(|peer| peer.pulse.turned_away_ms.is_some_and(|at| at >= ms));
        u64::try_from(since.count()).unwrap_or(u64::MAX)
    }

    /// Whether one of them forgot a ClientHello since this moment.
    pub(super) fn forgot_hellos_since(&self, ms: u64) -> bool {
        self.0.values().any(|peer| peer.pulse.hellos_lost_ms.is_some_and(|at| at >= ms))
    }

    /// How many there are.
    pub(super) fn alive(&self) -> usize {
        self.0.values().filter(|peer| !peer.pulse.left && peer.moved.elapsed() < STILL).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulses(all: &[(&str, u64)]) -> HashMap<String, Pulse> {
        let pulse = |until_ms| Pulse { until_ms, bound_ms: 2, ..Pulse::default() };
        all.iter().map(|(node, until)| ((*node).to_owned(), pulse(*until))).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_was_there_is_missed_until_no_run_of_it_is_left() {
        let mut peers = Peers::default();
        peers.hear(pulses(&[("a", 1_000), ("b", 1_000)]));
        peers.hear(pulses(&[("a", 2_000)]));
        assert_eq!(peers.behind(1_998), BTreeSet::from(["b".to_owned()]), "the store has lost it");
        assert_eq!(peers.behind(1_999).len(), 2, "its clock may be two milliseconds ahead");
        assert!(peers.any_moves(&peers.behind(1_998)));
        tokio::time::advance(STILL).await;
        assert!(!peers.any_moves(&peers.behind(1_998)));
        assert_eq!(peers.forget_before(1_500), ["b"]);
        assert!(peers.behind(1_998).is_empty());
        peers.hear(HashMap::from([("a".to_owned(), Pulse { left: true, ..Pulse::default() })]));
        assert!(peers.behind(9_000).is_empty(), "whoever leaves in order leaves nothing behind");
        assert_eq!(peers.alive(), 0);
    }

    #[test]
    fn what_a_node_says_may_be_anything() {
        for text in ["{}", "{\"until_ms\": 3, \"new\": []}"] {
            assert!(serde_json::from_str::<Pulse>(text).is_ok(), "{text}");
        }
        for text in ["", "7", "{\"until_ms\": -1}", "{\"left\": 3}"] {
            assert!(serde_json::from_str::<Pulse>(text).is_err(), "{text}");
        }
    }
}
