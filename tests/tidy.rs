//! The rules of the house that the compiler cannot see.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use proxyprobe::selftest::{CASES, CONTROLS};
use proxyprobe_probes::ProbeId;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|why| panic!("{file}: {why}"))
}

fn codes() -> Vec<&'static str> {
    ProbeId::ALL.iter().flat_map(|probe| probe.codes()).map(|code| code.id).collect()
}

/// All Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let rust = files.into_iter().filter(|file| file.extension().is_some_and(|end| end == "rs"));
    rust.chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

#[test]
fn codes_are_unique_and_belong_to_their_probe() {
    let all = codes();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    for probe in ProbeId::ALL {
        for code in probe.codes() {
            let name = code.id.strip_prefix(probe.id()).and_then(|rest| rest.strip_prefix('.'));
            let kebab = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            assert!(name.is_some_and(kebab), "{}", code.id);
        }
    }
}

/// The headings of a finding's page, in their order. Where a setting is known, "Settings" follows.
const HEADINGS: [&str; 8] = [
    "In short",
    "What it means",
    "How we know",
    "What else it could be",
    "Seen of",
    "Ask",
    "For developers",
    "For the network team",
];

/// What has to fit into one line of a report, and how many characters it may have.
const SHORT: [(&str, usize); 2] = [("In short", 44), ("Ask", 60)];

/// The products, as pages name them under "Settings", and the words that name them anywhere.
const PRODUCTS: &[(&str, &[&str])] = &[
    ("Squid", &["Squid"]),
    ("nginx", &["nginx"]),
    ("HAProxy", &["HAProxy"]),
    ("Apache httpd", &["Apache", "httpd"]),
    ("Varnish", &["Varnish"]),
    ("Envoy", &["Envoy"]),
    ("Privoxy", &["Privoxy"]),
    ("tinyproxy", &["tinyproxy"]),
    ("mitmproxy", &["mitmproxy"]),
    ("Apache Traffic Server", &["Traffic Server"]),
    ("Caddy", &["Caddy"]),
    ("e2guardian", &["e2guardian"]),
    ("Zscaler", &["Zscaler"]),
    ("Palo Alto", &["Palo Alto", "PAN-OS"]),
    ("FortiGate", &["Fortinet", "FortiGate", "FortiProxy"]),
    ("Blue Coat", &["Blue Coat", "ProxySG", "SGOS", "Edge SWG"]),
    ("Symantec Cloud SWG", &["Symantec", "Broadcom", "Cloud SWG"]),
    ("Cisco Secure Web Appliance", &["Cisco", "WSA"]),
    ("Sophos", &["Sophos"]),
    ("Check Point", &["Check Point"]),
    ("Skyhigh Web Gateway", &["McAfee", "Skyhigh"]),
    ("Netskope", &["Netskope"]),
    ("Forcepoint", &["Forcepoint", "Websense"]),
    ("Barracuda", &["Barracuda"]),
    ("F5 BIG-IP", &["F5", "BIG-IP"]),
    ("Citrix", &["Citrix", "NetScaler"]),
    ("IBM WebSEAL", &["IBM", "WebSEAL"]),
    ("Diladele Web Safety", &["Diladele", "Web Safety"]),
    ("Azure", &["Azure"]),
    ("AWS", &["AWS", "Amazon"]),
    ("Google Cloud", &["Google"]),
    ("Cloudflare", &["Cloudflare"]),
    ("Kaspersky", &["Kaspersky"]),
    ("Avast", &["Avast"]),
    ("ESET", &["ESET"]),
    ("Bitdefender", &["Bitdefender"]),
];

/// The words of a text, in lower case, with one space around each.
fn words(text: &str) -> String {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    format!(" {} ", words.join(" "))
}

/// What stands under "Settings": a bullet for each product, which may go on in indented lines.
fn settings(page: &str) -> Vec<String> {
    let mut bullets: Vec<String> = Vec::new();
    for line in page.split("\n## Settings\n").skip(1).flat_map(str::lines) {
        match (line.strip_prefix("- "), line.strip_prefix("  "), bullets.last_mut()) {
            (Some(first), ..) => bullets.push(first.to_owned()),
            (None, Some(more), Some(bullet)) => *bullet = format!("{bullet} {more}"),
            _ => panic!("neither a bullet nor more of one: {line}"),
        }
    }
    bullets
}

