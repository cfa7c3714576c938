//! Every combination of answers and verdicts, and the figures.

use super::*;
use crate::exchange::Exchange;
use crate::finding::Code;
use crate::{idle, long_poll, sse, upgrade, zombie};

fn all_situations() -> Vec<Situation> {
    let verdicts = [Verdict::Works, Verdict::Degraded, Verdict::Broken, Verdict::Inconclusive, Verdict::NotTested];
    let mut all = Vec::new();
    for sends in [Sends::HighFrequency, Sends::Occasional, Sends::Unknown] {
        for network in [Between::Enterprise, Between::Direct, Between::Unknown] {
            for client in [Client::Browser, Client::Node, Client::Mobile, Client::Constrained, Client::Unknown] {
                for interactive in [false, true] {
                    for index in 0..verdicts.len().pow(3) {
                        let [w, s, l] = [index / 25, index / 5 % 5, index % 5].map(|at| verdicts[at]);
                        all.push(Situation {
                            answers: Answers { client_sends: sends, network, client, interactive, ..Answers::default() },
                            verdicts: [(Transport::WebSocket, w), (Transport::Sse, s), (Transport::LongPolling, l)].into(),
                            longest_idle_ms: 32_000,
                            ..Situation::default()
                        });
                    }
                }
            }
        }
    }
    all
}

#[test]
fn every_combination_has_an_outcome_that_the_path_supports() {
    for situation in all_situations() {
        let outcome = recommend(&situation).transport;
        let chosen = Transport::ALL.into_iter().find(|t| t.as_str() == outcome);
        match chosen {
            Some(transport) => assert!(situation.usable(transport), "{situation:?}"),
            None => {
                let constrained = situation.answers.client == Client::Constrained;
                let hopeless = Transport::ALL.iter().all(|t| !situation.usable(*t) || (constrained && *t == Transport::Sse));
                assert!(hopeless, "{situation:?} -> none");
            }
        }
    }
}

#[test]
fn what_changes_messages_is_not_built_on_and_what_limits_their_size_is() {
    let situation = |code| Situation {
        answers: Answers { client_sends: Sends::HighFrequency, ..Answers::default() },
        verdicts: [(Transport::WebSocket, Verdict::Degraded), (Transport::Sse, Verdict::Works)].into(),
        findings: vec![Finding::new(code, "").on(Transport::WebSocket)],
        ..Situation::default()
    };
    assert_eq!(recommend(&situation(zombie::FRAMES_ALTERED)).transport, "sse");
    let limited = recommend(&situation(zombie::SIZE_LIMITED));
    assert_eq!(limited.transport, "websocket");
    assert!(limited.sentence.ends_with("within the limits that were found."), "{}", limited.sentence);
}

#[test]
fn the_questions_are_walked_in_their_order() {
    for situation in all_situations().iter().filter(|s| s.verdicts.values().all(|v| *v == Verdict::Works)) {
        let expected = match situation.answers {
            a if a.interactive || a.client_sends == Sends::HighFrequency => "websocket",
            a if a.client == Client::Constrained => "long-polling",
            _ => "sse",
        };
        assert_eq!(recommend(situation).transport, expected, "{situation:?}");
    }
}

