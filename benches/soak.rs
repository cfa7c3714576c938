//! What a server has in memory that has been under attack for long, and then had a minute of quiet.
//!
//! `cargo bench --bench soak` plays the attacks of tests/attacks, one after the other, again and again, for an hour; `cargo bench
//! --bench soak -- 900` for 900 seconds. The memory at the end of it is compared with that at the sixth of the time, ten minutes of
//! an hour: what grows with time is a leak. Every round ends with a check, which has to be judged rightly.
#![cfg(target_os = "linux")]
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a benchmark prints, dials, looks at the clock, and fails by panicking"
)]
#![expect(dead_code, unused_imports, reason = "the tests need more of it")]

#[path = "../tests/attacks/abandoned_runs.rs"]
mod abandoned_runs;
#[path = "../tests/attacks/arena.rs"]
mod arena;
#[path = "../tests/attacks/compression_bombs.rs"]
mod compression_bombs;
#[path = "../tests/attacks/connection_flood.rs"]
mod connection_flood;
#[path = "../tests/attacks/continuation_flood.rs"]
mod continuation_flood;
#[path = "../tests/attacks/control_floods.rs"]
mod control_floods;
#[path = "../tests/attacks/endless_polls.rs"]
mod endless_polls;
#[path = "../tests/attacks/frames.rs"]
mod frames;
#[path = "../tests/attacks/guessed_ids.rs"]
mod guessed_ids;
#[path = "../tests/attacks/h2.rs"]
mod h2;
#[path = "../tests/attacks/half_open.rs"]
mod half_open;
#[path = "../tests/loopback/program.rs"]
mod program;
#[path = "../tests/attacks/rapid_reset.rs"]
mod rapid_reset;
#[path = "../tests/attacks/slow_heads.rs"]
mod slow_heads;
#[path = "../tests/attacks/slow_reads.rs"]
mod slow_reads;

use arena::{Arena, Attack, kib};
use program::{Serve, check};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

const MIX: [Attack; 19] = [
    ("runs that are left alone", |arena| _ = abandoned_runs::runs(arena)),
    ("compressed reports", compression_bombs::reports),
    ("compressed messages", compression_bombs::messages),
    ("connections from elsewhere", connection_flood::attack),
    ("small heads without end", continuation_flood::small),
    ("large heads without end", continuation_flood::large),
    ("pings of HTTP/2", control_floods::pings),
    ("settings of HTTP/2", control_floods::settings),
    ("answers that nobody reads", control_floods::unread),
    ("requests that are held", endless_polls::attack),
    ("frames that announce much", frames::announced),
    ("fragments without end", frames::fragments),
    ("empty fragments", frames::empty_fragments),
    ("pings of WebSockets", frames::pings),
    ("guessed names", guessed_ids::attack),
    ("connections that say nothing", half_open::attack),
    ("streams that are reset", rapid_reset::attack),
    ("slow heads", slow_heads::both),
    ("streams that nobody reads", slow_reads::both),
];

/// How long each attack lasts before the next one.
const TURN: Duration = Duration::from_secs(10);
/// An hour, if nothing else is said.
const LASTS: u64 = 3_600;
/// The share of it after which memory is looked at for the first time.
const MARK: u32 = 6;
/// How long it is quiet before memory is looked at.
const QUIET: Duration = Duration::from_secs(60);
/// How much more, or less, may be there in the end.
const WITHIN: f64 = 0.1;

fn main() {
    // Cargo says `--bench` to every benchmark.
    let said = std::env::args().skip(1).find(|word| word != "--bench");
    let lasts = Duration::from_secs(said.map_or(LASTS, |word| word.parse().unwrap()));
    let folder = std::env::temp_dir().join(format!("proxyprobe-soak-{}", std::process::id()));
    let serve = Serve::with(&["--keep-reports", folder.to_str().unwrap()]);
    let pid = serve.child.id();
    let began = Instant::now();
    let say = |what: &str| println!("{:>6} s  {:>8} KiB  {what}", began.elapsed().as_secs(), kib(pid, "VmRSS"));
    say("the beginning");
    let quiet = |when: &str| {
        say(when);
        std::thread::sleep(QUIET);
        say(&format!("{when}, after {} s of quiet", QUIET.as_secs()));
        kib(pid, "VmRSS")
    };
    let mut marked = None;
    let mut turns = 0;
    for (name, attack) in MIX.iter().cycle() {
        if marked.is_none() && began.elapsed() >= lasts / MARK {
            marked = Some(quiet("at the mark"));
        }
        if began.elapsed() >= lasts {
            break;
        }
        let arena = Arena::of(&serve);
        std::thread::scope(|all| {
            // An attacker who meets a limit of the server may give up; the next one comes all the same.
            all.spawn(|| drop(catch_unwind(AssertUnwindSafe(|| attack(&arena)))));
            std::thread::sleep(TURN);
            arena.end();
        });
        say(name);
        turns += 1;
        if turns % MIX.len() == 0 {
            let ran = check(&["--pin", &serve.pin, &serve.https]);
            assert_eq!(arena::blamed(&ran), Vec::<serde_json::Value>::new());
            println!("{:>6} s  a check is judged: {}", began.elapsed().as_secs(), ran.json()["verdict"]);
        }
    }
    let after = quiet("at the end");
    let marked = marked.unwrap();
    let _ = std::fs::remove_dir_all(&folder);
    #[expect(clippy::cast_precision_loss, reason = "some thousand KiB")]
    let ratio = after as f64 / marked as f64;
    let verdict = if (ratio - 1.0).abs() <= WITHIN { "within" } else { "NOT within" };
    println!("{after} KiB in the end, {marked} KiB at the mark: {ratio:.2}, {verdict} {WITHIN} of it.");
}
