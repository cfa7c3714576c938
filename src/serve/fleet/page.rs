//! The witness of a run, from what all nodes have written.

use super::store::Link;
use super::{Fleet, Part};
use crate::serve::runs::Run;
use proxyprobe_probes::exchange::ServerNotes;
use proxyprobe_probes::timeline::Event;
use proxyprobe_probes::wire::{WITNESS_PAGE_BYTES, WitnessPage};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Clocks that may be further apart say nothing about which of two moments was the first: as much is forgiven to two ends anyway.
const COMPARABLE_MS: u64 = 250;

/// What nodes have to say of a run beside its notes.
struct About {
    /// Where it began; none when the store has lost that, and whatever came with it.
    begun: Option<String>,
    parts: BTreeMap<String, Part>,
    cut: bool,
}

impl About {
    fn read(fields: &HashMap<String, Vec<u8>>) -> Self {
        let mut about = Self { begun: None, parts: BTreeMap::new(), cut: fields.contains_key("cut") };
        about.begun = fields.get("begun").and_then(|node| String::from_utf8(node.clone()).ok());
        for (field, text) in fields {
            let Some(node) = field.strip_prefix("node:") else { continue };
            match serde_json::from_slice(text) {
                Ok(part) => drop(about.parts.insert(node.to_owned(), part)),
                Err(_) => about.cut = true,
            }
        }
        about
    }

    /// How much the times of notes may be wrong among themselves, and the nodes whose times say nothing.
    fn clocks(&self) -> (u64, BTreeSet<String>) {
        let began = |node: &String| self.begun.as_ref() == Some(node);
        if self.parts.keys().all(began) {
            return (0, BTreeSet::new());
        }
        let wrong = |part: &Part| part.clock_ms.map(|bound| bound.saturating_mul(2)).filter(|both| *both <= COMPARABLE_MS);
        // The clock of the node where the run began is the one that the client knows; all others are compared to it.
        let beginning = self.begun.as_ref().and_then(|node| self.parts.get(node)).and_then(wrong);
        let unknown = |(node, part): &(&String, &Part)| !began(node) && (beginning.is_none() || wrong(part).is_none());
        let unknown = self.parts.iter().filter(unknown).map(|(node, _)| node.clone()).collect();
        (self.parts.values().filter_map(wrong).max().unwrap_or(0), unknown)
    }
}

impl Fleet {
    /// One page of the witness: as many records from `from` on as fit. It is not known when the store cannot be asked.
    ///
    /// # Errors
    /// Why not.
    pub(in crate::serve) async fn page(&self, run: &Run, from: usize) -> Result<WitnessPage, String> {
        let lost = || "the store does not answer".to_owned();
        let mut link = self.link().ok_or_else(lost)?;
        let now = self.clock.now();
        let behind = self.behind(now.ms.saturating_add(now.bound_ms.unwrap_or(0))).await.ok_or_else(lost)?;
        // Room for what stands around the notes.
        let read = self.store.read(&mut link, run.prover.run(), from, WITNESS_PAGE_BYTES - 8 * 1024).await?;
        let about = About::read(&read.about);
        let (clock_bound_ms, unknown) = about.clocks();
        let began_ms = run.began_ms();
        let mut page = WitnessPage {
            now_ms: run.clock.ms(),
            lag_ms: about.parts.values().map(|part| part.lag_ms).max().unwrap_or(0),
            cut: about.cut
                || about.begun.is_none()
                || !read.whole
                || !behind.is_empty()
                || about.parts.values().any(|part| part.cut),
            turned_away: self.peers.borrow().turned_away_since(began_ms),
            clock_bound_ms,
            next: read.next,
            ..WitnessPage::default()
        };
        for (name, text) in &read.notes {
            let node = name.split_once('/').map_or("", |(node, _)| node);
            match serde_json::from_slice::<(String, ServerNotes)>(text) {
                Ok((nonce, mut notes)) => {
                    let over = notes.timeline.first(|event| matches!(event, Event::Ended(_) | Event::Closed(_))).is_some();
                    // What a node may not have written yet, and times that nobody can place, are not the whole story.
                    notes.timeline.cut |= unknown.contains(node) || (behind.contains(node) && !over);
                    page.notes.push((nonce, notes));
                }
                Err(_) => page.cut = true,
            }
        }
        self.look_for_hellos(&mut link, &mut page, began_ms).await?;
        Ok(page)
    }

