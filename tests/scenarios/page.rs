//! What must hold of the face for browsers.

use crate::dom::Page;
use proxyprobe::report::{Format, Report};
use serde_json::Value;
use std::collections::BTreeSet;

/// What is wrong with the page of a report.
pub(crate) fn wrong_with(report: &Report) -> Vec<String> {
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
