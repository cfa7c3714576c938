//! Conversations after the 101, as both ends may have seen them.

use super::*;
use crate::company::Company;
use crate::exchange::KernelNote;
use crate::testing::{around, beside, check, distorted, doubts, far, record, stalls};

const OPEN: &str = "opened@0 request@0 101@20";
const ACCEPTED: &str = "request@10 101@10 sent:greeting0@10";
/// What each end writes down of four messages either way.
const GOOD: &str = "got:greeting0@21 sent:frame1..4@22+250 got:echo1..4@42+250 got:tick1..4@280+250 done@1040";
const GOOD_SERVER: &str = "got:frame1..4@32+250 sent:echo1..4@32+250 sent:tick1..4@270+250 close:1000@1050";
const SENT: &str = "sent:frame1..4@22+250 gave-up@4272";
const TICKS: &str = "sent:tick1..4@270+250";

fn heard(client: &str, server: &str) -> Record {
    let server = if ["absent", "empty"].contains(&server) { server.to_owned() } else { format!("{server} {ACCEPTED}") };
    record(&format!("{client} {OPEN}"), &server)
}

fn beat() -> Asked {
    Asked { messages: 4, every_ms: 250, ..Asked::default() }
}

fn of(record: Record, around: &Circumstances) -> Vec<Finding> {
    judge(&[Exchange { asked: beat(), record }], around)
}

fn judged(client: &str, server: &str) -> Vec<Finding> {
    of(heard(client, server), &around())
}

#[test]
#[rustfmt::skip]
fn what_the_two_witnesses_say_together() {
    let to_client = "got:frame1..4@32+250 sent:echo1..4@32+250 sent:tick1..4@270+250";
    check(&[
        ("everything passed", judged(GOOD, GOOD_SERVER), ""),
        ("silence, no bytes after the 101", judged(SENT, TICKS),
         "zombie.silent-both-ways direction=both transport=websocket via=direct outcome=broken"),
        ("the greeting arrives, the frames do not", judged(&format!("got:greeting0@21 {SENT}"), TICKS),
         "zombie.silent-to-server direction=to-server transport=websocket via=direct outcome=broken"),
        ("the server's own messages arrive, the frames do not",
         judged(&format!("got:greeting0@21 got:tick1..4@280+250 {SENT}"), TICKS),
         "zombie.silent-to-server direction=to-server"),
        ("nothing arrives, the server got and answered", judged(SENT, to_client),
         "zombie.silent-to-client direction=to-client transport=websocket via=direct outcome=broken"),
        ("the way there dies after two",
         judged(&format!("got:greeting0@21 got:echo1..2@42+250 got:tick1..4@280+250 {SENT}"), "got:frame1..2@32+250 sent:echo1..2@32+250 sent:tick1..4@270+250"),
         "zombie.silent-to-server direction=to-server after_messages=2"),
        ("the way back dies after two",
         judged(&format!("got:greeting0@21 got:echo1..2@42+250 got:tick1@280 {SENT}"), to_client),
         "zombie.silent-to-client direction=to-client after_messages=2"),
        ("bytes that are no frame, then an end",
         judged("got:greeting0@21 sent:frame1..2@22+250 foreign@300 fin@301", "got:frame1@32 fin@310 after-peer@4310"),
         "zombie.foreign-bytes excerpt=<html> transport=websocket via=direct outcome=broken"),
        ("bytes that are no frame, then silence", judged(&format!("foreign@30 {SENT}"), TICKS),
         "zombie.foreign-bytes"),
        ("FIN after 500 ms",
         judged("got:greeting0@21 sent:frame1..2@22+250 fin@520", "got:frame1..2@32+250 fin@510 after-peer@4510"),
         "zombie.closed-early after_ms=500 transport=websocket via=direct outcome=broken"),
        ("RST after 1.5 s", judged(&format!("{SENT} reset@1520"), "reset@1510 after-peer@5510"),
         "zombie.closed-early after_ms=1500"),
        ("somebody else's close frame", judged("got:greeting0@21 close:1001@320", "fin@330 after-peer@4330"),
         "zombie.closed-early after_ms=300"),
        ("an end at the last moment that counts as early",
         judged(&format!("got:echo1@42 {SENT} fin@2020"), "got:frame1@32 fin@2010"),
         "zombie.closed-early after_ms=2000"),
        ("the greeting alone is lost", judged(&GOOD.replace("got:greeting0@21", ""), GOOD_SERVER),
         "zombie.greeting-lost direction=to-client transport=websocket outcome=degraded"),
    ]);
}

