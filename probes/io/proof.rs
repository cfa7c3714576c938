//! Proofs that an answer was made by our server for this very request.

use crate::exchange::Proof;
use crate::wire::PROOF_PREFIX;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Makes and examines the proofs of one run.
///
/// A proof is an HMAC-SHA256 over run, nonce and route by the run's key. On cleartext the key is visible: a proof guards
/// against caches, portals and other accidents, not against forgers.
#[derive(Clone)]
pub struct Prover {
    run: String,
    key: Vec<u8>,
}

/// How many bytes of the HMAC a proof carries: 128 bits are beyond guessing.
const PROOF_BYTES: usize = 16;

impl Prover {
    /// With the key as it stands in the answer that started the run.
    pub fn new(run: &str, key: &str) -> Self {
        Self { run: run.to_owned(), key: key.as_bytes().to_vec() }
    }

    /// The key of a run: the HMAC of the server's secret over its id, in hex.
    pub fn key(secret: &[u8], run: &str) -> String {
        hex(&mac(secret, run.as_bytes()))
    }

    /// The run's id.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// The proof for a request.
    pub fn token(&self, nonce: &str, route: &str) -> String {
        let whole = mac(&self.key, format!("{}\n{nonce}\n{route}", self.run).as_bytes());
        format!("{PROOF_PREFIX}.{nonce}.{}", hex(whole.get(..PROOF_BYTES).unwrap_or(&whole)))
    }

    /// What a text that should be the proof for this request is.
    pub fn examine(&self, text: &str, nonce: &str, route: &str) -> Proof {
        let text = text.trim();
        if text == self.token(nonce, route) {
            return Proof::Valid;
        }
        let mut parts = text.split('.');
        match (parts.next(), parts.next()) {
            (Some(PROOF_PREFIX), Some(other)) if text == self.token(other, route) => Proof::Stale,
            (Some(PROOF_PREFIX), _) => Proof::Wrong,
            _ => Proof::None,
        }
    }
}

/// What a client shows to be admitted by a token: the HMAC-SHA256 of the request's nonce by the token, in hex. The token itself
/// stays where it is, also on cleartext.
pub fn admission(token: &str, nonce: &str) -> String {
    hex(&mac(token.as_bytes(), admission_text(nonce).as_bytes()))
}

/// Whether that was made with this token, compared in constant time.
pub fn admits(token: &str, nonce: &str, shown: &str) -> bool {
    let shown: Option<Vec<u8>> = (shown.len() == 64 && shown.is_ascii())
        .then(|| (0..32).map_while(|at| u8::from_str_radix(shown.get(2 * at..2 * at + 2)?, 16).ok()).collect());
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(token.as_bytes()) else { return false };
    mac.update(admission_text(nonce).as_bytes());
    shown.is_some_and(|shown| mac.verify_slice(&shown).is_ok())
}

fn admission_text(nonce: &str) -> String {
    format!("token\n{nonce}")
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length (RFC 2104 section 2), so the error cannot occur; an empty proof would never match.
    Hmac::<Sha256>::new_from_slice(key).map_or_else(
        |_| Vec::new(),
        |mut mac| {
            mac.update(text);
            mac.finalize().into_bytes().to_vec()
        },
    )
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 of some bytes, in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_admits_one_request_and_is_not_shown() {
        let shown = admission("s3cret", "n1");
        assert!(admits("s3cret", "n1", &shown));
        assert!(!admits("s3cret", "n2", &shown) && !admits("other", "n1", &shown));
        for wrong in ["", "s3cret", shown.get(1..).unwrap(), &format!("{shown}00"), &"zz".repeat(32), &"é".repeat(32)] {
            assert!(!admits("s3cret", "n1", wrong), "{wrong}");
        }
    }

    #[test]
    fn a_proof_holds_for_one_request_of_one_run() {
        let ours = Prover::new("r1", &Prover::key(b"secret", "r1"));
        let token = ours.token("n1", "sse");
        assert_eq!(ours.examine(&token, "n1", "sse"), Proof::Valid);
        assert_eq!(ours.examine(&token, "n2", "sse"), Proof::Stale);
        assert_eq!(ours.examine(&token, "n1", "ws"), Proof::Wrong);
        assert_eq!(ours.examine("pp1.n1.00", "n1", "sse"), Proof::Wrong);
        assert_eq!(ours.examine("<html>", "n1", "sse"), Proof::None);
        let other = Prover::new("r2", &Prover::key(b"secret", "r2"));
        assert_eq!(ours.examine(&other.token("n1", "sse"), "n1", "sse"), Proof::Wrong);
    }
}
