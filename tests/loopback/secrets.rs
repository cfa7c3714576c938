//! No password reaches an output, whatever goes wrong.

use crate::program::{Serve, answering, program};

const CANARY: &str = "c4n@ry-s3cret";
const ENCODED: &str = "c4n%40ry-s3cret";

fn outputs(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = program(arguments);
    let output = command.envs(variables.iter().copied()).output().unwrap();
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_canary_password_is_never_seen() {
    let serve = Serve::start();
    let asks = answering("HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n");
    let nonsense = answering("\x01\x02");
    let (asks, nonsense) = (asks.to_string(), nonsense.to_string());
    let mut proxies = Vec::new();
    for address in [asks.as_str(), nonsense.as_str(), "127.0.0.1:1", "no-such-proxy.invalid:1", ":1", "host:port", "a b:1"] {
        proxies.push(format!("http://user:{CANARY}@{address}"));
        proxies.push(format!("http://user:{ENCODED}@{address}"));
    }
    proxies.push(format!("socks5://user:{CANARY}@x:1"));
    for proxy in &proxies {
        for format in ["text", "json"] {
            for url in [&serve.http, &serve.https] {
                let quick = ["check", "--quick", "--only", "sse", "--format", format, url.as_str()];
                let flag = outputs(&[&quick[..], &["--proxy", proxy]].concat(), &[]);
                let variable = outputs(&quick, &[("ALL_PROXY", proxy)]);
                for said in [flag, variable] {
                    assert!(!said.contains("s3cret"), "{said}");
                    assert!(!said.contains("dXNlcjpj"), "as Basic: {said}");
                }
            }
        }
    }
}

#[test]
fn a_header_of_the_users_own_is_sent_and_not_shown() {
    let serve = Serve::start();
    let said =
        outputs(&["check", "--quick", "--format", "json", "--leg", "http", "--header", "X-Api-Key: s3cret", &serve.http], &[]);
    assert!(said.contains("x-api-key"), "the server saw it");
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn a_password_in_the_url_is_refused_and_not_repeated() {
    for url in
        [format!("https://user:{CANARY}@host"), format!("ftp://user:{CANARY}@host"), format!("https://user:{CANARY}@ho st")]
    {
        let said = outputs(&["check", &url], &[]);
        assert!(!said.contains("s3cret"), "{said}");
    }
}

#[test]
fn a_password_in_the_wrong_place_is_not_repeated() {
    let url = format!("http://user:{CANARY}@proxy:1");
    for arguments in
        [vec!["check", "http://x", &url], vec!["check", "--leg", &url], vec![&url], vec!["check", &format!("--prox={url}")]]
    {
        let said = outputs(&arguments, &[]);
        assert!(!said.contains("s3cret"), "{said}");
        assert!(said.contains("Usage") || said.contains("--help"), "{said}");
    }
}
