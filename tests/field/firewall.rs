//! A real stateful firewall: the kernel's connection tracking between two network namespaces.

use crate::harness::{Checked, Serve, binary, installed, say, skipped, start_check};
use std::path::PathBuf;
use std::process::Command;

/// Three namespaces in a row, gone when the test is.
struct Firewall {
    ip: PathBuf,
    name: String,
}

const CLIENT: &str = "10.213.1.2";
const SERVER: &str = "10.213.2.2";

impl Firewall {
    /// Forgets established connections after 5 s of silence, and then does `last_rule` with what belongs to none.
    fn forgets(kind: &str, last_rule: &str) -> Option<Self> {
        let firewall = Self::start(
            kind,
            &format!(
                "add chain ip fw forward_filter {{ type filter hook forward priority 0; policy drop; }}
add rule ip fw forward_filter ct state established accept
add rule ip fw forward_filter tcp flags & (syn|ack) == syn ct state new accept
{last_rule}
"
            ),
        )?;
        for setting in ["net.netfilter.nf_conntrack_tcp_timeout_established=5", "net.netfilter.nf_conntrack_tcp_loose=0"] {
            firewall.inside("f", "sysctl", &["-q", "-w", setting]);
        }
        Some(firewall)
    }

    /// Loses so many packets of a hundred, whichever way they go.
    fn loses(kind: &str, percent: u32) -> Option<Self> {
        Self::start(
            kind,
            &format!(
                "add chain ip fw forward_filter {{ type filter hook forward priority 0; policy accept; }}
add rule ip fw forward_filter numgen random mod 100 < {percent} counter drop
"
            ),
        )
    }

    /// Does with what passes what these rules say.
    fn start(kind: &str, rules: &str) -> Option<Self> {
        let (ip, nft) = (installed("ip")?, installed("nft")?);
        let firewall = Self { ip, name: format!("pp{}{kind}", std::process::id()) };
        if !firewall.try_ip(&["netns", "add", &firewall.namespace("f")]) {
            skipped("this user may not make network namespaces");
            return None;
        }
        let (c, f, s) = (firewall.namespace("c"), firewall.namespace("f"), firewall.namespace("s"));
        firewall.ip(&["netns", "add", &c]);
        firewall.ip(&["netns", "add", &s]);
        for (namespace, link, outer, gateway) in [(&c, "toc", CLIENT, "10.213.1.1"), (&s, "tos", SERVER, "10.213.2.1")] {
            firewall.ip(&["-n", &f, "link", "add", link, "type", "veth", "peer", "name", "tof", "netns", namespace]);
            firewall.ip(&["-n", &f, "address", "add", &format!("{gateway}/24"), "dev", link]);
            firewall.ip(&["-n", &f, "link", "set", link, "up"]);
            firewall.ip(&["-n", namespace, "address", "add", &format!("{outer}/24"), "dev", "tof"]);
            firewall.ip(&["-n", namespace, "link", "set", "tof", "up"]);
            firewall.ip(&["-n", namespace, "link", "set", "lo", "up"]);
            firewall.ip(&["-n", namespace, "route", "add", "default", "via", gateway]);
        }
        let rules = format!("add table ip fw\n{rules}");
        let file = std::env::temp_dir().join(format!("{}.nft", firewall.name));
        std::fs::write(&file, rules).unwrap();
        firewall.inside("f", nft.to_str().unwrap(), &["-f", file.to_str().unwrap()]);
        std::fs::remove_file(&file).unwrap();
        firewall.inside("f", "sysctl", &["-q", "-w", "net.ipv4.ip_forward=1"]);
        Some(firewall)
    }

    fn namespace(&self, which: &str) -> String {
        format!("{}{which}", self.name)
    }

    fn try_ip(&self, arguments: &[&str]) -> bool {
        Command::new(&self.ip).args(arguments).output().is_ok_and(|output| output.status.success())
    }

