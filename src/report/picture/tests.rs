use super::*;
use proxyprobe_probes::ProbeId;
use proxyprobe_probes::circumstances::Circumstances;
use proxyprobe_probes::exchange::{Opened, Proof, ServerNotes, Witness};
use proxyprobe_probes::plan::{Depth, Plan};
use proxyprobe_probes::recommend::Answers;
use proxyprobe_probes::timeline::{End, Event, Timeline, What, Why};
use proxyprobe_probes::transport::{Direction, Via};
use proxyprobe_probes::untrusted::Untrusted;
use std::collections::BTreeMap;

fn timeline(events: &[(u64, Event)]) -> Timeline {
    let mut timeline = Timeline::default();
    events.iter().for_each(|(at, event)| timeline.push(*at, event.clone()));
    timeline
}

fn opened(took_ms: u64) -> Option<Opened> {
    Some(Opened { via: Via::Direct, local: "192.0.2.9".into(), remote: "192.0.2.1:443".into(), took_ms, ..Opened::default() })
}

fn record(client: &[(u64, Event)], server: Option<&[(u64, Event)]>) -> Record {
    let notes = |events| Witness::Whole(ServerNotes { timeline: timeline(events), ..ServerNotes::default() });
    Record { opened: opened(20), client: timeline(client), witness: server.map_or(Witness::Absent, notes), ..Record::default() }
}

fn hearing(around: Circumstances, evidence: Vec<(ProbeId, Leg, Evidence)>) -> Hearing {
    let mut all: BTreeMap<ProbeId, BTreeMap<Leg, Evidence>> = BTreeMap::new();
    for (probe, leg, of_it) in evidence {
        all.entry(probe).or_default().insert(leg, of_it);
    }
    Hearing {
        leg: Leg::Https,
        plan: Plan::new(Depth::Standard, None),
        circumstances: around,
        answers: Answers::default(),
        through_proxy: false,
        evidence: all,
    }
}

fn upgrade(record: Record) -> Evidence {
    Evidence::Upgrade(vec![Exchange {
        asked: upgrade::Asked { token: Token::Lower, offer: Offer::Compression, port: None },
        record,
    }])
}

/// The only lane of a hearing with this one connection.
fn lane(around: Circumstances, record: Record) -> Lane {
    let picture = Picture::of(&hearing(around, vec![(ProbeId::Upgrade, Leg::Https, upgrade(record))]));
    assert_eq!(picture.lanes.len(), 1);
    picture.lanes[0].clone()
}

fn sent(number: u32) -> Event {
    Event::Sent(What::Frame, number)
}

fn got(number: u32) -> Event {
    Event::Received(What::Frame, number, None)
}

#[test]
fn times_of_the_server_are_put_on_the_clients_clock() {
    let around = Circumstances { clock_offset_ms: 400, ..Circumstances::default() };
    let server = [(520, Event::Request), (540, Event::Response(101)), (1500, Event::Ended(End::CloseFrame(1000)))];
    let client = [(100, Event::Opened), (100, Event::Request), (160, Event::Response(101)), (1090, Event::Closed(Why::Done))];
    let lane = lane(around, record(&client, Some(&server)));
    assert_eq!((lane.opening, lane.client, lane.server), (Some((80, 100)), Some((100, 1090)), Some((120, 1100))));
    let arrived = |way, left, arrived| Passage { way, left_ms: Some(left), arrived_ms: Some(arrived), fate: Fate::Arrived };
    assert_eq!(lane.passages, [arrived(Direction::ToServer, 100, 120), arrived(Direction::ToClient, 140, 160)]);
    let end = |at_ms, how| Some(Ending { at_ms, how, by: By::Client });
    assert_eq!(lane.end, end(1090, How::Closed(Why::Done)));
    assert_eq!(lane.server_end, end(1100, How::Ended(End::CloseFrame(1000))));
    assert!(lane.end.is_some_and(|end| end.is_planned()));
}