#[test]
#[rustfmt::skip]
fn an_older_end_is_a_matter_of_lifetimes_or_of_silence() {
    check(&[
        ("it carried messages and was ended at 2.4 s",
         judged("got:greeting0@21 got:echo1..4@42+250 got:tick1..3@280+250 sent:frame1..3@22+250 fin@2420", "got:frame1..4@32+250 fin@2410"),
         ""),
        ("it never carried anything and was reset at 3 s", judged("sent:frame1..4@22+250 reset@3020", TICKS),
         "zombie.silent-both-ways"),
        ("the 101 was made up in between: the handshake has that finding", judged(&format!("unproven {SENT}"), "empty"),
         ""),
    ]);
}

#[test]
fn the_kernel_says_whether_somebody_took_the_bytes() {
    let kernel = |unacked| Some(KernelNote { unacked, retransmits: unacked, rto_ms: 800, rtt_us: 10_000, last_ack_ms: 4_000 });
    let silent = |unacked| of(Record { kernel: kernel(unacked), ..heard(SENT, TICKS) }, &around());
    check(&[
        ("acknowledged and unanswered", silent(0), "zombie.silent-both-ways acknowledged=true"),
        ("not even acknowledged", silent(4), "zombie.silent-both-ways acknowledged=false"),
    ]);
}

#[test]
#[rustfmt::skip]
fn slow_or_odd_is_not_dead() {
    let slow = "got:greeting0@350 sent:frame1..4@330+250 got:echo1..4@3400+1 got:tick1..4@3401+1 done@3410";
    check(&[
        ("300 ms",
         of(heard("got:greeting0@170 sent:frame1..4@171+250 got:echo1..4@471+250 got:tick1..4@570+250 done@1600", GOOD_SERVER), &far()),
         ""),
        ("echoes that come in a burst after lost segments", of(heard(slow, GOOD_SERVER), &far()), ""),
        ("a slow front: everything 200 ms late",
         judged("got:greeting0@221 sent:frame1..4@22+250 got:echo1..4@242+250 got:tick1..4@480+250 done@1240", GOOD_SERVER),
         ""),
        ("every echo, but not every message of the server's own",
         judged("got:greeting0@21 sent:frame1..4@22+250 got:echo1..4@42+250 got:tick1..3@280+250 gave-up@4272", GOOD_SERVER),
         "zombie.inconclusive reason=unclear"),
    ]);
}

/// A late echo is alive.
#[test]
#[rustfmt::skip]
fn late_is_not_dead() {
    let late_server = "got:frame1..4@2022+250 sent:echo1..4@2022+250 sent:tick1..4@270+250 fin@4300";
    // Nothing passes for five seconds, and then all of it: the server's record has it.
    let outage = "got:frame1@32 sent:echo1@32 sent:tick1..4@270+250 got:frame2..4@5100+1 sent:echo2..4@5100+1";
    check(&[
        // The echoes come, each four seconds late: the next ones were not due yet when the client gave up.
        ("late echoes that keep coming",
         judged("got:greeting0@21 sent:frame1..4@22+250 got:tick1..4@4020+1 got:echo1..2@4022+250 gave-up@4272", late_server),
         "zombie.inconclusive reason=unclear"),
        ("a gap of five seconds, in which the client gave up",
         judged(&format!("got:greeting0@21 got:echo1@42 {SENT}"), outage),
         "zombie.inconclusive reason=unclear"),
    ]);
}

#[test]
#[rustfmt::skip]
fn no_more_is_said_than_was_seen() {
    check(&[
        // "Everything later passed" would be false.
        ("greeting and ticks are lost, echoes pass",
         judged("sent:frame1..4@22+250 got:echo1..4@42+250 gave-up@4272", GOOD_SERVER),
         "zombie.inconclusive reason=unclear"),
        // The way back lives: it is no silence.
        ("greeting and ticks arrive, echoes do not",
         judged(&format!("got:greeting0@21 got:tick1..4@280+250 {SENT}"), GOOD_SERVER),
         "zombie.inconclusive reason=unclear"),
    ]);
}

