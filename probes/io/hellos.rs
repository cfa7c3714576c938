//! Which ClientHello messages arrived at the server of late, so that a client whose handshake failed can ask.

use super::proof::hex;
use crate::tls::hello::client_hellos;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// So many are remembered: a client asks within seconds, and a busy server accepts some hundred sessions a second.
const KEPT: usize = 4_096;
/// Where the random bytes stand in a ClientHello: behind the type, the length and the version (RFC 8446 section 4.1.2).
const RANDOM: std::ops::Range<usize> = 6..38;

/// The random bytes of the newest ClientHello messages.
#[derive(Default)]
pub struct Hellos(Mutex<VecDeque<[u8; 32]>>);

impl Hellos {
    /// Remembers the ClientHello among the first bytes of a connection, and gives its random bytes.
    pub fn note(&self, bytes: &[u8]) -> Option<[u8; 32]> {
        let hellos = client_hellos(bytes);
        let random = hellos.first().and_then(|hello| hello.get(RANDOM)).and_then(|random| <[u8; 32]>::try_from(random).ok());
        if let Some(random) = random {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push_back(random);
            if kept.len() > KEPT {
                kept.pop_front();
            }
        }
        random
    }

    /// Whether the one with these random bytes, in lower-case hex, arrived.
    pub fn seen(&self, random: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|kept| hex(kept) == random)
    }
}
