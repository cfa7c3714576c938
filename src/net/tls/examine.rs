//! What a TLS session says of whoever ended it: both ends' view, and who vouches for the certificates.

use super::{Trust, client_config_of, fingerprint, provider, session};
use proxyprobe_probes::below::{Certificate, EXPORTER_BYTES, EXPORTER_LABEL, Examined, TlsEnd, Trust as Answer};
use proxyprobe_probes::failure::{Failure, Operation};
use proxyprobe_probes::io::proof::hex;
use proxyprobe_probes::io::{Io, Looked, Secured, Written};
use proxyprobe_probes::tls::hello;
use proxyprobe_probes::untrusted::Untrusted;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, CommonState, ConnectionCommon, DigitallySignedStruct, Error, ProtocolVersion, RootCertStore,
    SignatureScheme,
};
use std::sync::Arc;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The bytes at the beginning of a session that are kept to find ClientHello messages in: two of the largest that browsers send,
/// with what stands between.
const HELLO_BYTES: usize = 16 * 1024;
/// The most certificates of a chain that are looked at; public chains have three or four.
const CHAIN: usize = 8;
/// The most bytes of a name in a certificate.
const NAME_BYTES: usize = 300;

/// The client's side of TLS: how to speak it, and whom to trust.
#[derive(Clone)]
pub struct ClientTls {
    pub(super) config: Arc<ClientConfig>,
    pub(super) trust: Arc<Trust>,
    pub(super) public: Arc<dyn ServerCertVerifier>,
}

impl From<ClientTls> for Arc<ClientConfig> {
    fn from(tls: ClientTls) -> Self {
        tls.config
    }
}

impl ClientTls {
    /// The same with other roots in the place of the public ones.
    ///
    /// # Errors
    /// When a root cannot be used.
    pub fn with_public_roots(self, roots: Vec<CertificateDer<'static>>) -> Result<Self, String> {
        let mut store = RootCertStore::empty();
        for root in roots {
            store.add(root).map_err(|error| error.to_string())?;
        }
        Ok(Self { public: verifier(store)?, ..self })
    }

    /// Who vouches for a chain in DER, the leaf first, for this name.
    pub fn examine(&self, chain: &[Vec<u8>], host: &str) -> Examined {
        let ders: Vec<CertificateDer<'_>> = chain.iter().take(CHAIN).map(|der| CertificateDer::from(der.as_slice())).collect();
        let pin = self.trust.pin.clone();
        let (Some((leaf, others)), Ok(name)) = (ders.split_first(), ServerName::try_from(host)) else {
            return Examined { pin, ..Examined::default() };
        };
        let ask = |verifier: &Arc<dyn ServerCertVerifier>| {
            verifier.verify_server_cert(leaf, others, &name, &[], UnixTime::now()).map_or_else(refusal, |_| Answer::Accepted)
        };
        let pinned = pin.as_ref().is_some_and(|pin| pin.eq_ignore_ascii_case(&fingerprint(leaf)));
        let local = match &pin {
            Some(_) if pinned => Answer::Accepted,
            Some(_) => Answer::UnknownIssuer,
            None => {
                let mut answers = self.trust.verifiers.iter().map(ask).collect::<Vec<_>>();
                let accepted = answers.iter().position(|answer| *answer == Answer::Accepted);
                accepted.map(|_| Answer::Accepted).or_else(|| answers.pop()).unwrap_or(Answer::UnknownIssuer)
            }
        };
        Examined { chain: ders.iter().map(certificate).collect(), local, public: ask(&self.public), pin }
    }
}

/// Why roots do not vouch for a chain.
fn refusal(error: Error) -> Answer {
    let words = Untrusted::from_bytes(error.to_string().as_bytes(), NAME_BYTES);
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => Answer::UnknownIssuer,
        Error::InvalidCertificate(
            CertificateError::NotValidForName
            | CertificateError::NotValidForNameContext { .. }
            | CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => Answer::Invalid(words),
        _ => Answer::Refused(words),
    }
}

