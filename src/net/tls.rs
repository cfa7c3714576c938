//! TLS to the server: whom to trust, and a handshake that says what it met.

use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use proxyprobe_probes::failure::{Failure, Kind, Operation};
use proxyprobe_probes::io::Io;
use proxyprobe_probes::timeline::End;
use proxyprobe_probes::untrusted::Untrusted;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_service::Service;

pub(in crate::net) mod examine;

use examine::public_roots;
pub use examine::{ClientTls, tls_end};
pub(super) use examine::{look, open};

/// Whom to trust.
#[derive(Clone, Default)]
pub struct TrustOptions {
    /// Exactly the certificate with this SHA-256, in lower-case hex, and no other.
    pub pin: Option<String>,
    /// Further roots, beside the system's.
    pub roots: Vec<CertificateDer<'static>>,
    /// Whether the system's own store counts.
    pub system: bool,
}

/// The provider that everything here uses; never the process default.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The SHA-256 of a certificate, in lower-case hex.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    proxyprobe_probes::io::proof::sha256_hex(certificate)
}

/// Reads certificates in PEM.
///
/// # Errors
/// When there is none in it.
pub fn read_certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err("there is no certificate in it".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The client's side of TLS.
///
/// # Errors
/// When a root cannot be used.
pub fn client_config(options: TrustOptions) -> Result<ClientTls, String> {
    let provider = provider();
    let mut verifiers: Vec<Arc<dyn ServerCertVerifier>> = Vec::new();
    if !options.roots.is_empty() {
        let mut store = RootCertStore::empty();
        for root in options.roots {
            store.add(root).map_err(|error| error.to_string())?;
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(store.into(), provider.clone()).build();
        verifiers.push(verifier.map_err(|error| error.to_string())?);
    }
    if options.system && options.pin.is_none() {
        // A machine without a store trusts nobody, which each handshake then says; cleartext works all the same.
        if let Ok(verifier) = rustls_platform_verifier::Verifier::new(provider.clone()) {
            verifiers.push(Arc::new(verifier));
        }
    }
    let trust = Arc::new(Trust { pin: options.pin, verifiers, provider: provider.clone() });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(trust.clone())
        .with_no_client_auth();
    // WebSockets over HTTP/1.1 are what is measured; a connection that negotiated h2 could not be upgraded.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Every handshake is a full one: a resumed session would show nothing of the certificate.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(ClientTls { config: Arc::new(config), trust, public: public_roots()? })
}

/// The same way of speaking TLS with another verifier.
fn client_config_of(config: &ClientConfig, verifier: Arc<dyn ServerCertVerifier>) -> Arc<ClientConfig> {
    let mut config = config.clone();
    config.dangerous().set_certificate_verifier(verifier);
    Arc::new(config)
}

/// Verifies as asked, and says in its error which certificate it was.
#[derive(Debug)]
struct Trust {
    pin: Option<String>,
    verifiers: Vec<Arc<dyn ServerCertVerifier>>,
    provider: Arc<CryptoProvider>,
}

/// A certificate that was not accepted.
#[derive(Clone, Debug)]
struct Rejected {
    sha256: String,
    untrusted: bool,
    why: String,
}

impl std::fmt::Display for Rejected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Rejected {}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let sha256 = fingerprint(leaf);
        let reject = |untrusted, why: String| {
            let rejected = Rejected { sha256: sha256.clone(), untrusted, why };
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(rejected)))))
        };
        if let Some(pin) = &self.pin {
            return if sha256.eq_ignore_ascii_case(pin) {
                Ok(ServerCertVerified::assertion())
            } else {
                reject(true, "it is not the one that --pin names".to_owned())
            };
        }
        let mut last = None;
        for verifier in &self.verifiers {
            match verifier.verify_server_cert(leaf, others, name, ocsp, now) {
                Ok(verified) => return Ok(verified),
                Err(error) => last = Some(error),
            }
        }
        match last {
            Some(rustls::Error::InvalidCertificate(
                error @ (CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. }
                | CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }),
            )) => reject(false, error.to_string()),
            Some(error) => reject(true, error.to_string()),
            None => reject(true, "this machine has no roots to trust".to_owned()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Does the handshake on an open connection: with the server ([`Operation::Tls`]) or with the proxy ([`Operation::TlsProxy`]).
///
/// # Errors
/// Why there is no session, with the fingerprint of a certificate that was not accepted.
pub async fn handshake(
    io: Io,
    config: impl Into<Arc<ClientConfig>>,
    host: &str,
    port: u16,
    operation: Operation,
) -> Result<Io, Failure> {
    let observer = io.observer();
    Ok(Io::over(session(io, config.into(), host, port, operation).await?, observer))
}

/// The session itself, as the library has it.
async fn session(io: Io, config: Arc<ClientConfig>, host: &str, port: u16, operation: Operation) -> Result<Session, Failure> {
    let observer = io.observer();
    let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let peer = Untrusted::new(&authority);
    let fail = |kind, detail: &str| Failure { operation, kind, peer: peer.clone(), detail: Untrusted::new(detail) };
    let uri = format!("https://{authority}/").parse().map_err(|_| fail(Kind::Other, "the name cannot be used for TLS"))?;
    let mut connector = HttpsConnector::from((Ready(Some(TokioIo::new(Opened(io)))), config));
    let stream = match connector.call(uri).await {
        Ok(MaybeHttpsStream::Https(stream)) => stream,
        Ok(MaybeHttpsStream::Http(_)) => return Err(fail(Kind::Other, "no TLS")),
        Err(error) => {
            let kind = match (rejection(error.as_ref()), observer.ended()) {
                (Some(rejected), _) if rejected.untrusted => Kind::CertificateUntrusted(rejected.sha256.clone()),
                (Some(rejected), _) => Kind::CertificateInvalid(rejected.sha256.clone()),
                (None, Some((_, End::Reset))) => Kind::Reset,
                (None, Some((_, End::Fin))) => Kind::Closed,
                _ => Kind::TlsRefused,
            };
            let words = rejection(error.as_ref()).map_or_else(|| innermost(error.as_ref()), |rejected| rejected.why.clone());
            return Err(fail(kind, &words));
        }
    };
    Ok(stream.into_inner())
}

/// A session of the client's.
type Session = tokio_rustls::client::TlsStream<TokioIo<TokioIo<Opened>>>;

/// Errors come wrapped several times: in boxes, and in I/O errors that hide what is in them from `source`.
fn walk<'a, T>(
    error: &'a (dyn std::error::Error + 'static),
    found: &dyn Fn(&'a (dyn std::error::Error + 'static)) -> Option<T>,
) -> Option<T> {
    if let Some(value) = found(error) {
        return Some(value);
    }
    if let Some(inner) = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        return walk(inner, found);
    }
    error.source().and_then(|source| walk(source, found))
}

fn rejection<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Rejected> {
    walk(error, &|error| match error.downcast_ref::<rustls::Error>() {
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner)))) => inner.downcast_ref::<Rejected>(),
        _ => None,
    })
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    walk(error, &|error| error.downcast_ref::<rustls::Error>().map(ToString::to_string)).unwrap_or_else(|| error.to_string())
}

/// A connector that hands out the one connection that is already open.
struct Ready(Option<TokioIo<Opened>>);

impl Service<http::Uri> for Ready {
    type Response = TokioIo<Opened>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<TokioIo<Opened>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Uri) -> Self::Future {
        let taken = self.0.take().ok_or_else(|| std::io::ErrorKind::NotConnected.into());
        Box::pin(std::future::ready(taken))
    }
}

/// An open connection in the form that the connector wants.
struct Opened(Io);

impl Connection for Opened {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Opened {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Opened {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
