use super::scan::Tokens;
use super::*;
use proxyprobe_probes::untrusted::Untrusted;

#[test]
fn names_and_addresses_become_stable_tokens() {
    let mut tokens = Tokens::new(Redaction::Share);
    tokens.learn_host("intranet:8080");
    assert_eq!(
        tokens.scan("intranet, probe.corp.example:443 (10.1.2.3:443) or [fd00::7]:80; 127.0.0.1:9, Probe.corp.example."),
        "host-1, host-2:443 (addr-1:443) or addr-2:80; 127.0.0.1:9, host-2."
    );
    assert_eq!(tokens.scan("--resolve probe.corp.example:443:10.1.2.3 at 12:30:05"), "--resolve host-2:443:addr-1 at 12:30:05");
    assert_eq!(tokens.scan("HTTP/1.1 in 5.0 s, squid/5.7"), "HTTP/1.1 in 5.0 s, squid/5.7");
    assert_eq!(tokens.via("1.1 gw-7 (squid/5.7), 1.0 10.1.2.3:3128"), "1.1 host-3 (squid/5.7), 1.0 addr-1:3128");
    assert_eq!(tokens.via("1.1 tinyproxy (tinyproxy/1.11.1)"), "1.1 tinyproxy (tinyproxy/1.11.1)");
    assert_eq!(tokens.url("https://portal.corp.example/login/jdoe?token=x"), "https://host-4/…");
    assert_eq!(tokens.challenge("Basic realm=\"Corp\""), "Basic (text-1)");
    let hidden = tokens.hidden();
    assert_eq!((hidden.hosts, hidden.addresses, hidden.texts, hidden.queries), (4, 2, 1, 1));
}

#[test]
fn by_default_only_queries_are_left_out() {
    let mut tokens = Tokens::new(Redaction::Default);
    assert_eq!(tokens.url("https://portal.corp.example/login?token=x"), "https://portal.corp.example/login?…");
    assert_eq!(tokens.scan("10.1.2.3"), "10.1.2.3");
    assert_eq!(tokens.foreign("Welcome, jdoe"), "Welcome, jdoe");
}

#[test]
fn the_mark_of_a_product_stays_in_the_token() {
    let mut tokens = Tokens::new(Redaction::Share);
    let token = tokens.foreign("<title>Zscaler says no to jdoe</title>");
    assert!(token.contains("zscaler") && !token.contains("jdoe"), "{token}");
}

#[test]
fn what_a_record_cut_is_still_the_beginning_of_the_whole() {
    let whole = "x".repeat(1_024) + &"y".repeat(500);
    for first in [&whole, "…"] {
        let mut tokens = Tokens::new(Redaction::Share);
        tokens.foreign(first);
        let cut = tokens.foreign(Untrusted::from_bytes(whole.as_bytes(), 1_024).as_str());
        let other = "x".repeat(1_024) + &"z".repeat(500);
        let (whole, other) = (tokens.foreign(&whole), tokens.foreign(&other));
        let kept = cut.strip_suffix('…').unwrap();
        assert!(whole.starts_with(kept) && whole != kept && other != whole, "{cut} {whole} {other}");
        assert_eq!(tokens.foreign(&cut), cut);
    }
    let mut tokens = Tokens::new(Redaction::Share);
    let escaped = format!("\t{}", "x".repeat(3_000));
    let of = |limit| Untrusted::from_bytes(escaped.as_bytes(), limit);
    let (whole, cut) = (tokens.foreign(of(4_096).as_str()), tokens.foreign(of(1_024).as_str()));
    assert!(whole.starts_with(cut.strip_suffix('…').unwrap()), "{cut} {whole}");
    let marked = format!("{}zscaler{}", "y".repeat(1_020), "y".repeat(100));
    assert!(tokens.foreign(&marked).contains("zscaler"));
}

#[test]
fn a_command_line_keeps_no_path() {
    let mut tokens = Tokens::new(Redaction::Share);
    let shown = tokens.command(
        "proxyprobe check https://probe.corp.example/x?y --save json=/home/jdoe/a.json --ca-file C:\\jdoe\\ca.pem --idle 5",
    );
    assert_eq!(shown, "proxyprobe check https://host-1/… --save json=(path) --ca-file (path) --idle 5");
}

#[test]
fn a_name_in_hex_is_hidden_and_keeps_its_length() {
    let mut tokens = Tokens::new(Redaction::Share);
    tokens.learn_host("probe.corp.example:443");
    // "probe.corp.example" between two other bytes.
    assert_eq!(tokens.hex("0070726f62652e636f72702e6578616d706c65ff"), format!("00{}ff", "78".repeat(18)));
}

#[test]
fn a_way_that_was_not_taken_is_hidden_too() {
    let mut tokens = Tokens::new(Redaction::Share);
    let mut settings = serde_json::json!([
        { "place": "environment", "says": "direct" },
        { "place": "GNOME", "says": "http-proxy proxy01:3128" },
        { "place": "WinHTTP", "says": "the script http://pac02/proxy.pac" },
    ]);
    learn(&settings, "", &mut tokens);
    hide(&mut settings, "", &mut tokens);
    let text = settings.to_string();
    assert!(!text.contains("proxy01") && !text.contains("pac02") && text.contains("\"direct\""), "{text}");
}
