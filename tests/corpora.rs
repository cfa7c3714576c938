//! Every parser of bytes from the network, fed with what its fuzz target begins with, and with the beginnings of that.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proxyprobe::fuzz::TARGETS;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// So many beginnings of each file.
const CUTS: usize = 16;

fn below(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn what_fuzzing_begins_with_is_read_to_its_end() {
    for (name, target) in TARGETS {
        let files = below(&format!("fuzz/corpus/{name}"));
        assert!(!files.is_empty(), "{name}");
        for file in files {
            let bytes = fs::read(&file).unwrap();
            (0..=CUTS).for_each(|cut| target(&bytes[..bytes.len() * cut / CUTS]));
        }
    }
}

#[test]
fn every_parser_has_a_target_and_a_corpus() {
    let named: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let folders = below("fuzz/corpus").iter().map(|folder| folder.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(named, folders);
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml")).unwrap();
    let bins = manifest.split("[[bin]]\nname = \"").skip(1).map(|bin| bin.split('"').next().unwrap().to_owned()).collect();
    assert_eq!(named, bins);
}