#[test]
fn a_stall_of_a_machine_is_no_silence() {
    for stalled in stalls() {
        let expected = "zombie.inconclusive reason=timers-late";
        let silent = of(heard(SENT, TICKS), &stalled);
        let unanswered = of(heard(SENT, "got:frame1..4@4500+1 sent:echo1..4@4500+1"), &stalled);
        check(&[("a machine stood still", silent, expected), ("a machine stood still and went on", unanswered, expected)]);
    }
}

#[test]
#[rustfmt::skip]
fn nobody_is_blamed_in_doubt() {
    let early = "got:greeting0@21 sent:frame1@22 fin@520";
    let foreign = "got:greeting0@21 foreign@300 fin@301";
    let own_end = "zombie.inconclusive reason=own-end transport=websocket";
    check(&[
        ("absent: silence", judged(SENT, "absent"), "zombie.inconclusive reason=witness-absent transport=websocket"),
        ("absent: an early end", judged(early, "absent"), "zombie.inconclusive reason=witness-absent"),
        ("absent: foreign bytes", judged(foreign, "absent"), "zombie.inconclusive reason=witness-absent"),
        ("absent: but everything passed", judged(GOOD, "absent"), ""),
        ("partial: silence", judged(SENT, "partial"), "zombie.inconclusive reason=witness-partial"),
        ("partial: an early end", judged(early, "partial got:frame1@32"),
         "zombie.inconclusive reason=witness-partial"),
        ("our own shutdown", judged(early, "got:frame1@32 shutdown@500"), own_end),
        ("our own limit", judged("got:greeting0@21 sent:frame1..2@22+250 close:1000@520", "got:frame1..2@32+250 limit@510"),
         own_end),
        ("our own shutdown while nothing passed", judged(SENT, "shutdown@500"), own_end),
    ]);
    for (reason, around) in doubts(520) {
        let expected = format!("zombie.inconclusive reason={reason}");
        check(&[
            (reason, of(heard(early, "got:frame1@32 fin@510"), &around), &expected),
            (reason, of(heard("sent:frame1@22 gave-up@520", ""), &around), &expected),
            (reason, of(heard(GOOD, GOOD_SERVER), &around), ""),
        ]);
    }
    let cut = Circumstances { cut_short_at_ms: Some(600), ..around() };
    check(&[
        ("the run was cut short", of(heard("got:greeting0@21 sent:frame1..2@22+250", ""), &cut),
         "zombie.inconclusive reason=cut-short"),
        ("it ended before the run was cut short", of(heard(early, "got:frame1@32 fin@510"), &cut),
         "zombie.closed-early after_ms=500"),
    ]);
}

/// It cannot say who ended the connection.
#[test]
fn a_record_without_what_is_proven_is_not_whole() {
    let early = "got:greeting0@21 sent:frame1@22 fin@520";
    let foreign = "got:greeting0@21 foreign@300 fin@301";
    check(&[
        ("proven, but not in the record: an early end", judged(early, "empty"), "zombie.inconclusive"),
        ("proven, but not in the record: foreign bytes", judged(foreign, "empty"), "zombie.inconclusive"),
        ("proven, but not in the record: silence", judged(SENT, "empty"), "zombie.inconclusive"),
    ]);
}

/// Injected bytes are a fact, however many connections go without.
#[test]
fn foreign_bytes_are_not_contradicted_by_their_absence_elsewhere() {
    let talked = beside(Company { websocket_talked: true, ..Company::default() });
    check(&[(
        "a page",
        of(heard("got:greeting0@21 foreign@300 fin@301", "fin@310 after-peer@4310"), &talked),
        "zombie.foreign-bytes",
    )]);
}

#[test]
fn in_absolute_form_it_only_informs() {
    check(&[(
        "silence",
        judged(&format!("absolute-form {SENT}"), TICKS),
        "zombie.silent-both-ways via=absolute-form decisive=false",
    )]);
}

