#![doc = include_str!("README.md")]

#[cfg(feature = "io")]
pub mod client;
pub mod machine;
#[cfg(feature = "io")]
mod page;
mod products;
#[cfg(feature = "io")]
mod server;
mod verdict;

use crate::circumstances::Circumstances;
use crate::code;
use crate::exchange::Exchange;
use crate::finding::{Code, Finding};
use crate::plan::Cost;
use crate::probe::Probe;
use crate::transport::Leg;
use crate::untrusted::Untrusted;
use machine::Machine;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name has no address here.
pub const DNS_FAILED: Code = code!("reach.dns-failed", Inconclusive);
/// The connection is refused.
pub const CONNECT_REFUSED: Code = code!("reach.connect-refused", Inconclusive);
/// Nobody answers.
pub const CONNECT_TIMED_OUT: Code = code!("reach.connect-timed-out", Inconclusive);
/// The connection is reset or closed before an answer.
pub const CONNECTION_RESET: Code = code!("reach.connection-reset", Inconclusive);
/// The proxy cannot be reached.
pub const PROXY_UNREACHABLE: Code = code!("reach.proxy-unreachable", Inconclusive);
/// The proxy asks for credentials that were not given or not accepted.
pub const PROXY_AUTH_REQUIRED: Code = code!("reach.proxy-auth-required", Inconclusive);
/// The script that names the proxy gives no answer.
pub const PAC_FAILED: Code = code!("reach.pac-failed", Inconclusive);
/// What answers is not a proxyprobe server, and nothing says that something took its place.
pub const NOT_OUR_SERVER: Code = code!("reach.not-our-server", Inconclusive);
/// The server, or a gateway in front of it, says that it cannot answer now.
pub const SERVER_UNAVAILABLE: Code = code!("reach.server-unavailable", Inconclusive);
/// The certificate is not trusted here.
pub const CERTIFICATE_UNTRUSTED: Code = code!("reach.certificate-untrusted", Inconclusive);
/// The server admits runs by a token, and this one had none or a wrong one.
pub const TOKEN_REQUIRED: Code = code!("reach.token-required", Inconclusive);
/// The proxy refuses a tunnel.
pub const PROXY_REFUSED_TUNNEL: Code = code!("reach.proxy-refused-tunnel", Broken);
/// Something in between answers in place of the server.
pub const ANSWERED_BY_MIDDLEBOX: Code = code!("reach.answered-by-middlebox", Broken);
/// The cleartext leg redirects to the TLS leg.
pub const REDIRECTED_TO_HTTPS: Code = code!("reach.redirected-to-https", Note);
/// The TLS leg has a certificate of the server's own making.
pub const SELF_SIGNED_SERVER: Code = code!("reach.self-signed-server", Note);

/// The proxy listens on this machine.
pub const PROXY_ON_THIS_MACHINE: Code = code!("reach.proxy-on-this-machine", Note);
/// Connections leave through a VPN or another tunnel.
pub const THROUGH_TUNNEL: Code = code!("reach.through-tunnel", Note);
/// The places that can name a proxy name different ones.
pub const PROXY_SETTINGS_DIFFER: Code = code!("reach.proxy-settings-differ", Note);
/// No connection over one address family, while the other one works.
pub const ADDRESS_FAMILY_FAILS: Code = code!("reach.address-family-fails", Note);

/// Datagrams reach the server, and its answers come back.
pub const UDP_REACHABLE: Code = code!("reach.udp-reachable", Note);
/// Datagrams do not reach the server, or its answers do not come back.
pub const UDP_BLOCKED: Code = code!("reach.udp-blocked", Note);

/// Can the server be reached, and is it ours?
pub struct Reach;

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// What for.
    pub step: Step,
    /// The leg.
    pub leg: Leg,
    /// The server's name, to tell a redirect to itself from one to somebody else.
    pub host: Untrusted,
    /// Its name and port, and the proxy on the way, as a person is told them.
    pub peer: Untrusted,
    /// The proxy on the way, as host and port.
    pub proxy: Option<Untrusted>,
    /// The SHA-256 of the certificate that the server says it serves, when another leg could tell.
    pub served_certificate: Option<Untrusted>,
    /// The first words of the body of an answer that was not ours.
    pub body: Option<Untrusted>,
    /// The title of that page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Untrusted>,
    /// Whether the server was proven to be there, over another leg.
    pub proven_elsewhere: bool,
    /// What of this machine lies on the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
}

/// What an attempt is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Starting the run by POST.
    Start,
    /// Starting it by GET, where POST is blocked.
    StartByGet,
    /// Proving the other leg.
    Hello,
    /// Asking the proxy for the tunnel that a WebSocket would use on the cleartext leg.
    Tunnel,
    /// Looking at this machine; nothing is asked of the server.
    Machine,
    /// Asking by UDP.
    Datagram,
}

impl Probe for Reach {
    const ID: &'static str = "reach";
    const QUESTION: &'static str = "Can the server be reached, and is it ours?";
    const CODES: &'static [Code] = &[
        DNS_FAILED,
        CONNECT_REFUSED,
        CONNECT_TIMED_OUT,
        CONNECTION_RESET,
        PROXY_UNREACHABLE,
        PROXY_AUTH_REQUIRED,
        PAC_FAILED,
        NOT_OUR_SERVER,
        SERVER_UNAVAILABLE,
        TOKEN_REQUIRED,
        CERTIFICATE_UNTRUSTED,
        PROXY_REFUSED_TUNNEL,
        ANSWERED_BY_MIDDLEBOX,
        REDIRECTED_TO_HTTPS,
        SELF_SIGNED_SERVER,
        PROXY_ON_THIS_MACHINE,
        THROUGH_TUNNEL,
        PROXY_SETTINGS_DIFFER,
        ADDRESS_FAMILY_FAILS,
        UDP_REACHABLE,
        UDP_BLOCKED,
    ];
    const COST: Cost = Cost::Quiet;
    type Asked = Asked;

    fn asked(evidence: &[Exchange<Asked>]) -> bool {
        !evidence.is_empty()
    }

    fn judge(evidence: &[Exchange<Asked>], _: &Circumstances) -> Vec<Finding> {
        verdict::judge(evidence)
    }
}

crate::halves!(Reach);
