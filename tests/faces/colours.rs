//! Whether the page can be read: WCAG 2.2, contrast of text (1.4.3) and of what is drawn (1.4.11), in each scheme.

use std::collections::{BTreeMap, BTreeSet};

const STYLES: &str = include_str!("../../templates/report.css");

/// Text, on what it stands.
const TEXT: &[(&str, &str)] = &[
    ("ink", "paper"),
    ("ink", "sheet"),
    ("ink", "silence"),
    ("soft", "paper"),
    ("soft", "sheet"),
    ("band-ink", "band"),
    ("band-soft", "band"),
    ("works", "works-tint"),
    ("degraded", "degraded-tint"),
    ("broken", "broken-tint"),
    ("broken", "sheet"),
    ("degraded", "sheet"),
    ("inconclusive", "sheet"),
    ("inconclusive", "inconclusive-tint"),
    ("untested", "untested-tint"),
    ("lost", "paper"),
    ("silence-ink", "silence"),
];

/// What is drawn, on what it lies.
const DRAWN: &[(&str, &str)] = &[
    ("rule", "paper"),
    ("rule", "silence"),
    ("rule", "sheet"),
    ("up", "paper"),
    ("up", "silence"),
    ("down", "paper"),
    ("down", "silence"),
    ("lost", "silence"),
    ("broken", "paper"),
    ("degraded", "paper"),
    ("inconclusive", "paper"),
];

/// Lines that carry nothing: what they part is parted by room as well.
const ORNAMENT: &[&str] = &["line"];

/// The variables of each scheme, in the order of the style sheet: light, dark, print.
fn schemes() -> Vec<BTreeMap<&'static str, (u8, u8, u8)>> {
    let blocks = STYLES.split(":root {").skip(1).map(|rest| rest.split_once('}').unwrap().0);
    let colour = |line: &'static str| {
        let (name, hex) = line.trim().strip_prefix("--")?.strip_suffix(';')?.split_once(": #")?;
        let part = |from: usize| u8::from_str_radix(hex.get(from..from + 2).unwrap(), 16).unwrap();
        Some((name, (part(0), part(2), part(4))))
    };
    blocks.map(|block| block.lines().filter_map(colour).collect()).collect()
}

/// Relative luminance, as WCAG defines it.
fn luminance((red, green, blue): (u8, u8, u8)) -> f64 {
    let linear = |part: u8| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}

fn contrast(one: (u8, u8, u8), other: (u8, u8, u8)) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn the_formula_is_that_of_wcag() {
    assert!((contrast((0, 0, 0), (255, 255, 255)) - 21.0).abs() < 1e-9);
    // The example of the specification's own techniques: #767676 is the lightest grey that will do on white.
    assert!(contrast((0x76, 0x76, 0x76), (255, 255, 255)) >= 4.5 && contrast((0x77, 0x77, 0x77), (255, 255, 255)) < 4.5);
}

#[test]
fn text_and_drawings_can_be_read_in_each_scheme() {
    let schemes = schemes();
    assert_eq!(schemes.len(), 3);
    for (name, colours) in ["light", "dark", "print"].into_iter().zip(&schemes) {
        for (pairs, least) in [(TEXT, 4.5), (DRAWN, 3.0)] {
            for (over, under) in pairs {
                let found = contrast(colours[over], colours[under]);
                assert!(found >= least, "{name}: {over} on {under} has {found:.2}, not {least}");
            }
        }
    }
}

#[test]
fn no_colour_of_the_style_sheet_escapes_the_tables() {
    let known: BTreeSet<&str> =
        TEXT.iter().chain(DRAWN).flat_map(|(over, under)| [*over, *under]).chain(ORNAMENT.iter().copied()).collect();
    for colours in schemes() {
        assert_eq!(colours.keys().copied().collect::<BTreeSet<_>>(), known);
    }
    for line in STYLES.lines().filter(|line| !line.trim().starts_with("--")) {
        assert!(!line.contains('#') && !line.contains("rgb") && !line.contains("hsl"), "{line}");
        for used in line.split("var(--").skip(1).map(|rest| rest.split_once(')').unwrap().0) {
            assert!(known.contains(used), "{line}");
        }
    }
}