#[test]
fn odd_evidence_is_judged_without_a_panic() {
    let lies = "got:echo7@30 got:echo7@31 sent:frame9@5 fin@9";
    for (client, server) in [(GOOD, GOOD_SERVER), (SENT, TICKS), (lies, "got:frame3@1")] {
        for (record, around) in distorted(&heard(client, server)) {
            of(record, &around);
        }
    }
    let parts = [Part::Sizes, Part::Again]
        .map(|part| sized(part, &format!("{CLIMB} altered:echo0~9@95 sent:frame23@92 gave-up@3800"), CLIMB_SERVER));
    for ((ladder, around), (again, _)) in distorted(&parts[0].record).into_iter().zip(distorted(&parts[1].record)) {
        let with = |at: usize, record| Exchange { asked: parts[at].asked.clone(), record };
        judge(&[with(0, ladder.clone()), with(1, again.clone())], &around);
        let sizeless = |part, record| Exchange { asked: Asked { messages: 24, ..Asked::sized(part, 99, Vec::new()) }, record };
        judge(&[sizeless(Part::Sizes, ladder), sizeless(Part::Again, again)], &around);
    }
    check(&[("nothing", judge(&[], &around()), ""), ("no 101", of(record("", "absent"), &around()), "")]);
}

/// What each end writes down of a burst of 20 and of the first rungs, and of what fails on the fifth rung's place.
const CLIMB: &str =
    "got:greeting0@21 sent:frame1..20@22 got:echo1..20@42 sent:frame21@50 got:echo21@70 sent:frame22@71 got:echo22@91";
const CLIMB_SERVER: &str = "got:frame1..20@32 sent:echo1..20@32 got:frame21@60 sent:echo21@60 got:frame22@81 sent:echo22@81";

fn sized(part: Part, client: &str, server: &str) -> Exchange<Asked> {
    let (at_once, rungs) = if part == Part::Sizes { (20, vec![125, 126, 1_024, 4_096]) } else { (22, vec![126, 126, 1_024]) };
    let sizes = [64; 20].into_iter().chain(rungs).collect();
    Exchange { asked: Asked::sized(part, at_once, sizes), record: heard(client, server) }
}

fn climbed(ladder: (&str, &str), again: Option<(&str, &str)>, around: &Circumstances) -> Vec<Finding> {
    let mut all = vec![Exchange { asked: beat(), record: heard(GOOD, GOOD_SERVER) }];
    all.push(sized(Part::Sizes, ladder.0, ladder.1));
    all.extend(again.map(|(client, server)| sized(Part::Again, client, server)));
    judge(&all, around)
}

#[test]
#[rustfmt::skip]
fn what_depends_on_size_fails_twice_at_the_same_message() {
    let there = &format!("{CLIMB} sent:frame23@92 gave-up@3800");
    let arrived = &format!("{CLIMB_SERVER} got:frame23@102 sent:echo23@102");
    let ended = &format!("{CLIMB} sent:frame23@92 fin@112");
    let all = &format!("{CLIMB} sent:frame23@92 got:echo23@112 sent:frame24@113 got:echo24@140 done@141");
    let all_server = &format!("{arrived} got:frame24@124 sent:echo24@124 close:1000@150");
    let of = |ladder, again| climbed(ladder, again, &around());
    check(&[
        ("all pass", of((all, all_server), None), ""),
        ("all pass, and the witness is absent", of((all, "absent"), None), ""),
        ("not climbed to its end", of((&format!("{CLIMB} done@92"), CLIMB_SERVER), None), ""),
        ("the large one does not arrive, twice", of((there, CLIMB_SERVER), Some((there, CLIMB_SERVER))),
         "zombie.size-limited bytes=126 lost_bytes=1024 direction=to-server transport=websocket via=direct outcome=degraded"),
        ("its echo does not arrive, twice", of((there, arrived), Some((there, arrived))),
         "zombie.size-limited bytes=126 lost_bytes=1024 direction=to-client"),
        ("the connection ends with it, twice", of((ended, CLIMB_SERVER), Some((ended, CLIMB_SERVER))),
         "zombie.size-limited bytes=126 lost_bytes=1024 direction=to-server"),
        ("once there, once back", of((there, CLIMB_SERVER), Some((there, arrived))), "zombie.inconclusive reason=unclear"),
        ("it passes the second time", of((there, CLIMB_SERVER), Some((&format!("{CLIMB} sent:frame23@92 got:echo23@112 done@113"), arrived))),
         "zombie.inconclusive reason=contradicted"),
        ("no second time", of((there, CLIMB_SERVER), None), "zombie.inconclusive reason=unclear"),
        ("the second time did not open", of((there, CLIMB_SERVER), Some(("", "absent"))), "zombie.inconclusive"),
        ("bytes or messages are counted, not sizes",
         of((ended, CLIMB_SERVER), Some(("got:greeting0@21 sent:frame1..22@22 got:echo1..9@42 fin@60", "got:frame1..9@32 sent:echo1..9@32"))),
         "zombie.closed-early after_ms=92 after_messages=22"),
        ("they are counted, and then nothing passes",
         of((there, CLIMB_SERVER), Some(("got:greeting0@21 sent:frame1..22@22 got:echo1..9@42 gave-up@3600", "got:frame1..9@32 sent:echo1..9@32"))),
         "zombie.silent-to-server after_messages=22"),
    ]);
}

