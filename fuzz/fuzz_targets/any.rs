//! Feeds the parser that has this binary's name.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proxyprobe::fuzz::TARGETS;

fuzz_target!(|bytes: &[u8]| {
    let own = TARGETS.iter().find(|(name, _)| *name == env!("CARGO_BIN_NAME"));
    own.expect("a parser of this name").1(bytes);
});
