//! Sessions over pipes in memory, as both ends see them.

use super::*;
use crate::net::tls::{TrustOptions, client_config};
use crate::serve::certificate::{Identity, self_signed};
use proxyprobe_probes::io::pipe::{Link, pipe};
use rustls::ServerConfig;
use rustls::crypto::ring::kx_group;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

const HOST: &str = "probe.test";

fn trusting(roots: Vec<CertificateDer<'static>>, pin: Option<String>) -> ClientTls {
    client_config(TrustOptions { pin, roots, system: false }).unwrap()
}

/// A server's side of TLS that wants another key exchange than the one that clients offer first.
fn hesitant() -> (Arc<ServerConfig>, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec![HOST.to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = rustls::crypto::CryptoProvider { kx_groups: vec![kx_group::SECP384R1], ..(*provider()).clone() };
    let builder = ServerConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions().unwrap();
    let config = builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    (Arc::new(config), made.cert.der().clone())
}

/// What the server saw of a session, and all that the client said on it.
async fn accepts(config: Arc<ServerConfig>, io: Io) -> (TlsEnd, Vec<u8>) {
    let below = io.observer();
    let (mut end, mut said) = (TlsEnd::default(), Vec::new());
    // A client that leaves at once may be gone before the handshake is over here.
    if let Ok(mut stream) = TlsAcceptor::from(config).accept(io).await {
        end = tls_end(stream.get_ref().1, &[], None);
        stream.write_all(b"x").await.unwrap();
        let _ = stream.read_to_end(&mut said).await;
    }
    end.hellos = hello::client_hellos(&below.first_bytes()).iter().map(|message| hex(message)).collect();
    (end, said)
}

#[tokio::test(start_paused = true)]
async fn both_ends_of_a_session_see_the_same() {
    let Identity { config, leaf, .. } = self_signed(vec![HOST.to_owned()]).unwrap();
    let (retries, retried) = hesitant();
    for (config, root, hellos, segment) in
        [(config.clone(), leaf.clone(), 1, 1_000), (config, leaf, 1, 7), (retries, retried, 2, 1_000)]
    {
        let (near, far) = pipe(Link { segment, ..Link::default() });
        let server = tokio::spawn(accepts(config, far));
        let tls = trusting(vec![root], None);
        let (mut io, client) = open(near, &tls, false, HOST, 443).await.unwrap();
        assert_eq!(io.read_u8().await.unwrap(), b'x');
        drop(io);
        let (server, _) = server.await.unwrap();
        assert_eq!((client.end.hellos.len(), client.end.version.as_str()), (hellos, "1.3"));
        assert!(client.end.exporter.is_some());
        let unnamed = TlsEnd { certificate_sha256: None, ..client.end };
        assert_eq!(unnamed.hellos, server.hellos);
        assert_eq!(unnamed.exporter, server.exporter);
        assert_eq!(tls.examine(&client.chain, HOST).local, Answer::Accepted);
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_takes_any_certificate_and_says_nothing() {
    let Identity { config, sha256, .. } = self_signed(vec![HOST.to_owned()]).unwrap();
    let tls = trusting(Vec::new(), None);
    let (near, far) = pipe(Link::default());
    let server = tokio::spawn(accepts(config.clone(), far));
    let refused = open(near, &tls, false, HOST, 443).await;
    assert!(refused.is_err(), "nobody is trusted");
    server.abort();
    let (near, far) = pipe(Link::default());
    let server = tokio::spawn(accepts(config, far));
    let looked = look(near, &tls, HOST, 443).await;
    let seen = looked.session.unwrap();
    assert_eq!(seen.end.certificate_sha256.as_deref(), Some(sha256.as_str()));
    let (end, said) = server.await.unwrap();
    assert_eq!((end.hellos, said), (looked.hellos, Vec::new()));
    let examined = tls.examine(&seen.chain, HOST);
    assert_eq!((examined.local, examined.public), (Answer::UnknownIssuer, Answer::UnknownIssuer));
    assert_eq!(examined.chain[0].issuer.as_str(), "CN=proxyprobe try-out");
}

#[test]
fn a_chain_is_vouched_for_by_those_who_do() {
    let Identity { leaf, sha256, .. } = self_signed(vec![HOST.to_owned()]).unwrap();
    let chain = [leaf.to_vec()];
    let own = trusting(vec![leaf.clone()], None);
    assert_eq!(own.examine(&chain, HOST).local, Answer::Accepted);
    assert!(matches!(own.examine(&chain, "other.test").local, Answer::Invalid(_)));
    assert_eq!(own.clone().with_public_roots(vec![leaf]).unwrap().examine(&chain, HOST).public, Answer::Accepted);
    let pinned = trusting(Vec::new(), Some(sha256)).examine(&chain, "other.test");
    assert_eq!((pinned.local, pinned.public), (Answer::Accepted, Answer::UnknownIssuer));
    assert_eq!(trusting(Vec::new(), Some("00".into())).examine(&chain, HOST).local, Answer::UnknownIssuer);
    // What is no certificate at all is nobody's.
    let garbage = own.examine(&[b"garbage".to_vec()], HOST);
    assert!(garbage.local != Answer::Accepted && garbage.chain[0].issuer.is_empty());
    assert_eq!(own.examine(&[], HOST).local, Answer::Unasked);
}
