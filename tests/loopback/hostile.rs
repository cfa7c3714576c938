//! Peers that lie, stall and flood: a clear end in bounded time, and nothing in the output that a terminal obeys.

use crate::program::{check, read_head, run, server};
use std::io::Write;

/// What every output must be free of.
fn is_clean(text: &str) -> bool {
    text.chars().all(|c| c == '\n' || !(c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')))
}

#[test]
fn endless_heads_and_bodies_end() {
    let head = server(|mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"X-More: and more and more and more\r\n").is_ok() {}
    });
    let body = server(|mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    let interim = server(|mut stream| {
        read_head(&mut stream);
        while stream.write_all(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n").is_ok() {}
    });
    for (name, address) in [("head", head), ("body", body), ("interim", interim)] {
        let ran = check(&["--timeout", "20", &format!("http://{address}")]);
        assert_eq!(ran.code, 3, "{name}");
        assert!(is_clean(&ran.stdout), "{name}: {}", ran.stdout);
    }
}

#[test]
fn no_byte_of_an_answer_reaches_the_terminal_unchecked() {
    let nasty = server(|mut stream| {
        read_head(&mut stream);
        let body = "\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}<script>alert(1)</script>";
        let head = format!("HTTP/1.1 403 For\u{9b}bidden\r\nServer: a\u{9b}b\u{202e}c\r\nContent-Length: {}\r\n\r\n", body.len());
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
    });
    for format in ["text", "json"] {
        let ran = run(&["check", "--quick", "--format", format, &format!("http://{nasty}")]);
        assert!(is_clean(&ran.stdout) && is_clean(&ran.stderr), "{:?}\n{:?}", ran.stdout, ran.stderr);
    }
}

#[test]
fn a_saved_report_that_somebody_edited_is_refused_or_harmless() {
    let good = check(&[]).stdout;
    let folder = std::env::temp_dir().join(format!("proxyprobe-edited-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("report.json");
    // Every number becomes huge or zero, every string hostile: reading and judging must not panic.
    for (from, to) in [
        ("\"at_ms\": ", "\"at_ms\": 18446744073709551615, \"was\": "),
        ("\"at_ms\": ", "\"at_ms\": 0, \"was\": "),
        ("embedded server", "\\u001b[2Jembedded"),
    ] {
        std::fs::write(&file, good.replace(from, to)).unwrap();
        let ran = run(&["judge", file.to_str().unwrap()]);
        assert!((0..=3).contains(&ran.code), "{}", ran.stderr);
        assert!(is_clean(&ran.stdout), "{:?}", ran.stdout);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