#[test]
fn each_rule_is_needed() {
    let mended = Situation {
        verdicts: [(Transport::Sse, Verdict::Broken)].into(),
        findings: vec![Finding::new(sse::BUFFERED_UNTIL_END, "").with("mended_by", "X-Accel-Buffering: no")],
        ..Situation::default()
    };
    let mut all = all_situations();
    all.push(mended.clone());
    all.push(Situation { findings: vec![Finding::new(sse::BUFFERED_UNTIL_END, "").with("mended_by", "not chunked")], ..mended });
    all.push(Situation {
        verdicts: [(Transport::Sse, Verdict::Degraded), (Transport::LongPolling, Verdict::Works)].into(),
        findings: vec![Finding::new(sse::TRICKLED, "")],
        ..Situation::default()
    });
    all.push(Situation {
        verdicts: [(Transport::Sse, Verdict::Degraded)].into(),
        findings: vec![Finding::new(sse::ONE_EVENT_BEHIND, "")],
        ..Situation::default()
    });
    all.push(Situation {
        verdicts: [(Transport::Sse, Verdict::Degraded), (Transport::WebSocket, Verdict::Works)].into(),
        findings: vec![Finding::new(latency::UPLOAD_STALLED, "")],
        ..Situation::default()
    });
    for rule in RULES {
        let decides = |s: &Situation| RULES.iter().find(|rule| (rule.when)(s)).is_some_and(|first| first.id == rule.id);
        assert!(all.iter().any(decides), "{} never decides", rule.id);
    }
}

fn limited(code: Code, name: &str, ms: u64) -> Situation {
    Situation {
        verdicts: [(Transport::WebSocket, Verdict::Broken), (Transport::Sse, Verdict::Degraded)].into(),
        findings: vec![
            Finding::new(code, "").on(Transport::Sse).with(name, ms),
            Finding::new(upgrade::HEADER_STRIPPED, "").on(Transport::WebSocket),
        ],
        longest_idle_ms: 32_000,
        ..Situation::default()
    }
}

/// What is proven to be wrong leads to advice, for the application and for the network team; a doubt and a note are none.
#[test]
fn every_code_leads_to_advice_or_to_none() {
    for code in crate::ProbeId::ALL.iter().flat_map(|probe| probe.codes()) {
        // Five seconds are below every bound.
        let finding = Finding::new(*code, "").with("after_ms", 5_000).with("age_ms", 5_000);
        let verdict = match finding.outcome {
            Outcome::Broken => Verdict::Broken,
            Outcome::Degraded => Verdict::Degraded,
            Outcome::Inconclusive => Verdict::Inconclusive,
            _ => Verdict::Works,
        };
        let verdicts = Transport::ALL.into_iter().map(|transport| (transport, verdict)).collect();
        let blames = finding.blames();
        let advice = recommend(&Situation { verdicts, findings: vec![finding], ..Situation::default() });
        assert_eq!(advice.asks_for_network_team, if blames { vec![code.section("For the network team")] } else { Vec::new() });
        assert_eq!(advice.because.contains(&code.id), blames || verdict == Verdict::Inconclusive, "{}", code.id);
        assert_eq!(advice.transport == "none", matches!(verdict, Verdict::Broken | Verdict::Inconclusive), "{}", code.id);
    }
}

#[test]
fn streams_that_come_late_or_that_no_browser_takes_are_the_last_resort() {
    let with = |code: Code, websocket, polling, answers| {
        let verdicts =
            [(Transport::WebSocket, websocket), (Transport::Sse, Verdict::Degraded), (Transport::LongPolling, polling)];
        let findings = vec![Finding::new(code, "").on(Transport::Sse)];
        recommend(&Situation { verdicts: verdicts.into(), findings, answers, ..Situation::default() }).transport
    };
    let interactive = Answers { interactive: true, ..Answers::default() };
    for code in [sse::TRICKLED, sse::BUFFERED_BY_SIZE, sse::ONE_EVENT_BEHIND, sse::CONTENT_TYPE_CHANGED] {
        assert_eq!(with(code, Verdict::Broken, Verdict::Works, interactive), "long-polling", "{}", code.id);
        assert_eq!(with(code, Verdict::Works, Verdict::Broken, Answers::default()), "websocket", "{}", code.id);
    }
    let node = Answers { client: Client::Node, ..Answers::default() };
    assert_eq!(with(sse::CONTENT_TYPE_CHANGED, Verdict::Broken, Verdict::Works, node), "sse");
    assert_eq!(with(sse::TRICKLED, Verdict::Broken, Verdict::Broken, Answers::default()), "sse");
}

