//! What is asked of the store, and what is not believed of it.

use crate::nodes::{Fleet, Folder, Redis, SECRET, Talking, get, installed, wait};
use crate::program::{program, run};
use proxyprobe_probes::io::proof::Prover;
use serde_json::Value;
use std::io::Write;
use std::net::TcpStream;

const CANARY: &str = "c4narys3cret";

#[test]
fn what_a_fleet_needs_is_asked_for_and_no_password_is_shown() {
    let folder = Folder::new();
    let (secret, short) = (folder.file("secret", SECRET), folder.file("short", CANARY));
    let store = "redis://127.0.0.1:1";
    let with_password = format!("redis://probe:{CANARY}@127.0.0.1:1");
    for (flags, why) in [
        (vec!["--store", store], "--secret-file"),
        (vec!["--secret-file", &secret], "--store"),
        (vec!["--store", store, "--secret-file", &secret, "--self-signed"], "--cert"),
        (vec!["--store", store, "--secret-file", &short], "fewer than 32 characters"),
        (vec!["--store", store, "--secret-file", "/nonexistent"], "/nonexistent"),
        (vec!["--store", &with_password, "--secret-file", &secret], "--store-password-file"),
        (vec!["--store", "http://127.0.0.1:1", "--secret-file", &secret], "rediss://"),
        (vec!["--store", store, "--secret-file", &secret, "--store-ca-file", &secret], "rediss://"),
    ] {
        let ran = run(&[&["serve", "--http", "127.0.0.1:0"], &flags[..]].concat());
        assert_eq!(ran.code, 2, "{flags:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(why) && !ran.stderr.contains(CANARY), "{flags:?}: {}", ran.stderr);
    }
}

#[test]
fn a_store_is_spoken_to_by_tls_and_with_a_password_that_nobody_sees() {
    if !installed("redis-server") {
        return;
    }
    let folder = Folder::new();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let (cert, key) = (folder.file("cert.pem", &certificate.pem()), folder.file("key.pem", &key.serialize_pem()));
    let port = crate::ports::free_port().to_string();
    let tls = ["--tls-port", &port, "--tls-cert-file", &cert, "--tls-key-file", &key, "--tls-auth-clients", "no"];
    let _redis = Redis::at(0, &[&tls[..], &["--requirepass", CANARY]].concat());
    let (secret, password) = (folder.file("secret", SECRET), folder.file("password", &format!("{CANARY}\n")));
    let store = format!("rediss://127.0.0.1:{port}");
    let serve = |flags: &[&str], variable: Option<&str>| {
        let base = ["serve", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--store", &store, "--secret-file", &secret];
        let mut command = program(&[&base, flags].concat());
        command.envs(variable.map(|password| ("PROXYPROBE_STORE_PASSWORD", password)));
        Talking::start(command)
    };
    let trusted = ["--store-ca-file", &cert];
    for good in [serve(&[&trusted[..], &["--store-password-file", &password]].concat(), None), serve(&trusted, Some(CANARY))] {
        let admin = good.line("admin on ").split(" on ").nth(1).unwrap().to_owned();
        assert!(wait(|| get(&admin, "/readyz").ends_with("store up\n").then_some(())).is_some());
    }
    for (flags, variable) in [(&trusted[..], None), (&trusted[..], Some("wrong")), (&[][..], Some(CANARY))] {
        let line = serve(flags, variable).line("store-down");
        assert!(!line.contains(CANARY), "{line}");
    }
}

#[test]
fn what_stands_in_the_store_is_not_believed() {
    if !installed("redis-server") {
        return;
    }
    let redis = Redis::start(&[]);
    let fleet = Fleet::with(redis.port, &[]);
    let body = |answer: &str| -> Value { serde_json::from_str(answer.lines().last().unwrap()).unwrap() };
    let start = body(&get(&fleet.nodes[0].http, "/v1/run/aa"));
    let (run, key) = (start["run"].as_str().unwrap(), start["key"].as_str().unwrap());
    let prover = Prover::new(run, key);
    for nonce in ["01", "02", "03"] {
        assert!(get(&fleet.nodes[1].http, &format!("/v1/{run}/{nonce}/hello")).starts_with("HTTP/1.1 200"));
    }
    let witness = |node: usize, page: &str| {
        let proof = prover.token("ff", "witness");
        let answer = get(&fleet.nodes[node].http, &format!("/v1/{run}/ff/witness?page={page}&proof={proof}"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        body(&answer)
    };
    for node in [0, 1] {
        let page = witness(node, "0");
        assert_eq!((page["notes"].as_array().unwrap().len(), &page["cut"]), (3, &Value::Bool(false)), "{page}");
    }
    assert_eq!(witness(0, "1")["notes"].as_array().unwrap().len(), 2);
    assert_eq!(witness(0, "18446744073709551615")["notes"].as_array().unwrap().len(), 0);
    let names = redis.ask(&["LRANGE", &redis.key(":order"), "0", "-1"]);
    let names: Vec<&str> = names.lines().collect();
    let set = "return redis.call('HSET', KEYS[1], ARGV[1], string.rep(ARGV[2], ARGV[3]))";
    for (wrong, times) in
        [("", "1"), ("null", "1"), ("[]", "1"), ("[\"01\",{\"timeline\":7}]", "1"), ("[", "10000"), ("x", "300000")]
    {
        redis.ask(&["EVAL", set, "1", &redis.key(":notes"), names[0], wrong, times]);
        let page = witness(0, "0");
        assert_eq!((page["notes"].as_array().unwrap().len(), &page["cut"]), (2, &Value::Bool(true)), "{wrong}: {page}");
    }
    // Whatever else is missing is missing, and not empty.
    redis.ask(&["HDEL", &redis.key(":notes"), names[0]]);
    assert_eq!(witness(1, "0")["cut"], true);
    redis.ask(&["DEL", &redis.key(":order")]);
    assert_eq!(witness(1, "0")["cut"], true);
    redis.ask(&["FLUSHALL"]);
    assert_eq!(witness(0, "0")["cut"], true);
}

/// A ClientHello arrives at one node, and another is asked for it (RFC 8446 section 4.1.2).
#[test]
fn a_client_hello_is_known_to_all_nodes() {
    if !installed("redis-server") {
        return;
    }
    let redis = Redis::start(&[]);
    let fleet = Fleet::with(redis.port, &[]);
    let answer = get(&fleet.nodes[1].http, "/v1/run/aa");
    let start: Value = serde_json::from_str(answer.lines().last().unwrap()).unwrap();
    let (run, key) = (start["run"].as_str().unwrap(), start["key"].as_str().unwrap());
    let signatures = [0, 8, 0, 13, 0, 4, 0, 2, 4, 3];
    let body = [&[3, 3][..], &[0xab; 32], &[0, 0, 2, 0x13, 1, 1, 0], &signatures].concat();
    let length = u8::try_from(body.len()).unwrap();
    let record = [&[0x16, 3, 1, 0, length + 4, 1, 0, 0, length][..], &body].concat();
    let mut stream = TcpStream::connect(fleet.nodes[0].https.trim_start_matches("https://")).unwrap();
    stream.write_all(&record).unwrap();
    // Whatever the node answers, it has read it.
    let _ = std::io::Read::read(&mut stream, &mut [0; 16]);
    for (nonce, random) in [("01", "ab"), ("02", "cd")] {
        let path = format!("/v1/{run}/{nonce}/tls-hello?random={}", random.repeat(32));
        assert!(get(&fleet.nodes[1].http, &path).starts_with("HTTP/1.1 200"));
    }
    let proof = Prover::new(run, key).token("ff", "witness");
    for node in &fleet.nodes {
        let answer = get(&node.http, &format!("/v1/{run}/ff/witness?page=0&proof={proof}"));
        let page: Value = serde_json::from_str(answer.lines().last().unwrap()).unwrap();
        let seen: Vec<_> = page["notes"].as_array().unwrap().iter().map(|note| &note[1]["below"]["hello_seen"]).collect();
        assert_eq!(seen, [true, false], "{page}");
    }
}
