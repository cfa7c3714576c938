//! Inspection that is selective by host: the probe server is exempted from it, the application is not.

use crate::application;
use crate::harness::{Checked, Dir, Process, Serve, check, installed, say};
use crate::page;
use crate::ports::free_port;
use crate::rows::{Stage, certificates_of_squid};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;

/// nginx with TLS in front of a small application.
struct Application {
    url: String,
    _nginx: Process,
}

impl Application {
    fn start() -> Option<Self> {
        let program = installed("nginx")?;
        let (dir, port, behind) = (Dir::new(), free_port(), cleartext());
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        let (chain, key) = (dir.write("app.pem", &certificate.pem()), dir.write("app.key", &key.serialize_pem()));
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
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {};
    ssl_certificate_key {};
    location / {{
      proxy_pass http://{behind};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $http_connection;
      proxy_buffering off;
    }}
  }}
}}
",
            chain.display(),
            key.display()
        );
        let config = dir.write("nginx.conf", &config);
        let mut command = Command::new(program);
        command.arg("-e").arg(dir.path().join("error.log")).arg("-c").arg(config).arg("-p").arg(dir.path());
        let nginx = Process::start("nginx", command, dir).listening(port);
        Some(Self { url: format!("//localhost:{port}"), _nginx: nginx })
    }
}

/// The application itself.
fn cleartext() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || application::serve(stream));
        }
    });
    address
}

/// A product that looks into TLS, but not into the probe server's.
struct Selective {
    process: Process,
    url: String,
    ca: String,
}

impl Selective {
    fn start(folder: &str, config: &str, ca: &str, prepare: impl Fn(&Stage)) -> Option<Self> {
        let table = page::table(folder);
        let (program, port) = (installed(table.program)?, free_port());
        let stage = Stage::set(table, config, port, 0, 0);
        prepare(&stage);
        let (command, ca) = (stage.command(Command::new(program), table), stage.file(ca));
        let process = Process::start(table.program, command, stage.dir).stop_gently().listening(port);
        Some(Self { process, url: format!("http://127.0.0.1:{port}"), ca })
    }
}

/// Visits a socket and a stream of the application through a proxy that leaves the probe server alone.
///
/// `stream` is the status that the stream answers with in time.
fn visited(name: &str, proxy: &Selective, stream_status: Option<u16>) -> Option<Checked> {
    let (server, application) = (Serve::start(&[]), Application::start()?);
    let (socket, stream) = (format!("wss:{}/socket", application.url), format!("https:{}/events", application.url));
    let own = ["--pin", &server.pin, "--ca-file", &proxy.ca, "--proxy", &proxy.url];
    let checked = check(name, &[&own[..], &["--idle", "6", "--also", &socket, "--also", &stream, &server.https_url()]].concat());
    // Of the probe server nothing is found fault with.
    checked.expect(0, "works");
    let tls = |code: &str| code == "also.intercepted" || code.starts_with("tls.");
    let found: Vec<_> = checked.findings().filter(|finding| finding["code"].as_str().is_some_and(tls)).collect();
    assert_eq!(found.len(), 2, "{}\n{}", checked.summary(), proxy.process.log());
    for (finding, url) in found.iter().zip([&socket, &stream]) {
        assert_eq!(finding["code"], "also.intercepted", "{}\n{}", checked.summary(), proxy.process.log());
        let measured = &finding["measured"];
        assert_eq!((&measured["probe_server"], &measured["url"]), (&"exempted".into(), &url.as_str().into()), "{measured}");
        assert!(finding["summary"].as_str().unwrap().contains("the probe host is exempted from inspection"), "{finding}");
        assert_eq!((&finding["outcome"], &finding["decisive"]), (&"note".into(), &false.into()));
    }
    let visits = checked.report["probes"]["also"]["evidence"]["https"].as_array().unwrap();
    for (visit, status) in visits.iter().zip([Some(101), stream_status]) {
        assert_eq!(visit["record"]["response"]["status"].as_u64(), status.map(u64::from), "{visit}\n{}", proxy.process.log());
        let end = &visit["record"]["client"]["entries"].as_array().unwrap().last().unwrap()["event"];
        assert!(if status.is_some() { end["closed"] == "done" } else { end == "gave-up" }, "{visit}");
        assert_eq!(visit["record"]["opened"]["via"], "connect");
    }
    say(&format!("field: {name}: {}", found[0]["summary"]));
    Some(checked)
}

#[test]
fn squid_that_splices_the_probe_host_and_bumps_the_application() {
    let Some(squid) = Selective::start("squid", "bump-application.conf", "ca.pem", certificates_of_squid) else { return };
    let Some(checked) = visited("squid bumps the application", &squid, Some(200)) else { return };
    for finding in checked.findings().filter(|finding| finding["code"] == "also.intercepted") {
        assert!(finding["measured"]["issuer"].as_str().unwrap().contains("CN=field inspection"), "{finding}");
    }
}

#[test]
fn mitmproxy_that_ignores_the_probe_host() {
    let ca = "mitmproxy-ca-cert.pem";
    let Some(proxy) = Selective::start("mitmproxy", "ignore-probe.yaml", ca, |_| {}) else { return };
    // It holds a stream until it ends, and this one does not.
    let Some(checked) = visited("mitmproxy meets the application", &proxy, None) else { return };
    for finding in checked.findings().filter(|finding| finding["code"] == "also.intercepted") {
        assert_eq!(finding["measured"]["looks_like"], "mitmproxy", "{finding}");
    }
    checked.finding("https", "also.not-reached");
}