#[test]
fn no_heartbeat_is_told_where_no_silence_was_tried() {
    for code in [idle::LADDER_LIMITED, idle::INCONCLUSIVE] {
        let verdicts = [(Transport::WebSocket, Verdict::Works)].into();
        let findings = vec![Finding::new(code, "").on(Transport::WebSocket)];
        let advice = recommend(&Situation { verdicts, findings, longest_idle_ms: 32_000, ..Situation::default() });
        assert_eq!((advice.transport, advice.heartbeat_seconds), ("websocket", None), "{}", code.id);
    }
}

#[test]
fn a_hold_stays_below_what_was_measured() {
    let cut = |name: &str, ms: u64| {
        let finding = Finding::new(long_poll::CUT, "").on(Transport::LongPolling).with("lost_ms", 9_000).with(name, ms);
        let verdicts = [(Transport::LongPolling, Verdict::Degraded)].into();
        recommend(&Situation { verdicts, findings: vec![finding], longest_idle_ms: 32_000, ..Situation::default() })
    };
    assert_eq!(cut("after_ms", 10_010).long_poll_hold_seconds, Some(5));
    // Between two holds, the one that was survived.
    assert_eq!(cut("survived_ms", 2_000).long_poll_hold_seconds, Some(2));
    assert_eq!(cut("survived_ms", 0).long_poll_hold_seconds, Some(3));
}

#[test]
fn the_heartbeat_is_at_most_half_of_what_was_measured() {
    assert_eq!(recommend(&limited(idle::CLOSED, "after_ms", 5_010)).heartbeat_seconds, Some(2));
    assert_eq!(recommend(&limited(idle::CLOSED, "after_ms", 30_000)).heartbeat_seconds, Some(15));
    assert_eq!(recommend(&limited(idle::DROPPED_SILENTLY, "survived_ms", 4_000)).heartbeat_seconds, Some(2));
    assert_eq!(recommend(&limited(idle::DROPPED_SILENTLY, "lost_ms", 4_000)).heartbeat_seconds, Some(1));
}

#[test]
fn a_heartbeat_is_told_with_who_gives_it_and_of_what_kind() {
    let signs = |names: &[&str]| serde_json::json!(names);
    let limit =
        |transport, enough| Finding::new(idle::CLOSED, "").on(transport).with("after_ms", 30_000).with("enough", signs(enough));
    let ignored = |transport, kinds: &[&str]| Finding::new(idle::KEEPALIVE_IGNORED, "").on(transport).with("kinds", signs(kinds));
    let of = |transport: Transport, findings: Vec<Finding>| {
        let verdicts = [(transport, Verdict::Works)].into();
        recommend(&Situation { verdicts, findings, longest_idle_ms: 32_000, ..Situation::default() })
    };
    let (ws, sse) = (Transport::WebSocket, Transport::Sse);
    let rows: [(Transport, Vec<Finding>, u64, &str); 7] = [
        (
            ws,
            vec![],
            25,
            "The client sends a small message of its own at least every 25 s while there is nothing else to say, and the server answers it.",
        ),
        (
            sse,
            vec![],
            25,
            "The server sends a comment line, such as `: ping`, at least every 25 s while there is nothing else to say.",
        ),
        (ws, vec![limit(ws, &["answered-messages"])], 15, "and the server answers it."),
        (
            ws,
            vec![limit(ws, &["answered-messages", "server-pings"])],
            15,
            "Here each of these was enough, too: pings of the server.",
        ),
        (
            ws,
            vec![limit(ws, &["answered-messages", "client-bytes"]), ignored(ws, &["server-bytes", "tcp-keep-alive"])],
            15,
            "Here each of these was enough, too: unanswered messages of the client. These do not keep a connection up here: unanswered messages of \
             the server, TCP keep-alive of the client.",
        ),
        // Of the other transport.
        (sse, vec![limit(ws, &["server-pings"]), ignored(ws, &["server-bytes"])], 25, "while there is nothing else to say."),
        (sse, vec![limit(sse, &[]), ignored(sse, &["comments"])], 15, "These do not keep a connection up here: comments."),
    ];
    for (transport, findings, seconds, words) in rows {
        let advice = of(transport, findings);
        let heartbeat = advice.heartbeat.unwrap();
        let said = heartbeat.words(seconds).join(" ");
        assert!(advice.heartbeat_seconds == Some(seconds) && said.ends_with(words), "{said}");
    }
    let kind = |transport, findings| of(transport, findings).heartbeat.map(|heartbeat| (heartbeat.by, heartbeat.kind));
    assert_eq!(kind(ws, vec![]), Some((idle::Speaker::Client, Kind::AnsweredMessage)));
    assert_eq!(kind(sse, vec![]), Some((idle::Speaker::Server, Kind::Comment)));
    assert_eq!(kind(sse, vec![ignored(sse, &["comments"])]), Some((idle::Speaker::Server, Kind::Event)));
    assert_eq!(kind(Transport::LongPolling, vec![]), None);
}

