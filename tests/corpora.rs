//! Every parser of bytes from the network, fed with what its fuzz target begins with, and with the beginnings of that.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use proxyprobe::fuzz::TARGETS;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// So many beginnings of each file.
const CUTS: usize = 16;

fn below(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
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

/// So many changed files for each parser: a few seconds for all of them.
const CHANGED: usize = 1_000;
/// What parsers of numbers, lines and lengths stumble over.
const ODD: [&[u8]; 12] = [
    b"\0",
    b"\r\n",
    b"\n\n",
    b"\xff\xff\xff\xff",
    b"4294967296",
    b"18446744073709551616",
    b"-1",
    b"\"",
    b"[[[[",
    b": ",
    b"\x1b[",
    "\u{feff}".as_bytes(),
];

/// A file of the corpus with one to four changes.
fn changed(corpus: &[Vec<u8>], chance: &mut StdRng) -> Vec<u8> {
    let any = |chance: &mut StdRng| corpus[chance.random_range(0..corpus.len())].clone();
    let mut bytes = any(chance);
    for _ in 0..chance.random_range(1..=4) {
        let at = chance.random_range(0..=bytes.len());
        let to = chance.random_range(at..=bytes.len().min(at + 64));
        match chance.random_range(0..6) {
            0 => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << chance.random_range(0..8)),
            1 => drop(bytes.drain(at..to)),
            2 => drop(bytes.splice(at..at, ODD[chance.random_range(0..ODD.len())].iter().copied())),
            3 => drop(bytes.splice(at..to, ODD[chance.random_range(0..ODD.len())].iter().copied())),
            4 => {
                let again = bytes[at..to].repeat(chance.random_range(1..200));
                drop(bytes.splice(at..at, again));
            }
            _ => {
                let other = any(chance);
                bytes.truncate(at);
                bytes.extend(&other[chance.random_range(0..=other.len())..]);
            }
        }
    }
    bytes
}

/// The same changes each time: what a longer search by `cargo fuzz` begins with.
#[test]
fn what_is_near_to_a_corpus_is_read_to_its_end() {
    for (name, target) in TARGETS {
        let corpus: Vec<Vec<u8>> = below(&format!("fuzz/corpus/{name}")).iter().map(|file| fs::read(file).unwrap()).collect();
        let mut chance = StdRng::seed_from_u64(1);
        (0..CHANGED).for_each(|_| target(&changed(&corpus, &mut chance)));
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
