//! Runs: their bounds, and their end.

use super::*;
use proxyprobe_probes::timeline::{Event, Timeline, What};

fn runs(limits: Limits) -> Runs {
    Runs::new(Entropy::seeded(1), limits, Door::new(limits), None)
}

fn found(runs: &Runs, id: &str) -> bool {
    matches!(runs.find(id, None), Found::Run(_))
}

#[tokio::test(start_paused = true)]
async fn runs_are_bounded_and_expire() {
    let limits = Limits { runs: 2, ..Limits::default() };
    let runs = runs(limits);
    let held = runs.begin(None).unwrap();
    let id = runs.begin(None).unwrap().prover.run().to_owned();
    assert!(runs.begin(None).err() == Some(Refusal::Runs));
    tokio::time::advance(limits.kept_idle).await;
    assert!(!found(&runs, &id), "nothing of it was open");
    assert!(found(&runs, held.prover.run()), "something of it was");
    tokio::time::advance(limits.kept).await;
    assert!(!found(&runs, held.prover.run()));
    assert!(runs.begin(None).is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_witness_comes_in_bounded_pages() {
    let runs = runs(Limits { record: usize::MAX, memory: usize::MAX, ..Limits::default() });
    let run = runs.begin(None).unwrap();
    for number in 0..30 {
        let pen = run.note(&number.to_string(), RequestHead::default(), None, false).unwrap().0;
        (0..Timeline::MAX_ENTRIES).for_each(|_| pen.note(Event::Sent(What::Tick, 1)));
    }
    let (mut from, mut seen, mut pages) = (Some(0), 0, 0);
    while let Some(at) = from {
        let page = run.page(at, 0);
        assert!(serde_json::to_string(&page).unwrap().len() <= WITNESS_PAGE_BYTES);
        seen += page.notes.len();
        pages += 1;
        from = page.next;
    }
    assert_eq!(seen, 30);
    assert!(pages > 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_writes_too_much_is_cut_and_says_so() {
    let runs = runs(Limits { record: 1_300, ..Limits::default() });
    let run = runs.begin(None).unwrap();
    let pen = run.note("a", RequestHead::default(), None, false).unwrap().0;
    (0..11).for_each(|_| pen.note(Event::Sent(What::Tick, 1)));
    assert!(run.page(0, 0).notes[0].1.timeline.cut);
    let large =
        RequestHead { headers: vec![(Untrusted::new("x"), Untrusted::new(&"y".repeat(1_000)))], ..RequestHead::default() };
    assert!(run.note("b", large, None, false).is_none());
    assert!(run.page(0, 0).cut);
}

#[tokio::test(start_paused = true)]
async fn all_that_a_request_makes_the_server_write_down_counts() {
    let long = || Untrusted::new(&"y".repeat(1_000));
    // Each of them is two characters in JSON.
    let quotes = Untrusted::new(&"\"".repeat(600));
    for head in [
        RequestHead { method: long(), ..RequestHead::default() },
        RequestHead { target: long(), ..RequestHead::default() },
        RequestHead { headers: vec![(quotes, Untrusted::new(""))], ..RequestHead::default() },
        RequestHead { headers: vec![(Untrusted::new(""), Untrusted::new("")); 200], ..RequestHead::default() },
    ] {
        let runs = runs(Limits { record: 1_500, ..Limits::default() });
        let run = runs.begin(None).unwrap();
        assert!(run.note("a", head.clone(), None, false).is_none(), "{head:?}");
        assert!(run.page(0, 0).cut);
    }
}

#[tokio::test(start_paused = true)]
async fn the_records_of_all_runs_have_a_ceiling_and_give_back_what_they_took() {
    let limits = Limits { memory: LEAST_MEMORY + 1_000, ..Limits::default() };
    let runs = runs(limits);
    let run = runs.begin(None).unwrap();
    assert!(run.note("a", RequestHead::default(), None, true).is_some());
    assert_eq!(runs.begin(None).err(), Some(Refusal::Memory));
    drop(run);
    tokio::time::advance(limits.kept_idle).await;
    assert!(runs.begin(None).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_run_with_too_many_connections_says_so() {
    let runs = runs(Limits { notes: 1, ..Limits::default() });
    let run = runs.begin(None).unwrap();
    assert!(run.note("a", RequestHead::default(), None, false).is_some());
    assert!(run.note("b", RequestHead::default(), None, false).is_none());
    assert!(run.page(0, 0).cut);
}

#[tokio::test(start_paused = true)]
async fn a_series_goes_on_until_its_record_is_full_and_then_each_request_counts() {
    let runs = runs(Limits { notes: 1, record: usize::MAX, memory: usize::MAX, ..Limits::default() });
    let run = runs.begin(None).unwrap();
    assert!(run.series("a").is_none());
    let pen = run.note("a", RequestHead::default(), None, false).unwrap().0;
    let again = run.series("a").unwrap().0;
    (0..Timeline::MAX_ENTRIES).for_each(|_| again.note(Event::Received(What::Frame, 1, None)));
    assert_eq!(pen.timeline().entries.len(), Timeline::MAX_ENTRIES);
    assert!(run.series("a").is_none());
    assert!(run.note("a", RequestHead::default(), None, false).is_none());
}
