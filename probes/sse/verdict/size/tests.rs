//! Streams that wait for bytes, and streams that only look like it.

use super::*;
use crate::testing::{around, check, distorted, far, record};

/// When the server sends the twelve events of a plain stream, each of 54 bytes behind a prelude of 76.
const PLAIN: [u64; 12] = [160, 310, 760, 910, 1360, 1510, 1960, 2110, 2560, 2710, 3160, 3310];
const PRELUDE: u64 = 76;
const EVENT: u64 = 54;

/// When the padded stream, which is asked for later, sends its fourteen.
fn padded_sent() -> Vec<u64> {
    (1..=14).map(|number| 4_000 + 230 * number).collect()
}

/// What a box does with a stream: from the number of an event, when it was sent and all bytes so far, to when it arrives.
fn exchange(kind: Kind, sent: &[u64], sizes: &dyn Fn(u32) -> u64, arrives: &dyn Fn(u32, u64) -> u64) -> Exchange<Asked> {
    let start = sent[0] - 150;
    let (mut client, mut server) =
        (format!("opened@{start} request@{start} 200@{start}"), format!("request@{start} 200@{start}"));
    let (mut before, mut end) = (0, 0);
    for (number, at) in (1..).zip(sent) {
        let size = sizes(number);
        end = arrives(number, *at).max(end);
        client += &format!(" piece:{}@{end} got:event{number}~{at}@{end}", size - before);
        server += &format!(" sent:event{number}@{at}");
        before = size;
    }
    let over = sent.last().unwrap().max(&end) + 1;
    if kind == Kind::Resumed {
        server += &format!(" got:last-event-id12@{start}");
    }
    let every_ms = if kind == Kind::Padded { 230 } else { 300 };
    let asked = Asked { kind, count: u32::try_from(sent.len()).unwrap(), every_ms, form: Form::default() };
    Exchange { asked, record: record(&format!("{client} complete@{over}"), &format!("{server} done@{over}")) }
}

fn plain(arrives: &dyn Fn(u32, u64) -> u64) -> Exchange<Asked> {
    exchange(Kind::Plain, &PLAIN, &|number| PRELUDE + EVENT * u64::from(number), arrives)
}

fn padded(arrives: &dyn Fn(u32, u64) -> u64) -> Exchange<Asked> {
    exchange(
        Kind::Padded,
        &padded_sent(),
        &|number| if number < 14 { padded_size(number) } else { padded_size(13) + EVENT },
        arrives,
    )
}

fn resumed(arrives: &dyn Fn(u32, u64) -> u64) -> Exchange<Asked> {
    exchange(Kind::Resumed, &[4_000, 4_450], &|number| PRELUDE + EVENT * u64::from(number), arrives)
}

/// When a buffer that lets go of all it has at `bytes` lets these events through.
fn freed(sent: &[u64], sizes: &dyn Fn(u32) -> u64, bytes: u64, again: bool) -> Vec<u64> {
    let (mut freed, mut passed, mut open) = (vec![0; sent.len()], 0, false);
    for (index, at) in sent.iter().enumerate() {
        let size = sizes(u32::try_from(index + 1).unwrap());
        if size - passed >= bytes || open {
            freed[..=index].iter_mut().filter(|when| **when == 0).for_each(|when| *when = at + 5);
            (passed, open) = (size, !again);
        }
    }
    let end = sent.last().unwrap() + 6;
    freed.iter().map(|when| if *when == 0 { end } else { *when }).collect()
}

/// All streams of a path with such a buffer.
fn behind(bytes: u64, again: bool) -> Vec<Exchange<Asked>> {
    let small = |number| PRELUDE + EVENT * u64::from(number);
    let one = freed(&PLAIN, &small, bytes, again);
    let two = freed(&padded_sent(), &padded_size, bytes, again);
    let three = freed(&[4_000, 4_450], &small, bytes, again);
    vec![
        plain(&|number, _| one[number as usize - 1]),
        padded(&|number, _| two[number as usize - 1]),
        resumed(&|number, _| three[number as usize - 1]),
    ]
}

fn at_the_end(sent: &[u64]) -> impl Fn(u32, u64) -> u64 + use<> {
    let end = sent.last().unwrap() + 6;
    move |_, _| end
}

