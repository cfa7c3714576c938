//! This machine's own part in the way to the server: facts, and what is worth saying of them.

use super::{ADDRESS_FAMILY_FAILS, PROXY_ON_THIS_MACHINE, PROXY_SETTINGS_DIFFER, THROUGH_TUNNEL};
use crate::failure::{Failure, Kind};
use crate::finding::{Finding, seconds};
use crate::untrusted::Untrusted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What of this machine lies on the way of the URL's own leg.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    /// The interface by which connections leave.
    pub interface: Option<Interface>,
    /// Other tunnels of this machine that are up.
    pub other_tunnels: Vec<Untrusted>,
    /// The proxy, where it listens on this very machine and the server does not.
    pub proxy_here: Option<Untrusted>,
    /// What each place that can name a proxy says for this URL, the one that counts first. Empty where a flag decided.
    pub settings: Vec<Setting>,
    /// The first address of each family of what is dialled (the server, or its proxy), where it has both.
    pub families: Vec<Family>,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Interface {
    /// Its name.
    pub name: Untrusted,
    /// Whether it leads into a tunnel: a VPN, most often.
    pub tunnel: bool,
}

/// What one place says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Setting {
    /// The place: `environment`, or a store of the system.
    pub place: String,
    /// The way that it names.
    pub says: Untrusted,
}

/// An address of one family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Family {
    /// `ipv4` or `ipv6`.
    pub family: String,
    /// The address, with its port.
    pub address: Untrusted,
    /// How long it took to connect, or to fail, in milliseconds.
    pub took_ms: u64,
    /// Why no connection came about.
    pub failure: Option<Failure>,
}

/// What is worth saying of it.
pub(super) fn judge(machine: &Machine) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(proxy) = &machine.proxy_here {
        let text = format!("The proxy {proxy} is a program on this machine, and passes on what others would send by themselves.");
        findings.push(Finding::new(PROXY_ON_THIS_MACHINE, text).with("proxy", proxy.as_str()));
    }
    if let Some(interface) = machine.interface.as_ref().filter(|interface| interface.tunnel) {
        let text = format!("Connections leave this machine through the tunnel {}, a VPN most likely.", interface.name);
        findings.push(Finding::new(THROUGH_TUNNEL, text).with("interface", interface.name.as_str()));
    }
    findings.extend(settings(&machine.settings));
    findings.extend(families(&machine.families));
    findings
}

fn settings(settings: &[Setting]) -> Option<Finding> {
    let (first, others) = settings.split_first()?;
    let mut other = others.iter().filter(|other| other.says != first.says).peekable();
    other.peek()?;
    let said: Vec<String> = other.clone().map(|other| format!("{} by {}", other.says, other.place)).collect();
    let text = format!(
        "This machine's settings name different ways to the server: {} by {}, which was taken, and {}.",
        first.says,
        first.place,
        said.join(", ")
    );
    let finding = Finding::new(PROXY_SETTINGS_DIFFER, text).with(&first.place, first.says.as_str());
    Some(other.fold(finding, |finding, other| finding.with(&other.place, other.says.as_str())))
}

fn families(families: &[Family]) -> Option<Finding> {
    let works = families.iter().find(|family| family.failure.is_none())?;
    // Where there is no way at all, the system says so at once, and every application takes the other family.
    let costs = |failure: &&Failure| matches!(failure.kind, Kind::TimedOut | Kind::Refused | Kind::Reset);
    let (fails, failure) = families.iter().find_map(|family| Some((family, family.failure.as_ref().filter(costs)?)))?;
    let text = format!(
        "No connection over {} within {} ({failure}), while {} connects in {}.",
        name(&fails.family),
        seconds(fails.took_ms),
        name(&works.family),
        seconds(works.took_ms)
    );
    let finding = Finding::new(ADDRESS_FAMILY_FAILS, text).with("fails", fails.family.as_str());
    Some(finding.with("works", works.family.as_str()).with("failed_for_ms", fails.took_ms))
}

fn name(family: &str) -> &str {
    if family == "ipv6" { "IPv6" } else { "IPv4" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Operation;

    fn family(family: &str, took_ms: u64, kind: Option<Kind>) -> Family {
        let peer = Untrusted::new("192.0.2.1:443");
        let failure = |kind| Failure { operation: Operation::Connect, kind, peer: peer.clone(), detail: Untrusted::default() };
        Family { family: family.to_owned(), address: peer.clone(), took_ms, failure: kind.map(failure) }
    }

    fn setting(place: &str, says: &str) -> Setting {
        Setting { place: place.to_owned(), says: Untrusted::new(says) }
    }

    fn tunnel(tunnel: bool) -> Option<Interface> {
        Some(Interface { name: Untrusted::new("tun0"), tunnel })
    }

    #[test]
    fn only_what_is_out_of_the_ordinary_is_said() {
        let none = Machine::default;
        let two = |one, other| vec![family("ipv4", 20, one), family("ipv6", 3_000, other)];
        for (machine, expected) in [
            (none(), None),
            (Machine { proxy_here: Some(Untrusted::new("127.0.0.1:9000")), ..none() }, Some(PROXY_ON_THIS_MACHINE)),
            (Machine { interface: tunnel(true), ..none() }, Some(THROUGH_TUNNEL)),
            (Machine { interface: tunnel(false), other_tunnels: vec![Untrusted::new("tun1")], ..none() }, None),
            (Machine { settings: vec![setting("environment", "direct")], ..none() }, None),
            (Machine { settings: vec![setting("environment", "direct"), setting("system", "direct")], ..none() }, None),
            (
                Machine { settings: vec![setting("environment", "http://a:1"), setting("system", "direct")], ..none() },
                Some(PROXY_SETTINGS_DIFFER),
            ),
            (Machine { families: two(None, Some(Kind::TimedOut)), ..none() }, Some(ADDRESS_FAMILY_FAILS)),
            (Machine { families: two(None, None), ..none() }, None),
            (Machine { families: two(None, Some(Kind::Unreachable)), ..none() }, None),
            // A server that is down is no matter of a family.
            (Machine { families: two(Some(Kind::Refused), Some(Kind::TimedOut)), ..none() }, None),
            (Machine { families: vec![family("ipv6", 3_000, Some(Kind::TimedOut))], ..none() }, None),
        ] {
            let codes: Vec<_> = judge(&machine).iter().map(|finding| finding.code).collect();
            assert_eq!(codes, Vec::from_iter(expected), "{machine:?}");
        }
    }

    #[test]
    fn what_differs_is_named_with_its_place() {
        let settings =
            [setting("environment", "http proxy a:1"), setting("GNOME", "http proxy a:1"), setting("WinHTTP", "direct")];
        let findings = judge(&Machine { settings: settings.to_vec(), ..Machine::default() });
        assert_eq!(
            findings[0].summary,
            "This machine's settings name different ways to the server: http proxy a:1 by environment, which was taken, and direct by \
             WinHTTP."
        );
        assert_eq!((findings[0].word("environment"), findings[0].word("WinHTTP")), (Some("http proxy a:1"), Some("direct")));
    }
}
