//! A test for each product that needs nothing but its configuration.

use crate::rows::{certificates_of_squid, run, run_prepared};

#[test]
fn apache_httpd() {
    run("apache");
}

#[test]
fn caddy() {
    run("caddy");
}

#[test]
fn dante() {
    run("dante");
}

#[test]
fn e2guardian() {
    run("e2guardian");
}

#[test]
fn haproxy() {
    run("haproxy");
}

#[test]
fn microsocks() {
    run("microsocks");
}

#[test]
fn mitmproxy() {
    run("mitmproxy");
}

#[test]
fn nginx() {
    run("nginx");
}

#[test]
fn privoxy() {
    run_prepared("privoxy", |stage| std::fs::create_dir(stage.dir.path().join("certificates")).unwrap());
}

#[test]
fn squid() {
    run_prepared("squid", certificates_of_squid);
}

#[test]
fn stunnel() {
    run("stunnel");
}

#[test]
fn tinyproxy() {
    run("tinyproxy");
}

#[test]
fn traffic_server() {
    run("traffic_server");
}

#[test]
fn varnish() {
    run("varnish");
}