#[test]
fn what_never_arrives_is_lost_only_where_the_other_record_is_whole() {
    let client = [(0, Event::Opened), (10, sent(1)), (3000, sent(2)), (6500, Event::GaveUp)];
    let server = [(11, got(1)), (20, Event::Sent(What::Echo, 1))];
    let fates = |record| lane(Circumstances::default(), record).passages.iter().map(|p| (p.way, p.fate)).collect::<Vec<_>>();
    let whole = record(&client, Some(&server));
    let up = |fate| (Direction::ToServer, fate);
    assert_eq!(fates(whole.clone()), [up(Fate::Arrived), (Direction::ToClient, Fate::Lost), up(Fate::Lost)]);
    let notes = whole.witness.notes().unwrap().clone();
    let partial = Record { witness: Witness::Partial(notes), ..whole.clone() };
    assert_eq!(fates(partial), [up(Fate::Arrived), (Direction::ToClient, Fate::Lost), up(Fate::Unknown)]);
    assert_eq!(fates(record(&client, None)), [up(Fate::Unknown), up(Fate::Unknown)]);
    // A server that proved itself on this connection saw it, whatever its record says.
    let proven = Record { witness: Witness::Empty, proof: Proof::Valid, ..whole.clone() };
    assert_eq!(fates(proven), [up(Fate::Unknown), up(Fate::Unknown)]);
    let unseen = Record { witness: Witness::Empty, ..whole };
    assert_eq!(fates(unseen), [up(Fate::Lost), up(Fate::Lost)]);
}

#[test]
fn what_the_server_sent_as_the_client_left_is_not_lost() {
    let client = [(0, Event::Opened), (4000, Event::Closed(Why::Done))];
    let server = [(3990, Event::Sent(What::Tick, 1)), (4001, Event::Ended(End::Fin))];
    assert_eq!(lane(Circumstances::default(), record(&client, Some(&server))).passages[0].fate, Fate::Unknown);
}

#[test]
fn what_the_server_never_sent_comes_from_somebody_else() {
    let forged = [(0, Event::Opened), (0, Event::Request), (5, Event::Response(101)), (9, Event::Foreign(Untrusted::new("<p>")))];
    let unseen = Record { witness: Witness::Empty, ..record(&forged, None) };
    let lane = lane(Circumstances::default(), unseen);
    assert_eq!((lane.testified, lane.foreign()), (Testified::Nothing, 2));
    assert!(lane.words().contains("The server never saw it. 2 arrived that the other end never sent."), "{}", lane.words());
}

#[test]
fn an_event_that_comes_twice_leaves_once() {
    let event = |said| Event::Received(What::Event, 1, Some(said));
    let client = [(0, Event::Opened), (30, event(20)), (31, event(20))];
    let lane = lane(Circumstances::default(), record(&client, Some(&[(20, Event::Sent(What::Event, 1))])));
    assert_eq!(lane.passages.iter().map(|p| (p.left_ms, p.fate)).collect::<Vec<_>>(), [(Some(20), Fate::Arrived); 2]);
}

#[test]
fn both_records_together_say_who_ended_it() {
    let ended = |end| [(0, Event::Opened), (8000, Event::Ended(end))];
    let by = |client: &[(u64, Event)], server: Option<&[(u64, Event)]>| {
        let lane = lane(Circumstances::default(), record(client, server));
        (lane.end.map(|end| end.by), lane.server_end.map(|end| end.by))
    };
    let closed = [(7999, Event::Closed(Why::Done))];
    assert_eq!(by(&ended(End::Complete), Some(&closed)), (Some(By::Server), Some(By::Server)));
    // A server that closes a minute later did not end it.
    let late = [(60_000, Event::Closed(Why::Limit))];
    assert_eq!(by(&ended(End::Fin), Some(&late)), (Some(By::Between), Some(By::Server)));
    let told = [(8000, Event::Ended(End::Reset))];
    assert_eq!(by(&ended(End::Fin), Some(&told)), (Some(By::Between), Some(By::Between)));
    let open = [(0, Event::Request)];
    assert_eq!(by(&ended(End::Reset), Some(&open)), (Some(By::Between), None));
    assert_eq!(by(&ended(End::Reset), None), (Some(By::Unknown), None));
    let left = [(0, Event::Opened), (8000, Event::Closed(Why::Abort))];
    assert_eq!(by(&left, Some(&told)), (Some(By::Client), Some(By::Client)));
}

#[test]
fn a_line_ends_where_the_first_end_is() {
    let client = [(0, Event::Opened), (3000, Event::GaveUp)];
    let server = [(5, Event::Request), (3001, Event::Ended(End::Fin)), (7000, Event::Closed(Why::AfterPeer))];
    assert_eq!(lane(Circumstances::default(), record(&client, Some(&server))).server, Some((5, 3001)));
    // It goes on where the server saw no end.
    assert_eq!(lane(Circumstances::default(), record(&client, Some(&[(5, Event::Request)]))).server, Some((5, 3000)));
}

