//! Records of the server that lie. What the client saw with its own eyes stands, whatever the witness says of it.

use crate::program::Serve;
use crate::relay::{Passage, on, relay};
use crate::victim::{Met, attacked};
use proxyprobe_probes::io::proof::Prover;
use serde_json::{Value, json};

/// Gives the client other pages than the server's. The proof covers the request and not the record, on cleartext.
fn lying(lie: impl Fn(Value) -> String + Send + Sync + 'static) -> Met {
    let serve = Serve::start();
    attacked(&[&on(&["witness"], &serve.http, move |mut passage| tell(&mut passage, &lie))])
}

/// Passes an answer on with another value behind its proof.
fn tell(passage: &mut Passage, lie: impl Fn(Value) -> String) {
    let (head, body) = passage.answer();
    let text = String::from_utf8(body).unwrap();
    let (proof, json) = text.split_once('\n').unwrap();
    put(passage, &head, text.len(), &format!("{proof}\n{}", lie(serde_json::from_str(json).unwrap())));
}

/// The same with another proof.
fn tell_all(passage: &mut Passage, lie: impl Fn(Value) -> String) {
    let (head, body) = passage.answer();
    let json = body.split(|byte| *byte == b'\n').nth(1).unwrap();
    put(passage, &head, body.len(), &lie(serde_json::from_slice(json).unwrap()));
}

/// Passes an answer on with another body than that of so many bytes.
fn put(passage: &mut Passage, head: &str, length: usize, told: &str) {
    let length = format!("content-length: {length}");
    assert!(head.contains(&length), "{head}");
    passage.say(head.replace(&length, &format!("content-length: {}", told.len())).as_bytes());
    passage.say(told.as_bytes());
}

/// Makes something else of every value in a record, by its name.
fn each(value: &mut Value, change: &dyn Fn(&str, &mut Value)) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, field)| {
            change(name, field);
            each(field, change);
        }),
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, change)),
        _ => {}
    }
}

#[test]
fn absurd_times() {
    for time in [u64::MAX, u64::MAX / 2, 0] {
        let met = lying(move |mut page| {
            each(&mut page, &|name, value| {
                if name == "at_ms" || name == "now_ms" {
                    *value = json!(time);
                }
            });
            page.to_string()
        });
        assert_eq!((met.code, met.codes), (0, vec![]), "{time}");
    }
}

#[test]
fn timers_that_were_late_for_ages() {
    let met = lying(|mut page| {
        page["lag_ms"] = json!(u64::MAX);
        page["turned_away"] = json!(u64::MAX);
        page.to_string()
    });
    assert_eq!((met.code, met.codes), (0, vec![]));
}

#[test]
fn words_for_a_terminal_wherever_there_are_words() {
    let met = lying(|mut page| {
        let nasty = "\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}<script>`|[x](javascript:y)";
        each(&mut page, &|name, value| {
            if matches!(name, "method" | "target" | "version" | "peer" | "alpn" | "first") {
                *value = json!(nasty);
            }
            if name == "headers" || name == "fields" {
                *value = json!([[nasty, nasty], ["via", nasty], ["x-forwarded-for", nasty], ["server", nasty]]);
            }
        });
        page.to_string()
    });
    // Each connection that came works; what headers became on the way is noted.
    assert_eq!((met.code, met.codes), (0, vec![]));
}

#[test]
fn names_that_no_connection_had() {
    let met = lying(|mut page| {
        for note in page["notes"].as_array_mut().unwrap() {
            note[0] = json!("000000000000000000000000");
        }
        page.to_string()
    });
    assert_eq!((met.code, met.codes), (0, vec![]));
}

#[test]
fn nothing_at_all() {
    let met = lying(|mut page| {
        page["notes"] = json!([]);
        page.to_string()
    });
    assert_eq!((met.code, met.codes), (0, vec![]));
}

/// The server saw requests and nothing else: but the client heard its answers.
#[test]
fn nothing_of_what_was_heard() {
    let met = lying(|mut page| {
        each(&mut page, &|name, value| {
            if name == "entries" {
                *value = json!([{ "at_ms": 1, "event": "request" }]);
            }
            if name == "headers" {
                *value = json!([]);
            }
        });
        page.to_string()
    });
    assert_eq!((met.code, met.codes), (0, vec![]));
}

/// Every connection was reset, says the witness; the client used them to their end.
#[test]
fn ends_that_never_were() {
    let met = lying(|mut page| {
        each(&mut page, &|name, value| {
            if name == "entries" {
                value.as_array_mut().unwrap().insert(1, json!({ "at_ms": 1, "event": { "ended": "reset" } }));
            }
        });
        page.to_string()
    });
    assert_eq!((met.code, met.codes), (0, vec![]));
}

#[test]
fn pages_without_end() {
    let entry = r#"{"at_ms":0,"event":"request"}"#;
    let entries = vec![entry; 10_000].join(",");
    let note =
        format!(r#"{{"request":{{"method":"","target":"","version":"","headers":[]}},"timeline":{{"entries":[{entries}]}}}}"#);
    let number = std::sync::atomic::AtomicUsize::new(1);
    let met = lying(move |_| {
        let next = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        format!(r#"{{"now_ms":1,"lag_ms":0,"notes":[["{next:024x}",{note}]],"next":{next}}}"#)
    });
    assert_eq!((met.code, met.codes), (0, vec![]));
}

#[test]
fn a_page_as_deep_as_it_is_long() {
    let met = lying(|_| format!(r#"{{"now_ms":1,"lag_ms":0,"notes":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000)));
    assert_eq!((met.code, met.codes), (0, vec![]));
}

#[test]
fn a_page_larger_than_any() {
    let met = lying(|_| format!(r#"{{"notes":[],"now_ms":1,"lag_ms":0,"next":null,"x":"{}"}}"#, "x".repeat(8 * 1024 * 1024)));
    assert_eq!((met.code, met.codes), (0, vec![]));
}

/// A server that says of itself what is for a terminal, and more than it should.
#[test]
fn a_beginning_that_boasts() {
    let serve = Serve::start();
    let url = relay(&serve.http, |mut passage| match passage.route.as_str() {
        "run" => tell(&mut passage, |mut start| {
            let nasty = "\u{1b}]0;owned\u{7}\u{202e}";
            start["server"] = json!(nasty);
            start["peer"] = json!(nasty);
            start["alpn"] = json!(nasty);
            start["request"]["method"] = json!(nasty);
            start["certificate_sha256"] = json!(nasty);
            start["front_headers"] = json!(vec![nasty; 1_000]);
            start["legs"] = json!({ "http": 0, "https": 0 });
            start.to_string()
        }),
        _ => passage.pass(),
    });
    let met = attacked(&[&url]);
    assert_eq!((met.code, met.codes), (0, vec![]));
}

/// The id of a run stands in the paths of its requests.
#[test]
fn a_run_whose_name_is_a_request() {
    let serve = Serve::start();
    let url = on(&["run"], &serve.http, |mut passage| {
        let nonce = passage.nonce.clone();
        let run = " HTTP/1.1\r\nHost: elsewhere\r\n\r\nGET /";
        tell_all(&mut passage, |mut start| {
            start["run"] = json!(run);
            let proof = Prover::new(run, start["key"].as_str().unwrap()).token(&nonce, "run");
            format!("{proof}\n{start}")
        });
    });
    let met = attacked(&[&url]);
    assert_eq!((met.code, met.codes), (3, vec!["http:reach.not-our-server".to_owned()]));
}