#[test]
#[rustfmt::skip]
fn what_depends_on_quick_succession_fails_in_the_burst() {
    let burst = "got:greeting0@21 sent:frame1..20@22";
    let silent = (&*format!("{burst} got:echo1..7@42 gave-up@3600"), "got:frame1..7@32 sent:echo1..7@32");
    let gaps = (&*format!("{burst} got:echo1..7@42 got:echo9..20@43 gave-up@3600"), "got:frame1..7@32 sent:echo1..7@32 got:frame9..20@33 sent:echo9..20@33");
    let ended = (&*format!("{burst} got:echo1..7@42 reset@50"), "got:frame1..7@32 sent:echo1..7@32 reset@40");
    let good = (&*format!("{CLIMB} done@92"), CLIMB_SERVER);
    let of = |ladder, again| climbed(ladder, Some(again), &around());
    check(&[
        ("silent after a few, twice", of(silent, silent), "zombie.silent-to-server after_messages=7 direction=to-server"),
        ("silent once", of(silent, good), "zombie.inconclusive reason=contradicted"),
        ("ended, twice", of(ended, ended), "zombie.closed-early after_ms=30 after_messages=7"),
        ("some are missing: no known pattern", of(gaps, gaps), "zombie.inconclusive reason=unclear"),
    ]);
}

#[test]
#[rustfmt::skip]
fn changed_messages_are_told_by_both_ends() {
    let burst = "got:greeting0@21 sent:frame1..20@22";
    let sizes = |client: &str, server: &str| climbed((client, server), None, &around());
    let back = "got:greeting0@21 sent:frame1..4@22+250 altered:echo1..2~35@42+250 got:echo3..4@542+250 got:tick1..4@280+250 done@1040";
    check(&[
        ("towards the client, at a beat", judged(back, GOOD_SERVER),
         "zombie.frames-altered bytes=35 changed=2 direction=to-client transport=websocket via=direct outcome=degraded"),
        ("towards the server, at a beat", judged(GOOD, &GOOD_SERVER.replace("got:frame1..4", "altered:frame1..4~36")),
         "zombie.frames-altered bytes=36 changed=4 direction=to-server"),
        ("the greeting alone", judged(&GOOD.replace("got:greeting0", "altered:greeting0~70"), GOOD_SERVER),
         "zombie.frames-altered bytes=70 changed=1 direction=to-client"),
        ("in a burst", sizes(&format!("{burst} got:echo1@42 altered:echo2..20~63@42 done@60"), "got:frame1..20@32 sent:echo1..20@32"),
         "zombie.frames-altered bytes=64 changed=19 direction=to-client"),
        ("either way", sizes(&format!("{burst} got:echo1..19@42 altered:echo20~63@42 done@60"), "got:frame1..19@32 altered:frame20~63@32 sent:echo1..20@32"),
         "zombie.frames-altered bytes=64 changed=2 direction=both"),
        ("nobody sent it", judged(back, "got:frame1..4@32+250 sent:echo3..4@532+250 sent:tick1..4@270+250"), "zombie.inconclusive reason=unclear"),
        ("the record is absent", judged(back, "absent"), "zombie.inconclusive reason=witness-absent"),
        ("the record is partial", judged(back, &format!("partial {GOOD_SERVER}")), "zombie.inconclusive reason=witness-partial"),
        ("changed, and then ended early", judged("got:greeting0@21 sent:frame1@22 altered:echo1~35@42 fin@520", "got:frame1@32 sent:echo1@32 fin@510"),
         "zombie.closed-early after_ms=500"),
        ("changed, and then silent", judged(&format!("got:greeting0@21 altered:echo1~35@42 {SENT}"), &format!("got:frame1@32 sent:echo1@32 {TICKS}")),
         "zombie.silent-to-server after_messages=1"),
    ]);
}