    fn ip(&self, arguments: &[&str]) {
        let output = Command::new(&self.ip).args(arguments).output().unwrap();
        assert!(output.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn inside(&self, which: &str, program: &str, arguments: &[&str]) {
        let namespace = self.namespace(which);
        let mut all = vec!["netns", "exec", &namespace, program];
        all.extend(arguments);
        self.ip(&all);
    }

    /// The binary, in a namespace.
    fn binary(&self, which: &str) -> Command {
        let mut command = Command::new(&self.ip);
        command.args(["netns", "exec", &self.namespace(which)]).arg(binary().get_program());
        command
    }

    fn check(&self, what: &str, idle_s: &str) -> Checked {
        let server = Serve::within(SERVER, self.binary("s"), &[]);
        let url = format!("http://{SERVER}:{}", server.http);
        start_check(what, self.binary("c"), &[&url, "--pin", &server.pin, "--idle", idle_s]).finish()
    }
}

impl Drop for Firewall {
    fn drop(&mut self) {
        for which in ["c", "f", "s"] {
            self.try_ip(&["netns", "delete", &self.namespace(which)]);
        }
    }
}

/// What holds of both kinds of firewall.
fn drops_silently(checked: &Checked, on_next_send: &str) {
    checked.expect(1, "degraded");
    for leg in ["http", "https"] {
        let found: Vec<_> = checked
            .findings()
            .filter(|f| f["leg"] == leg && f["code"] == "idle.dropped-silently" && f["measured"]["transport"] == "websocket")
            .collect();
        assert_eq!(found.len(), 1, "{}", checked.summary());
        let measured = &found[0]["measured"];
        let (survived, lost) = (measured["survived_ms"].as_u64().unwrap(), measured["lost_ms"].as_u64().unwrap());
        assert!(survived <= 5_000 && 5_000 <= lost, "{}", checked.summary());
        assert_eq!(measured["on_next_send"], on_next_send, "{}", checked.summary());
        for code in checked.blamed(leg) {
            assert!(code.starts_with("idle.") || code.starts_with("long_poll."), "{code}:\n{}", checked.summary());
        }
    }
    let heartbeat = checked.report["recommendation"]["heartbeat_seconds"].as_u64().unwrap();
    assert!(heartbeat * 1000 < 5_000, "{}", checked.summary());
}

#[test]
fn a_firewall_that_forgets_drops_silently() {
    let Some(firewall) = Firewall::forgets("d", "") else { return };
    drops_silently(&firewall.check("firewall drop", "12"), "silence");
}

#[test]
fn a_firewall_that_forgets_and_rejects_resets_the_next_words() {
    let Some(firewall) = Firewall::forgets("r", "add rule ip fw forward_filter meta l4proto tcp reject with tcp reset") else {
        return;
    };
    drops_silently(&firewall.check("firewall reset", "12"), "reset");
}

#[test]
fn a_path_that_loses_packets_is_not_blamed() {
    let Some(firewall) = Firewall::loses("l", 5) else { return };
    blames_nobody(&firewall.check("lossy", "12"));
}

#[test]
#[ignore = "five minutes: the same ten times, and ten times with twice the loss"]
fn however_packets_are_lost_the_path_is_not_blamed() {
    for percent in [5, 10] {
        let Some(firewall) = Firewall::loses(&format!("l{percent}"), percent) else { return };
        for run in 1..=10 {
            let checked = firewall.check(&format!("lossy {percent} {run}"), "12");
            say(&format!("{percent} % lost, run {run}: {}", checked.summary()));
            blames_nobody(&checked);
        }
    }
}

fn blames_nobody(checked: &Checked) {
    for leg in ["http", "https"] {
        assert_eq!(checked.blamed(leg), [""; 0], "{}", checked.summary());
    }
    // Where nothing was proven to be wrong, all works, or not all of it could be judged.
    assert!([0, 3].contains(&checked.code), "{}", checked.summary());
}