#[test]
fn every_page_says_what_it_must() {
    for code in ProbeId::ALL.iter().flat_map(|probe| probe.codes()) {
        assert!(code.page.starts_with(&format!("# {}\n", code.id)), "{}", code.id);
        let headings: Vec<&str> = code.page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(headings.strip_suffix(&["Settings"]).unwrap_or(&headings), HEADINGS, "{}", code.id);
        for heading in HEADINGS.iter().filter(|heading| SHORT.iter().all(|(short, _)| *heading != short)) {
            assert!(code.section(heading).len() > 20, "{}: {heading}", code.id);
        }
        for (heading, most) in SHORT {
            let text = code.section(heading);
            let one_line = code.page.contains(&format!("\n## {heading}\n{text}\n"));
            let plain = !text.starts_with(char::is_uppercase) && !text.contains(['`', '*']) && !text.ends_with('.');
            assert!(one_line && plain && (1..=most).contains(&text.chars().count()), "{}: {heading}: {text}", code.id);
        }
        // These are pasted into reports: one paragraph each, without markup.
        for heading in ["For developers", "For the network team"] {
            let paragraph = code.section(heading);
            assert!(!paragraph.contains('\n') && !paragraph.contains("**"), "{}: {heading}", code.id);
        }
    }
}

/// Whoever reads the paragraph for the network team may have any product: what is special to one stands under "Settings".
#[test]
fn settings_are_sourced_and_products_are_named_nowhere_else_in_advice() {
    for code in ProbeId::ALL.iter().flat_map(|probe| probe.codes()) {
        let paragraph = code.section("For the network team");
        let asks = paragraph.starts_with("Please ") || paragraph.starts_with("Nothing to ");
        assert!(asks && !paragraph.contains('`'), "{}: {paragraph}", code.id);
        for name in PRODUCTS.iter().flat_map(|(_, names)| *names) {
            assert!(!words(&paragraph).contains(&words(name)), "{} names {name} to every network team", code.id);
        }
        let mut seen = BTreeSet::new();
        for bullet in settings(code.page) {
            let product = bullet.split_once(": ").map_or("", |(product, _)| product);
            assert!(PRODUCTS.iter().any(|(name, _)| *name == product), "{}: {bullet}", code.id);
            assert!(seen.insert(product.to_owned()), "{}: {product} twice", code.id);
            assert!(bullet.contains("<http") || bullet.contains("(measured)"), "{}: no source: {bullet}", code.id);
        }
    }
}

