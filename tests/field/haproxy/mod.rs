//! HAProxy before a server that is stopped.

use crate::harness::{Process, Serve, check, installed};
use crate::page;
use crate::ports::free_port;
use crate::rows::Stage;
use std::process::Command;

/// HAProxy in front of a server that declares HAProxy's port as its own.
pub(crate) struct Front {
    pub(crate) haproxy: Process,
    pub(crate) server: Serve,
    pub(crate) url: String,
}

impl Front {
    /// With limits that no test reaches; `None` when HAProxy is not installed.
    pub(crate) fn patient() -> Option<Self> {
        let program = installed("haproxy")?;
        let port = free_port();
        let server = Serve::start(&["--public-http", &port.to_string()]);
        let table = page::table("haproxy");
        let stage = Stage::set(table, "patient.cfg", port, server.http, server.https);
        let command = stage.command(Command::new(program), table);
        let haproxy = Process::start("haproxy", command, stage.dir).listening(port);
        Some(Self { haproxy, server, url: format!("http://127.0.0.1:{port}") })
    }
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