/// Slow is not broken, busy is not dead, and a server that is down is not a middlebox.
#[test]
#[rustfmt::skip]
fn a_large_message_that_is_slow_or_our_own_doing_is_no_limit() {
    let silent = &format!("{CLIMB} sent:frame23@92 gave-up@3800");
    let arrived = |at: u64| format!("{CLIMB_SERVER} got:frame23@{at} sent:echo23@{at}");
    let of = |client: &str, server: &str, around: &Circumstances| climbed((client, server), Some((client, server)), around);
    let unclear = "zombie.inconclusive reason=unclear";
    check(&[
        ("it took most of the time to the server", of(silent, &arrived(2_500), &around()), unclear),
        ("it arrived after the client gave up", of(silent, &arrived(4_500), &around()), unclear),
        ("it arrived and was not answered", of(silent, &format!("{CLIMB_SERVER} got:frame23@102"), &around()), unclear),
        ("the server could not read something", of(silent, &format!("{CLIMB_SERVER} foreign@102"), &around()), unclear),
        ("our own limit", of(&format!("{CLIMB} sent:frame23@92 fin@112"), &format!("{CLIMB_SERVER} limit@102"), &around()),
         "zombie.inconclusive reason=own-end"),
        ("our own shutdown", of(&format!("{CLIMB} sent:frame23@92 close:1001@112"), &format!("{CLIMB_SERVER} shutdown@102"), &around()),
         "zombie.inconclusive reason=own-end"),
        ("the record is absent", of(silent, "absent", &around()), "zombie.inconclusive reason=witness-absent"),
        ("the record is partial", of(silent, &format!("partial {CLIMB_SERVER}"), &around()), "zombie.inconclusive reason=witness-partial"),
        ("proven, and not in the record", of(silent, "empty", &around()), "zombie.inconclusive reason=witness-partial"),
        ("the 101 was made up", of(&format!("unproven {silent}"), "empty", &around()), ""),
    ]);
    let kernel = |unacked, retransmits| Some(KernelNote { unacked, retransmits, rto_ms: 800, rtt_us: 10_000, last_ack_ms: 10 });
    let sending = |kernel: Option<KernelNote>| {
        let mut all = [Part::Sizes, Part::Again].map(|part| sized(part, silent, CLIMB_SERVER));
        all.iter_mut().for_each(|one| one.record.kernel = kernel.clone());
        judge(&all, &around())
    };
    check(&[
        ("the kernel is still sending it", sending(kernel(9, 0)), unclear),
        ("the kernel gets no acknowledgement", sending(kernel(1, 4)), "zombie.size-limited acknowledged=false"),
        ("the next hop has taken it", sending(kernel(0, 0)), "zombie.size-limited acknowledged=true"),
    ]);
    for (reason, around) in doubts(3_800) {
        check(&[(reason, of(silent, CLIMB_SERVER, &around), &format!("zombie.inconclusive reason={reason}"))]);
    }
    for stalled in stalls() {
        check(&[("a machine stood still", of(silent, CLIMB_SERVER, &stalled), "zombie.inconclusive reason=timers-late")]);
    }
    let cut = Circumstances { cut_short_at_ms: Some(600), ..around() };
    check(&[("the run was stopped", climbed((CLIMB, CLIMB_SERVER), None, &cut), "zombie.inconclusive reason=cut-short")]);
}
