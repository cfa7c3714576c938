//! nginx as a reverse proxy, with nothing but `proxy_pass`.

use crate::harness::{Dir, Process, Serve, check, free_port, installed};
use std::process::Command;

/// nginx in front of a server, with these directives beside `proxy_pass`; `None` when it is not installed.
fn nginx(directives: &str) -> Option<(Serve, Process, u16)> {
    let program = installed("nginx")?;
    let port = free_port();
    let server = Serve::start(&["--public-http", &port.to_string()]);
    let dir = Dir::new();
    let at = dir.path().display();
    let config = format!(
        "daemon off;
master_process off;
pid {at}/pid;
error_log {at}/error.log;
events {{}}
http {{
  access_log {at}/access.log;
  client_body_temp_path {at}/body;
  proxy_temp_path {at}/proxy;
  fastcgi_temp_path {at}/fastcgi;
  uwsgi_temp_path {at}/uwsgi;
  scgi_temp_path {at}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://127.0.0.1:{}; {directives} }}
  }}
}}
",
        server.http
    );
    let config = dir.write("nginx.conf", &config);
    let mut command = Command::new(program);
    command.arg("-e").arg(dir.path().join("error.log")).arg("-c").arg(config).arg("-p").arg(dir.path());
    let nginx = Process::start("nginx", command, dir).listening(port);
    Some((server, nginx, port))
}

#[test]
fn a_plain_nginx_strips_the_upgrade_and_buffers_the_stream() {
    let Some((server, nginx, port)) = nginx("") else { return };
    let url = format!("http://127.0.0.1:{port}");
    let checked = check("nginx", &[&url, "--pin", &server.pin, "--idle", "5"]);
    checked.expect(1, "broken");
    assert_eq!(
        checked.blamed("http"),
        ["sse.buffered-by-size", "upgrade.header-stripped"],
        "{}\n{}",
        checked.summary(),
        nginx.log()
    );
    let stripped = checked.finding("http", "upgrade.header-stripped");
    assert_eq!(stripped["measured"]["http_version_seen"], "1.0");
    assert_eq!(stripped["measured"]["via"], "direct");
    let buffered = checked.finding("http", "sse.buffered-by-size");
    // Its buffers are one memory page each (proxy_buffer_size, proxy_buffers).
    assert_eq!(buffered["measured"]["bytes"], 4096, "{buffered}");
    assert!(buffered["measured"]["mended_by"].as_str().unwrap().contains("X-Accel-Buffering"), "{buffered}");
    let quick = check("nginx quick", &[&url, "--pin", &server.pin, "--quick"]);
    assert_eq!(quick.finding("http", "sse.buffered-by-size")["measured"]["bytes"], 4096, "{}", quick.summary());
    let transports = &checked.report["transports"];
    assert_eq!(transports["websocket"]["verdict"], "broken");
    // The plain stream, which is shorter than a page, came at its end.
    assert_eq!(checked.finding("http", "sse.buffered-until-end")["caused_by"], "sse.buffered-by-size");
    assert_eq!(transports["sse"]["verdict"], "broken");
    assert_eq!(transports["long-polling"]["verdict"], "works", "{}", checked.summary());
    for transport in ["websocket", "sse", "long-polling"] {
        assert_eq!(transports[transport]["per_leg"]["https"], "works", "{}", checked.summary());
    }
    let recommendation = &checked.report["recommendation"];
    assert_eq!(recommendation["transport"], "sse", "{recommendation}");
    let holds = |name: &str, text: &str| {
        recommendation[name].as_array().unwrap().iter().any(|entry| entry.as_str().unwrap().contains(text))
    };
    assert!(holds("because", "upgrade.header-stripped"), "{recommendation}");
    assert!(holds("headers", "X-Accel-Buffering"), "{recommendation}");
}

#[test]
fn a_compressing_nginx_holds_the_stream_back() {
    let Some((server, nginx, port)) = nginx("proxy_http_version 1.1; gzip on; gzip_types *; gzip_min_length 0;") else { return };
    let checked = check("nginx gzip", &[&format!("http://127.0.0.1:{port}"), "--pin", &server.pin, "--idle", "5"]);
    assert_eq!(
        checked.blamed("http"),
        ["sse.buffered-by-size", "upgrade.header-stripped"],
        "{}\n{}",
        checked.summary(),
        nginx.log()
    );
    let measured = &checked.finding("http", "sse.buffered-by-size")["measured"];
    assert_eq!(measured["content_encoding"], "gzip");
    assert!(measured["mended_by"].as_str().unwrap().contains("no-transform"), "{measured}");
    // Counted as the server sent it; what nginx holds is the compressed output.
    assert!(measured["bytes"].as_u64().unwrap() <= 64 * 1024 + 64, "{measured}");
}