#[test]
fn a_stream_that_starves_is_not_recommended() {
    let with = |finding: Finding| Situation {
        verdicts: [(Transport::Sse, Verdict::Degraded), (Transport::LongPolling, Verdict::Works)].into(),
        findings: vec![finding],
        ..Situation::default()
    };
    let held = || Finding::new(sse::BUFFERED_BY_SIZE, "");
    assert_eq!(recommend(&with(held())).transport, "long-polling");
    assert_eq!(recommend(&with(Finding::new(sse::TRICKLED, ""))).transport, "long-polling");
    // A comment at the beginning, or the header, is all that it takes.
    assert_eq!(recommend(&with(held().with("holds", "first"))).transport, "sse");
    assert_eq!(recommend(&with(held().with("mended_by", "X-Accel-Buffering: no"))).transport, "sse");
    assert_eq!(recommend(&with(held().with("mended_by", "not chunked"))).transport, "sse");
    // An EventSource cannot have it; a client that reads streams by itself can.
    let another = held().with("mended_by", "Content-Type: text/plain").with("mended_for_event_source", false);
    assert_eq!(recommend(&with(another.clone())).transport, "long-polling");
    let node = Answers { client: Client::Node, ..Answers::default() };
    assert_eq!(recommend(&Situation { answers: node, ..with(another) }).transport, "sse");
}

#[test]
fn what_weighed_in_is_named() {
    let because = recommend(&limited(idle::CLOSED, "after_ms", 5_000)).because;
    assert_eq!(because, ["idle.closed", "upgrade.header-stripped"]);
}

#[test]
fn every_combination_says_who_does_what_next_and_never_two_things_at_once() {
    for situation in all_situations() {
        let advice = recommend(&situation);
        assert!(!advice.next.what.is_empty(), "{situation:?}");
        assert_eq!(advice.next.who == Who::Developers, advice.transport != "none", "{situation:?}");
        // What is recommended is no fallback of its own, and what cannot be used is none either.
        assert!(!advice.fall_back_to.contains(&advice.transport), "{situation:?}");
        for transport in Transport::ALL.into_iter().filter(|t| advice.fall_back_to.contains(&t.as_str())) {
            assert!(situation.usable(transport), "{situation:?}");
        }
        let streams = advice.transport == "sse" || advice.fall_back_to.contains(&"sse");
        assert!(situation.answers.client != Client::Constrained || !streams, "{situation:?}");
    }
}

/// The order of the rules is the order of the questions: whatever else holds, a need comes before a preference.
#[test]
fn no_later_rule_contradicts_an_answer() {
    for situation in all_situations() {
        let advice = recommend(&situation);
        if situation.needs_websocket() && situation.usable(Transport::WebSocket) {
            assert_eq!(advice.transport, "websocket", "{situation:?}");
        } else if situation.answers.client == Client::Constrained && situation.usable(Transport::LongPolling) {
            assert_eq!(advice.transport, "long-polling", "{situation:?}");
        } else if situation.streams() {
            assert_eq!(advice.transport, "sse", "{situation:?}");
        }
    }
}