#[test]
fn a_silence_is_where_neither_end_saw_anything() {
    let client = [(0, Event::Opened), (10, sent(1)), (6000, sent(2)), (6010, Event::Closed(Why::Done))];
    let server = [(11, got(1)), (3000, Event::Sent(What::Tick, 1)), (6001, got(2))];
    let lane = lane(Circumstances::default(), record(&client, Some(&server)));
    assert_eq!(lane.silences, [(11, 3000), (3000, 6000)]);
}

#[test]
fn the_deciding_leg_comes_first_and_what_is_too_much_is_counted() {
    let one = || Exchange {
        asked: upgrade::Asked { token: Token::Lower, offer: Offer::Compression, port: None },
        record: record(&[(0, Event::Opened)], None),
    };
    let evidence = vec![
        (ProbeId::Upgrade, Leg::Http, Evidence::Upgrade(vec![one()])),
        (ProbeId::Upgrade, Leg::Https, Evidence::Upgrade((0..MAX_LANES).map(|_| one()).collect())),
    ];
    let picture = Picture::of(&hearing(Circumstances::default(), evidence));
    assert_eq!((picture.lanes.len(), picture.left_out), (MAX_LANES, 1));
    assert!(picture.lanes.iter().all(|lane| lane.decides && lane.leg == Leg::Https));
    assert_eq!(picture.left_out_words().as_deref(), Some("1 more connection is left out."));
}

#[test]
fn no_time_that_a_file_may_hold_is_too_large() {
    let huge = 1 << 48;
    let client = [(0, Event::Opened), (huge, sent(1)), (huge, Event::GaveUp)];
    let around = Circumstances { clock_offset_ms: i64::MIN, ..Circumstances::default() };
    let evidence = vec![(ProbeId::Upgrade, Leg::Https, upgrade(record(&client, Some(&[(u64::MAX, got(1))]))))];
    let picture = Picture::of(&hearing(around, evidence));
    assert_eq!(picture.until_ms, u64::MAX);
    assert!(text(&picture, 80).lines().all(|line| line.len() <= 80));
}

#[test]
fn a_terminal_gets_a_line_for_each_connection() {
    let tick = |at, number| (at, Event::Sent(What::Event, number));
    let got = |at, number| (at, Event::Received(What::Event, number, None));
    let held = record(
        &[(0, Event::Opened), (0, Event::Request), got(9000, 1), got(9000, 2), (9010, Event::Ended(End::Complete))],
        Some(&[(5, Event::Request), tick(3000, 1), tick(6000, 2), (9000, Event::Closed(Why::Done))]),
    );
    let zombie = record(
        &[(0, Event::Opened), (0, Event::Request), (50, Event::Response(101)), (5000, sent(1)), (9500, Event::GaveUp)],
        Some(&[(5, Event::Request), (10, Event::Response(101))]),
    );
    let killed = record(&[(0, Event::Opened), (0, Event::Request), (10_000, Event::Ended(End::Reset))], None);
    let sse = |record| Exchange {
        asked: sse::Asked { kind: Kind::Plain, count: 2, every_ms: 3000, form: sse::Form::default() },
        record,
    };
    let evidence = vec![
        (ProbeId::Upgrade, Leg::Https, upgrade(zombie)),
        (ProbeId::Upgrade, Leg::Http, upgrade(killed)),
        (ProbeId::Sse, Leg::Https, Evidence::Sse(vec![sse(held)])),
    ];
    let shown = text(&Picture::of(&hearing(Circumstances::default(), evidence)), 80);
    let expected = [
        "                                     0                                   10.0 s",
        "upgrade  https  Upgrade: websocket  |=-------------------L-----------------?   |",
        "sse      https  2 events, plain     |>-----------s-----------s-----------<]    |",
        "upgrade  http   Upgrade: websocket  |>----------------------------------------x|",
        ". opening   = both ways   > to the server   < to the client   - nothing",
        "s seen by the server alone   L sent and lost   ] ended as planned",
        "x ended by something else   ? no answer: given up   ! failed",
    ];
    assert_eq!(shown.lines().collect::<Vec<_>>(), expected, "\n{shown}");
    assert!(shown.is_ascii() && shown.lines().all(|line| line.len() <= 80));
}
