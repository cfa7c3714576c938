//! The beat of a node: what is new goes to the store, and what the others say comes back.

use super::peers::Pulse;
use super::store::{Link, RunWriting, Writing};
use super::{Fleet, lock};
use crate::serve::Server;
use crate::serve::runs::Run;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often a node writes: a witness waits for so long on average, and what happens in between is written together.
const BEAT: Duration = Duration::from_millis(50);
/// How long a store that is lost is left alone before it is tried again.
const AGAIN: Duration = Duration::from_millis(500);
/// How many bytes of notes are sent at once: a store answers nobody else while it works on them, for some 10 ms.
const BATCH: usize = 1024 * 1024;
/// How often the time is asked before anything else, so that the first run begins by a clock that is known.
const FIRST_QUESTIONS: usize = 5;

/// What one beat remembers for the next.
#[derive(Default)]
struct Memory {
    pulse: Pulse,
    turned_away: u64,
    /// When open runs were last written for, so that the store keeps them.
    touched: Option<Instant>,
    /// What the log knows of the store: whether it answers.
    told: Option<bool>,
}

/// Beats until the node leaves.
pub(in crate::serve) async fn keep(server: Server, fleet: Arc<Fleet>) {
    let mut memory = Memory::default();
    loop {
        let leaving = fleet.leaving.is_cancelled();
        let beaten = once(&server, &fleet, &mut memory, leaving).await;
        let address = fleet.store.address();
        let news = memory.told.replace(beaten.is_ok()) != Some(beaten.is_ok());
        match &beaten {
            Ok(()) if news => server.0.log.line("store-up", &[("address", &address)]),
            Ok(()) => {}
            Err(why) => {
                // Whoever waits for the others must not wait for a beat that does not come.
                *lock(&fleet.link) = None;
                fleet.peers.send_modify(|_| {});
                if news {
                    server.0.log.line("store-down", &[("address", &address), ("why", why)]);
                }
            }
        }
        if leaving {
            return fleet.left.cancel();
        }
        tokio::select! {
            () = sleep(if beaten.is_ok() { BEAT } else { AGAIN }) => {}
            () = fleet.leaving.cancelled() => {}
        }
    }
}

async fn once(server: &Server, fleet: &Fleet, memory: &mut Memory, leaving: bool) -> Result<(), String> {
    let kept = server.0.limits.kept;
    let mut link = match fleet.link() {
        Some(link) => link,
        None => connect(fleet).await?,
    };
    let until = fleet.clock.now();
    let often = server.0.limits.kept_idle / 4;
    if memory.touched.is_none_or(|touched| touched.elapsed() >= often) {
        memory.touched = Some(Instant::now());
        server.0.runs.touch();
    }
    let hellos = {
        let mut hellos = lock(&fleet.hellos);
        if std::mem::take(&mut hellos.lost) {
            memory.pulse.hellos_lost_ms = Some(until.ms);
        }
        std::mem::take(&mut hellos.waiting)
    };
    if write(server, fleet, &mut link, &hellos, until.ms).await? {
        memory.pulse.hellos_lost_ms = Some(until.ms);
    }
    let turned_away = server.0.door.turned_away();
    if turned_away != std::mem::replace(&mut memory.turned_away, turned_away) {
        memory.pulse.turned_away_ms = Some(until.ms);
    }
    memory.pulse.until_ms = until.ms;
    memory.pulse.bound_ms = until.bound_ms.unwrap_or(0);
    // What is still open would be missing without a word.
    memory.pulse.left = leaving && server.0.tasks.is_empty();
    let asked = Instant::now();
    let beaten = fleet.store.beat(&mut link, &fleet.node, &memory.pulse, kept).await?;
    fleet.clock.hear(beaten.now_us, asked);
    let mut gone = Vec::new();
    fleet.peers.send_modify(|peers| {
        peers.hear(beaten.pulses);
        gone = peers.forget_before(until.ms.saturating_sub(u64::try_from(kept.as_millis()).unwrap_or(u64::MAX)));
    });
    if !gone.is_empty() {
        fleet.store.forget(&mut link, &gone).await?;
    }
    *lock(&fleet.link) = Some(link);
    Ok(())
}

async fn connect(fleet: &Fleet) -> Result<Link, String> {
    let mut link = fleet.store.open().await?;
    for _ in 0..FIRST_QUESTIONS {
        let asked = Instant::now();
        let now_us = fleet.store.time(&mut link).await?;
        fleet.clock.hear(now_us, asked);
    }
    Ok(link)
}

/// Writes everything that waits now. What could not be written waits again. Gives whether the store forgot ClientHello messages.
async fn write(server: &Server, fleet: &Fleet, link: &mut Link, hellos: &[[u8; 32]], now_ms: u64) -> Result<bool, String> {
    let waiting: Vec<Arc<Run>> = std::mem::take(&mut *lock(&fleet.waiting)).iter().filter_map(Weak::upgrade).collect();
    let mut waiting = waiting.into_iter();
    let (mut forgot, mut hellos) = (false, hellos);
    loop {
        let (mut taken, mut writing, mut bytes) = (Vec::new(), Vec::new(), 0);
        while bytes < BATCH {
            let Some(run) = waiting.next() else { break };
            let lag_ms = server.lag_since(run.began);
            let Some(news) = run.take_news(lag_ms) else { continue };
            bytes += news.notes.iter().map(|(_, note)| note.len()).sum::<usize>();
            taken.push((run, news.numbers, news.begins));
            writing.push(RunWriting {
                run: taken.last().map_or_else(String::new, |(run, ..)| run.prover.run().to_owned()),
                most_notes: server.0.limits.notes,
                most_bytes: server.0.limits.record,
                keep: news.keep,
                about_node: news.part,
                begins: news.begins,
                notes: news.notes,
            });
        }
        if writing.is_empty() && hellos.is_empty() {
            return Ok(forgot);
        }
        let kept = server.0.limits.kept;
        let all = Writing { node: &fleet.node, runs: &writing, hellos, now_ms, kept };
        match fleet.store.write(link, &all).await {
            Ok(gone) => forgot |= gone,
            Err(why) => {
                taken.into_iter().for_each(|(run, numbers, begins)| run.put_back(&numbers, begins));
                waiting.for_each(|run| run.put_back(&[], false));
                hellos.iter().for_each(|random| fleet.hello(*random));
                return Err(why);
            }
        }
        hellos = &[];
    }
}
