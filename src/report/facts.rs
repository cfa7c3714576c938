//! What was probed, and through what.

use super::{Hidden, Series};
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
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RouteFacts {
    /// `direct` or `http-proxy`.
    pub kind: String,
    /// Who chose: `flag`, `environment` or `none`.
    pub source: String,
    /// The proxy's host and port.
    pub proxy: Option<Untrusted>,
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
}

impl RouteFacts {
    /// The way as a person reads it.
    pub fn words(&self) -> String {
        match &self.proxy {
            Some(proxy) => format!("through the HTTP proxy {proxy} (from: {})", self.source),
            None => format!("direct (no proxy; from: {})", self.source),
        }
    }
}
