//! TLS from somebody whose certificate says more than anybody wants to know.

use crate::program::server;
use crate::victim::{Met, check};
use rustls::pki_types::PrivateKeyDer;
use std::io::{Read, Write};
use std::sync::Arc;

/// Runs against a TLS server with so many names in its certificate; it says nothing behind the handshake.
fn with_names(count: usize) -> Met {
    let key = rcgen::KeyPair::generate().unwrap();
    let names: Vec<String> = (0..count).map(|number| format!("a-name-that-is-not-short-{number}.example.com")).collect();
    let mut parameters = rcgen::CertificateParams::new(names).unwrap();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "\u{1b}]0;owned\u{7}\u{202e}");
    let certificate = parameters.self_signed(&key).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let address = server(move |stream| {
        let session = rustls::ServerConnection::new(config.clone()).unwrap();
        let mut tls = rustls::StreamOwned::new(session, stream);
        let mut heard = [0; 1024];
        let _ = tls.read(&mut heard);
        let _ = tls.flush();
    });
    check(&["--leg", "https", &format!("https://{address}")])
}

#[test]
fn a_certificate_of_sixty_kilobytes() {
    let met = with_names(1_200);
    let found = ["https:reach.certificate-untrusted", "https:tls.certificate-invalid"];
    assert_eq!((met.code, met.codes), (3, found.map(str::to_owned).to_vec()));
}

/// A certificate that is longer than any library takes: a handshake message of a megabyte, in records of 16 KiB (RFC 5246 section 7.4.2).
#[test]
fn a_certificate_of_a_megabyte() {
    let address = server(|mut stream| {
        let mut hello = [0; 1024];
        let _ = stream.read(&mut hello);
        let hello = [&[2, 0, 0, 38, 3, 3][..], &[7; 32], &[0, 0xc0, 0x2f, 0]].concat();
        let _ = stream.write_all(&[&[0x16, 3, 3, 0, 42][..], &hello].concat());
        let message = [&[11, 0x10, 0, 0][..], &[b'x'; 1024 * 1024]].concat();
        for piece in message.chunks(0x4000) {
            let length = u16::try_from(piece.len()).unwrap().to_be_bytes();
            let _ = stream.write_all(&[&[0x16, 3, 3][..], &length, piece].concat());
        }
    });
    let met = check(&["--leg", "https", &format!("https://{address}")]);
    assert_eq!((met.code, &*met.codes), (3, &["https:reach.connection-reset".to_owned()][..]));
    assert!(met.summary("reach.connection-reset").contains("TooLarge"), "{}", met.summary("reach.connection-reset"));
}

#[test]
fn records_without_end() {
    // Handshake records that each hold a piece of one message of 16 MiB (RFC 8446 section 5.1).
    let address = server(|mut stream| {
        let mut hello = [0; 1024];
        let _ = stream.read(&mut hello);
        let first = [&[0x16, 3, 3, 0, 4, 2, 0xff, 0xff, 0xff][..], &[]].concat();
        let _ = stream.write_all(&first);
        let piece = [&[0x16, 3, 3, 0x40, 0][..], &[b'x'; 0x4000]].concat();
        while stream.write_all(&piece).is_ok() {}
    });
    let met = check(&["--leg", "https", &format!("https://{address}")]);
    assert_eq!((met.code, met.codes), (3, vec!["https:reach.connection-reset".to_owned()]));
}

#[test]
fn alerts_without_end() {
    let address = server(|mut stream| {
        let mut hello = [0; 1024];
        let _ = stream.read(&mut hello);
        // Warnings that nobody needs to obey (RFC 5246 section 7.2).
        while stream.write_all(&[0x15, 3, 3, 0, 2, 1, 90].repeat(1_000)).is_ok() {}
    });
    let met = check(&["--leg", "https", &format!("https://{address}")]);
    assert_eq!((met.code, met.codes), (3, vec!["https:reach.connection-reset".to_owned()]));
}
