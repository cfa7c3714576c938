//! The beginning of TLS, and what is inside.

use crate::bench::{Bench, kit, trusting};
use crate::bytes::{PAGE, SWITCHED, UPGRADE, every_byte};
use crate::passing::{a_flood_passes, frames_pass, requests_pass, streams_pass, websockets_pass};
use crate::peer::{End, Peer};
use proxyprobe::lab::Kit;
use proxyprobe_probes::io::Io;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConnection, ProtocolVersion, ServerConfig};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A server with a certificate, and middleboxes that trust it.
pub(crate) fn origin() -> (TlsAcceptor, Kit) {
    let made = rcgen::generate_simple_self_signed(vec!["origin.test".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = builder.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    (TlsAcceptor::from(Arc::new(config)), kit(Some(made.cert.der().clone())))
}

/// What a client agrees to in TLS.
#[derive(Debug, PartialEq, Eq)]
struct Agreed {
    version: Option<ProtocolVersion>,
    alpn: Option<Vec<u8>>,
}

/// The client's side of TLS: it trusts nobody but this root.
async fn secure(
    client: Peer,
    root: CertificateDer<'static>,
    name: &'static str,
    offers: &[&str],
) -> Result<(Peer, Agreed), std::io::Error> {
    let mut config = Arc::unwrap_or_clone(trusting(Some(root)));
    config.alpn_protocols = offers.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let observer = client.0.observer();
    let stream = TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name).unwrap(), client.0).await?;
    let session = stream.get_ref().1;
    let agreed = Agreed { version: session.protocol_version(), alpn: session.alpn_protocol().map(<[u8]>::to_vec) };
    Ok((Peer(Io::over(stream, observer)), agreed))
}

/// Both ends inside TLS, with a client that trusts the lab's root.
pub(crate) async fn inside(bench: &mut Bench, kit: &Kit, origin: &TlsAcceptor, asks: &str) -> (Peer, Peer) {
    let (mut client, _) = secure(bench.connects(), kit.root.certificate(), "origin.test", &[]).await.unwrap();
    client.sends(asks).await;
    (client, accept(bench, origin).await)
}

/// A client that trusts the lab's root and offers this protocol, which is agreed to.
pub(crate) async fn offering(bench: &mut Bench, kit: &Kit, protocol: &str) -> Peer {
    let (client, agreed) = secure(bench.connects(), kit.root.certificate(), "origin.test", &[protocol]).await.unwrap();
    assert_eq!(agreed.alpn.as_deref(), Some(protocol.as_bytes()));
    client
}

/// The server's side of the next connection.
pub(crate) async fn accept(bench: &mut Bench, origin: &TlsAcceptor) -> Peer {
    let server = bench.arrives().await;
    let observer = server.0.observer();
    Peer(Io::over(origin.accept(server.0).await.unwrap(), observer))
}

