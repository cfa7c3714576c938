//! A server in this very process, on loopback, with middleboxes of the lab before it when they are asked for.

use crate::lab::{Kit, Root, Row, Spec};
use crate::net::proxy::Proxy;
use crate::net::tls::{TrustOptions, client_config, provider};
use crate::net::{Proxies, Source, Target};
use crate::serve::{self, Server, certificate, listen};
use crate::stand::{Stand, onward_to_legs, stand};
use proxyprobe_probes::io::pen::Entropy;
use proxyprobe_probes::wire::Legs;
use std::net::SocketAddr;
use std::sync::Arc;

/// The server, and how to reach it.
pub(super) struct Embedded {
    _server: Server,
    _stands: Vec<Stand>,
    /// The server as the client knows it.
    pub(super) target: Target,
    /// The certificates to be trusted.
    pub(super) trust: TrustOptions,
    /// The lab's explicit proxy, when there is one.
    pub(super) proxies: Proxies,
    /// What stands before it, in words.
    pub(super) words: String,
}

const HOST: &str = "127.0.0.1";

/// Starts it.
pub(super) async fn embedded(lab: &[String]) -> Result<Embedded, String> {
    let specs: Vec<Spec> = lab.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let identity = certificate::self_signed(vec!["localhost".to_owned(), HOST.to_owned()])?;
    let (sha256, leaf) = (identity.sha256.clone(), identity.leaf.clone());
    let server =
        Server::new(serve::Options { tls: Some((identity.config, identity.sha256)), ..serve::Options::new(Entropy::system()) });
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let words = |error: std::io::Error| error.to_string();
    let bound = listen(&server, Some(loopback), Some(loopback)).await.map_err(words)?;
    let mut legs = Legs { http: bound.http.map(|a| a.port()), https: bound.https.map(|a| a.port()) };
    let mut trust = TrustOptions { pin: Some(sha256), roots: Vec::new(), system: false };
    let (mut proxies, mut stands) = (Proxies::none(Source::None), Vec::new());
    if !specs.is_empty() {
        let root = Arc::new(Root::new("proxyprobe lab root", provider())?);
        trust = TrustOptions { pin: None, roots: vec![leaf, root.certificate()], system: false };
        let kit = Kit::new(root, client_config(trust.clone())?, vec![HOST.to_owned()])?;
        let row = Row::new(&specs, &kit)?;
        let ends: Vec<(u16, SocketAddr)> = [bound.http, bound.https].into_iter().flatten().map(|a| (a.port(), a)).collect();
        let ends: Arc<[(u16, SocketAddr)]> = ends.into();
        if Row::is_explicit_proxy(&specs) {
            let stand = stand(row, loopback, onward_to_legs(ends, 0)).await.map_err(words)?;
            let proxy = Proxy::read(&format!("http://{}", stand.address)).map_err(|why| why.to_string())?;
            proxies = Proxies::flag(proxy);
            stands.push(stand);
        } else {
            for port in [&mut legs.http, &mut legs.https].into_iter().flatten() {
                let stand = stand(row.clone(), loopback, onward_to_legs(ends.clone(), *port)).await.map_err(words)?;
                *port = stand.address.port();
                stands.push(stand);
            }
        }
    }
    server.declare(legs);
    let target = Target { host: HOST.to_owned(), legs };
    let row: Vec<String> = specs.iter().map(ToString::to_string).collect();
    let between = if row.is_empty() { String::new() } else { format!(" behind {}", row.join(" + ")) };
    let words = format!("embedded server on loopback{between}");
    Ok(Embedded { _server: server, _stands: stands, target, trust, proxies, words })
}
