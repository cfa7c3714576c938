//! Certificates from an authority that speaks ACME (RFC 8555), proven on the TLS leg itself (tls-alpn-01, RFC 8737).
//!
//! The one place where the server opens connections of its own: to the authority, by the library.

use super::Server;
use super::certificate;
use crate::net::tls::{provider, read_certificates};
use futures_util::StreamExt;
use rustls::{ClientConfig, RootCertStore};
use rustls_acme::caches::DirCache;
use rustls_acme::{AcmeConfig, CertCache, EventOk};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Who asks whom for a certificate for what.
pub struct Acme {
    /// The names.
    pub domains: Vec<String>,
    /// The authority's directory.
    pub directory: String,
    /// Where account and certificate are kept.
    pub folder: PathBuf,
    /// Whom the authority may write to.
    pub contact: Option<String>,
    /// Roots, in PEM, for an authority that browsers do not know.
    pub roots: Option<Vec<u8>>,
}

/// Gets a certificate, and a new one when a third of its time is left, for as long as the server lives.
///
/// # Errors
/// When the folder cannot be made, the roots cannot be read or TLS cannot be set up.
pub fn begin(acme: Acme, server: Server) -> Result<(), String> {
    make(&acme.folder).map_err(|error| format!("{} cannot be made: {error}", acme.folder.display()))?;
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(own) = &acme.roots {
        for root in read_certificates(own).map_err(|error| format!("--acme-ca-file: {error}"))? {
            roots.add(root).map_err(|error| format!("--acme-ca-file: {error}"))?;
        }
    }
    let client = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut state = AcmeConfig::new_with_client_config(&acme.domains, Arc::new(client))
        .directory(&acme.directory)
        .contact(acme.contact.iter().map(|contact| format!("mailto:{contact}")))
        .cache(DirCache::new(acme.folder.clone()))
        .state();
    server.answer_challenges(state.challenge_rustls_config_with_provider(provider()));
    tokio::spawn(async move {
        // The library repeats what fails, after longer and longer pauses.
        while let Some(event) = state.next().await {
            match event {
                Ok(EventOk::DeployedCachedCert | EventOk::CertCacheStore) => deploy(&acme, &server).await,
                Ok(EventOk::DeployedNewCert | EventOk::AccountCacheStore) => {}
                Err(error) => server.log().line("certificate-kept", &[("why", &error.to_string())]),
            }
        }
    });
    Ok(())
}

/// Makes the folder where it is not there: the key is in it, so nobody else reads it.
fn make(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Serves what the folder holds: one file with the key and the chain.
async fn deploy(acme: &Acme, server: &Server) {
    let kept = DirCache::new(acme.folder.clone()).load_cert(&acme.domains, &acme.directory).await;
    let read = kept.map_err(|error| error.to_string()).and_then(|pem| {
        let pem = pem.ok_or("there is no certificate")?;
        certificate::from_pem(&pem, &pem)
    });
    match read {
        Ok(new) => {
            server.serve_certificate(new.config, new.sha256.clone());
            server.log().line("certificate-read", &[("sha256", &new.sha256)]);
        }
        Err(why) => server.log().line("certificate-kept", &[("why", &why)]),
    }
}
