//! An HTTPS proxy: stunnel before Squid.

use crate::harness::{Dir, Process, Serve, check, installed};
use crate::ports::free_port;
use crate::squid::Squid;
use std::process::Command;

#[test]
fn a_proxy_inside_tls() {
    let Some(program) = installed("stunnel") else { return };
    let Some(squid) = Squid::open() else { return };
    let (server, dir, port) = (Serve::start(&[]), Dir::new(), free_port());
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    let root = dir.write("root.pem", &certificate.pem());
    let both = dir.write("both.pem", &format!("{}{}", key.serialize_pem(), certificate.pem()));
    let config = dir.write(
        "stunnel.conf",
        &format!(
            "foreground = yes\npid =\n[proxy]\naccept = 127.0.0.1:{port}\nconnect = 127.0.0.1:{}\ncert = {}\n",
            squid.port,
            both.display()
        ),
    );
    let mut command = Command::new(program);
    command.arg(config);
    let _stunnel = Process::start("stunnel", command, dir).listening(port);
    let proxy = format!("https://localhost:{port}");
    for (leg, url) in [("https", server.https_url()), ("http", server.http_url())] {
        let flags = [&url, "--pin", &server.pin, "--proxy", &proxy, "--idle", "2"];
        let root = root.display().to_string();
        let checked = check(&format!("stunnel {leg}"), &[&flags[..], &["--ca-file", &root]].concat());
        checked.expect_works();
        assert_eq!(checked.report["route"]["kind"], "https-proxy");
        let checked = check(&format!("stunnel untrusted {leg}"), &flags);
        checked.expect(3, "inconclusive");
        let finding = checked.finding(leg, "reach.proxy-unreachable");
        assert!(finding["summary"].as_str().unwrap().contains("--ca-file"), "{finding}");
    }
    let checked = check("stunnel no tls", &[&server.http_url(), "--proxy", &format!("https://localhost:{}", squid.port)]);
    checked.expect(3, "inconclusive");
    checked.finding("http", "reach.proxy-unreachable");
}
