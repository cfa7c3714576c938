//! What the lab needs to look into TLS: a root of its own, certificates made on demand, and how it speaks to the server itself.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What middleboxes are built with.
#[derive(Clone)]
pub struct Kit {
    /// The root that the client is meant to trust, as a company's inspection has.
    pub root: Arc<Root>,
    /// A root that nobody trusts.
    pub stranger: Arc<Root>,
    /// A root that the client takes for a public one; the lab's own, unless there is another.
    pub public: Arc<Root>,
    /// How the lab speaks TLS to what is behind it.
    pub upstream: Arc<ClientConfig>,
    /// The name by which the server behind is known, whatever a client calls it that asks no proxy.
    pub behind: Option<String>,
    /// Whether requests in TLS are looked at; without it, whoever needs to see requests leaves TLS alone.
    pub inspects: bool,
    /// What the server behind speaks, when it is not what the client speaks.
    pub speaks: Option<Speaks>,
    /// The names in a certificate for a client that names nobody.
    pub names: Vec<String>,
}

impl Kit {
    /// For middleboxes that look into TLS, with a root that clients are meant to trust.
    ///
    /// # Errors
    /// When this machine can make no key.
    pub fn new(root: Arc<Root>, upstream: impl Into<Arc<ClientConfig>>, names: Vec<String>) -> Result<Self, String> {
        let stranger = Arc::new(Root::new("nobody's root", root.provider.clone())?);
        let (public, upstream) = (root.clone(), upstream.into());
        Ok(Self { root, stranger, public, upstream, behind: names.first().cloned(), inspects: true, speaks: None, names })
    }
}

/// What a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// Cleartext.
    Cleartext,
    /// TLS.
    Tls,
}

/// A root and the certificates that it signed.
pub struct Root {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
    provider: Arc<CryptoProvider>,
    made: Mutex<HashMap<String, (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>>,
}

/// Certificates that are kept: a browser visits some hundred hosts through a proxy; then the lab starts over.
const KEPT: usize = 1_000;

impl Root {
    /// A new root with this common name.
    ///
    /// # Errors
    /// When this machine can make no key.
    pub fn new(name: &str, provider: Arc<CryptoProvider>) -> Result<Self, String> {
        let words = |error: rcgen::Error| error.to_string();
        let key = KeyPair::generate().map_err(words)?;
        let mut parameters = CertificateParams::new(Vec::new()).map_err(words)?;
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = parameters.self_signed(&key).map_err(words)?;
        Ok(Self {
            certificate: certificate.der().clone(),
            pem: certificate.pem(),
            issuer: Issuer::new(parameters, key),
            provider,
            made: Mutex::default(),
        })
    }

    /// The root itself, to be trusted.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    /// The root itself, in PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The server's side of TLS for these names.
    ///
    /// # Errors
    /// When a certificate cannot be made.
    pub fn config(&self, names: &[String], versions: &[&'static SupportedProtocolVersion]) -> Result<ServerConfig, String> {
        let (chain, key) = self.leaf(names)?;
        ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(versions)
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| error.to_string())
    }

    fn leaf(&self, names: &[String]) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
        let all = names.join(" ");
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((chain, key)) = made.get(&all) {
            return Ok((chain.clone(), key.clone_key()));
        }
        let words = |error: rcgen::Error| error.to_string();
        let key = KeyPair::generate().map_err(words)?;
        let mut parameters = CertificateParams::new(names).map_err(words)?;
        parameters.distinguished_name.push(DnType::CommonName, names.first().map_or("lab", String::as_str));
        parameters.use_authority_key_identifier_extension = true;
        let leaf = parameters.signed_by(&key, &self.issuer).map_err(words)?;
        let chain = vec![leaf.der().clone(), self.certificate.clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(str::to_owned)?;
        if made.len() >= KEPT {
            made.clear();
        }
        made.insert(all, (chain.clone(), key.clone_key()));
        Ok((chain, key))
    }
}
