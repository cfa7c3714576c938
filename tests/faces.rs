//! What every face of a report must be, whoever wrote into it: text from the network is text and nothing else.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, reads its own switch and opens its own sockets"
)]

#[cfg(unix)]
#[path = "faces/browser.rs"]
mod browser;
#[path = "faces/colours.rs"]
mod colours;
#[path = "faces/dom.rs"]
mod dom;
#[path = "faces/hostile.rs"]
mod hostile;

use dom::Page;
use proxyprobe::report::Format;
use pulldown_cmark::{Event, Options, Parser, Tag};

#[test]
fn what_others_wrote_is_text_in_a_page() {
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
    assert!(!html.contains(obeyed) && !html.contains('\u{1b}'));
}

#[test]
fn a_megabyte_of_text_is_still_a_page() {
    let page = Page::of(&hostile::long().render(Format::Html, false));
    assert_eq!(page.errors, [""; 0]);
    assert_eq!(page.loads_or_runs(), [""; 0]);
}

#[test]
fn what_others_wrote_is_text_on_a_terminal() {
    for report in [hostile::report(), hostile::long()] {
        for colour in [false, true] {
            let text = report.render(Format::Text, colour);
            // The colours that are our own.
            let styled = |rest: &str| rest.starts_with("[0m") || rest.starts_with("[1m") || rest.starts_with("[3");
            let escapes = text.split('\u{1b}').skip(1).filter(|rest| !(colour && styled(rest)));
            assert_eq!(escapes.count(), 0, "{text}");
            assert!(!text.contains(obeyed), "{text}");
        }
    }
}

#[test]
fn a_megabyte_of_text_is_cut_where_people_read() {
    for format in [Format::Text, Format::Markdown] {
        let text = hostile::long().render(format, false);
        assert!(text.contains("(cut)") && text.len() < 64 * 1024, "{} bytes", text.len());
    }
}

#[test]
fn what_others_wrote_is_text_in_a_ticket() {
    for report in [hostile::report(), hostile::long()] {
        let text = report.render(Format::Markdown, false);
        assert!(!text.contains(obeyed), "{text}");
        for event in Parser::new_ext(&text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
            match event {
                Event::Html(html) | Event::InlineHtml(html) => {
                    assert!(["<details>", "</details>", "<summary>Numbers</summary>"].contains(&html.trim()), "{html}");
                }
                // Sources of settings are ours.
                Event::Start(Tag::Link { dest_url, .. }) => {
                    assert!(!hostile::MARKUP.iter().any(|word| word.contains(&*dest_url)), "{dest_url}");
                }
                Event::Start(Tag::Image { dest_url, .. }) => panic!("an image of {dest_url}"),
                Event::Start(Tag::Strikethrough) => panic!("struck out"),
                _ => {}
            }
        }
    }
}

/// What a terminal or a layout acts on.
fn obeyed(c: char) -> bool {
    let directs = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}');
    c != '\n' && c != '\u{1b}' && c.is_control() || directs
}