#[test]
fn the_walk_says_where_each_answer_came_from() {
    let from = |answers: Answers, through_proxy: bool| {
        let verdicts = [(Transport::Sse, Verdict::Works)].into();
        let advice = recommend(&Situation { answers, verdicts, through_proxy, ..Situation::default() });
        advice.walk.iter().map(|step| step.from).collect::<Vec<_>>()
    };
    assert_eq!(from(Answers::default(), true), ["assumed", "measured", "assumed"]);
    let given = Answers {
        client_sends: Sends::Occasional,
        demand: None,
        network: Between::Direct,
        client: Client::Browser,
        interactive: true,
        asked: Asked { client: true, ..Asked::default() },
    };
    assert_eq!(from(given, true), ["flag", "flag", "asked", "flag"]);
    assert!(by_answers(Answers::default()).walk.iter().all(|step| step.from == "assumed"));
}

#[test]
fn an_inspection_or_an_altered_header_answers_the_second_question() {
    for code in [crate::tls::INTERCEPTED_TRUSTED_ROOT, crate::headers::ADDED, crate::tls::TERMINATED_BY_FRONT] {
        let verdicts = [(Transport::Sse, Verdict::Works)].into();
        let findings = vec![Finding::new(code, "")];
        let advice = recommend(&Situation { verdicts, findings, ..Situation::default() });
        let second = advice.walk.get(1).map(|step| (step.answer, step.from));
        let seen = code != crate::tls::TERMINATED_BY_FRONT;
        assert_eq!(second, Some((if seen { "yes" } else { "no" }, "measured")), "{}", code.id);
    }
}

#[test]
fn a_substitute_is_named_with_its_price() {
    let price = Some(Price { request_p50_ms: 38, new_connection_p50_ms: 112, requests: 21, websocket_p50_ms: None });
    let with = |websocket, answers| {
        let verdicts = [(Transport::WebSocket, websocket), (Transport::Sse, Verdict::Works)].into();
        recommend(&Situation { verdicts, answers, price, ..Situation::default() })
    };
    let needs = Answers { client_sends: Sends::HighFrequency, ..Answers::default() };
    let instead = with(Verdict::Broken, needs);
    assert_eq!((instead.rule, instead.transport, instead.price), ("websocket-needed-sse-instead", "sse", price));
    assert_eq!(with(Verdict::Works, needs).price, None);
    assert_eq!(with(Verdict::Broken, Answers::default()).price, None);
}

#[test]
fn where_cleartext_alone_fails_tls_is_named() {
    let on = |leg| {
        let verdicts = [(Transport::WebSocket, Verdict::Broken), (Transport::Sse, Verdict::Works)].into();
        let elsewhere = Transport::ALL.into_iter().map(|transport| (transport, Verdict::Works)).collect();
        recommend(&Situation { verdicts, elsewhere, leg, ..Situation::default() }).over_tls
    };
    assert_eq!(on(Leg::Http), ["websocket", "long-polling"]);
    assert_eq!(on(Leg::Https), [""; 0]);
}

#[test]
fn where_nothing_works_on_cleartext_tls_comes_next() {
    let verdicts = Transport::ALL.into_iter().map(|transport| (transport, Verdict::Broken)).collect();
    let elsewhere = Transport::ALL.into_iter().map(|transport| (transport, Verdict::Works)).collect();
    let findings = vec![Finding::new(crate::reach::ANSWERED_BY_MIDDLEBOX, "")];
    let advice = recommend(&Situation { verdicts, elsewhere, findings, leg: Leg::Http, ..Situation::default() });
    assert_eq!((advice.transport, advice.next.who), ("none", Who::Developers));
    assert_eq!(advice.next.what, "use TLS, where this works: WebSocket, SSE, long polling");
    assert_eq!(advice.walk.get(1).map(|step| step.answer), Some("yes"));
}

