//! A run of the client: reach, plan, observe, ask the witness, judge.

use crate::also::{Application, Visits};
use crate::net::secret::Secret;
use crate::net::{Route, Source};
use crate::plan::Schedule;
use crate::report::{Report, RouteFacts, TargetFacts};
use crate::witness;
use futures_util::future::join_all;
use proxyprobe_probes::circumstances::{Circumstances, WitnessRead};
use proxyprobe_probes::exchange::{Exchange, Proof, Record};
use proxyprobe_probes::failure::{Kind, Operation};
use proxyprobe_probes::hearing::{Hearing, Testimony};
use proxyprobe_probes::io::Dial;
use proxyprobe_probes::io::heads::HIDDEN;
use proxyprobe_probes::io::observe::{Declared, Scene, Sheet};
use proxyprobe_probes::io::pen::{Clock, Entropy};
use proxyprobe_probes::io::proof::Prover;
use proxyprobe_probes::plan::Plan;
use proxyprobe_probes::reach::machine::Machine;
use proxyprobe_probes::reach::{Asked as ReachAsked, Step, client as reach};
use proxyprobe_probes::recommend::Answers;
use proxyprobe_probes::tls::client as tls;
use proxyprobe_probes::transport::Leg;
use proxyprobe_probes::untrusted::Untrusted;
use proxyprobe_probes::{Evidence, ProbeId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// What a run is to do.
#[derive(Clone)]
pub struct Options {
    /// The URL's own leg.
    pub leg: Leg,
    /// The legs that may be tested.
    pub legs: Vec<Leg>,
    /// The probes that run.
    pub probes: Vec<ProbeId>,
    /// How deep.
    pub plan: Plan,
    /// The answers to the three questions.
    pub answers: Answers,
    /// Where the randomness comes from.
    pub entropy: Entropy,
    /// What admits the run at a server that wants a token.
    pub token: Option<Secret>,
    /// Whether the server is embedded in this very process, so that no network is tested.
    pub embedded: bool,
    /// The URL as it was given.
    pub url: String,
    /// The application's own endpoints, which are visited as well.
    pub also: Vec<Application>,
}

/// A run that is over.
pub struct Ran {
    /// What it found.
    pub report: Report,
    /// The way to the server that worked, for what is left to be said to it.
    pub door: Option<Scene>,
}

/// Tells a person what is going on.
pub trait Progress: Send + Sync {
    /// A step begins; `lasts` is how long it will take, when that is known.
    fn step(&self, what: &str, lasts: Option<Duration>);
}

/// How long the server may take to agree to a run, beyond the dial.
const START: Duration = Duration::from_secs(10);
/// Does the whole run. It always gives a report: what goes wrong is in it.
pub async fn check(options: Options, route: Arc<Route>, progress: &dyn Progress, stop: CancellationToken) -> Ran {
    let clock = Clock::start();
    let wall = jiff::Timestamp::now();
    let stop = stop.child_token();
    let most = Duration::from_millis(options.plan.most_ms());
    // Everything has a deadline of its own; this one is for what they come to together.
    let budget = tokio::spawn({
        let stop = stop.clone();
        async move {
            sleep(most).await;
            stop.cancel();
        }
    });
    let lag = Arc::new(AtomicU64::new(0));
    let mut run = Run {
        circumstances: Circumstances::default(),
        evidence: BTreeMap::new(),
        testimony: Testimony::default(),
        run_id: None,
        server: None,
        options,
        route,
        clock,
    };
    progress.step("reaching the server", None);
    let visits = Visits::new(&run.options.also, &run.route, run.options.plan.depth, clock, &run.options.entropy);
    let started = tokio::select! {
        biased;
        started = run.reach() => started,
        () = stop.cancelled() => None,
    };
    // It has its own patience, and works beside the run.
    let machine = {
        let (route, leg) = (run.route.clone(), run.options.leg);
        tokio::spawn(async move { route.machine(leg).await })
    };
    let datagram = started.as_ref().and_then(|(scenes, _)| {
        let scene = scenes.iter().find(|scene| scene.leg == run.options.leg).or(scenes.first())?.clone();
        let port = scene.declared.udp?;
        // Beside the run, too: where nobody answers, it takes as long as an answer may.
        Some((port, tokio::spawn(async move { reach::datagram(&scene, port).await })))
    });
    let mut door = None;
    if let Some((scenes, plan)) = started {
        door = scenes.iter().find(|scene| scene.leg == run.options.leg).or(scenes.first()).cloned();
        run.options.plan = plan;
        let address_before = run.route.local_address(run.options.leg).await;
        let meter = tokio::spawn(measure_lag(lag.clone()));
        run.observe(&scenes, &visits, progress, &stop).await;
        meter.abort();
        run.circumstances.local_address_changed = address_before != run.route.local_address(run.options.leg).await;
    } else if !run.options.also.is_empty() {
        progress.step("trying the application's own endpoint", None);
        tokio::select! {
            _ = join_all(visits.work(None)) => {}
            () = stop.cancelled() => {}
        }
    }
    for (leg, all) in visits.evidence() {
        run.evidence.entry(ProbeId::Also).or_default().insert(leg, Evidence::Also(all));
    }
    if let Some((port, asking)) = datagram {
        tokio::select! {
            biased;
            record = asking => run.note_datagram(port, record.ok().flatten()),
            () = stop.cancelled() => {}
        }
    }
    tokio::select! {
        biased;
        machine = machine => run.note_machine(machine.ok()),
        () = stop.cancelled() => {}
    }
    budget.abort();
    if stop.is_cancelled() {
        run.circumstances.cut_short_at_ms = Some(clock.ms());
    }
    let duration_ms = clock.ms();
    let by_wall = u64::try_from(jiff::Timestamp::now().duration_since(wall).as_millis()).unwrap_or(0);
    run.circumstances.slept_ms = by_wall.saturating_sub(duration_ms);
    run.circumstances.client_lag_ms = lag.load(Ordering::Relaxed);
    Ran { report: run.report(wall.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(), duration_ms), door }
}

/// A run under way.
struct Run {
    options: Options,
    route: Arc<Route>,
    clock: Clock,
    circumstances: Circumstances,
    evidence: BTreeMap<ProbeId, BTreeMap<Leg, Evidence>>,
    testimony: Testimony,
    run_id: Option<String>,
    server: Option<Untrusted>,
}

impl Run {
    /// Starts the run at the server and proves its legs. Gives the scenes of the legs that were reached.
    async fn reach(&mut self) -> Option<(Vec<Scene>, Plan)> {
        let own = self.options.leg;
        let about = |run: &Self, leg, proven_elsewhere, served: Option<&String>| ReachAsked {
            step: Step::Start,
            leg,
            host: Untrusted::new(&run.route.target().host),
            peer: Untrusted::new(&run.route.peer(leg)),
            proxy: run.route.proxy(leg).map(|proxy| Untrusted::new(&proxy.address())),
            served_certificate: served.map(|sha256| Untrusted::new(sha256)),
            body: None,
            title: None,
            proven_elsewhere,
            machine: None,
        };
        let entropy = self.options.entropy.clone();
        let mut sheets: BTreeMap<Leg, Sheet<ReachAsked>> = BTreeMap::new();
        let mut started = None;
        let mut first_leg = own;
        // The other leg is tried where the URL's own does not answer, and its port can be known without the server.
        for leg in [own, own.other()] {
            if self.route.target().port(leg).is_none() || (leg != own && !self.options.legs.contains(&leg)) {
                continue;
            }
            let sheet = sheets.entry(leg).or_insert_with(|| Sheet::new(self.clock, &entropy));
            self.route.prepare(leg).await;
            let asked = about(self, leg, false, None);
            let token = self.options.token.as_ref().map(Secret::expose);
            started = reach::start(&*self.route, &asked, sheet, START, token).await;
            self.evidence.entry(ProbeId::Reach).or_default().insert(leg, Evidence::Reach(sheet.exchanges()));
            if started.is_some() {
                first_leg = leg;
                break;
            }
        }
        let Some(started) = started else {
            let looked = self.look(None, None).await;
            self.evidence.entry(ProbeId::Tls).or_default().extend(looked);
            return None;
        };
        let start = &started.start;
        self.run_id = Some(start.run.clone());
        self.server = Some(start.server.clone());
        self.circumstances.round_trip_ms = started.round_trip_ms;
        self.circumstances.clock_bound_ms = started.round_trip_ms.div_ceil(2);
        // The server's clock started when it made the answer: about the middle of the exchange.
        let middle = started.at_ms.saturating_sub(started.round_trip_ms / 2);
        self.circumstances.clock_offset_ms = -i64::try_from(middle).unwrap_or(0);
        for (leg, port) in [(Leg::Http, start.legs.http), (Leg::Https, start.legs.https)] {
            // The URL's own port stays what it is; the other leg is where the server says, if it has one.
            if leg != own {
                self.route.learn(leg, port);
            }
        }
        let plan = self.options.plan.clone().on_path(started.round_trip_ms);
        let scene = |leg| Scene {
            dial: self.route.clone() as Arc<dyn Dial>,
            leg,
            prover: Prover::new(&start.run, &start.key),
            clock: self.clock,
            plan: plan.clone(),
            entropy: entropy.clone(),
            without_tunnel: false,
            declared: Declared {
                front_headers: start.front_headers.clone(),
                certificate_sha256: start.certificate_sha256.clone(),
                http2: start.http2,
                knows: start.knows.clone(),
                udp: start.udp,
                other_ports: start.other_ports.clone(),
            },
            opening: None,
            calm: None,
        };
        let mut scenes = Vec::new();
        for leg in Leg::ALL {
            if !self.options.legs.contains(&leg) || self.route.target().port(leg).is_none() {
                continue;
            }
            let mut scene = scene(leg);
            self.route.prepare(leg).await;
            let asked = about(self, leg, true, start.certificate_sha256.as_ref());
            let sheet = sheets.entry(leg).or_insert_with(|| Sheet::new(self.clock, &entropy));
            let mut reached = leg == first_leg;
            if !reached {
                // A leg whose first attempt failed is asked again, with what the other leg told.
                reach::hello(&scene, &asked, sheet).await;
                reached = sheet.exchanges().iter().any(|exchange| exchange.record.proof == Proof::Valid);
            }
            if reached && leg == Leg::Http && asked.proxy.is_some() {
                reach::tunnel(&scene, &asked, sheet).await;
                let refused = |e: &Exchange<ReachAsked>| e.asked.step == Step::Tunnel && e.record.client.failed().is_some();
                scene.without_tunnel = sheet.exchanges().iter().any(refused);
            }
            self.evidence.entry(ProbeId::Reach).or_default().insert(leg, Evidence::Reach(sheet.exchanges()));
            if reached {
                scenes.push(scene);
            } else if leg == Leg::Https {
                let served = start.certificate_sha256.clone();
                let looked = self.look(served.as_deref(), scenes.first()).await;
                self.evidence.entry(ProbeId::Tls).or_default().extend(looked);
            }
        }
        Some((scenes, plan))
    }

    /// Puts what is known of this machine beside the attempts of the URL's own leg.
    fn note_machine(&mut self, machine: Option<Machine>) {
        let own = self.evidence.get_mut(&ProbeId::Reach).and_then(|legs| legs.get_mut(&self.options.leg));
        let (Some(machine), Some(Evidence::Reach(attempts))) = (machine.filter(|machine| *machine != Machine::default()), own)
        else {
            return;
        };
        if let Some(first) = attempts.first() {
            let asked = ReachAsked { step: Step::Machine, machine: Some(machine), ..first.asked.clone() };
            attempts.push(Exchange { asked, record: Record::default() });
        }
    }

    /// Puts what became of a question by UDP beside the attempts of the URL's own leg.
    fn note_datagram(&mut self, port: u16, record: Option<Record>) {
        let own = self.evidence.get_mut(&ProbeId::Reach).and_then(|legs| legs.get_mut(&self.options.leg));
        let (Some(record), Some(Evidence::Reach(attempts))) = (record, own) else { return };
        if let Some(first) = attempts.first() {
            let peer = Untrusted::new(&format!("{}, UDP port {port},", first.asked.host));
            attempts.push(Exchange { asked: ReachAsked { step: Step::Datagram, peer, ..first.asked.clone() }, record });
        }
    }

    /// Looks at whoever answered TLS in a way that was not accepted.
    async fn look(&self, served: Option<&str>, other: Option<&Scene>) -> Option<(Leg, Evidence)> {
        let tried = self.evidence.get(&ProbeId::Reach).and_then(|legs| legs.get(&Leg::Https));
        let ended_in_tls = |record: &&Record| {
            let failed = record.client.failed().map(|(_, failure)| failure);
            failed.is_some_and(|failure| failure.operation == Operation::Tls && failure.kind != Kind::TimedOut)
        };
        let wanted = tried.is_some_and(|tried| tried.records().iter().any(ended_in_tls));
        if !wanted || !self.options.probes.contains(&ProbeId::Tls) {
            return None;
        }
        let sheet = Sheet::new(self.clock, &self.options.entropy);
        tls::look(&*self.route, &sheet, served, other).await;
        Some((Leg::Https, Evidence::Tls(sheet.exchanges())))
    }

    /// Lets the probes talk, and asks the witness before and after the long silence.
    async fn observe(&mut self, scenes: &[Scene], visits: &Visits, progress: &dyn Progress, stop: &CancellationToken) {
        let elsewhere = [ProbeId::Reach, ProbeId::Also];
        let probes: Vec<ProbeId> = self.options.probes.iter().copied().filter(|probe| !elsewhere.contains(probe)).collect();
        let mut schedule = Schedule::start(&probes, scenes, visits);
        let lasts = Duration::from_millis(self.options.plan.longest_idle_ms);
        progress.step("testing all transports on all legs", Some(lasts));
        let mut read_once = false;
        let mut room = witness::ROOM;
        let beat_over = Notify::new();
        let opening_overlapped = AtomicBool::new(false);
        {
            let work = async {
                let opened = schedule.beat(lasts).await;
                opening_overlapped.store(!opened, Ordering::Relaxed);
                schedule.beat_over().await;
                beat_over.notify_one();
                schedule.finish().await;
            };
            tokio::pin!(work);
            loop {
                tokio::select! {
                    biased;
                    () = &mut work => break,
                    () = stop.cancelled() => break,
                    () = beat_over.notified(), if !read_once => {
                        read_once = true;
                        let read = witness::read(scenes, &mut self.testimony, self.clock, &mut room);
                        tokio::select! {
                            biased;
                            complete = read => self.circumstances.witness_reads.push(complete),
                            () = &mut work => break,
                            () = stop.cancelled() => break,
                        }
                    }
                }
            }
        }
        self.circumstances.opening_overlapped = opening_overlapped.load(Ordering::Relaxed);
        progress.step("asking the server what it saw", None);
        let evidence = schedule.evidence();
        // What is still under way must not be ended before the server was asked about it.
        let patience = if stop.is_cancelled() { Duration::from_secs(2) } else { START };
        let read = match timeout(patience, witness::read(scenes, &mut self.testimony, self.clock, &mut room)).await {
            Ok(read) => read,
            Err(_) => WitnessRead { at_ms: self.clock.ms(), complete: false },
        };
        self.testimony.complete_at_end = read.complete;
        self.circumstances.server_lag_ms = self.testimony.lag_ms;
        self.circumstances.witness_reads.push(read);
        drop(schedule);
        for (probe, legs) in evidence {
            self.evidence.entry(probe).or_default().extend(legs);
        }
    }

    fn report(mut self, started_at: String, duration_ms: u64) -> Report {
        hide_own_headers(&mut self.testimony, &self.route.own_headers());
        let target = self.route.target();
        let proxy = self.route.proxy(self.options.leg);
        let mut hearing = Hearing {
            leg: self.options.leg,
            plan: self.options.plan,
            circumstances: self.circumstances,
            answers: self.options.answers,
            through_proxy: proxy.is_some(),
            evidence: self.evidence,
        };
        hearing.attach(&self.testimony);
        let source = if self.options.embedded { Source::None } else { self.route.proxies().source };
        let (taken, signed_in) = self.route.taken(self.options.leg);
        let route = RouteFacts {
            kind: match &proxy {
                Some(proxy) => proxy.protocol.kind(),
                None if taken.script.is_some() && taken.said.is_none() => "unknown",
                None => "direct",
            }
            .to_owned(),
            source: if taken.script.is_some() { "pac" } else { source.as_str() }.to_owned(),
            proxy: proxy.map(|proxy| Untrusted::new(&proxy.address())),
            script_source: taken.script.is_some().then(|| source.as_str().to_owned()),
            script: taken.script,
            script_said: taken.said,
            passed_over: taken.passed_over,
            signed_in: signed_in.map(str::to_owned),
        };
        let facts = TargetFacts {
            url: Untrusted::new(&self.options.url),
            host: Untrusted::new(&target.host),
            leg: self.options.leg,
            embedded: self.options.embedded,
        };
        Report::new(hearing, facts, route, self.run_id, self.server, started_at, duration_ms)
    }
}

/// What the user sends in headers of their own may be a secret: the server saw it, the report need not show it.
fn hide_own_headers(testimony: &mut Testimony, own: &[String]) {
    let is_own = |name: &Untrusted| own.iter().any(|own| own.eq_ignore_ascii_case(name.as_str()));
    for notes in testimony.notes.values_mut() {
        let raw = notes.below.request.iter_mut().flat_map(|head| &mut head.fields);
        for (_, value) in notes.request.headers.iter_mut().chain(raw).filter(|(name, _)| is_own(name)) {
            *value = Untrusted::new(HIDDEN);
        }
    }
}

/// How often this machine's timers are tested.
const TICK: Duration = Duration::from_millis(50);

async fn measure_lag(worst: Arc<AtomicU64>) {
    loop {
        let before = Instant::now();
        sleep(TICK).await;
        let late = before.elapsed().saturating_sub(TICK);
        worst.fetch_max(u64::try_from(late.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
