//! This machine's own part: a tunnel on the way, an address family that fails, settings that contradict each other.

use crate::harness::{Checked, Serve, binary, installed, skipped, start_check};
use crate::ports::free_port;
use crate::system::gnome;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Two namespaces side by side, gone when the test is. The client's end of the link has a name of one's own.
struct Link {
    ip: PathBuf,
    name: String,
}

const CLIENT: [&str; 2] = ["10.214.1.2", "fd00:214::2"];
const SERVER: [&str; 2] = ["10.214.1.3", "fd00:214::3"];
/// Has an address of each family in the client's namespace.
const NAME: &str = "both.test";

impl Link {
    fn new(kind: &str, end: &str) -> Option<Self> {
        let link = Self { ip: installed("ip")?, name: format!("pm{}{kind}", std::process::id()) };
        let (c, s) = (link.namespace("c"), link.namespace("s"));
        if !link.try_ip(&["netns", "add", &c]) {
            skipped("this user may not make network namespaces");
            return None;
        }
        link.ip(&["netns", "add", &s]);
        link.ip(&["-n", &c, "link", "add", end, "type", "veth", "peer", "name", "toc", "netns", &s]);
        for (namespace, end, addresses) in [(&c, end, CLIENT), (&s, "toc", SERVER)] {
            for address in addresses {
                let prefix = if address.contains(':') { 64 } else { 24 };
                let mut add = vec!["-n", namespace, "address", "add"];
                let address = format!("{address}/{prefix}");
                add.extend([&*address, "dev", end]);
                if prefix == 64 {
                    add.push("nodad");
                }
                link.ip(&add);
            }
            link.ip(&["-n", namespace, "link", "set", end, "up"]);
            link.ip(&["-n", namespace, "link", "set", "lo", "up"]);
        }
        // `ip netns exec` puts these files over those in /etc.
        fs::create_dir_all(link.etc()).unwrap();
        let hosts: String = SERVER.iter().map(|address| format!("{address} {NAME}\n")).collect();
        fs::write(link.etc().join("hosts"), hosts).unwrap();
        Some(link)
    }

    fn namespace(&self, which: &str) -> String {
        format!("{}{which}", self.name)
    }

    fn etc(&self) -> PathBuf {
        PathBuf::from("/etc/netns").join(self.namespace("c"))
    }

    fn try_ip(&self, arguments: &[&str]) -> bool {
        Command::new(&self.ip).args(arguments).output().is_ok_and(|output| output.status.success())
    }

    fn ip(&self, arguments: &[&str]) {
        let output = Command::new(&self.ip).args(arguments).output().unwrap();
        assert!(output.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn within(&self, which: &str) -> Command {
        let mut command = Command::new(&self.ip);
        command.args(["netns", "exec", &self.namespace(which)]).arg(binary().get_program());
        command
    }

    /// A check from one namespace of a server in the other, which listens on its IPv4 address alone.
    fn check(&self, what: &str, flags: &[&str]) -> Checked {
        let server = Serve::at(SERVER[0], (free_port(), free_port()), self.within("s"), &[]);
        let url = format!("http://{NAME}:{}", server.http);
        start_check(what, self.within("c"), &[&[&url, "--quick", "--leg", "http"], flags].concat()).finish()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        for which in ["c", "s"] {
            self.try_ip(&["netns", "delete", &self.namespace(which)]);
        }
        let _ = fs::remove_dir_all(self.etc());
    }
}

fn codes(checked: &Checked) -> Vec<&str> {
    let all = checked.findings().map(|finding| finding["code"].as_str().unwrap());
    all.filter(|code| *code != "latency.round-trip").collect()
}

#[test]
fn a_tunnel_and_a_family_that_fails_are_noted_and_change_nothing() {
    let Some(link) = Link::new("t", "tun7") else { return };
    let checked = link.check("through a tunnel", &[]);
    checked.expect(0, "works");
    assert_eq!(codes(&checked), ["reach.through-tunnel", "reach.address-family-fails"], "{}", checked.summary());
    assert_eq!(checked.finding("http", "reach.through-tunnel")["measured"]["interface"], "tun7");
    let measured = &checked.finding("http", "reach.address-family-fails")["measured"];
    assert_eq!((&measured["fails"], &measured["works"]), (&"ipv6".into(), &"ipv4".into()), "{}", checked.summary());
    // Whoever asks for one family has chosen.
    assert_eq!(codes(&link.check("through a tunnel with -4", &["-4"])), ["reach.through-tunnel"]);
}

#[test]
fn an_ordinary_interface_is_not_worth_a_word() {
    let Some(link) = Link::new("e", "eth7") else { return };
    let checked = link.check("through an interface", &["-4"]);
    checked.expect(0, "works");
    assert_eq!(codes(&checked), [""; 0], "{}", checked.summary());
    // The logs at both ends would know each connection by these.
    let connections = checked.report["connections"].as_array().unwrap();
    for connection in connections {
        assert!(connection["local"].as_str().unwrap().starts_with(CLIENT[0]), "{connection}");
        assert!(connection["remote"].as_str().unwrap().starts_with(SERVER[0]), "{connection}");
    }
    let seen = connections.iter().filter(|connection| !connection["seen_from"].is_null());
    assert!(seen.clone().count() > 5 && seen.clone().all(|connection| connection["seen_from"] == connection["local"]));
}

#[test]
fn the_desktop_and_the_environment_name_different_ways() {
    let settings = "[system/proxy]\nmode='manual'\n[system/proxy/http]\nhost='127.0.0.2'\nport=9\n";
    let Some(checked) = gnome("gnome differs", settings, "http://probe.invalid", &[("HTTP_PROXY", "127.0.0.3:9")]) else {
        return;
    };
    checked.expect(3, "inconclusive");
    let measured = &checked.finding("http", "reach.proxy-settings-differ")["measured"];
    assert_eq!(measured["environment"], "http-proxy 127.0.0.3:9", "{}", checked.summary());
    assert_eq!(measured["GNOME"], "http-proxy 127.0.0.2:9", "{}", checked.summary());
    assert_eq!(checked.finding("http", "reach.proxy-on-this-machine")["measured"]["proxy"], "127.0.0.3:9");
}
