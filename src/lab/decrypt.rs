//! Looks into TLS: ends the client's session with a certificate of the lab's own and opens another one to the server.

use super::kit::{Kit, Root, Speaks};
use super::{Middlebox, Onward, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use rustls::pki_types::ServerName;
use rustls::server::Acceptor;
use rustls::{ClientConfig, SupportedProtocolVersion};
use std::io;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio_rustls::{LazyConfigAcceptor, TlsConnector};

/// Shows another middlebox what is inside TLS; cleartext it passes on as it is.
#[derive(Clone)]
pub(super) struct Decrypt {
    pub(super) inside: Arc<dyn Middlebox>,
    pub(super) root: Arc<Root>,
    pub(super) upstream: Arc<ClientConfig>,
    pub(super) behind: Option<String>,
    /// Whether TLS is ended at all; otherwise it passes.
    pub(super) inspects: bool,
    /// What the server speaks, when it is not what the client speaks.
    pub(super) speaks: Option<Speaks>,
    pub(super) names: Vec<String>,
    /// The versions that the client is offered.
    pub(super) versions: &'static [&'static SupportedProtocolVersion],
    /// Whether the client's ALPN is answered.
    pub(super) alpn: bool,
    /// Whether HTTP/2 is agreed to, if the client offers it, and then spoken with the server too.
    pub(super) http2: bool,
}

/// The client's session, as it was ended.
struct Ended {
    /// Which name the client wants.
    named: String,
    /// Whether HTTP/2 was agreed on.
    http2: bool,
}

/// The names of the protocols in ALPN (RFC 7301 section 6, RFC 9113 section 11.1).
const HTTP1: &[u8] = b"http/1.1";
const HTTP2: &[u8] = b"h2";

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
            inspects: kit.inspects,
            speaks: None,
            names: kit.names.clone(),
            versions: rustls::ALL_VERSIONS,
            alpn: true,
            http2: false,
        }
    }
}

impl Middlebox for Decrypt {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let this = self.clone();
        Box::pin(async move {
            let Some((client, first)) = relay::peek(client).await else { return };
            let asked = onward.host().map(str::to_owned);
            let encrypted = first == HANDSHAKE;
            if encrypted && !this.inspects {
                relay::through(client, onward).await;
                return;
            }
            let (client, ended) = if encrypted {
                let Some((client, ended)) = this.end_tls(client, asked.as_deref()).await else { return };
                (client, Some(ended))
            } else {
                (client, None)
            };
            let http2 = ended.as_ref().is_some_and(|ended| ended.http2);
            let named = ended.map(|ended| ended.named);
            let secured = match this.speaks {
                Some(speaks) => speaks == Speaks::Tls,
                None => encrypted,
            };
            let onward = if secured {
                let name = asked.or(this.behind).or(named).and_then(|name| ServerName::try_from(name).ok());
                let Some(name) = name else { return };
                let mut upstream = this.upstream;
                if http2 {
                    Arc::make_mut(&mut upstream).alpn_protocols = vec![HTTP2.to_vec()];
                }
                let connector = TlsConnector::from(upstream);
                onward.over(move |io| secure(io, connector.clone(), name.clone()))
            } else {
                onward
            };
            this.inside.carry(client, onward).await;
        })
    }
}

impl Decrypt {
    /// Ends the client's session.
    async fn end_tls(&self, client: Io, asked: Option<&str>) -> Option<(Io, Ended)> {
        let observer = client.observer();
        let start = LazyConfigAcceptor::new(Acceptor::default(), client).await.ok()?;
        let hello = start.client_hello();
        let names = match hello.server_name().or(asked) {
            Some(name) => vec![name.to_owned()],
            None => self.names.clone(),
        };
        let offers = |wanted: &[u8]| hello.alpn().is_some_and(|mut offered| offered.any(|protocol| protocol == wanted));
        let http2 = self.alpn && self.http2 && offers(HTTP2);
        let agreed = match self.alpn {
            true if http2 => Some(HTTP2),
            // Requests are read as HTTP/1.1, so nothing else is agreed to.
            true if offers(HTTP1) => Some(HTTP1),
            _ => None,
        };
        let mut config = self.root.config(&names, self.versions).ok()?;
        config.alpn_protocols.extend(agreed.map(<[u8]>::to_vec));
        let session = start.into_stream(Arc::new(config)).await.ok()?;
        Some((Io::over(session, observer), Ended { named: names.into_iter().next()?, http2 }))
    }
}

/// The most bytes of a ClientHello that are read: one record holds at most 16 KiB (RFC 8446 section 5.1), few need two.
const LIMIT: usize = 32 * 1024;

/// A TLS session that was begun: the connection, what was read of it, and the server that it names; an empty name is none.
pub(super) struct Begun {
    pub(super) client: Io,
    pub(super) onward: Onward,
    pub(super) read: Vec<u8>,
    pub(super) named: String,
}

/// Reads the ClientHello. What is no TLS is passed on, and nothing is left to be done with it.
pub(super) async fn begun(client: Io, onward: Onward) -> Option<Begun> {
    let (mut client, first) = relay::peek(client).await?;
    if first != HANDSHAKE {
        relay::through(client, onward).await;
        return None;
    }
    let mut read = Vec::new();
    let named = hello(&mut client, &mut read).await?;
    Some(Begun { client, onward, read, named })
}

/// Reads until the ClientHello is whole, and says which server it names; an empty name is none.
async fn hello(client: &mut Io, read: &mut Vec<u8>) -> Option<String> {
    let mut acceptor = Acceptor::default();
    loop {
        let before = read.len();
        if before > LIMIT || !matches!(client.read_buf(read).await, Ok(size) if size > 0) {
            return None;
        }
        let mut new = read.get(before..).unwrap_or_default();
        while !new.is_empty() {
            acceptor.read_tls(&mut new).ok()?;
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => return Some(accepted.client_hello().server_name().unwrap_or_default().to_owned()),
            Ok(None) => {}
            Err(_) => return None,
        }
    }
}

/// Speaks TLS to what is behind.
fn secure(io: Io, connector: TlsConnector, name: ServerName<'static>) -> BoxFuture<'static, io::Result<Io>> {
    Box::pin(async move {
        let observer = io.observer();
        Ok(Io::over(connector.connect(name, io).await?, observer))
    })
}
