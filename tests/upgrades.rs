//! The trap of a busy client: with a write that is not flushed, TLS keeps the bytes and the client itself looks like a zombie.
//!
//! `cargo test --release --test upgrades -- --ignored --nocapture` makes 10,000 upgrades over TLS on loopback, 1,000 at once, on one
//! thread that is also kept busy by something else.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test fails by panicking, measures time and says it"
)]

use proxyprobe::net::tls::{TrustOptions, client_config};
use proxyprobe::net::{Family, Pinned, Proxies, Route, RouteOptions, Source, System, Target};
use proxyprobe::serve::limits::Limits;
use proxyprobe::serve::{self, Server, certificate, listen};
use proxyprobe_probes::ProbeId;
use proxyprobe_probes::circumstances::Circumstances;
use proxyprobe_probes::io::observe::{Declared, Scene};
use proxyprobe_probes::io::pen::{Clock, Entropy};
use proxyprobe_probes::io::proof::Prover;
use proxyprobe_probes::plan::{Depth, Plan};
use proxyprobe_probes::reach::{Asked, Step, client as reach};
use proxyprobe_probes::transport::Leg;
use proxyprobe_probes::untrusted::Untrusted;
use proxyprobe_probes::wire::Legs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const UPGRADES: usize = 10_000;
const AT_ONCE: usize = 1_000;

#[test]
#[ignore = "takes a minute and all of the machine"]
fn ten_thousand_upgrades_and_not_one_zombie() {
    let busy = Arc::new(AtomicBool::new(true));
    // Beside the runtime's one thread, others want the processor.
    let others: Vec<_> = (0..2)
        .map(|_| {
            let busy = busy.clone();
            std::thread::spawn(move || {
                while busy.load(Ordering::Relaxed) {
                    std::hint::spin_loop()
                }
            })
        })
        .collect();
    let start = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (asked, wrong) = runtime.block_on(run());
    busy.store(false, Ordering::Relaxed);
    others.into_iter().for_each(|thread| thread.join().unwrap());
    eprintln!(
        "{asked} conversations over TLS, {AT_ONCE} at once: {} findings, {:.1} s",
        wrong.len(),
        start.elapsed().as_secs_f64()
    );
    assert_eq!(asked, UPGRADES);
    assert!(wrong.is_empty(), "{:?}", &wrong[..wrong.len().min(5)]);
}

async fn run() -> (usize, Vec<String>) {
    let identity = certificate::self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let pin = identity.sha256.clone();
    let server = Server::new(serve::Options {
        tls: Some((identity.config, identity.sha256)),
        // A handshake may take as long as anything else here: two for each conversation want the one thread.
        limits: Limits {
            head: Duration::from_secs(60),
            notes: 4 * AT_ONCE,
            record: usize::MAX,
            memory: usize::MAX,
            sent: usize::MAX,
            ..Limits::default()
        },
        ..serve::Options::new(Entropy::system())
    });
    let bound = listen(&server, None, Some(SocketAddr::from(([127, 0, 0, 1], 0)))).await.unwrap();
    let legs = Legs { http: None, https: bound.https.map(|address| address.port()) };
    server.declare(legs);
    let network = Arc::new(System);
    let route = Arc::new(Route::new(
        Target { host: "127.0.0.1".to_owned(), legs },
        network.clone(),
        RouteOptions {
            proxies: Proxies::none(Source::None),
            pinned: Pinned::new(network, Family::Any, Default::default()),
            proxy_tls: client_config(TrustOptions::default()).unwrap(),
            sign_in: None,
            tls: client_config(TrustOptions { pin: Some(pin), roots: Vec::new(), system: false }).unwrap(),
            headers: Default::default(),
            user_agent: "upgrades".parse().unwrap(),
            origin: None,
            within: Duration::from_secs(60),
        },
    ));
    let (clock, entropy) = (Clock::start(), Entropy::system());
    let mut wrong = Vec::new();
    let mut asked = 0;
    for _ in 0..UPGRADES / AT_ONCE {
        let sheet = proxyprobe_probes::io::observe::Sheet::new(clock, &entropy);
        let about = Asked {
            step: Step::Start,
            leg: Leg::Https,
            host: Untrusted::new("127.0.0.1"),
            peer: Untrusted::new("127.0.0.1"),
            proxy: None,
            served_certificate: None,
            body: None,
            title: None,
            proven_elsewhere: false,
            machine: None,
        };
        let started = reach::start(&*route, &about, &sheet, Duration::from_secs(30), None).await.unwrap();
        // A busy machine is slow, not broken: answers may take their time, but they must come.
        let plan = Plan { answer_ms: 60_000, ..Plan::new(Depth::Quick, None) };
        let scene = Scene {
            dial: route.clone(),
            leg: Leg::Https,
            prover: Prover::new(&started.start.run, &started.start.key),
            clock,
            plan,
            entropy: entropy.clone(),
            without_tunnel: false,
            declared: Declared::default(),
            opening: None,
            calm: None,
        };
        let (work, reading): (Vec<_>, Vec<_>) = (0..AT_ONCE).map(|_| ProbeId::Zombie.observe(scene.clone()).split()).unzip();
        // All in one task: the shape in which the runtime's own fairness makes writes seem to block.
        futures_util::future::join_all(work).await;
        for read in reading {
            let evidence = read();
            asked += usize::from(evidence.asked());
            wrong.extend(evidence.judge(&Circumstances::default()).into_iter().map(|finding| format!("{finding:?}")));
            for record in evidence.records().into_iter().filter(|record| record.client.closed().is_none()) {
                wrong.push(format!("{:?}", record.client.entries.last()));
            }
        }
    }
    (asked, wrong)
}
