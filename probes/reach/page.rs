//! The title of a page that came in the server's place: for people, and never taken for more.

/// The most characters of a title that are kept: what a browser's tab shows, and room.
const TITLE: usize = 120;

/// What stands in the first `<title>`, in one line.
pub(super) fn title(page: &str) -> Option<String> {
    // Lower case keeps every byte where it is.
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let text = start + lower.get(start..)?.find('>')? + 1;
    let end = text + lower.get(text..)?.find("</title")?;
    let words: Vec<&str> = page.get(text..end)?.split_whitespace().collect();
    let title: String = words.join(" ").chars().take(TITLE).collect();
    (!title.is_empty()).then_some(title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_found_whatever_surrounds_it() {
        let long = format!("<title>{}</title>", "ä".repeat(500));
        for (page, expected) in [
            ("<html><head><TITLE lang=\"en\">\n Web Page\tBlocked </TITLE></head>", Some("Web Page Blocked".to_owned())),
            ("<title></title>", None),
            ("<title>never closed", None),
            ("<title", None),
            ("İ<title>x</title>", Some("x".to_owned())),
            ("no page at all", None),
            (&long, Some("ä".repeat(TITLE))),
        ] {
            assert_eq!(title(page), expected, "{page}");
        }
    }
}
