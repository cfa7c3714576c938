//! Privoxy as an explicit proxy that filters pages, and so holds them until it has the whole.

use crate::harness::{Dir, Process, Serve, check, free_port, installed};
use std::process::Command;

#[test]
fn a_filtering_privoxy_buffers_the_stream() {
    let Some(program) = installed("privoxy") else { return };
    let (server, dir, port) = (Serve::start(&[]), Dir::new(), free_port());
    dir.write("field.action", "{+filter{field} +force-text-mode}\n/\n");
    dir.write(
        "field.filter",
        "FILTER: field Changes nothing, but has to see the whole page for it.\ns@never-to-be-found@found@\n",
    );
    let at = dir.path().display();
    let config = format!(
        "confdir {at}\nlogdir {at}\nlogfile log\ntempldir /etc/privoxy/templates\nactionsfile field.action\nfilterfile field.filter\n\
         listen-address 127.0.0.1:{port}\nbuffer-limit 4096\ntoggle 1\ndebug 1\ndebug 64\ndebug 8192\nsocket-timeout 300\n"
    );
    let config = dir.write("config", &config);
    let mut command = Command::new(program);
    command.arg("--no-daemon").arg(config);
    let privoxy = Process::start("privoxy", command, dir).listening(port);
    let proxy = format!("http://127.0.0.1:{port}");
    let checked = check("privoxy", &[&server.http_url(), "--pin", &server.pin, "--proxy", &proxy, "--idle", "5"]);
    checked.expect(1, "broken");
    assert_eq!(checked.blamed("http"), ["sse.buffered-until-end"], "{}\n{}", checked.summary(), privoxy.log());
    let buffered = checked.finding("http", "sse.buffered-until-end");
    assert!(buffered["measured"]["mended_by"].is_null(), "{buffered}");
    let transports = &checked.report["transports"];
    assert_eq!(transports["sse"]["verdict"], "broken");
    assert_eq!(transports["websocket"]["verdict"], "works", "{}", checked.summary());
    assert_eq!(transports["long-polling"]["verdict"], "works", "{}", checked.summary());
    assert_eq!(checked.blamed("https"), [""; 0], "{}", checked.summary());
}
