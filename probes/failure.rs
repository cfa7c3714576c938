//! What can go wrong before a conversation exists: a closed vocabulary, with the operation and the raw words beside it.

use crate::untrusted::Untrusted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing that did not come about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// What was being done.
    pub operation: Operation,
    /// What happened instead.
    pub kind: Kind,
    /// The name or address that it happened with, and through which proxy; never a credential.
    pub peer: Untrusted,
    /// The raw words of the system, the library or the other side.
    pub detail: Untrusted,
}

/// What was being done when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Asking a proxy auto-configuration script which proxy to take.
    Pac,
    /// Looking a name up.
    Resolve,
    /// Opening a TCP connection to the server.
    Connect,
    /// Opening a TCP connection to the proxy.
    ConnectProxy,
    /// The TLS handshake with the proxy.
    TlsProxy,
    /// Signing in at the proxy.
    SignIn,
    /// Asking the proxy for a tunnel (CONNECT, or a SOCKS request).
    Tunnel,
    /// The TLS handshake with the server.
    Tls,
    /// Sending a request and waiting for the head of its answer.
    Request,
    /// Reading the body of an answer.
    Body,
}

/// What happened instead of success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The name has no address here.
    NameNotFound,
    /// The other side answered the SYN with RST.
    Refused,
    /// No answer before the deadline.
    TimedOut,
    /// RST in the middle.
    Reset,
    /// FIN before the answer was complete.
    Closed,
    /// No route, or an ICMP error.
    Unreachable,
    /// An HTTP status that is no success.
    Status(u16),
    /// 407 (RFC 9110 section 15.5.8), with the schemes on offer.
    CredentialsRequired(Vec<Untrusted>),
    /// The proxy did not accept the credentials: the schemes on offer, and the one that was tried.
    CredentialsRefused {
        /// What the proxy offers.
        schemes: Vec<Untrusted>,
        /// The scheme that was tried.
        tried: String,
    },
    /// What came back is no SOCKS.
    NotSocks,
    /// A SOCKS proxy does not open this connection: by a rule of its own, or because it cannot do this at all.
    Forbidden,
    /// The chain leads to no root that is trusted here; the SHA-256 of the leaf certificate in hex.
    CertificateUntrusted(String),
    /// The certificate is for another name, expired, or otherwise unusable; the SHA-256 of the leaf in hex.
    CertificateInvalid(String),
    /// TLS failed for another reason (an alert, garbage, an early end).
    TlsRefused,
    /// What came back is no HTTP.
    NotHttp,
    /// A proxy granted a tunnel and then spoke in it itself: nobody behind one speaks before the client does.
    SpokeFirst,
    /// More came back than the limit for it.
    TooLarge,
    /// The server speaks another version of the protocol.
    OtherVersion,
    /// None of the above; `detail` has the words.
    Other,
}

impl Kind {
    /// The closest kind for an error of the operating system.
    pub fn of_io(error: &std::io::Error) -> Kind {
        use std::io::ErrorKind as E;
        match error.kind() {
            E::ConnectionRefused => Kind::Refused,
            E::ConnectionReset | E::ConnectionAborted | E::BrokenPipe => Kind::Reset,
            E::TimedOut => Kind::TimedOut,
            E::UnexpectedEof => Kind::Closed,
            E::HostUnreachable | E::NetworkUnreachable | E::NetworkDown | E::AddrNotAvailable => Kind::Unreachable,
            _ => Kind::Other,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peer = &self.peer;
        match self.operation {
            Operation::Pac => write!(f, "asking the proxy script {peer}")?,
            Operation::Resolve => write!(f, "looking up {peer}")?,
            Operation::Connect => write!(f, "connecting to {peer}")?,
            Operation::ConnectProxy => write!(f, "connecting to the proxy {peer}")?,
            Operation::TlsProxy => write!(f, "the TLS handshake with the proxy {peer}")?,
            Operation::SignIn => write!(f, "signing in at the proxy {peer}")?,
            Operation::Tunnel => write!(f, "asking for a tunnel to {peer}")?,
            Operation::Tls => write!(f, "the TLS handshake with {peer}")?,
            Operation::Request => write!(f, "waiting for the answer of {peer}")?,
            Operation::Body => write!(f, "reading the answer of {peer}")?,
        }
        f.write_str(": ")?;
        match &self.kind {
            Kind::NameNotFound => f.write_str("the name has no address here")?,
            Kind::Refused => f.write_str("connection refused")?,
            Kind::TimedOut => f.write_str("no answer in time")?,
            Kind::Reset => f.write_str("connection reset")?,
            Kind::Closed => f.write_str("closed before the answer was complete")?,
            Kind::Unreachable => f.write_str("unreachable")?,
            Kind::Status(status) => write!(f, "HTTP status {status}")?,
            Kind::CredentialsRequired(schemes) => {
                let schemes: Vec<&str> = schemes.iter().map(Untrusted::as_str).collect();
                write!(f, "the proxy asks for credentials ({})", schemes.join(", "))?;
            }
            Kind::CredentialsRefused { schemes, tried } => {
                let schemes: Vec<&str> = schemes.iter().map(Untrusted::as_str).collect();
                write!(f, "the proxy did not accept the credentials (tried: {tried}; it offers: {})", schemes.join(", "))?;
            }
            Kind::NotSocks => f.write_str("what came back is no SOCKS")?,
            Kind::Forbidden => f.write_str("the proxy does not open this connection")?,
            Kind::CertificateUntrusted(sha256) => write!(f, "its certificate (sha256:{sha256}) is not trusted here")?,
            Kind::CertificateInvalid(sha256) => write!(f, "its certificate (sha256:{sha256}) is not valid for this")?,
            Kind::TlsRefused => f.write_str("TLS was refused")?,
            Kind::NotHttp => f.write_str("what came back is no HTTP")?,
            Kind::SpokeFirst => f.write_str("the tunnel was granted, and the proxy itself spoke in it")?,
            Kind::OtherVersion => f.write_str("it speaks another version of the protocol")?,
            Kind::TooLarge => f.write_str("more came back than is read")?,
            Kind::Other => f.write_str("failed")?,
        }
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        Ok(())
    }
}
