//! The face for browsers: what every page of it must be, whatever was measured and whoever wrote into it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, reads its own switch and opens its own sockets"
)]

#[cfg(unix)]
#[path = "faces_html/browser.rs"]
mod browser;
#[path = "faces_html/colours.rs"]
mod colours;
#[path = "faces_html/dom.rs"]
mod dom;
#[path = "faces_html/hostile.rs"]
mod hostile;

use dom::Page;
use proxyprobe::report::{Format, Report};
use proxyprobe::selftest::{CASES, CONTROLS, in_parallel, trials};
use serde_json::Value;
use std::collections::BTreeSet;

/// What is wrong with the page of a report.
fn wrong_with(report: &Report) -> Vec<String> {
    let page = Page::of(&report.render(Format::Html, false));
    let mut wrong: Vec<String> = page.errors.iter().map(|error| format!("parse error: {error}")).collect();
    wrong.extend(page.loads_or_runs());
    let json: Value = serde_json::from_str(&report.render(Format::Json, false)).unwrap();
    let codes = json["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap().to_owned());
    let (codes, shown) = (codes.collect::<BTreeSet<_>>(), page.texts(|one| one.is_in("finding") && one.is("span", "code")));
    if shown != codes {
        wrong.push(format!("it shows {shown:?}, and the JSON has {codes:?}"));
    }
    let text = report.render(Format::Text, false);
    let lead: BTreeSet<String> = text.lines().take(3).map(str::to_owned).collect();
    let shown = page.texts(|one| one.is_in("answer") && (one.name == "h1" || one.name == "p"));
    if shown != lead {
        wrong.push(format!("it begins with {shown:?}, and the text with {lead:?}"));
    }
    let evidence = page.texts(|one| one.name == "pre");
    let kept: Vec<Value> = evidence.iter().map(|text| serde_json::from_str(text).unwrap_or_default()).collect();
    if kept != [json] {
        wrong.push("its evidence is not that of the JSON".to_owned());
    }
    let languages: Vec<_> = page.elements.iter().filter(|one| one.name == "html").map(|one| one.attribute("lang")).collect();
    if languages != [Some("en")] || page.elements.iter().filter(|one| one.name == "h1").count() != 1 {
        wrong.push("it needs one language and one heading above all".to_owned());
    }
    wrong
}

#[test]
fn every_scenario_has_a_page_that_parses_and_says_what_the_other_faces_say() {
    let all: Vec<_> = trials(CASES).into_iter().chain(trials(CONTROLS)).collect();
    let wrong = in_parallel(&all, |trial| {
        let report = trial.run(&trial.scenario().unwrap()).unwrap().report;
        let name = format!("{} on {}", trial.case.boxes, trial.leg);
        wrong_with(&report).into_iter().map(|why| format!("{name}: {why}")).collect::<Vec<_>>()
    });
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_others_wrote_is_text_and_nothing_else() {
    let report = hostile::report();
    let html = report.render(Format::Html, false);
    let page = Page::of(&html);
    assert_eq!(page.errors, [""; 0]);
    assert_eq!(page.loads_or_runs(), [""; 0]);
    // It has the elements and the attributes of any other page.
    let tame = Page::of(&hostile::tame().render(Format::Html, false));
    assert_eq!(page.shapes().difference(&tame.shapes()).collect::<Vec<_>>(), Vec::<&String>::new());
    // A reader sees what was planted.
    for word in hostile::MARKUP {
        let in_json = word.replace('"', "\\\"");
        let shown = |name: &str, word: &str| page.elements.iter().any(|one| one.name == name && one.text.contains(word));
        assert!(shown("pre", &in_json) && shown("dd", word), "{word}");
    }
    let obeyed =
        |c: char| c != '\n' && c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}');
    assert!(!html.contains(obeyed));
}

#[test]
fn a_megabyte_of_text_is_still_a_page() {
    let page = Page::of(&hostile::long().render(Format::Html, false));
    assert_eq!(page.errors, [""; 0]);
    assert_eq!(page.loads_or_runs(), [""; 0]);
}
