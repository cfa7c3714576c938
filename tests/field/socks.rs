//! SOCKS proxies: microsocks, and Dante's server.

use crate::harness::{Dir, Process, Serve, check, check_with, installed};
use crate::ports::free_port;
use std::process::Command;

const PASSWORD: &str = "p@s:s/ %é";

#[test]
fn microsocks_asks_for_a_password() {
    let Some(program) = installed("microsocks") else { return };
    let (server, port) = (Serve::start(&[]), free_port());
    let mut command = Command::new(program);
    command.args(["-i", "127.0.0.1", "-p", &port.to_string(), "-u", "ada", "-P", PASSWORD]);
    let _socks = Process::start("microsocks", command, Dir::new()).listening(port);
    let proxy = format!("socks5://127.0.0.1:{port}");
    for (leg, url) in [("https", server.https_url()), ("http", server.http_url())] {
        let flags = [&url, "--pin", &server.pin, "--proxy", &proxy, "--idle", "2"];
        let user = [&flags[..], &["--proxy-user", "ada"]].concat();
        let checked = check_with(&format!("microsocks {leg}"), &user, &[("PROXYPROBE_PROXY_PASSWORD", PASSWORD)]);
        checked.expect_works();
        assert_eq!(checked.report["route"]["kind"], "socks5-proxy");
        let wrong = check_with(&format!("microsocks wrong {leg}"), &user, &[("PROXYPROBE_PROXY_PASSWORD", "wr0ng")]);
        let none = check(&format!("microsocks without {leg}"), &flags);
        for checked in [wrong, none] {
            checked.expect(3, "inconclusive");
            checked.finding(leg, "reach.proxy-auth-required");
            assert!(!checked.output.contains("wr0ng"), "{}", checked.output);
        }
    }
}

#[test]
fn dante_passes_and_refuses() {
    let Some(program) = installed("danted") else { return };
    let (server, dir, port) = (Serve::start(&[]), Dir::new(), free_port());
    let blocked = free_port();
    let config = dir.write(
        "danted.conf",
        &format!(
            "logoutput: stderr\ninternal: 127.0.0.1 port = {port}\nexternal: lo\nsocksmethod: none\nclientmethod: none\n\
             user.privileged: root\nuser.unprivileged: nobody\nclient pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}\n\
             socks block {{ from: 0.0.0.0/0 to: 0.0.0.0/0 port = {blocked} }}\nsocks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n"
        ),
    );
    let mut command = Command::new(program);
    command.arg("-f").arg(config);
    let _dante = Process::start("danted", command, dir).stop_gently().listening(port);
    for (scheme, kind) in [("socks5", "socks5-proxy"), ("socks4a", "socks4a-proxy")] {
        let proxy = format!("{scheme}://127.0.0.1:{port}");
        for (leg, url) in [("https", server.https_url()), ("http", server.http_url())] {
            let checked =
                check(&format!("dante {scheme} {leg}"), &[&url, "--pin", &server.pin, "--proxy", &proxy, "--idle", "2"]);
            checked.expect_works();
            assert_eq!(checked.report["route"]["kind"], kind);
        }
    }
    let proxy = format!("socks5://127.0.0.1:{port}");
    let checked = check("dante blocked", &[&format!("http://127.0.0.1:{blocked}"), "--proxy", &proxy]);
    checked.expect(1, "broken");
    checked.finding("http", "reach.proxy-refused-tunnel");
    let checked = check("dante nobody", &[&format!("http://127.0.0.1:{}", free_port()), "--proxy", &proxy]);
    checked.expect(3, "inconclusive");
    checked.finding("http", "reach.server-unavailable");
}
