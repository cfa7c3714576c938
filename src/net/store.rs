//! The way to the store that the nodes of a fleet share.

use super::tls::{TrustOptions, client_config, handshake};
use super::{Network, System};
use proxyprobe_probes::failure::Operation;
use proxyprobe_probes::io::Io;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use std::sync::Arc;

/// Where the store is.
pub struct StoreDoor {
    host: String,
    port: u16,
    tls: Option<Arc<ClientConfig>>,
}

impl StoreDoor {
    /// In cleartext.
    pub fn plain(host: String, port: u16) -> Self {
        Self { host, port, tls: None }
    }

    /// By TLS: trusted are these roots, or without any the system's.
    ///
    /// # Errors
    /// When a root cannot be used.
    pub fn encrypted(host: String, port: u16, roots: Vec<CertificateDer<'static>>) -> Result<Self, String> {
        let trust = TrustOptions { pin: None, system: roots.is_empty(), roots };
        let mut config = ClientConfig::clone(&Arc::<ClientConfig>::from(client_config(trust)?));
        // No HTTP is spoken there.
        config.alpn_protocols.clear();
        Ok(Self { host, port, tls: Some(Arc::new(config)) })
    }

    /// Host and port, for people.
    pub fn address(&self) -> String {
        if self.host.contains(':') { format!("[{}]:{}", self.host, self.port) } else { format!("{}:{}", self.host, self.port) }
    }

    /// Opens a connection, to the first address of the name that answers.
    ///
    /// # Errors
    /// Why none does, in words.
    pub async fn open(&self) -> Result<Io, String> {
        let addresses = System.resolve(&self.host, self.port).await.map_err(|error| error.to_string())?;
        let mut why = "its name has no address".to_owned();
        for address in addresses {
            match System.connect(address).await {
                Ok((io, _)) => {
                    let Some(tls) = &self.tls else { return Ok(io) };
                    let session = handshake(io, tls.clone(), &self.host, self.port, Operation::Tls).await;
                    return session.map_err(|failure| failure.to_string());
                }
                Err(error) => why = error.to_string(),
            }
        }
        Err(why)
    }
}
