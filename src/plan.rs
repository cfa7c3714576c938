//! One scheduler: quiet probes first and all together, then what measures a beat, then what measures times.

use crate::also::Visits;
use proxyprobe_probes::io::BoxFuture;
use proxyprobe_probes::io::observe::{Observation, Scene};
use proxyprobe_probes::plan::Cost;
use proxyprobe_probes::transport::Leg;
use proxyprobe_probes::{Evidence, ProbeId};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long the quiet connections may take to open before the beat starts all the same, as a share of the longest silence; on a
/// link of 64 kbit/s the handshakes of a whole ladder take a quarter of a minute.
const OPENING_SHARE: u32 = 2;
/// But no longer and no shorter than this.
const OPENING: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(15));

/// Reads what a probe has written so far.
type Read = Box<dyn Fn() -> Evidence + Send + Sync>;

/// The probes of a run at work.
pub(crate) struct Schedule {
    reading: BTreeMap<ProbeId, BTreeMap<Leg, Read>>,
    quiet: JoinSet<()>,
    steady: JoinSet<()>,
    cadence: JoinSet<()>,
    timing: Vec<BoxFuture<'static, ()>>,
    waiting: Vec<(Cost, BoxFuture<'static, ()>)>,
    opening: mpsc::Receiver<std::convert::Infallible>,
}

impl Schedule {
    /// Starts the quiet probes on all legs, and what is done beside them.
    pub(crate) fn start(probes: &[ProbeId], scenes: &[Scene], visits: &Visits) -> Self {
        let (opening, opened) = mpsc::channel(1);
        let mut schedule = Self {
            reading: BTreeMap::new(),
            quiet: JoinSet::new(),
            steady: JoinSet::new(),
            cadence: JoinSet::new(),
            timing: Vec::new(),
            waiting: Vec::new(),
            opening: opened,
        };
        for scene in scenes {
            for probe in probes {
                let quiet = probe.cost() == Cost::Quiet;
                let scene = Scene { opening: quiet.then(|| opening.clone()), ..scene.clone() };
                let leg = scene.leg;
                let (work, read) = Observation::split(probe.observe(scene));
                schedule.reading.entry(*probe).or_default().insert(leg, read);
                match probe.cost() {
                    Cost::Quiet => {
                        schedule.quiet.spawn(work);
                    }
                    Cost::Timing => schedule.timing.push(work),
                    cost => schedule.waiting.push((cost, work)),
                }
            }
        }
        for work in visits.work(Some(&opening)) {
            schedule.quiet.spawn(work);
        }
        schedule
    }

    /// Waits until the quiet connections are open, and starts what measures a beat. Says whether they all were.
    pub(crate) async fn beat(&mut self, longest: Duration) -> bool {
        let patience = (longest / OPENING_SHARE).clamp(OPENING.0, OPENING.1);
        let opened = timeout(patience, self.opening.recv()).await.is_ok();
        for (cost, work) in self.waiting.drain(..) {
            let set = if cost == Cost::Steady { &mut self.steady } else { &mut self.cadence };
            set.spawn(work);
        }
        opened
    }

    /// Waits until no beat and no time is measured any more: from then on, asking the witness disturbs nothing.
    pub(crate) async fn beat_over(&mut self) {
        // A probe that crashed leaves what it had written.
        while self.cadence.join_next().await.is_some() {}
        for work in self.timing.drain(..) {
            self.cadence.spawn(work);
        }
        while self.cadence.join_next().await.is_some() {}
    }

    /// Waits for everything.
    pub(crate) async fn finish(&mut self) {
        while self.steady.join_next().await.is_some() {}
        while self.quiet.join_next().await.is_some() {}
    }

    /// What was written so far.
    pub(crate) fn evidence(&self) -> BTreeMap<ProbeId, BTreeMap<Leg, Evidence>> {
        let read = |legs: &BTreeMap<Leg, Read>| legs.iter().map(|(leg, read)| (*leg, read())).collect();
        self.reading.iter().map(|(probe, legs)| (*probe, read(legs))).collect()
    }
}
