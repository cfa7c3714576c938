//! What real products are expected to lead to: a table for each, beside its configurations. The field ring runs them, the evidence
//! ring judges again what was kept of the runs, and docs/accuracy.md shows them.

#[path = "apache/table.rs"]
mod apache;
#[path = "caddy/table.rs"]
mod caddy;
#[path = "dante/table.rs"]
mod dante;
#[path = "e2guardian/table.rs"]
mod e2guardian;
#[path = "haproxy/table.rs"]
mod haproxy;
#[path = "kernel/table.rs"]
mod kernel;
#[path = "microsocks/table.rs"]
mod microsocks;
#[path = "mitmproxy/table.rs"]
mod mitmproxy;
#[path = "nginx/table.rs"]
mod nginx;
#[path = "privoxy/table.rs"]
mod privoxy;
#[path = "squid/table.rs"]
mod squid;
#[path = "stunnel/table.rs"]
mod stunnel;
#[path = "tinyproxy/table.rs"]
mod tinyproxy;
#[path = "traffic_server/table.rs"]
mod traffic_server;
#[path = "varnish/table.rs"]
mod varnish;

use serde_json::Value;

/// All tables.
pub(crate) const TABLES: &[Table] = &[
    apache::TABLE,
    caddy::TABLE,
    dante::TABLE,
    e2guardian::TABLE,
    haproxy::TABLE,
    kernel::TABLE,
    microsocks::TABLE,
    mitmproxy::TABLE,
    nginx::TABLE,
    privoxy::TABLE,
    squid::TABLE,
    stunnel::TABLE,
    tinyproxy::TABLE,
    traffic_server::TABLE,
    varnish::TABLE,
];

/// A product, how it is started, and what it leads to.
///
/// In arguments and configurations, `@dir@` is a directory of the run's own with all files of the product's folder and the keys and
/// certificates `ca.pem`, `ca.key` and `front.pem`; `@config@` is the row's configuration there, `@port@` the port to listen on,
/// `@http@` and `@https@` the ports of the paired server.
pub(crate) struct Table {
    /// Its folder here.
    pub(crate) folder: &'static str,
    /// Its name, as in docs.
    pub(crate) product: &'static str,
    /// The program.
    pub(crate) program: &'static str,
    /// What asks it for its version; without arguments the package is asked.
    pub(crate) version: &'static [&'static str],
    /// The only name by which it finds its configuration, where it has one.
    pub(crate) config_as: &'static str,
    /// What starts it in the foreground.
    pub(crate) arguments: &'static [&'static str],
    /// Whether it leaves its children behind when it is killed.
    pub(crate) stops_gently: bool,
    /// A row for each behaviour.
    pub(crate) rows: &'static [Row],
}

/// How the client meets a product.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// As the server: it stands before one leg of it.
    Front,
    /// As an explicit proxy, by this scheme and these credentials.
    Proxy(&'static str),
    /// On the path between network namespaces, before a server on the ports 80 and 443: not at all, or as this explicit proxy.
    Path(&'static str),
}

/// Whose certificate the client trusts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The server's own, by its fingerprint.
    Server,
    /// The product's root, in this file of its directory.
    Root(&'static str),
    /// That of a front which ends TLS, by its fingerprint.
    Front,
}

/// One configuration on one leg, and what must come of it.
pub(crate) struct Row {
    /// What is special about it, in a few words.
    pub(crate) name: &'static str,
    /// Its file, beside the table.
    pub(crate) config: &'static str,
    pub(crate) way: Way,
    pub(crate) trust: Trust,
    /// The server's name in the URL.
    pub(crate) host: &'static str,
    /// The deciding leg.
    pub(crate) leg: &'static str,
    /// The longest silence.
    pub(crate) idle_s: u32,
    /// Whether the run is a deep one, which tells a silent limit to a second.
    pub(crate) deep: bool,
    /// All findings of the deciding leg, exactly: the code, and ` <- cause` where another one explains it.
    pub(crate) codes: &'static [&'static str],
    /// The transport that is recommended.
    pub(crate) recommends: &'static str,
    pub(crate) figures: &'static [Figure],
}

/// A figure that is measured, between two bounds.
pub(crate) struct Figure {
    pub(crate) code: &'static str,
    /// Where one code comes of several transports.
    pub(crate) transport: Option<&'static str>,
    pub(crate) name: &'static str,
    pub(crate) bounds: (u64, u64),
}

