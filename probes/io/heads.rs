//! Heads of requests and answers as they are recorded: harmless, bounded, and without secrets.

use crate::below::SECRET;
use crate::untrusted::Untrusted;
use http::{HeaderMap, Version};

pub use crate::below::HIDDEN;

/// Headers as they are recorded.
pub fn seen(headers: &HeaderMap) -> Vec<(Untrusted, Untrusted)> {
    headers.iter().map(|(name, value)| field(name.as_str(), value.as_bytes())).collect()
}

/// One header as it is recorded.
pub fn field(name: &str, value: &[u8]) -> (Untrusted, Untrusted) {
    let name = name.to_ascii_lowercase();
    let value = if SECRET.contains(&name.as_str()) { Untrusted::new(HIDDEN) } else { Untrusted::from_bytes(value, 1024) };
    (Untrusted::new(&name), value)
}

/// The HTTP version in reports.
pub fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}

/// The head among the first bytes of a connection, as it arrived, but for secrets.
pub fn raw_head(first: &[u8]) -> Untrusted {
    let end = first.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(first.len());
    let mut kept = Vec::new();
    for line in first.get(..end).unwrap_or(first).split_inclusive(|byte| *byte == b'\n') {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        match SECRET.iter().find(|secret| name.eq_ignore_ascii_case(secret.as_bytes())) {
            Some(secret) => kept.extend_from_slice(format!("{secret}: {HIDDEN}\r\n").as_bytes()),
            None => kept.extend_from_slice(line),
        }
    }
    Untrusted::from_bytes(&kept, 4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_head_holds_no_cookie() {
        let raw = raw_head(b"HTTP/1.1 200 OK\r\nSet-Cookie: id=canary\r\nServer: x\r\n\r\nbody canary");
        assert_eq!(raw.as_str(), "HTTP/1.1 200 OK\\r\\nset-cookie: (not recorded)\\r\\nServer: x");
        assert_eq!(field("Cookie", b"canary").1.as_str(), HIDDEN);
    }
}