pub(in crate::net) fn certificate(der: &CertificateDer<'_>) -> Certificate {
    let name = |name: &dyn std::fmt::Display| Untrusted::from_bytes(name.to_string().as_bytes(), NAME_BYTES);
    let names = X509Certificate::from_der(der).map(|(_, read)| (name(read.subject()), name(read.issuer()))).unwrap_or_default();
    Certificate { sha256: fingerprint(der), subject: names.0, issuer: names.1 }
}

/// The roots that browsers come with.
pub(super) fn public_roots() -> Result<Arc<dyn ServerCertVerifier>, String> {
    verifier(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
}

fn verifier(store: RootCertStore) -> Result<Arc<dyn ServerCertVerifier>, String> {
    let verifier = WebPkiServerVerifier::builder_with_provider(store.into(), provider()).build();
    Ok(verifier.map_err(|error| error.to_string())?)
}

/// Does the handshake on an open connection, and says what this end saw of it. HTTP/2 is offered where it is wanted.
///
/// # Errors
/// As [`super::handshake`].
pub(in crate::net) async fn open(io: Io, tls: &ClientTls, http2: bool, host: &str, port: u16) -> Result<(Io, Secured), Failure> {
    let mut config = tls.config.clone();
    if http2 {
        // In a browser's order.
        Arc::make_mut(&mut config).alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    }
    let written = io.observer().keep_written(HELLO_BYTES);
    secured(io, &written, config, host, port).await
}

/// Does a handshake with whoever answers, sends nothing, and closes. Nobody is verified, so nothing may be said to them.
pub(in crate::net) async fn look(io: Io, tls: &ClientTls, host: &str, port: u16) -> Looked {
    let config = client_config_of(&tls.config, Arc::new(Anybody(tls.trust.clone())));
    let written = io.observer().keep_written(HELLO_BYTES);
    let session = secured(io, &written, config, host, port).await.map(|(_, seen)| seen);
    let hellos = hello::client_hellos(&written.bytes()).iter().map(|message| hex(message)).collect();
    Looked { hellos, session }
}

async fn secured(io: Io, written: &Written, config: Arc<ClientConfig>, host: &str, port: u16) -> Result<(Io, Secured), Failure> {
    let observer = io.observer();
    let session = session(io, config, host, port, Operation::Tls).await?;
    let state = session.get_ref().1;
    let chain: Vec<Vec<u8>> = state.peer_certificates().unwrap_or_default().iter().map(|der| der.to_vec()).collect();
    let sha256 = state.peer_certificates().and_then(<[_]>::first).map(fingerprint);
    let end = tls_end(state, &written.bytes(), sha256);
    Ok((Io::over(session, observer), Secured { end, chain }))
}

/// What one end saw of a session: `bytes` are the first that the client sent, `sha256` names the leaf certificate.
pub fn tls_end<Side>(state: &ConnectionCommon<Side>, bytes: &[u8], sha256: Option<String>) -> TlsEnd {
    let common: &CommonState = state;
    let exporter = state.export_keying_material([0; EXPORTER_BYTES], EXPORTER_LABEL, Some(b""));
    TlsEnd {
        version: match common.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "1.3".to_owned(),
            Some(ProtocolVersion::TLSv1_2) => "1.2".to_owned(),
            other => other.map_or_else(String::new, |version| format!("{version:?}")),
        },
        alpn: common.alpn_protocol().map(|name| Untrusted::from_bytes(name, 32)),
        exporter: exporter.ok().map(|value: [u8; EXPORTER_BYTES]| hex(&value)),
        hellos: hello::client_hellos(bytes).iter().map(|message| hex(message)).collect(),
        certificate_sha256: sha256,
    }
}

/// Accepts every certificate whose key the other side has: for a handshake on which nothing is said.
#[derive(Debug)]
struct Anybody(Arc<Trust>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests;