#[test]
#[rustfmt::skip]
fn the_padded_stream_says_how_much_is_held() {
    let of = |bytes, again| judge(&behind(bytes, again), &around());
    let until_end = plain(&at_the_end(&PLAIN));
    check(&[
        ("4 KiB again and again", of(4096, true),
         "sse.buffered-until-end | sse.buffered-by-size lower_bytes=3136 upper_bytes=4160 bytes=4160 holds=every transport=sse outcome=degraded"),
        ("the first 2 KiB", of(2048, false), "sse.buffered-by-size lower_bytes=1600 upper_bytes=2112 holds=first"),
        ("1 KiB", of(1024, true), "sse.buffered-until-end | sse.buffered-by-size lower_bytes=724 upper_bytes=1088"),
        ("64 KiB", of(65_536, true), "sse.buffered-until-end | sse.buffered-by-size lower_bytes=32832 upper_bytes=65600"),
        ("256 bytes, which the plain stream shows", of(256, true), "sse.buffered-by-size lower_bytes=206 upper_bytes=270"),
        ("600 bytes, of which it shows one burst", of(600, true), "sse.buffered-by-size lower_bytes=552 upper_bytes=616"),
        ("2 MiB", of(2 << 20, true), "sse.buffered-until-end held_bytes=65600 outcome=broken"),
        ("nothing held", of(0, true), ""),
        ("until the end, however much it is",
         judge(&[until_end.clone(), padded(&at_the_end(&padded_sent()))], &around()), "sse.buffered-until-end held_bytes=65600"),
        ("until the end, and nobody asked how much", judge(std::slice::from_ref(&until_end), &around()), "sse.buffered-until-end"),
        ("a path of 300 ms", {
            let mut all = behind(4096, true);
            for entry in all.iter_mut().flat_map(|one| &mut one.record.client.entries) {
                entry.at_ms += 145;
            }
            judge(&all, &far())
        }, "sse.buffered-until-end | sse.buffered-by-size upper_bytes=4160"),
        ("clocks that were compared while this machine was busy", {
            let mut all = behind(4096, true);
            for entry in all.iter_mut().flat_map(|one| &mut one.record.client.entries) {
                entry.at_ms = entry.at_ms.saturating_sub(12);
            }
            judge(&all, &Circumstances { clock_bound_ms: 13, round_trip_ms: 25, ..around() })
        }, "sse.buffered-until-end | sse.buffered-by-size lower_bytes=3136 upper_bytes=4160"),
    ]);
    let blocks = padded(&|number, at| if number < 5 { padded_sent()[4] + 5 } else { at + 235 });
    let mut all = behind(4096, true);
    all[1] = blocks;
    // The last five bytes of what sets it free stay behind.
    let rest: Vec<_> = all[1].record.client.entries.iter().filter(|entry| !matches!(entry.event, Event::Piece(_))).cloned().collect();
    all[1].record.client.entries = rest;
    all[1].record.client.push(padded_sent()[4] + 5, Event::Piece(4096));
    all[1].record.client.push(padded_sent()[5] + 5, Event::Piece(4096));
    check(&[("blocks of 4 KiB", judge(&all, &around()), "sse.buffered-until-end | sse.buffered-by-size bytes=4096")]);
}

#[test]
fn events_may_be_read_a_moment_after_their_bytes() {
    for bytes in [256, 600] {
        let mut evidence = behind(bytes, true);
        let codes = |evidence: &[Exchange<Asked>]| judge(evidence, &around()).iter().map(|f| f.code.id).collect::<Vec<_>>();
        assert_eq!(codes(&evidence), ["sse.buffered-by-size"], "{bytes}");
        for entry in evidence.iter_mut().flat_map(|exchange| &mut exchange.record.client.entries) {
            entry.at_ms += u64::from(matches!(entry.event, Event::Received(What::Event, ..)));
        }
        assert_eq!(codes(&evidence), ["sse.buffered-by-size"], "{bytes}");
    }
}