/// A limit of five seconds, as any timer of a busy machine keeps it.
pub(crate) const FIVE_SECONDS: (u64, u64) = (4_900, 5_500);

/// A silence on this transport that is ended after five seconds.
pub(crate) const fn after_five_seconds(code: &'static str, transport: &'static str) -> Figure {
    Figure { code, transport: Some(transport), name: "after_ms", bounds: FIVE_SECONDS }
}

const fn row(way: Way, name: &'static str, config: &'static str, leg: &'static str) -> Row {
    Row {
        name,
        config,
        way,
        trust: Trust::Server,
        host: "127.0.0.1",
        leg,
        idle_s: 5,
        deep: false,
        codes: &[],
        recommends: "sse",
        figures: &[],
    }
}

/// A product before the cleartext leg, by which nothing is found.
pub(crate) const fn front(name: &'static str, config: &'static str) -> Row {
    row(Way::Front, name, config, "http")
}

/// An HTTP proxy, by which nothing is found.
pub(crate) const fn proxy(name: &'static str, config: &'static str, leg: &'static str) -> Row {
    row(Way::Proxy("http://"), name, config, leg)
}

/// Something on the path, by which nothing is found.
pub(crate) const fn path(name: &'static str, config: &'static str, leg: &'static str) -> Row {
    row(Way::Path(""), name, config, leg)
}

impl Row {
    /// A name for a file.
    pub(crate) fn slug(&self, table: &Table) -> String {
        let all = format!("{} {} {}", table.folder, self.name, self.leg);
        let words = all.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-").to_lowercase()
    }

    /// The findings and the recommendation in words.
    pub(crate) fn expected(&self) -> String {
        let mut codes: Vec<String> = self.codes.iter().map(|code| (*code).to_owned()).collect();
        codes.sort_unstable();
        words(&codes, self.recommends)
    }

    /// What this report says, in the same words.
    pub(crate) fn found(&self, report: &Value) -> String {
        let of_leg = list(report).filter(|finding| finding["leg"].is_null() || finding["leg"] == self.leg);
        let mut codes: Vec<String> = of_leg
            .map(|finding| {
                let cause = finding["caused_by"].as_str().map(|cause| format!(" <- {cause}")).unwrap_or_default();
                format!("{}{cause}", finding["code"].as_str().unwrap_or_default())
            })
            .collect();
        codes.sort_unstable();
        // One behaviour shows on several transports.
        codes.dedup();
        words(&codes, report["recommendation"]["transport"].as_str().unwrap_or_default())
    }

    /// What was measured, by figure, and whether it is within the bounds.
    pub(crate) fn measured<'a>(&'a self, report: &'a Value) -> impl Iterator<Item = (&'a Figure, Option<u64>, bool)> {
        self.figures.iter().map(move |figure| {
            let mut all = list(report).filter(|finding| {
                finding["leg"] == self.leg
                    && finding["code"] == figure.code
                    && figure.transport.is_none_or(|transport| finding["measured"]["transport"] == transport)
            });
            let number = all.next().and_then(|finding| finding["measured"][figure.name].as_u64());
            (figure, number, number.is_some_and(|number| (figure.bounds.0..=figure.bounds.1).contains(&number)))
        })
    }

    /// What is other than expected.
    pub(crate) fn wrong(&self, report: &Value) -> Vec<String> {
        let (expected, found) = (self.expected(), self.found(report));
        let mut wrong = Vec::new();
        if found != expected {
            wrong.push(format!("expected {expected}\n   found {found}"));
        }
        for (figure, number, _) in self.measured(report).filter(|(.., right)| !right) {
            wrong.push(format!("{} {} is {number:?}, not within {:?}", figure.code, figure.name, figure.bounds));
        }
        wrong
    }
}

/// All findings but the times of messages, which every path has, and what a limit with a finding of its own does to HTTP/2 as well.
fn list(report: &Value) -> impl Iterator<Item = &Value> {
    let by_http2 = |finding: &Value| finding["code"].as_str().is_some_and(|code| code.starts_with("h2."));
    let usual =
        move |finding: &Value| finding["code"] == "latency.round-trip" || (by_http2(finding) && !finding["caused_by"].is_null());
    report["findings"].as_array().into_iter().flatten().filter(move |finding| !usual(finding))
}

fn words(codes: &[String], transport: &str) -> String {
    let codes = if codes.is_empty() { "no finding".to_owned() } else { codes.join(", ") };
    format!("{codes}; use {transport}")
}
