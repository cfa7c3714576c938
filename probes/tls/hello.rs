//! ClientHello messages, taken out of the first bytes of a connection and read as far as they explain a difference.

/// The most bytes of one ClientHello that are kept: browsers with post-quantum keys send 1.8 KB.
const HELLO_BYTES: usize = 4 * 1024;
/// One, and after a HelloRetryRequest a second one (RFC 8446 section 4.1.4).
const HELLOS: usize = 2;
/// The content type of a handshake record (RFC 8446 section 5.1).
const HANDSHAKE: u8 = 22;
/// The content type of a ChangeCipherSpec, which may stand between the two (RFC 8446 appendix D.4).
const CHANGE_CIPHER_SPEC: u8 = 20;
/// The type of a ClientHello (RFC 8446 section 4).
const CLIENT_HELLO: u8 = 1;

/// The ClientHello messages among what a client sent first, reassembled from their records; each with its own header of four bytes.
pub fn client_hellos(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut bytes = Reader(bytes);
    let mut message = Vec::new();
    let mut hellos = Vec::new();
    while let (Some(kind), Some(_version), Some(length)) = (bytes.number(1), bytes.number(2), bytes.number(2)) {
        let Some(fragment) = bytes.take(length) else { break };
        match u8::try_from(kind) {
            Ok(HANDSHAKE) => message.extend_from_slice(fragment),
            Ok(CHANGE_CIPHER_SPEC) => continue,
            _ => break,
        }
        if message.first() != Some(&CLIENT_HELLO) {
            break;
        }
        let Some(length) = Reader(message.get(1..).unwrap_or_default()).number(3) else { continue };
        if length > HELLO_BYTES {
            break;
        }
        if message.len() >= length + 4 {
            message.truncate(length + 4);
            hellos.push(std::mem::take(&mut message));
            if hellos.len() == HELLOS {
                break;
            }
        }
    }
    hellos
}

/// What a ClientHello offers (RFC 8446 section 4.1.2), sorted where order has no meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// The client's random bytes: new for each session.
    pub random: Vec<u8>,
    /// Cipher suites, in the client's order.
    pub suites: Vec<u16>,
    /// Extension types, sorted: clients shuffle them.
    pub extensions: Vec<u16>,
    /// Server names, protocols, groups, versions and signature schemes, as the bytes of their extensions.
    pub values: Vec<(u16, Vec<u8>)>,
}

/// The extensions whose content is compared, and what they are (RFC 8446 section 4.2).
const COMPARED: &[(u16, &str)] =
    &[(0, "server name"), (10, "groups"), (13, "signature schemes"), (16, "ALPN"), (43, "TLS versions")];
/// The extension of versions, and TLS 1.3 in it.
const SUPPORTED_VERSIONS: u16 = 43;
const ALPN: u16 = 16;
const TLS_1_3: [u8; 2] = [3, 4];

/// Values that mean nothing and differ each time (RFC 8701).
fn grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a
}

impl Offer {
    /// Reads a ClientHello in hex; none when it is none.
    pub fn read(hex: &str) -> Option<Self> {
        let digit = |at: usize| hex.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(digit).collect::<Option<_>>()?;
        let mut hello = Reader(bytes.get(4..)?);
        hello.take(2)?;
        let random = hello.take(32)?.to_vec();
        hello.vector(1)?;
        let mut suites = Reader(hello.vector(2)?).numbers();
        suites.retain(|suite| !grease(*suite));
        hello.vector(1)?;
        let mut offer = Self { random, suites, ..Self::default() };
        let mut all = Reader(hello.vector(2).unwrap_or_default());
        while let (Some(kind), Some(content)) = (all.number(2).and_then(|kind| u16::try_from(kind).ok()), all.vector(2)) {
            if grease(kind) {
                continue;
            }
            offer.extensions.push(kind);
            if COMPARED.iter().any(|(compared, _)| *compared == kind) {
                offer.values.push((kind, content.to_vec()));
            }
        }
        offer.extensions.sort_unstable();
        Some(offer)
    }

    fn value(&self, kind: u16) -> Option<&[u8]> {
        self.values.iter().find(|(found, _)| *found == kind).map(|(_, content)| content.as_slice())
    }

