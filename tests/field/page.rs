//! The table of real products in docs/accuracy.md, and the evidence that is kept: written by `UPDATE_EXPECT=1 cargo test --test field`.

use crate::harness::{Checked, Dir, binary};
use crate::tables::{Row, TABLES, Table};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The heading under which it stands; what is above belongs to the lab.
const HEADING: &str = "## Real products\n";
const HEAD: &str = "| product | version | configuration | leg | expected | measured | |\n|---|---|---|---|---|---|---|\n";

static WRITING: Mutex<()> = Mutex::new(());

/// Whether the page and the evidence are to be written.
pub(crate) fn wanted() -> bool {
    std::env::var("UPDATE_EXPECT").is_ok()
}

/// The table in this folder.
pub(crate) fn table(folder: &str) -> &'static Table {
    TABLES.iter().find(|table| table.folder == folder).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn file() -> PathBuf {
    root().join("docs/accuracy.md")
}

/// The cells of a row that every run makes the same.
fn known(table: &Table, row: &Row) -> [String; 4] {
    [table.product.to_owned(), row.name.to_owned(), row.leg.to_owned(), row.expected()]
}

/// Those cells of a line of the page.
fn shown(line: &str) -> Option<[String; 4]> {
    let cells: Vec<&str> = line.strip_prefix("| ")?.split(" | ").collect();
    let cell = |index: usize| cells.get(index).map(|cell| (*cell).to_owned());
    Some([cell(0)?, cell(2)?, cell(3)?, cell(4)?])
}

/// The page in two: what belongs to the lab and to words, and the lines of rows.
fn page() -> (String, Vec<String>) {
    let text = fs::read_to_string(file()).unwrap();
    let (before, rows) = text.split_once(HEAD).unwrap_or_else(|| panic!("no table of real products in {}", file().display()));
    assert!(before.contains(HEADING));
    (before.to_owned(), rows.lines().map(str::to_owned).collect())
}

/// Puts the rows that were run on the page, and keeps their evidence, redacted.
pub(crate) fn write(table: &Table, version: &str, done: &[(&'static Row, Checked)]) {
    for (row, checked) in done {
        let dir = Dir::new();
        let whole = dir.write("report.json", &checked.report.to_string());
        let share = ["--redact", "share", "--format", "json"];
        let shared = binary().arg("judge").arg(whole).args(share).output().unwrap();
        let file = root().join("tests/evidence/field").join(format!("{}.json", row.slug(table)));
        let report: serde_json::Value = serde_json::from_slice(&shared.stdout).unwrap();
        fs::write(file, report.to_string()).unwrap();
    }
    let _one_at_a_time = WRITING.lock().unwrap();
    let (before, old) = page();
    let mut text = format!("{before}{HEAD}");
    for every in TABLES {
        for row in every.rows {
            let made =
                done.iter().find(|(one, _)| std::ptr::eq(*one, row)).map(|(_, checked)| line(every, version, row, checked));
            let kept = || old.iter().find(|line| shown(line) == Some(known(every, row))).cloned();
            text.extend(made.or_else(kept).map(|line| line + "\n"));
        }
    }
    fs::write(file(), text).unwrap();
}

fn line(table: &Table, version: &str, row: &Row, checked: &Checked) -> String {
    let [product, name, leg, expected] = known(table, row);
    let figures: Vec<String> = row
        .measured(&checked.report)
        .map(|(figure, number, _)| {
            let transport = figure.transport.map(|transport| format!("{transport} ")).unwrap_or_default();
            format!("{transport}{} {}", figure.name, number.unwrap_or_default())
        })
        .collect();
    format!("| {product} | {version} | {name} | {leg} | {expected} | {} | right |", figures.join(", "))
}

#[test]
fn every_row_is_on_the_page_and_every_configuration_is_used() {
    let declared: Vec<_> = TABLES.iter().flat_map(|table| table.rows.iter().map(move |row| known(table, row))).collect();
    if !wanted() {
        let (_, lines) = page();
        let lines: Vec<_> = lines.iter().map(|line| shown(line).unwrap_or_else(|| panic!("no row: {line}"))).collect();
        assert_eq!(lines, declared, "UPDATE_EXPECT=1 writes the rows that it runs");
    }
    let products = fs::read_to_string(root().join("docs/products/README.md")).unwrap();
    for table in TABLES {
        let name = format!("{}.md", table.folder);
        let text = fs::read_to_string(root().join("docs/products").join(&name)).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert!(text.starts_with(&format!("# {}\n", table.product)) && products.contains(&name), "docs/products/{name}");
        let folder = root().join("tests/field").join(table.folder);
        let others = [("path.rs", include_str!("path.rs")), ("also.rs", include_str!("also.rs"))];
        let mut files: Vec<(String, String)> = others.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        for entry in fs::read_dir(&folder).unwrap() {
            let file = entry.unwrap().path();
            files.push((file.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&file).unwrap()));
        }
        for (name, _) in files.iter().filter(|(name, _)| !name.ends_with(".rs")) {
            let rules = name.replace(".sysctl", ".nft");
            let used = files.iter().any(|(other, text)| other != name && text.contains(rules.as_str()));
            assert!(used, "{}/{name} is used by nobody", table.folder);
        }
        for row in table.rows.iter().filter(|row| !row.config.is_empty()) {
            assert!(folder.join(row.config).is_file(), "{}/{}", table.folder, row.config);
        }
    }
}
