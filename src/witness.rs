//! Asking the server what it saw.

use proxyprobe_probes::circumstances::WitnessRead;
use proxyprobe_probes::exchange::Proof;
use proxyprobe_probes::hearing::Testimony;
use proxyprobe_probes::io::Purpose;
use proxyprobe_probes::io::http::{proven_body, request};
use proxyprobe_probes::io::observe::Scene;
use proxyprobe_probes::io::pen::Clock;
use proxyprobe_probes::wire::{self, WITNESS_PAGE_BYTES, WITNESS_ROUTE, WitnessPage, route_path};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::timeout;

/// The most pages that are read: more than a server keeps of one run.
const PAGES: usize = 200;
/// The most bytes of pages that are read in a run: four times what a deep one leaves. In memory they may take ten times as much.
pub(crate) const ROOM: usize = 3 * 1024 * 1024;

/// How long a page may take to come, once its head is there within the time of any answer: some 110 KB, which is what a standard run
/// leaves, at 100 kbit/s.
const PAGE: Duration = Duration::from_secs(10);

/// Reads the whole witness, each page on a fresh connection, over the first leg on which that is possible.
/// `room` is what is left of [`ROOM`].
pub(crate) async fn read(scenes: &[Scene], testimony: &mut Testimony, clock: Clock, room: &mut usize) -> WitnessRead {
    for scene in scenes {
        if pages(scene, testimony, room).await.is_some() {
            let at_ms = clock.ms();
            testimony.complete_at_ms = Some(at_ms);
            return WitnessRead { at_ms, complete: true };
        }
    }
    WitnessRead { at_ms: clock.ms(), complete: false }
}

async fn pages(scene: &Scene, testimony: &mut Testimony, room: &mut usize) -> Option<()> {
    let mut from = 0;
    let mut seen = HashSet::new();
    for _ in 0..PAGES {
        let page = page(scene, from, room).await?;
        testimony.cut |= page.cut;
        testimony.clock_bound_ms = testimony.clock_bound_ms.max(page.clock_bound_ms);
        testimony.turned_away = testimony.turned_away.max(page.turned_away);
        testimony.lag_ms = Some(testimony.lag_ms.unwrap_or(0).max(page.lag_ms));
        for (nonce, notes) in page.notes {
            // A proxy that asks twice leaves two records of one name: the first is the client's request.
            if seen.insert(nonce.clone()) {
                testimony.notes.insert(nonce, notes);
            }
        }
        match page.next {
            None => {
                // What is not in the newest record is not known any more: an older note of it may have gone on since.
                testimony.notes.retain(|nonce, _| seen.contains(nonce));
                return Some(());
            }
            Some(next) if next > from => from = next,
            Some(_) => return None,
        }
    }
    None
}

async fn page(scene: &Scene, from: usize, room: &mut usize) -> Option<WitnessPage> {
    let nonce = scene.entropy.nonce();
    let way = scene.dial.dial(scene.leg, Purpose::Request).await.ok()?;
    let proof = scene.prover.token(&nonce, WITNESS_ROUTE);
    // In the query, because some remove headers that they do not know.
    let path = format!("{}?page={from}&proof={proof}", route_path(scene.prover.run(), &nonce, WITNESS_ROUTE));
    let reading = async {
        let mut answer = request(way, http::Method::GET, &path, http::HeaderMap::new(), scene.answer()).await.ok()?;
        proven_body(&scene.prover, &nonce, WITNESS_ROUTE, &mut answer, WITNESS_PAGE_BYTES + 64 * 1024).await.ok()
    };
    let (proof, text) = timeout(PAGE.max(scene.answer()), reading).await.ok()??;
    // A record that is not proven to be this run's and this request's is nobody's testimony.
    if proof != Proof::Valid {
        return None;
    }
    *room = room.checked_sub(text.len())?;
    wire::read(&text)
}