    /// A ClientHello that one node did not see may have arrived at another.
    async fn look_for_hellos(&self, link: &mut Link, page: &mut WitnessPage, began_ms: u64) -> Result<(), String> {
        let missed = page.notes.iter_mut().filter(|(_, notes)| notes.below.hello_seen == Some(false));
        let (mut randoms, mut answers) = (Vec::new(), Vec::new());
        for (_, notes) in missed {
            match random(notes.request.target.as_str()) {
                Some(random) => {
                    randoms.push(random);
                    answers.push(&mut notes.below.hello_seen);
                }
                None => notes.below.hello_seen = None,
            }
        }
        if randoms.is_empty() {
            return Ok(());
        }
        let forgot = page.cut || self.peers.borrow().forgot_hellos_since(began_ms);
        let seen = self.store.hellos(link, &randoms).await?;
        for (answer, seen) in answers.into_iter().zip(seen) {
            *answer = if seen { Some(true) } else { Some(false).filter(|_| !forgot) };
        }
        Ok(())
    }
}

/// The 32 bytes that a request of the route `tls-hello` asks for.
fn random(target: &str) -> Option<Vec<u8>> {
    let query = target.split_once('?')?.1;
    let (_, digits) = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == "random")?;
    let bytes = (0..32).map(|at| u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok()).collect::<Option<Vec<u8>>>();
    bytes.filter(|_| digits.len() == 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(fields: &[(&str, &str)]) -> About {
        About::read(&fields.iter().map(|(field, text)| ((*field).to_owned(), text.as_bytes().to_vec())).collect())
    }

    fn clocks(fields: &[(&str, &str)]) -> (u64, Vec<String>) {
        let (bound, unknown) = about(fields).clocks();
        (bound, unknown.into_iter().collect())
    }

    #[test]
    fn times_of_several_nodes_are_as_good_as_their_clocks() {
        let (begun, a) = (("begun", "a"), ("node:a", "{\"clock_ms\": 2}"));
        assert_eq!(clocks(&[begun, ("node:a", "{}")]), (0, vec![]), "one node has one clock");
        assert_eq!(clocks(&[begun, a, ("node:b", "{\"clock_ms\": 7}")]), (14, vec![]));
        assert_eq!(clocks(&[begun, a, ("node:b", "{\"clock_ms\": 3000}")]), (4, vec!["b".to_owned()]));
        assert_eq!(clocks(&[begun, a, ("node:b", "{}")]), (4, vec!["b".to_owned()]));
        assert_eq!(clocks(&[begun, ("node:a", "{}"), ("node:b", "{\"clock_ms\": 2}")]).1, ["b"]);
        assert_eq!(clocks(&[a, ("node:b", "{\"clock_ms\": 2}")]).1, ["a", "b"], "nobody knows where it began");
    }

    #[test]
    fn what_the_store_says_may_be_anything() {
        for text in ["", "7", "{\"lag_ms\": \"x\"}", "{\"clock_ms\": 1e99}"] {
            assert!(about(&[("node:a", text)]).cut, "{text}");
        }
        let odd = About::read(&HashMap::from([("begun".to_owned(), vec![0xff])]));
        assert!(odd.begun.is_none());
        for target in ["/v1/r/n/tls-hello", "/x?random=", "/x?random=zz", "/x?random=é", &format!("/x?random={}", "0".repeat(65))]
        {
            assert_eq!(random(target), None, "{target}");
        }
        assert_eq!(random(&format!("/x?a=b&random={}", "0a".repeat(32))), Some(vec![10; 32]));
    }
}