#[test]
#[rustfmt::skip]
fn what_the_padded_stream_cannot_say_is_left_open() {
    let open = "sse.buffered-until-end held_by_size=inconclusive outcome=broken";
    let held = plain(&at_the_end(&PLAIN));
    let with = |how: &dyn Fn(&mut Exchange<Asked>)| {
        let mut second = behind(4096, true).remove(1);
        how(&mut second);
        vec![held.clone(), second]
    };
    let no_end = |second: &mut Exchange<Asked>| second.record.client.entries.retain(|e| !matches!(e.event, Event::Ended(_)));
    let stopped = with(&|second| {
        let Witness::Whole(notes) = &mut second.record.witness else { unreachable!() };
        notes.timeline.entries.truncate(8);
    });
    let cut = Circumstances { cut_short_at_ms: Some(6_000), ..around() };
    check(&[
        ("its record is absent", judge(&with(&|second| second.record.witness = Witness::Absent), &around()), open),
        ("the run was stopped meanwhile", judge(&with(&no_end), &cut), open),
        ("the server stopped in the middle", judge(&stopped, &around()), open),
        ("refused", judge(&with(&|second| second.record.client.entries.truncate(2)), &around()), open),
        ("set free when nothing was sent", judge(&[held.clone(), padded(&|_, at| at.max(5_070) + 5)], &around()), open),
        ("late timers", judge(&behind(4096, true), &Circumstances { client_lag_ms: 150, ..around() }), open),
    ]);
}

/// Loss makes several events arrive at once, a batch is passed on by the clock, and a queue empties slowly: none of it is a size.
#[test]
#[rustfmt::skip]
fn what_comes_together_did_not_always_wait_for_bytes() {
    let in_time = || padded(&|_, at| at + 5);
    let of = |arrives: &dyn Fn(u32, u64) -> u64| judge(&[plain(arrives), in_time(), resumed(&|_, at| at + 5)], &around());
    let batch = |every: u64| move |_: u32, at: u64| at.next_multiple_of(every) + 5;
    check(&[
        ("in time", of(&|_, at| at + 5), ""),
        ("one lost segment, once repeated in vain", of(&|_, at| if at < 2_000 { 2_000 } else { at + 5 }), ""),
        ("two losses", of(&|number, at| if number < 4 { 900 } else if number < 7 { 1_900 } else { at + 5 }), ""),
        ("jitter", of(&|number, at| at + 5 + u64::from(number * 7 % 5) * 90), ""),
        ("every 1.2 s", judge(&[plain(&batch(1_200)), padded(&batch(1_200)), resumed(&batch(1_200))], &around()), "sse.delayed"),
        ("every 2 s", judge(&[plain(&batch(2_000)), padded(&batch(2_000)), resumed(&batch(2_000))], &around()),
         "sse.delayed"),
        ("the machine stood still", judge(&behind(256, true), &Circumstances { client_lag_ms: 5_000, ..around() }),
         "sse.inconclusive reason=timers-late"),
    ]);
}

#[test]
fn a_hint_mends_only_what_is_held_without_it() {
    let mut all = behind(600, true);
    let mut hinted = plain(&|_, at| at + 5);
    hinted.asked.kind = Kind::Hinted;
    let mut held = all[0].clone();
    held.asked.kind = Kind::Hinted;
    all.push(hinted);
    let mended = judge(&all, &around());
    assert!(mended[0].word("mended_by").is_some(), "{mended:?}");
    all[3] = held;
    let found = judge(&all, &around());
    assert!(found[0].word("mended_by").is_none(), "{found:?}");
}

#[test]
fn odd_evidence_is_judged_without_a_panic() {
    for bytes in [256, 600, 4096] {
        let all = behind(bytes, true);
        for (record, around) in distorted(&all[1].record) {
            for count in [0, 14, u32::MAX] {
                let second = Exchange {
                    asked: Asked { kind: Kind::Padded, count, every_ms: u64::MAX, form: Form::default() },
                    record: record.clone(),
                };
                judge(&[all[0].clone(), second.clone(), all[2].clone()], &around);
                judge(&[Exchange { asked: all[0].asked, record: record.clone() }, second], &around);
            }
        }
    }
}

#[test]
fn the_steps_of_a_padded_stream_are_half_a_power_each() {
    let sizes: Vec<u64> = (0..=14).map(|number| padded_size(number).saturating_sub(PADDED_MARGIN)).collect();
    let kib = |tenths: u64| tenths * 1024 / 10;
    let expected = [0, 10, 15, 20, 30, 40, 60, 80, 120, 160, 240, 320, 480, 640, 640].map(kib);
    assert_eq!(sizes, expected);
}
