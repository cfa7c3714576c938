//! Whatever the settings of a middlebox, what is measured brackets the truth.
//!
//! The settings come from one seed, which every failure names; `PROPERTIES_SEED=7 cargo test --test properties` takes another.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test fails by panicking and reads its own switch")]

use proxyprobe::selftest::{Scenario, hear, in_parallel};
use proxyprobe_probes::finding::Finding;
use proxyprobe_probes::transport::Leg;

/// Chance (SplitMix64).
struct Chance(u64);

impl Chance {
    /// A number from the first to the second.
    fn within(&mut self, least: u64, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        least + (mixed ^ (mixed >> 31)) % (most - least + 1)
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words.get(usize::try_from(self.within(1, words.len() as u64)).unwrap() - 1).unwrap()
    }
}

/// A middlebox with a time in milliseconds, on one leg.
#[derive(Debug)]
struct Case {
    boxes: String,
    /// Milliseconds, or bytes.
    true_ms: u64,
    leg: Leg,
    seed: u64,
}

/// So many cases of a middlebox with a time between the first and the second, and further settings at random.
fn cases(name: &str, parameter: &str, (least, most): (u64, u64), others: &[&str], count: u64) -> Vec<Case> {
    let seed = std::env::var("PROPERTIES_SEED").map_or(1, |seed| seed.parse().unwrap());
    let mut chance = Chance(name.bytes().fold(seed, |seed, byte| seed.wrapping_mul(257).wrapping_add(byte.into())));
    let one = |_| {
        let true_ms = chance.within(least, most);
        let boxes = format!("{name}:{parameter}={true_ms}ms,{}", chance.one_of(others));
        let leg = if chance.within(0, 1) == 0 { Leg::Http } else { Leg::Https };
        Case { boxes, true_ms, leg, seed }
    };
    (0..count).map(one).collect()
}

/// Hears each case, and complains of those in which a transport has no finding of this kind with fitting figures.
fn hold(cases: &[Case], transports: &[&str], fits: impl Fn(&Case, &Finding) -> bool + Sync) {
    let wrong = in_parallel(cases, |case| {
        let boxes = vec![case.boxes.parse().unwrap()];
        let on = if case.leg == Leg::Http { vec![Leg::Http] } else { Leg::ALL.to_vec() };
        let report = hear(&Scenario { boxes, on, leg: case.leg, ..Scenario::default() }).unwrap();
        let of_leg: Vec<&Finding> = report.judgement.findings.iter().filter(|finding| finding.leg == Some(case.leg)).collect();
        let shows =
            |transport: &&str| of_leg.iter().any(|finding| finding.word("transport") == Some(*transport) && fits(case, finding));
        (!transports.iter().all(shows)).then(|| format!("PROPERTIES_SEED={}: {case:?}: {of_leg:#?}", case.seed))
    });
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a figure is this near to the truth.
fn near(case: &Case, finding: &Finding, name: &str, tolerance_ms: u64) -> bool {
    finding.number(name).is_some_and(|measured| measured.abs_diff(case.true_ms) <= tolerance_ms)
}

#[test]
fn a_loud_end_after_silence_is_measured() {
    let cases = cases("end-when-idle", "after", (2_000, 31_000), &["tells=both", "tells=resets-both", "tells=resets-client"], 6);
    hold(&cases, &["websocket", "sse"], |case, finding| {
        let told = if case.boxes.ends_with("tells=both") { "idle.closed" } else { "idle.reset" };
        finding.code.id == told
            && near(case, finding, "after_ms", 60)
            && finding.number("survived_ms").is_some_and(|survived| survived < case.true_ms)
    });
}

#[test]
fn a_silent_end_after_silence_is_bracketed() {
    let cases = cases("forget-when-idle", "after", (2_000, 31_000), &["then=drops", "then=resets"], 6);
    hold(&cases, &["websocket", "sse"], |case, finding| {
        let figure = |name| finding.number(name);
        // A silence as the path sees it and one as an end sees it differ by a round trip.
        finding.code.id == "idle.dropped-silently"
            && figure("survived_ms").is_some_and(|survived| survived < case.true_ms + 10)
            && figure("lost_ms").is_some_and(|lost| case.true_ms <= lost + 10)
    });
}

#[test]
fn an_age_is_measured() {
    let capped = |case: &Case, finding: &Finding| finding.code.id == "lifetime.capped" && near(case, finding, "age_ms", 200);
    let by = ["by=fin", "by=rst"];
    hold(&cases("cap-lifetime", "age", (3_000, 30_000), &by, 6), &["websocket", "sse"], capped);
}

#[test]
fn an_early_end_is_measured() {
    let cases = cases("close-after-101", "after", (50, 1_900), &["by=fin", "by=rst"], 4);
    hold(&cases, &["websocket"], |case, finding| finding.code.id == "zombie.closed-early" && near(case, finding, "after_ms", 60));
}

#[test]
fn a_gateway_that_gives_up_is_measured() {
    let cases = cases("give-up-on-answers", "after", (2_000, 20_000), &["with=504", "with=502", "with=503", "with=nothing"], 4);
    hold(&cases, &["long-polling"], |case, finding| {
        let code = if case.boxes.ends_with("nothing") { "long_poll.cut" } else { "long_poll.answered-by-gateway" };
        finding.code.id == code && near(case, finding, "after_ms", 60)
    });
}

/// A middlebox with a number of bytes, on one leg.
fn sizes(name: &str, parameter: &str, (least, most): (u64, u64), others: &[&str], count: u64) -> Vec<Case> {
    let mut cases = cases(name, parameter, (least, most), others, count);
    for case in &mut cases {
        case.boxes = case.boxes.replace("ms,", ",");
    }
    cases
}

fn brackets(case: &Case, finding: &Finding, lower: &str, upper: &str) -> bool {
    let figure = |name| finding.number(name);
    figure(lower).is_some_and(|lower| lower <= case.true_ms) && figure(upper).is_some_and(|upper| case.true_ms <= upper)
}

/// The direction in which a finding says that messages suffer is the one in the settings.
fn same_way(case: &Case, finding: &Finding) -> bool {
    finding.word("direction").is_some_and(|way| case.boxes.ends_with(&format!("way={way}")))
}

#[test]
fn the_size_of_a_buffer_is_bracketed() {
    let cases = sizes("hold-until-bytes", "bytes", (1_500, 60_000), &["then=holds-again", "then=flows"], 6);
    hold(&cases, &["sse"], |case, finding| {
        finding.code.id == "sse.buffered-by-size" && brackets(case, finding, "lower_bytes", "upper_bytes")
    });
}

#[test]
fn the_size_and_the_direction_of_messages_that_stall_are_bracketed() {
    let cases = sizes("stall-large-frames", "above", (130, 16_000), &["way=to-server", "way=to-client"], 6);
    hold(&cases, &["websocket"], |case, finding| {
        finding.code.id == "zombie.size-limited" && same_way(case, finding) && brackets(case, finding, "bytes", "lost_bytes")
    });
}

#[test]
fn the_size_and_the_direction_of_messages_that_change_are_found() {
    let cases = sizes("lose-last-byte", "below", (100, 5_000), &["way=to-server", "way=to-client"], 6);
    hold(&cases, &["websocket"], |case, finding| {
        let below = |name| finding.number(name).is_some_and(|bytes| bytes < case.true_ms);
        finding.code.id == "zombie.frames-altered" && same_way(case, finding) && below("bytes") && below("largest_bytes")
    });
}