#[test]
fn who_acts_next_is_who_can() {
    let next = |code: Code, verdict| {
        let verdicts = Transport::ALL.into_iter().map(|transport| (transport, verdict)).collect();
        recommend(&Situation { verdicts, findings: vec![Finding::new(code, "")], ..Situation::default() }).next
    };
    let refused = next(crate::reach::PROXY_REFUSED_TUNNEL, Verdict::Broken);
    assert_eq!((refused.who, refused.what), (Who::NetworkTeam, crate::reach::PROXY_REFUSED_TUNNEL.section("Ask")));
    assert_eq!(next(crate::reach::CONNECT_REFUSED, Verdict::Inconclusive).who, Who::You);
    let mended = Situation {
        verdicts: [(Transport::Sse, Verdict::Broken)].into(),
        findings: vec![Finding::new(sse::BUFFERED_UNTIL_END, "").with("mended_by", "X-Accel-Buffering: no")],
        longest_idle_ms: 32_000,
        ..Situation::default()
    };
    assert_eq!(recommend(&mended).next.what, "SSE with X-Accel-Buffering: no, heartbeat every 25 s");
}

/// Requests that take so long, at a beat, of which so many were not answered.
fn took(request_ms: u64, every_ms: Option<u64>, unanswered: u32) -> Times {
    let series = |kind, each: u64| {
        let mut client = "opened@0 request@0 200@1".to_owned();
        for number in 1..=25 {
            let sent = 100 * number;
            client += &format!(" sent:frame{number}@{sent} got:echo{number}@{}", sent + each);
        }
        for number in 26..26 + unanswered {
            client += &format!(" sent:frame{number}@{}", 100 * number);
        }
        let asked = latency::Asked { kind, every_ms, attempt: 1 };
        Exchange { asked, record: crate::testing::record(&client, "") }
    };
    Times::of(&[series(latency::Kind::Beside, request_ms), series(latency::Kind::Messages, 20)])
}

#[test]
fn the_first_question_is_answered_by_what_requests_take() {
    let rows = [
        (
            Some(took(80, Some(100), 0)),
            "no",
            "measured",
            "sse",
            "requests, one every 100 ms, take up to 80 ms here, within the 90 ms",
        ),
        (
            Some(took(95, Some(100), 0)),
            "yes",
            "measured",
            "websocket",
            "more than the 90 ms that were asked for; a WebSocket message takes 20 ms",
        ),
        (
            Some(took(80, Some(100), 2)),
            "yes",
            "measured",
            "websocket",
            "some of the requests, one every 100 ms, were not answered",
        ),
        (Some(took(80, None, 0)), "yes", "assumed", "websocket", "could not be measured"),
        (None, "yes", "assumed", "websocket", "could not be measured"),
    ];
    for (times, answer, from, transport, so) in rows {
        let demand = Some(Demand { send_every_ms: Some(100), budget_ms: 90 });
        let verdicts = Transport::ALL.into_iter().map(|transport| (transport, Verdict::Works)).collect();
        let answers = Answers { demand, ..Answers::default() };
        let advice = recommend(&Situation { answers, verdicts, times, ..Situation::default() });
        let first = advice.walk.first().unwrap();
        assert_eq!((first.answer, first.from, advice.transport), (answer, from, transport), "{}", first.so);
        assert!(first.so.contains(so), "{}", first.so);
    }
}

#[test]
fn an_answer_without_a_rate_asks_for_time_alone() {
    let demand = Demand { send_every_ms: None, budget_ms: 90 };
    assert_eq!(demand.met(&took(80, None, 0)), Some((true, 80)));
    assert_eq!(demand.met(&took(95, None, 0)), Some((false, 95)));
    // Rarer than once a second it makes no difference.
    let rare = Demand { send_every_ms: Some(60_000), budget_ms: 90 };
    assert_eq!(rare.met(&took(80, Some(1_000), 0)).map(|(met, _)| met), Some(true));
}
