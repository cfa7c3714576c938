#![doc = include_str!("README.md")]

#[cfg(feature = "io")]
pub mod client;
pub mod hello;
#[cfg(feature = "io")]
mod server;
mod verdict;

use crate::below::{Examined, TlsEnd};
use crate::circumstances::Circumstances;
use crate::code;
use crate::exchange::Exchange;
use crate::finding::{Code, Finding};
use crate::plan::Cost;
use crate::probe::Probe;
use crate::untrusted::Untrusted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// TLS is inspected, by somebody whom this machine trusts and browsers do not.
pub const INTERCEPTED_TRUSTED_ROOT: Code = code!("tls.intercepted-trusted-root", Note);
/// TLS ends before the server, at somebody whom public roots vouch for.
pub const TERMINATED_BY_FRONT: Code = code!("tls.terminated-by-front", Note);
/// TLS is inspected, by somebody whom nobody trusts.
pub const INTERCEPTED_UNTRUSTED_ROOT: Code = code!("tls.intercepted-untrusted-root", Broken);
/// A certificate that cannot be used, and nothing says whose it is.
pub const CERTIFICATE_INVALID: Code = code!("tls.certificate-invalid", Inconclusive);
/// Something in between ends the handshake.
pub const HANDSHAKE_REFUSED: Code = code!("tls.handshake-refused", Broken);
/// The two ends agreed on different protocols.
pub const ALPN_CHANGED: Code = code!("tls.alpn-changed", Note);
/// The session has a lower TLS version than both ends speak.
pub const VERSION_LOWERED: Code = code!("tls.version-lowered", Note);

/// Is it one TLS session from end to end?
pub struct Tls;

/// One handshake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// What for.
    pub step: Step,
    /// The session as the client has it.
    #[serde(default)]
    pub client: Option<TlsEnd>,
    /// Who vouches for the certificates that arrived.
    #[serde(default)]
    pub examined: Examined,
    /// The SHA-256 of the certificate that the server says it serves, in lower-case hex, where another connection told.
    #[serde(default)]
    pub served_sha256: Option<Untrusted>,
}

/// What a handshake is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// A session on which the server is asked what it saw of it.
    Session,
    /// A session with whoever answers, on which nothing is said.
    Look,
    /// A question to the server, over another leg: did the ClientHello of the look arrive?
    Seen,
}

/// What is known of TLS to the paired server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServerTls {
    /// Nothing.
    #[default]
    Unknown,
    /// It is one session from end to end.
    OneSession,
    /// It is inspected; who signed the certificate.
    Inspected(String),
    /// It ends at a front that has a public certificate.
    Front,
}

impl ServerTls {
    /// What the evidence says.
    pub fn of(evidence: &[Exchange<Asked>]) -> Self {
        verdict::server_tls(evidence)
    }
}

impl Asked {
    /// Before anything is known.
    pub fn new(step: Step) -> Self {
        Self { step, client: None, examined: Examined::default(), served_sha256: None }
    }
}

impl Probe for Tls {
    const ID: &'static str = "tls";
    const QUESTION: &'static str = "Is it one TLS session from end to end, and who signed its certificate?";
    const CODES: &'static [Code] = &[
        INTERCEPTED_TRUSTED_ROOT,
        TERMINATED_BY_FRONT,
        INTERCEPTED_UNTRUSTED_ROOT,
        CERTIFICATE_INVALID,
        HANDSHAKE_REFUSED,
        ALPN_CHANGED,
        VERSION_LOWERED,
    ];
    const COST: Cost = Cost::Quiet;
    type Asked = Asked;

    fn asked(evidence: &[Exchange<Asked>]) -> bool {
        evidence.iter().any(|exchange| exchange.asked.client.is_some())
    }

    fn looks_below(_route: &str) -> bool {
        true
    }

    fn judge(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
        verdict::judge(evidence, around)
    }
}

crate::halves!(Tls);
