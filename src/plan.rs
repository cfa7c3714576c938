//! One scheduler: quiet probes first and all together, then what measures a beat, then what measures times.

use crate::also::Visits;
use proxyprobe_probes::io::BoxFuture;
use proxyprobe_probes::io::observe::{Observation, Scene};
use proxyprobe_probes::plan::Cost;
use proxyprobe_probes::transport::Leg;
use proxyprobe_probes::{Evidence, ProbeId};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
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
    /// Set when neither a beat nor a time is measured any more.
    calm: watch::Sender<bool>,
}

impl Schedule {
    /// Starts the quiet probes on all legs, and what is done beside them.
    pub(crate) fn start(probes: &[ProbeId], scenes: &[Scene], visits: &Visits) -> Self {
        let (opening, opened) = mpsc::channel(1);
        let calm = watch::Sender::new(false);
        let mut schedule = Self {
            reading: BTreeMap::new(),
            quiet: JoinSet::new(),
            steady: JoinSet::new(),
            cadence: JoinSet::new(),
            timing: Vec::new(),
            waiting: Vec::new(),
            opening: opened,
            calm,
        };
        for scene in scenes {
            for probe in probes {
                let quiet = probe.cost() == Cost::Quiet;
                let calm = Some(schedule.calm.subscribe());
                let scene = Scene { opening: quiet.then(|| opening.clone()), calm, ..scene.clone() };
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
        self.calm.send_replace(true);
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