#[test]
fn every_page_belongs_to_a_code() {
    let pages = fs::read_dir(root().join("docs/findings")).unwrap().map(|entry| entry.unwrap().path());
    let pages: BTreeSet<String> = pages.map(|page| page.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(pages, codes().iter().map(|code| (*code).to_owned()).collect());
}

#[test]
fn every_code_is_in_the_table_of_its_probe_and_shown_by_a_test() {
    let tests: String = sources(&root().join("tests")).iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let pure: String = sources(&root().join("probes"))
        .iter()
        .filter(|file| file.ends_with("tests.rs"))
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    for probe in ProbeId::ALL {
        let readme = text(&format!("probes/{}/README.md", probe.id()));
        for code in probe.codes() {
            assert!(readme.contains(code.id), "probes/{}/README.md does not name {}", probe.id(), code.id);
            let constant = code.id.split_once('.').unwrap().1.replace('-', "_").to_uppercase();
            let shown = tests.contains(code.id) || pure.contains(&constant) || pure.contains(code.id);
            assert!(shown, "no test shows {}", code.id);
        }
    }
}

#[test]
fn the_accused_know_no_probe_no_network_and_no_report() {
    for file in sources(&root().join("src/lab")) {
        let source = fs::read_to_string(&file).unwrap();
        for line in source.lines().filter(|line| line.contains("use ") || line.contains("crate::")) {
            let foreign = ["crate::", "proxyprobe::"].iter().any(|path| line.contains(path));
            let other_probe = line.contains("proxyprobe_probes::")
                // The stream, and its form in memory.
                && !line.contains("proxyprobe_probes::io::{BoxFuture, Io}")
                && !line.contains("proxyprobe_probes::io::Io;")
                && !line.contains("proxyprobe_probes::io::pipe::{Link, pipe}");
            assert!(!foreign && !other_probe, "{}: {line}", file.display());
        }
    }
}

#[test]
fn the_judge_waits_for_nothing() {
    let judging = ["verdict", "recommend", "causes", "circumstances", "company", "hearing", "finding"];
    let judges = |file: &Path| file.with_extension("").iter().any(|part| judging.iter().any(|name| part == *name));
    for file in sources(&root().join("probes")).iter().filter(|file| judges(file)) {
        let source = fs::read_to_string(file).unwrap();
        for word in ["async ", ".await", "tokio", "Instant", "SystemTime"] {
            assert!(!source.contains(word), "{}: {word}", file.display());
        }
    }
}

#[test]
fn the_readme_names_every_probe() {
    let readme = text("README.md");
    for probe in ProbeId::ALL {
        assert!(readme.contains(&format!("`{}`", probe.id())), "{}", probe.id());
    }
}

/// Codes that no middlebox provokes, and why.
const NOT_PLAYED: &[(&str, &str)] = &[
    ("reach.dns-failed", "names are resolved before any middlebox is met"),
    ("reach.token-required", "the server's own doing"),
    ("reach.pac-failed", "a script is asked before any middlebox is met"),
    ("reach.proxy-unreachable", "a proxy that is not there is no middlebox"),
    ("reach.proxy-on-this-machine", "the machine's own part"),
    ("reach.through-tunnel", "the machine's own part"),
    ("reach.proxy-settings-differ", "the machine's own part"),
    ("reach.address-family-fails", "the machine's own part"),
    ("reach.udp-reachable", "the lab carries no datagrams"),
    ("reach.udp-blocked", "the lab carries no datagrams"),
    ("reach.certificate-untrusted", "the other leg tells whose certificate it is"),
    ("reach.self-signed-server", "the server's own doing"),
    ("tls.certificate-invalid", "the other leg tells whose certificate it is"),
    ("upgrade.inconclusive", "a doubt, not a behaviour"),
    ("latency.inconclusive", "a doubt, not a behaviour"),
    ("upgrade.port-differs", "the lab stands before one port"),
    ("idle.unsteady", "a limit without a rule"),
    ("long_poll.refused", "the server cannot be reached either where all requests are refused"),
    ("h2.flow-control-stalled", "the lab passes windows as they are"),
    ("h2.no-answer", "the lab has no proxy whose HTTP/2 is broken from the beginning"),
    ("latency.round-trip", "every path has it, and the table leaves it out"),
    // Played where an application stands beside the server: tests/scenarios/situations.rs.
    ("also.not-reached", "another host"),
    ("also.intercepted", "another host"),
    ("also.exempted", "another host"),
    ("also.refused", "another host"),
    ("also.silent", "another host"),
    ("also.closed-early", "another host"),
];

/// A middlebox by which a code is shown: nothing else is found, but for what follows from it.
#[test]
fn every_code_has_a_middlebox_that_provokes_it() {
    let shown = |code: &str| {
        CASES.iter().chain(CONTROLS).any(|case| {
            let alone = case.codes.iter().all(|found| *found == code || found.ends_with(&format!(" <- {code}")));
            let doubt = code.ends_with(".inconclusive");
            case.codes.contains(&code) && (alone || doubt || WITH_OTHERS.contains(&code) || code.starts_with("h2."))
                || doubt && case.codes.iter().any(|found| found.starts_with(&format!("{code} <- ")))
        })
    };
    for code in codes() {
        let excused = NOT_PLAYED.iter().any(|(not_played, _)| *not_played == code);
        assert_ne!(shown(code), excused, "{code}");
    }
}

/// Codes that never come alone, as those of HTTP/2 do not, because whoever sees it has ended TLS: fewer connections than a run needs
/// leave other questions open, whoever ends TLS agrees on something there, a product is known by what it adds, and what does not count is known where there is a limit.
const WITH_OTHERS: &[&str] = &[
    "idle.ladder-limited",
    "idle.keepalive-ignored",
    "tls.terminated-by-front",
    "tls.alpn-changed",
    "tls.version-lowered",
    "headers.product-identified",
];
