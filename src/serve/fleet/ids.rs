//! Run ids that any node of a fleet knows for its own, and knows the age of, without asking anybody.

use proxyprobe_probes::io::pen::Entropy;
use proxyprobe_probes::io::proof::{Prover, hex};

/// Hex digits of the time: 48 bits of milliseconds since 1970 last until the year 10889.
const TIME: usize = 12;
/// Hex digits of the time and of chance: 80 random bits tell the runs of one millisecond apart.
const BODY: usize = TIME + 20;
/// Hex digits of the seal: 128 bits are beyond guessing.
const SEAL: usize = 32;

/// An id for a run that begins now, in milliseconds since 1970 by the fleet's clock.
pub(super) fn make(secret: &[u8], now_ms: u64, entropy: &Entropy) -> String {
    let time = format!("{:012x}", now_ms & 0xffff_ffff_ffff);
    let body = format!("{time}{}", hex(&entropy.bytes::<10>()));
    let seal = seal(secret, &body);
    format!("{body}{seal}")
}

/// When a run of this fleet began, in milliseconds since 1970; none of what is not an id of this fleet's.
pub(super) fn begun(secret: &[u8], id: &str) -> Option<u64> {
    let (body, shown) = id.split_at_checked(BODY)?;
    let own = seal(secret, body);
    // All of it is compared, so that the time that it takes tells nothing.
    let differs = own.bytes().zip(shown.bytes()).fold(own.len() ^ shown.len(), |all, (a, b)| all | usize::from(a ^ b));
    if differs != 0 {
        return None;
    }
    u64::from_str_radix(body.get(..TIME)?, 16).ok()
}

/// No run's key is made of such a text: ids have no line feed.
fn seal(secret: &[u8], body: &str) -> String {
    Prover::key(secret, &format!("fleet\n{body}")).chars().take(SEAL).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_fleet_when_it_began_and_nobody_else_can_make_one() {
        let id = make(b"secret", 1_763_848_800_123, &Entropy::seeded(1));
        assert_eq!(id.len(), 64);
        assert_eq!(begun(b"secret", &id), Some(1_763_848_800_123));
        assert_eq!(begun(b"other", &id), None);
        let shorter = id.get(1..).unwrap();
        let later = format!("f{shorter}");
        for wrong in ["", "é", "00", shorter, &later, &id.to_uppercase(), &format!("{id}00"), &"0".repeat(64)] {
            assert_eq!(begun(b"secret", wrong), None, "{wrong}");
        }
    }
}
