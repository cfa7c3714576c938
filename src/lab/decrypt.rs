//! Looks into TLS: ends the client's session with a certificate of the lab's own and opens another one to the server.

use super::kit::{Kit, Root};
use super::{Middlebox, Onward, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use rustls::pki_types::ServerName;
use rustls::server::Acceptor;
use rustls::{ClientConfig, SupportedProtocolVersion};
use std::io;
use std::sync::Arc;
use tokio_rustls::{LazyConfigAcceptor, TlsConnector};

/// Shows another middlebox what is inside TLS; cleartext it passes on as it is.
pub(super) struct Decrypt {
    pub(super) inside: Arc<dyn Middlebox>,
    pub(super) root: Arc<Root>,
    pub(super) upstream: Arc<ClientConfig>,
    pub(super) behind: Option<String>,
    pub(super) names: Vec<String>,
    /// The versions that the client is offered.
    pub(super) versions: &'static [&'static SupportedProtocolVersion],
    /// Whether the client's ALPN is answered.
    pub(super) alpn: bool,
}

/// The first byte of a TLS session: the content type `handshake` (RFC 8446 section 5.1). No request begins with it.
pub(super) const HANDSHAKE: u8 = 0x16;

impl Decrypt {
    /// With the root that the client is meant to trust.
    pub(super) fn around(inside: Arc<dyn Middlebox>, kit: &Kit) -> Self {
        Self {
            inside,
            root: kit.root.clone(),
            upstream: kit.upstream.clone(),
            behind: kit.behind.clone(),
            names: kit.names.clone(),
            versions: rustls::ALL_VERSIONS,
            alpn: true,
        }
    }
}

impl Middlebox for Decrypt {
    fn admits(&self) -> super::Admission {
        self.inside.admits()
    }

    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let (inside, root, upstream) = (self.inside.clone(), self.root.clone(), self.upstream.clone());
        let (behind, names, versions, alpn) = (self.behind.clone(), self.names.clone(), self.versions, self.alpn);
        Box::pin(async move {
            let Some((client, first)) = relay::peek(client).await else { return };
            if first != HANDSHAKE {
                inside.carry(client, onward).await;
                return;
            }
            let observer = client.observer();
            let Ok(start) = LazyConfigAcceptor::new(Acceptor::default(), client).await else { return };
            let hello = start.client_hello();
            let asked = onward.host().map(str::to_owned);
            let names = match hello.server_name().or(asked.as_deref()) {
                Some(name) => vec![name.to_owned()],
                None => names,
            };
            // Requests are read as HTTP/1.1, so nothing else is agreed to.
            let http = b"http/1.1".to_vec();
            let wanted = alpn && hello.alpn().is_some_and(|mut offered| offered.any(|protocol| protocol == http));
            let Ok(mut config) = root.config(&names, versions) else { return };
            config.alpn_protocols.extend(wanted.then_some(http));
            let Ok(session) = start.into_stream(Arc::new(config)).await else { return };
            let Some(name) = asked.or(behind).or(names.into_iter().next()) else { return };
            let Ok(name) = ServerName::try_from(name) else { return };
            let connector = TlsConnector::from(upstream);
            let onward = onward.over(move |io| secure(io, connector.clone(), name.clone()));
            inside.carry(Io::over(session, observer), onward).await;
        })
    }
}

/// Speaks TLS to what is behind.
fn secure(io: Io, connector: TlsConnector, name: ServerName<'static>) -> BoxFuture<'static, io::Result<Io>> {
    Box::pin(async move {
        let observer = io.observer();
        Ok(Io::over(connector.connect(name, io).await?, observer))
    })
}
