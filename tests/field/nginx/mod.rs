//! What is said to who uses a plain nginx.

use crate::harness::{Process, Serve, check, installed};
use crate::page;
use crate::ports::free_port;
use crate::rows::Stage;
use std::process::Command;

#[test]
fn a_plain_nginx_is_told_how_to_let_the_stream_pass() {
    let Some(program) = installed("nginx") else { return };
    let port = free_port();
    let server = Serve::start(&["--public-http", &port.to_string()]);
    let table = page::table("nginx");
    let stage = Stage::set(table, "default.conf", port, server.http, server.https);
    let command = stage.command(Command::new(program), table);
    let nginx = Process::start("nginx", command, stage.dir).listening(port);
    let checked = check("nginx quick", &[&format!("http://127.0.0.1:{port}"), "--pin", &server.pin, "--quick"]);
    checked.expect(1, "broken");
    let stripped = checked.finding("http", "upgrade.header-stripped");
    assert_eq!(stripped["measured"]["http_version_seen"], "1.0", "{}", nginx.log());
    let buffered = checked.finding("http", "sse.buffered-by-size");
    assert_eq!(buffered["measured"]["bytes"], 4096, "{buffered}");
    assert!(buffered["measured"]["mended_by"].as_str().unwrap().contains("X-Accel-Buffering"), "{buffered}");
    for transport in ["websocket", "sse", "long-polling"] {
        let per_leg = &checked.report["transports"][transport]["per_leg"];
        assert_eq!(per_leg["https"], "works", "{}", checked.summary());
    }
    let recommendation = &checked.report["recommendation"];
    let holds = |name: &str, text: &str| {
        recommendation[name].as_array().unwrap().iter().any(|entry| entry.as_str().unwrap().contains(text))
    };
    assert!(holds("because", "upgrade.header-stripped"), "{recommendation}");
    assert!(holds("headers", "X-Accel-Buffering"), "{recommendation}");
}
