//! What the other end of an HTTP/2 connection has set, read from the first bytes that it sent (RFC 9113 sections 3.4 and 6.5).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The first SETTINGS frame, as it arrived; what is not in it is as the RFC begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// SETTINGS_MAX_CONCURRENT_STREAMS: without it there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<u32>,
    /// SETTINGS_INITIAL_WINDOW_SIZE, in bytes; without it 65,535.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<u32>,
    /// SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 section 3): whether requests for a WebSocket are taken.
    #[serde(default)]
    pub websockets: bool,
}

/// The type of a SETTINGS frame (RFC 9113 section 6.5).
const SETTINGS: u8 = 4;
/// The length of a frame's header (RFC 9113 section 4.1).
const HEADER: usize = 9;
/// The length of one setting: an identifier of two bytes and a value of four.
const SETTING: usize = 6;

impl Settings {
    /// Reads the frame that every connection begins with; none where something else came, or not all of it.
    pub fn read(first: &[u8]) -> Option<Self> {
        let (header, rest) = first.split_at_checked(HEADER)?;
        let [a, b, c, kind, flags, ..] = header else { return None };
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        // An acknowledgement is empty, and never the first.
        if *kind != SETTINGS || flags & 1 != 0 {
            return None;
        }
        let mut settings = Self::default();
        for setting in rest.get(..length)?.chunks_exact(SETTING) {
            let [high, low, v1, v2, v3, v4] = setting else { continue };
            let value = u32::from_be_bytes([*v1, *v2, *v3, *v4]);
            match u16::from_be_bytes([*high, *low]) {
                3 => settings.streams = Some(value),
                4 => settings.window = Some(value),
                8 => settings.websockets = value == 1,
                _ => {}
            }
        }
        Some(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_frame_is_read_and_nothing_else() {
        let frame = |kind: u8, flags: u8, settings: &[(u16, u32)]| {
            let mut bytes = vec![0, 0, u8::try_from(settings.len() * SETTING).unwrap(), kind, flags, 0, 0, 0, 0];
            for (id, value) in settings {
                bytes.extend(id.to_be_bytes());
                bytes.extend(value.to_be_bytes());
            }
            bytes
        };
        let whole = frame(4, 0, &[(3, 100), (4, 65_535), (6, 9), (8, 1)]);
        assert_eq!(Settings::read(&whole), Some(Settings { streams: Some(100), window: Some(65_535), websockets: true }));
        assert_eq!(Settings::read(&frame(4, 0, &[])), Some(Settings::default()));
        assert_eq!(Settings::read(&frame(4, 1, &[])), None, "an acknowledgement");
        assert_eq!(Settings::read(&frame(1, 0, &[(3, 1)])), None, "another frame");
        assert_eq!(Settings::read(whole.get(..20).unwrap()), None, "not all of it");
        assert_eq!(Settings::read(b"HTTP/1.1 400 Bad Request\r\n\r\n"), None);
    }
}
