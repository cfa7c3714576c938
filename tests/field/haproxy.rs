//! HAProxy as a reverse proxy in front of the cleartext leg.

use crate::harness::{Dir, Process, Serve, check, free_port, installed};
use std::process::Command;

/// HAProxy in front of a server that declares HAProxy's port as its own.
pub(crate) struct Front {
    pub(crate) haproxy: Process,
    pub(crate) server: Serve,
    pub(crate) url: String,
}

impl Front {
    /// With these timeouts; `None` when HAProxy is not installed.
    pub(crate) fn start(timeouts: &str) -> Option<Self> {
        let program = installed("haproxy")?;
        let port = free_port();
        let server = Serve::start(&["--public-http", &port.to_string()]);
        let dir = Dir::new();
        let config = format!(
            "global
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  timeout connect 5s
{timeouts}
frontend front
  bind 127.0.0.1:{port}
  default_backend back
backend back
  server one 127.0.0.1:{}
",
            server.http
        );
        let config = dir.write("haproxy.cfg", &config);
        let mut command = Command::new(program);
        command.arg("-db").arg("-f").arg(config);
        let haproxy = Process::start("haproxy", command, dir).listening(port);
        Some(Self { haproxy, server, url: format!("http://127.0.0.1:{port}") })
    }

    /// With limits that no test reaches.
    pub(crate) fn patient() -> Option<Self> {
        Self::start("  timeout client 60s\n  timeout server 60s\n  timeout tunnel 60s")
    }
}

#[test]
fn five_seconds_of_silence_are_measured() {
    let Some(front) = Front::start("  timeout client 5s\n  timeout server 5s\n  timeout tunnel 5s") else { return };
    let checked = check("haproxy 5s", &[&front.url, "--pin", &front.server.pin, "--idle", "12"]);
    checked.expect(1, "degraded");
    // HAProxy holds events back for 200 ms; that must not shorten the figure for streams.
    for transport in ["websocket", "sse"] {
        let limits: Vec<_> = checked
            .findings()
            .filter(|f| f["leg"] == "http" && f["measured"]["transport"] == transport)
            .filter(|f| f["code"] == "idle.closed" || f["code"] == "idle.reset")
            .collect();
        assert_eq!(limits.len(), 1, "{}\n{}", checked.summary(), front.haproxy.log());
        let after = limits[0]["measured"]["after_ms"].as_u64().unwrap();
        assert!(after.abs_diff(5_000) <= 150, "{}", checked.summary());
    }
    for code in checked.blamed("http") {
        assert!(code.starts_with("idle.") || code.starts_with("long_poll."), "{code}:\n{}", checked.summary());
    }
    assert_eq!(checked.blamed("https"), [""; 0], "{}", checked.summary());
    assert_eq!(checked.report["transports"]["websocket"]["per_leg"]["https"], "works");
}

#[test]
fn a_patient_haproxy_is_no_fault() {
    let Some(front) = Front::patient() else { return };
    check("haproxy patient", &[&front.url, "--pin", &front.server.pin, "--idle", "5"]).expect_works();
}

#[test]
fn a_stopped_server_behind_haproxy_is_named() {
    let Some(mut front) = Front::patient() else { return };
    front.server.process.kill();
    let checked = check("stopped haproxy", &[&front.url, "--pin", &front.server.pin, "--idle", "2"]);
    checked.expect(3, "inconclusive");
    let sentence = checked.finding("http", "reach.server-unavailable")["summary"].as_str().unwrap().to_owned();
    let address = front.url.trim_start_matches("http://");
    assert!(sentence.contains(address) && sentence.contains("503"), "{sentence}");
}