pub(crate) async fn inspect_tls() {
    let (origin, kit) = origin();
    let (lab, stranger) = (kit.root.certificate(), kit.stranger.certificate());
    // Without another root that is public, the lab's own is.
    let roots = [("trusted", &lab, &stranger), ("public", &lab, &stranger), ("untrusted", &stranger, &lab)];
    for (root, signs, knows_not) in roots {
        let boxes = format!("inspect-tls:root={root}");
        let mut bench = Bench::with(&boxes, &kit);
        // By a name, and by an address: a hello that names nobody.
        for name in ["origin.test", "192.0.2.1"] {
            let failed = secure(bench.connects(), knows_not.clone(), name, &[]).await;
            let why = failed.err().unwrap().to_string();
            assert_eq!(why, "invalid peer certificate: UnknownIssuer");
            bench.nobody_arrived();
            let (client, _) = secure(bench.connects(), signs.clone(), name, &[]).await.unwrap();
            a_flood_passes(client, accept(&mut bench, &origin).await).await;
        }
        // The name that is asked for stands in the certificate, whatever the server is called.
        let (_client, _) = secure(bench.connects(), signs.clone(), "other.test", &[]).await.unwrap();
        accept(&mut bench, &origin).await;
    }
    // Whom it is told to leave alone has the server's own certificate, and whom it is not told to inspect.
    for (settings, inspected) in [
        (":except=Origin.test", false),
        (":except=other.test", true),
        (":name=other.test", false),
        (":name=origin.test", true),
        (":name=origin.test,except=origin.test", false),
    ] {
        let mut bench = Bench::with(&format!("inspect-tls{settings}"), &kit);
        if inspected {
            let (client, _) = secure(bench.connects(), lab.clone(), "origin.test", &[]).await.unwrap();
            a_flood_passes(client, accept(&mut bench, &origin).await).await;
        } else {
            let asks = secure(bench.connects(), lab.clone(), "origin.test", &[]);
            let (failed, arrived) = tokio::join!(asks, async { origin.accept(bench.arrives().await.0).await });
            assert_eq!(failed.err().unwrap().to_string(), "invalid peer certificate: UnknownIssuer", "{settings}");
            assert!(arrived.is_err(), "{settings}");
        }
    }
    // HTTP/2 is agreed to where it is offered, by whoever is told to.
    for (offers, answer) in [(&["h2", "http/1.1"][..], Some("h2")), (&["http/1.1"], Some("http/1.1")), (&[], None)] {
        let mut bench = Bench::with("inspect-tls:alpn=h2", &kit);
        let (client, agreed) = secure(bench.connects(), lab.clone(), "origin.test", offers).await.unwrap();
        assert_eq!(agreed.alpn.as_deref(), answer.map(str::as_bytes), "{offers:?}");
        a_flood_passes(client, accept(&mut bench, &origin).await).await;
    }
    for (settings, version, agrees) in [
        ("", ProtocolVersion::TLSv1_3, true),
        (":highest=1.2", ProtocolVersion::TLSv1_2, true),
        (":alpn=none", ProtocolVersion::TLSv1_3, false),
        (":alpn=none,highest=1.2", ProtocolVersion::TLSv1_2, false),
    ] {
        let boxes = format!("inspect-tls{settings}");
        for (offers, answer) in [(&["h2", "http/1.1"][..], Some("http/1.1")), (&["h2"], None), (&[], None)] {
            let mut bench = Bench::with(&boxes, &kit);
            let (mut client, agreed) = secure(bench.connects(), lab.clone(), "origin.test", offers).await.unwrap();
            let alpn = answer.filter(|_| agrees).map(|protocol| protocol.as_bytes().to_vec());
            assert_eq!(agreed, Agreed { version: Some(version), alpn }, "{boxes} {offers:?}");
            let mut server = accept(&mut bench, &origin).await;
            client.sends(UPGRADE).await;
            server.gets(UPGRADE).await;
            server.sends(SWITCHED).await;
            client.gets(SWITCHED).await;
            frames_pass(client, server).await;
            // A server that leaves without a word of TLS is one that closed its connection.
            let (mut client, _) = secure(bench.connects(), lab.clone(), "origin.test", offers).await.unwrap();
            let mut server = accept(&mut bench, &origin).await;
            server.sends(PAGE).await;
            client.gets(PAGE).await;
            drop(server);
            assert_eq!(client.end().await, End::Fin);
        }
        requests_pass(&boxes).await;
        streams_pass(&boxes).await;
        websockets_pass(&boxes).await;
    }
}

/// The first message of a client in TLS.
pub(crate) fn client_hello(name: &'static str) -> Vec<u8> {
    let mut client = ClientConnection::new(trusting(None), ServerName::try_from(name).unwrap()).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    hello
}

pub(crate) async fn end_client_hello() {
    for by in ["rst", "fin", "silence"] {
        for (whose, ends_named, ends_unnamed) in [("all", true, true), ("named", true, false), ("unnamed", false, true)] {
            let boxes = format!("end-client-hello:by={by},whose={whose}");
            // Another name than the one that is meant passes.
            let other = format!("{boxes},name=other.test");
            let own = format!("{boxes},name=Origin.test");
            let tries = [
                (&boxes, "origin.test", ends_named),
                (&boxes, "192.0.2.1", ends_unnamed),
                (&own, "origin.test", ends_named),
                (&other, "origin.test", false),
            ];
            for (boxes, name, ends) in tries {
                let hello = client_hello(name);
                for pieces in [1, 3, hello.len()] {
                    let mut bench = Bench::new(boxes);
                    let mut client = bench.connects();
                    let (first, last) = hello.split_at(hello.len() - hello.len() / pieces);
                    for piece in first.chunks(last.len()) {
                        client.sends(piece).await;
                        sleep(Duration::from_millis(10)).await;
                    }
                    let start = Instant::now();
                    client.sends(last).await;
                    if !ends {
                        let mut server = bench.arrives().await;
                        server.gets(&hello).await;
                        server.sends(every_byte()).await;
                        client.gets(every_byte()).await;
                        client.sends(every_byte()).await;
                        server.gets(every_byte()).await;
                        assert_eq!(start.elapsed().as_millis(), 0);
                        continue;
                    }
                    match by {
                        "rst" => assert_eq!(client.end_since(start).await, (0, End::Reset)),
                        "fin" => assert_eq!(client.end_since(start).await, (0, End::Fin)),
                        _ => client.hears_nothing(60).await,
                    }
                    bench.nobody_arrived();
                }
            }
            requests_pass(&boxes).await;
            websockets_pass(&boxes).await;
        }
    }
}
