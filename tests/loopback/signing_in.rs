//! Signing in at a proxy: what is sent, how often, and what nobody gets to see.

use crate::program::{Ran, Serve, program, read_head, server};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// Names and values.
type Variables = Vec<(String, String)>;

/// Everything that a URL gives a meaning to, and two characters that are not ASCII.
pub(crate) const PASSWORD: &str = "p@s:s/w%rd?#é€";

/// The password as it may stand in a URL: escaped where it has to be, and everywhere.
const WRITTEN: [&str; 2] = ["p@s:s/w%25rd?#é€", "p%40s%3As%2Fw%25rd%3F%23%C3%A9%E2%82%AC"];

fn value(head: &str, name: &str) -> Option<String> {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

/// An HTTP proxy that answers 407 with these offers, and counts what is tried: one for each credential that arrives.
pub(crate) fn refusing(offers: &'static str, counts: fn(&str) -> bool) -> (SocketAddr, Arc<AtomicUsize>) {
    let tried = Arc::new(AtomicUsize::new(0));
    let count = tried.clone();
    let address = server(move |mut stream| {
        loop {
            let head = read_head(&mut stream);
            if head.is_empty() {
                return;
            }
            let mut offers = offers.to_owned();
            if let Some(value) = value(&head, "proxy-authorization") {
                if counts(&value) {
                    count.fetch_add(1, Ordering::Relaxed);
                } else if value.starts_with("NTLM ") {
                    offers = format!("Proxy-Authenticate: NTLM {}\r\n", STANDARD.encode(challenge()));
                }
            }
            // It says it all again, as some do.
            let sent = value(&head, "proxy-authorization").unwrap_or_default();
            let page = format!("<h1>No</h1> not with {PASSWORD} or {sent}");
            let _ = write!(stream, "HTTP/1.1 407 No\r\n{offers}Content-Length: {}\r\n\r\n{page}", page.len());
        }
    });
    (address, tried)
}

/// A CHALLENGE_MESSAGE (MS-NLMP section 2.2.1.2) without a target.
fn challenge() -> Vec<u8> {
    let mut bytes = b"NTLMSSP\0\x02\0\0\0".to_vec();
    bytes.extend([0, 0, 0, 0, 48, 0, 0, 0]);
    // Unicode, NTLM, extended session security, target info.
    bytes.extend(0x0088_0201_u32.to_le_bytes());
    bytes.extend([1, 2, 3, 4, 5, 6, 7, 8]);
    bytes.extend([0; 8]);
    bytes.extend([4, 0, 4, 0, 48, 0, 0, 0]);
    // The list of targets: its end.
    bytes.extend([0; 4]);
    bytes
}

fn check(flags: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut command = program(&["check", "--format", "json", "--quick"]);
    // No tickets of whoever runs the tests.
    command.args(flags).env("KRB5CCNAME", "FILE:/nonexistent").envs(variables.iter().copied());
    Ran::of(command.output().unwrap())
}

#[track_caller]
fn shows_nothing(ran: &Ran) {
    let basic = STANDARD.encode(format!("ada:{PASSWORD}"));
    let words = [PASSWORD, "w%rd", "w%25rd", "%E2%82%AC", "é€", basic.as_str(), basic.get(4..20).unwrap()];
    for word in words {
        for text in [&ran.stdout, &ran.stderr] {
            assert!(!text.contains(word), "{word} in {text}");
        }
    }
}

#[test]
fn a_wrong_password_is_tried_once_in_a_run() {
    let serve = Serve::start();
    let whole: fn(&str) -> bool = |_| true;
    // Only the third message of NTLM holds the password.
    let third: fn(&str) -> bool = |value| {
        let bytes = value.split_once(' ').and_then(|(_, token)| STANDARD.decode(token).ok()).unwrap_or_default();
        bytes.get(8) == Some(&3)
    };
    for (scheme, offers, counts) in [
        ("Basic", "Proxy-Authenticate: Basic realm=\"x\"\r\n", whole),
        (
            "Digest",
            "Proxy-Authenticate: Basic realm=\"x\"\r\nProxy-Authenticate: Digest realm=\"x\", nonce=\"n\", qop=\"auth\"\r\n",
            whole,
        ),
        ("NTLM", "Proxy-Authenticate: NTLM\r\nProxy-Authenticate: Basic realm=\"x\"\r\n", third),
    ] {
        for (leg, url) in [("http", &serve.http), ("https", &serve.https)] {
            let (proxy, tried) = refusing(offers, counts);
            let flags = ["--pin", &serve.pin, "--proxy", &proxy.to_string(), "--proxy-user", "ada", url];
            let ran = check(&flags, &[("PROXYPROBE_PROXY_PASSWORD", PASSWORD)]);
            let codes = ran.codes();
            assert_eq!((ran.code, codes.first()), (3, Some(&format!("{leg}:reach.proxy-auth-required"))), "{}", ran.stdout);
            assert_eq!(tried.load(Ordering::Relaxed), 1, "{scheme} on {leg}");
            let finding = &ran.json()["findings"][0];
            assert_eq!(finding["measured"]["tried"], scheme);
            assert!(finding["measured"]["schemes"].to_string().contains("x"), "{finding}");
            let words = finding["summary"].as_str().unwrap();
            assert!(words.contains("it says: No not with (not shown)") && words.contains(&proxy.to_string()), "{words}");
            shows_nothing(&ran);
            assert_eq!(ran.stderr.contains("in cleartext (Basic)"), scheme == "Basic", "{}", ran.stderr);
        }
    }
}

#[test]
fn a_check_that_is_repeated_does_not_try_a_wrong_password_again() {
    let serve = Serve::start();
    let (proxy, tried) = refusing("Proxy-Authenticate: Basic realm=\"x\"\r\n", |_| true);
    let flags = ["--repeat", "3", "--proxy", &proxy.to_string(), "--proxy-user", "ada", &serve.http];
    let ran = check(&flags, &[("PROXYPROBE_PROXY_PASSWORD", PASSWORD)]);
    assert_eq!((ran.code, tried.load(Ordering::Relaxed)), (3, 1), "{}", ran.stdout);
}

#[test]
fn basic_in_cleartext_is_not_the_second_choice() {
    let serve = Serve::start();
    let offers = "Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: Basic realm=\"x\"\r\n";
    let flags = |proxy: &SocketAddr, more: &[&'static str]| {
        let proxy = proxy.to_string();
        let all = [&["--proxy", &proxy, "--proxy-user", "ada"], more, &[&*serve.http]].concat();
        check(&all, &[("PROXYPROBE_PROXY_PASSWORD", PASSWORD)])
    };
    let is_basic: fn(&str) -> bool = |value| value.starts_with("Basic ");
    let (proxy, tried) = refusing(offers, is_basic);
    let ran = flags(&proxy, &[]);
    assert_eq!((ran.code, ran.codes()), (3, vec!["http:reach.proxy-auth-required".to_owned()]), "{}", ran.stdout);
    assert_eq!(tried.load(Ordering::Relaxed), 0);
    assert!(ran.stdout.contains("--proxy-auth basic allows it"), "{}", ran.stdout);
    assert!(ran.json()["findings"][0]["measured"]["tried"].is_null());
    let (proxy, tried) = refusing(offers, is_basic);
    let ran = flags(&proxy, &["--proxy-auth", "basic"]);
    assert_eq!((ran.code, tried.load(Ordering::Relaxed)), (3, 1), "{}", ran.stdout);
    let (proxy, tried) = refusing("Proxy-Authenticate: Basic realm=\"x\"\r\n", is_basic);
    let ran = flags(&proxy, &["--proxy-auth", "digest"]);
    assert_eq!((ran.code, tried.load(Ordering::Relaxed)), (3, 0), "{}", ran.stdout);
    assert!(ran.stdout.contains("is not offered"), "{}", ran.stdout);
    // A user without a password is not tried with an empty one.
    let (proxy, tried) = refusing("Proxy-Authenticate: Basic realm=\"x\"\r\n", is_basic);
    let ran = check(&["--proxy", &format!("http://ada@{proxy}"), &serve.http], &[]);
    assert_eq!((ran.code, tried.load(Ordering::Relaxed)), (3, 0), "{}", ran.stdout);
}

/// A proxy that opens tunnels, as HTTP/1.0 does, and passes requests on, for whoever gives the password; the others are told so.
pub(crate) fn accepting(to: &str) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let wanted = format!("Basic {}", STANDARD.encode(format!("ada:{PASSWORD}")));
    let (to, seen) = (to.to_owned(), Arc::new(Mutex::new(Vec::new())));
    let heads = seen.clone();
    let address = server(move |mut stream| {
        loop {
            let head = read_head(&mut stream);
            if head.is_empty() {
                return;
            }
            heads.lock().unwrap().push(head.clone());
            if value(&head, "proxy-authorization").as_ref() != Some(&wanted) {
                let _ =
                    stream.write_all(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n");
                continue;
            }
            let Some(onward) = onward(&to) else { return };
            if head.starts_with("CONNECT ") {
                let _ = stream.write_all(b"HTTP/1.0 200 Connection established\r\n\r\n");
            } else {
                let path = head.replacen(&format!("http://{to}"), "", 1);
                let _ = (&onward).write_all(path.as_bytes());
            }
            pass(stream, onward);
            return;
        }
    });
    (address, seen)
}

#[expect(clippy::disallowed_methods, reason = "a proxy of the test's own, not the program's way out")]
fn onward(to: &str) -> Option<TcpStream> {
    TcpStream::connect(to).ok()
}

/// Copies both ways until both are over.
fn pass(client: TcpStream, onward: TcpStream) {
    let copy = |mut from: TcpStream, mut to: TcpStream| {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    };
    let (back_from, back_to) = (onward.try_clone().unwrap(), client.try_clone().unwrap());
    let back = std::thread::spawn(move || copy(back_from, back_to));
    copy(client, onward);
    let _ = back.join();
}

/// A SOCKS 5 proxy for the same user and password (RFC 1929).
fn socks(to: &str) -> SocketAddr {
    let to = to.to_owned();
    server(move |mut stream| {
        let mut hello = [0; 4];
        let _ = stream.read_exact(&mut hello);
        let _ = stream.write_all(&[5, 2]);
        let mut wanted = vec![1, 3];
        wanted.extend(b"ada");
        wanted.push(u8::try_from(PASSWORD.len()).unwrap());
        wanted.extend(PASSWORD.as_bytes());
        let mut found = vec![0; wanted.len()];
        if stream.read_exact(&mut found).is_err() || found != wanted {
            let _ = stream.write_all(&[1, 1]);
            return;
        }
        let _ = stream.write_all(&[1, 0]);
        let mut request = [0; 10];
        let _ = stream.read_exact(&mut request);
        let _ = stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        if let Some(onward) = onward(&to) {
            pass(stream, onward);
        }
    })
}

#[test]
fn a_password_with_every_character_works_from_every_place_and_is_seen_nowhere() {
    let serve = Serve::start();
    let file = std::env::temp_dir().join(format!("proxyprobe-password-{}", std::process::id()));
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let file = file.to_str().unwrap();
    for (leg, url) in [("http", &serve.http), ("https", &serve.https)] {
        let to = url.split("//").nth(1).unwrap();
        let (proxy, heads) = accepting(to);
        let socks = socks(to);
        let base = ["--leg", leg, "--only", "sse", "--pin", &serve.pin, url];
        let mut all: Vec<(Vec<String>, Variables)> = Vec::new();
        let owned = |flags: &[&str]| flags.iter().map(|flag| (*flag).to_owned()).collect::<Vec<_>>();
        for written in WRITTEN {
            for (scheme, address) in [("http", proxy), ("socks5", socks)] {
                let with = format!("{scheme}://ada:{written}@{address}");
                all.push((owned(&["--proxy", &with]), vec![]));
                for name in [leg.to_uppercase() + "_PROXY", leg.to_owned() + "_proxy", "ALL_PROXY".into(), "all_proxy".into()] {
                    all.push((vec![], vec![(name, with.clone())]));
                }
            }
        }
        for address in [format!("http://{proxy}"), format!("socks5://{socks}")] {
            let user = ["--proxy", &address, "--proxy-user", "ada"];
            all.push((owned(&user), vec![("PROXYPROBE_PROXY_PASSWORD".into(), PASSWORD.into())]));
            all.push((owned(&[&user[..], &["--proxy-password-file", file]].concat()), vec![]));
        }
        // All at once: they wait for most of their time.
        let all: Vec<Ran> = std::thread::scope(|scope| {
            let running = all.iter().map(|(flags, variables)| {
                scope.spawn(move || {
                    let flags: Vec<&str> = base.into_iter().chain(flags.iter().map(String::as_str)).collect();
                    let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                    check(&flags, &variables)
                })
            });
            let running: Vec<_> = running.collect();
            running.into_iter().map(|one| one.join().unwrap()).collect()
        });
        for ran in &all {
            assert_eq!((ran.code, ran.codes()), (0, Vec::new()), "{}\n{}", ran.stdout, ran.stderr);
            shows_nothing(ran);
        }
        // Nobody who does not ask is told.
        assert!(heads.lock().unwrap().iter().any(|head| value(head, "proxy-authorization").is_none()));
    }
    std::fs::remove_file(file).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_password_in_an_argument_is_not_in_the_list_of_processes() {
    let (came, arrived) = mpsc::channel();
    let proxy = server(move |mut stream| {
        let _ = came.send(());
        read_head(&mut stream);
        read_head(&mut stream);
    });
    let [raw, escaped] = WRITTEN.map(|written| format!("http://ada:{written}@{proxy}"));
    let script = format!("{escaped}/x.pac");
    for flag in [["--proxy", &raw], ["--proxy", &escaped], ["--pac", &script]] {
        let mut child = program(&["check", "--quick", "http://probe.invalid"])
            .args(flag)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        arrived.recv_timeout(Duration::from_secs(20)).unwrap();
        let seen = std::fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let seen = String::from_utf8_lossy(&seen).into_owned();
        assert!(seen.contains(&format!("********@{proxy}")) && !seen.contains("rd"), "{seen}");
    }
}
