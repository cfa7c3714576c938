//! Three network namespaces in a row: a client's, a device's, and a server's.

use crate::harness::{binary, installed, skipped};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The server's address.
pub(crate) const SERVER: &str = "10.213.2.2";
const CLIENT: &str = "10.213.1.2";

/// The namespaces `c`, `f` and `s`, gone when the test is.
pub(crate) struct Namespaces {
    ip: PathBuf,
    name: String,
}

impl Namespaces {
    /// Empty ones, the middle of which passes on whatever comes; `None` where this user may not make them.
    pub(crate) fn new() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        installed("nft")?;
        let name = format!("pp{}n{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let all = Self { ip: installed("ip")?, name };
        if !all.try_ip(&["netns", "add", &all.namespace("f")]) {
            skipped("this user may not make network namespaces");
            return None;
        }
        let (c, f, s) = (all.namespace("c"), all.namespace("f"), all.namespace("s"));
        all.ip(&["netns", "add", &c]);
        all.ip(&["netns", "add", &s]);
        all.ip(&["-n", &f, "link", "set", "lo", "up"]);
        for (namespace, link, outer, gateway) in [(&c, "toc", CLIENT, "10.213.1.1"), (&s, "tos", SERVER, "10.213.2.1")] {
            all.ip(&["-n", &f, "link", "add", link, "type", "veth", "peer", "name", "tof", "netns", namespace]);
            all.ip(&["-n", &f, "address", "add", &format!("{gateway}/24"), "dev", link]);
            all.ip(&["-n", &f, "link", "set", link, "up"]);
            all.ip(&["-n", namespace, "address", "add", &format!("{outer}/24"), "dev", "tof"]);
            all.ip(&["-n", namespace, "link", "set", "tof", "up"]);
            all.ip(&["-n", namespace, "link", "set", "lo", "up"]);
            all.ip(&["-n", namespace, "route", "add", "default", "via", gateway]);
        }
        all.inside("f", "sysctl", &["-q", "-w", "net.ipv4.ip_forward=1"]);
        Some(all)
    }

    /// Gives the device in the middle these rules, and settings of the kernel where there are some.
    pub(crate) fn rule(&self, rules: &Path) {
        self.inside("f", "nft", &["-f", rules.to_str().unwrap()]);
        let settings = rules.with_extension("sysctl");
        if settings.is_file() {
            self.inside("f", "sysctl", &["-q", "-p", settings.to_str().unwrap()]);
        }
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

    /// A command that runs this program in a namespace.
    pub(crate) fn command(&self, which: &str, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(&self.ip);
        command.args(["netns", "exec", &self.namespace(which)]).arg(program);
        command
    }

    /// The binary under test, in a namespace.
    pub(crate) fn binary(&self, which: &str) -> Command {
        self.command(which, binary().get_program())
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for which in ["c", "f", "s"] {
            self.try_ip(&["netns", "delete", &self.namespace(which)]);
        }
    }
}