    /// Whether TLS 1.3 is among the versions.
    pub fn offers_tls_1_3(&self) -> bool {
        let versions = self.value(SUPPORTED_VERSIONS).and_then(|content| content.get(1..)).unwrap_or_default();
        versions.chunks(2).any(|version| version == TLS_1_3)
    }

    /// Whether any protocol is offered by ALPN.
    pub fn offers_alpn(&self) -> bool {
        self.value(ALPN).is_some()
    }

    /// In what another one differs.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let mut found = Vec::new();
        let mut check = |same: bool, what| {
            if !same {
                found.push(what);
            }
        };
        check(self.random == other.random, "random");
        check(self.suites == other.suites, "cipher suites");
        check(self.extensions == other.extensions, "extensions");
        for (kind, what) in COMPARED {
            check(self.value(*kind) == other.value(*kind), what);
        }
        found
    }
}

/// Bytes that are read from the front (RFC 8446 section 3).
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self, length: usize) -> Option<usize> {
        Some(self.take(length)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    /// A vector with a length of so many bytes before it.
    fn vector(&mut self, length: usize) -> Option<&'a [u8]> {
        let length = self.number(length)?;
        self.take(length)
    }

    fn numbers(&mut self) -> Vec<u16> {
        self.0.chunks_exact(2).map(|two| two.iter().fold(0, |number, byte| number << 8 | u16::from(*byte))).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A ClientHello with these cipher suites and extensions.
    pub(crate) fn message(random: u8, suites: &[u16], extensions: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([random; 32]);
        body.push(0);
        body.extend(u16::try_from(suites.len() * 2).unwrap().to_be_bytes());
        suites.iter().for_each(|suite| body.extend(suite.to_be_bytes()));
        body.extend([1, 0]);
        let mut all = Vec::new();
        for (kind, content) in extensions {
            all.extend(kind.to_be_bytes());
            all.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
            all.extend_from_slice(content);
        }
        body.extend(u16::try_from(all.len()).unwrap().to_be_bytes());
        body.extend(all);
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&[CLIENT_HELLO], &length[1..], &body].concat()
    }

    pub(crate) fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn record(kind: u8, content: &[u8]) -> Vec<u8> {
        [&[kind, 3, 1], &u16::try_from(content.len()).unwrap().to_be_bytes()[..], content].concat()
    }

    #[test]
    fn messages_are_put_together_from_records_and_a_second_one_is_found() {
        let (first, second) = (message(1, &[0x1301], &[]), message(2, &[0x1301, 0x1302], &[]));
        for size in [1, 7, 16, first.len()] {
            let mut bytes: Vec<u8> = first.chunks(size).flat_map(|piece| record(HANDSHAKE, piece)).collect();
            bytes.extend(record(CHANGE_CIPHER_SPEC, &[1]));
            bytes.extend(record(HANDSHAKE, &second));
            bytes.extend(record(23, b"application data"));
            assert_eq!(client_hellos(&bytes), [first.clone(), second.clone()], "in pieces of {size}");
            // What is not whole is none.
            for cut in 0..bytes.len() {
                assert!(client_hellos(&bytes[..cut]).len() <= 2);
            }
        }
        assert!(client_hellos(b"GET / HTTP/1.1\r\n\r\n").is_empty());
        // One that claims to be larger than any.
        assert!(client_hellos(&record(HANDSHAKE, &[CLIENT_HELLO, 255, 255, 255, 0])).is_empty());
    }

    #[test]
    fn an_offer_tells_what_differs() {
        let versions: &[u8] = &[4, 3, 4, 3, 3];
        let one = Offer::read(&hex(&message(1, &[0x0a0a, 0x1301], &[(43, versions), (0x1a1a, b""), (16, b"x")]))).unwrap();
        let same = Offer::read(&hex(&message(1, &[0x1301], &[(16, b"x"), (43, versions)]))).unwrap();
        assert!(one.differences(&same).is_empty() && one.offers_tls_1_3() && one.offers_alpn());
        let other = Offer::read(&hex(&message(2, &[0x1302], &[(43, &[2, 3, 3])]))).unwrap();
        assert_eq!(one.differences(&other), ["random", "cipher suites", "extensions", "ALPN", "TLS versions"]);
        assert!(!other.offers_tls_1_3() && !other.offers_alpn());
        for strange in ["", "01", "zz", "0100", "é"] {
            assert_eq!(Offer::read(strange), None, "{strange}");
        }
    }
}
