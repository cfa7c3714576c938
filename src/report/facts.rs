//! What was probed, and through what.

use super::{Compared, Hidden, Series};
use proxyprobe_probes::transport::Leg;
use proxyprobe_probes::untrusted::Untrusted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The server that was probed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TargetFacts {
    /// The URL as it was given.
    pub url: Untrusted,
    /// The host in it.
    pub host: Untrusted,
    /// The URL's own leg, which decides.
    pub leg: Leg,
    /// Whether the server was embedded in the client, so that no network was tested.
    pub embedded: bool,
}

/// How bytes left the machine.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct RouteFacts {
    /// `direct`, `http-proxy`, `https-proxy`, `socks4a-proxy` or `socks5-proxy`; `unknown` when the script gave no answer.
    pub kind: String,
    /// Who chose: `flag`, `environment`, `system`, `pac` or `none`.
    pub source: String,
    /// The proxy's host and port.
    pub proxy: Option<Untrusted>,
    /// Where the script is that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<Untrusted>,
    /// Who named the script: `flag` or `system`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script_source: Option<String>,
    /// What it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script_said: Option<Untrusted>,
    /// The ways of its answer that did not open, with the reasons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<Untrusted>,
    /// By what the run signed in at the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_in: Option<String>,
}

/// What is known of a report beside what was measured.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct About {
    /// Words for the receiver.
    #[serde(default)]
    pub note: Option<Untrusted>,
    /// The command that made it, without its secrets.
    #[serde(default)]
    pub command: Option<Untrusted>,
    /// What was hidden from the report.
    #[serde(default, rename = "redaction")]
    pub hidden: Option<Hidden>,
    /// How often each finding was seen, when the check was repeated.
    #[serde(default)]
    pub series: Option<Series>,
    /// The same check without the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_proxy: Option<Compared>,
}

impl RouteFacts {
    /// The way as a person reads it.
    pub fn words(&self) -> String {
        let kind = match self.kind.as_str() {
            "https-proxy" => "HTTPS proxy",
            "socks4a-proxy" => "SOCKS 4 proxy",
            "socks5-proxy" => "SOCKS 5 proxy",
            _ => "HTTP proxy",
        };
        let from = match (&self.script, &self.script_source) {
            (Some(script), Some(source)) => format!("the script {script}, from: {source}"),
            _ => format!("from: {}", self.source),
        };
        let signed_in = self.signed_in.as_ref().map(|scheme| format!(", signed in by {scheme}")).unwrap_or_default();
        let mut words = match &self.proxy {
            Some(proxy) => format!("through the {kind} {proxy} ({from}{signed_in})"),
            None if self.kind == "unknown" => format!("not known ({from})"),
            None => format!("direct (no proxy; {from})"),
        };
        for passed_over in &self.passed_over {
            words.push_str(&format!("; before it was tried: {passed_over}"));
        }
        words
    }
}
