//! The server's certificate: the operator's, or one made for a try-out.

use crate::net::tls::{fingerprint, provider, read_certificates};
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;

/// A certificate that can be served.
pub struct Identity {
    /// The server's side of TLS.
    pub config: Arc<ServerConfig>,
    /// The SHA-256 of the leaf, in lower-case hex.
    pub sha256: String,
    /// The leaf.
    pub leaf: CertificateDer<'static>,
    /// The leaf in PEM, when it was made here.
    pub pem: Option<String>,
}

/// Makes a certificate for these names and addresses.
///
/// # Errors
/// When a name cannot stand in a certificate.
pub fn self_signed(names: Vec<String>) -> Result<Identity, String> {
    let key = KeyPair::generate().map_err(|error| error.to_string())?;
    let mut parameters = CertificateParams::new(names).map_err(|error| error.to_string())?;
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "proxyprobe try-out");
    let certificate = parameters.self_signed(&key).map_err(|error| error.to_string())?;
    let leaf = certificate.der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(str::to_owned)?;
    Ok(Identity { pem: Some(certificate.pem()), ..identity(vec![leaf], key)? })
}

/// Reads a certificate chain and its key, both in PEM.
///
/// # Errors
/// When one of them cannot be read or they do not belong together.
pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Identity, String> {
    let chain = read_certificates(chain).map_err(|error| format!("the certificate: {error}"))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("the key: {error}"))?;
    identity(chain, key)
}

fn identity(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Identity, String> {
    let leaf = chain.first().cloned().ok_or("there is no certificate")?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| error.to_string())?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Identity { config: Arc::new(config), sha256: fingerprint(&leaf), leaf, pem: None })
}
