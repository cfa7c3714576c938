//! Every parser of bytes from the network, by name: for `fuzz/`, and for the tests that feed its corpora.

use crate::report::{Format, read};
use crate::{net, serve};
use proxyprobe_probes::io::fuzz;

/// A parser that is fed with any bytes. It may refuse them; it must come to an end.
pub type Target = fn(&[u8]);

/// All of them. The name is that of a target in `fuzz/fuzz_targets`, and of a folder in `fuzz/corpus`.
pub const TARGETS: &[(&str, Target)] = &[
    ("answer", fuzz::answer),
    ("handshake", fuzz::handshake),
    ("frames", fuzz::frames),
    ("foreign_frames", fuzz::foreign_frames),
    ("events", fuzz::events),
    ("message", fuzz::message),
    ("hellos", fuzz::hellos),
    ("witness", fuzz::witness),
    ("connect", net::fuzz::connect),
    ("challenge", net::fuzz::challenge),
    ("certificate", net::fuzz::certificate),
    ("socks", net::fuzz::socks),
    ("pac_answer", net::fuzz::pac_answer),
    ("pac_script", net::fuzz::pac_script),
    ("proxy_header", serve::fuzz_proxy_header),
    ("report", report),
];

/// A saved report, judged again and shown.
fn report(bytes: &[u8]) {
    if let Ok(report) = read(&String::from_utf8_lossy(bytes)) {
        for format in [Format::Text, Format::Markdown, Format::Html] {
            let shown = report.render(format, false);
            assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
        }
    }
}
