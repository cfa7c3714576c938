//! What the other end of an HTTP/2 connection has set, read from the bytes that it sent first (RFC 9113 sections 3.4 and 6.5).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The SETTINGS frames as they arrived, a later value in the place of an earlier one; what is in none of them is as the RFC begins.
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
    /// Reads those among the bytes with which the other end began, as far as they were kept; none where the first frame is something
    /// else, or is not all there: every connection begins with one.
    pub fn read(first: &[u8]) -> Option<Self> {
        let mut settings = None;
        let mut rest = first;
        while let Some((frame, behind)) = frame(rest) {
            rest = behind;
            match frame {
                // An acknowledgement is empty, and never the first.
                Frame { kind: SETTINGS, acknowledges: false, payload } => {
                    settings.get_or_insert_with(Self::default).set(payload);
                }
                _ if settings.is_none() => return None,
                _ => {}
            }
        }
        settings
    }

    fn set(&mut self, payload: &[u8]) {
        for setting in payload.chunks_exact(SETTING) {
            let [high, low, v1, v2, v3, v4] = setting else { continue };
            let value = u32::from_be_bytes([*v1, *v2, *v3, *v4]);
            match u16::from_be_bytes([*high, *low]) {
                3 => self.streams = Some(value),
                4 => self.window = Some(value),
                8 => self.websockets = value == 1,
                _ => {}
            }
        }
    }
}

/// A frame, as far as it matters here.
struct Frame<'a> {
    kind: u8,
    /// The flag ACK.
    acknowledges: bool,
    payload: &'a [u8],
}

/// The first frame and what stands behind it; none where it is not whole.
fn frame(bytes: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let (header, rest) = bytes.split_at_checked(HEADER)?;
    let [a, b, c, kind, flags, ..] = header else { return None };
    let (payload, behind) = rest.split_at_checked(u32::from_be_bytes([0, *a, *b, *c]) as usize)?;
    Some((Frame { kind: *kind, acknowledges: flags & 1 != 0, payload }, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_frame_counts_and_nothing_but_settings_does() {
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
        let acknowledged = frame(4, 1, &[]);
        let later = [&whole[..], &acknowledged, &frame(0, 0, &[(3, 1)]), &frame(4, 0, &[(3, 5), (8, 0)])].concat();
        assert_eq!(Settings::read(&later), Some(Settings { streams: Some(5), window: Some(65_535), websockets: false }));
        let cut = later.get(..later.len() - 1).unwrap();
        assert_eq!(Settings::read(cut).unwrap().streams, Some(100), "what was not kept to its end");
        assert_eq!(Settings::read(b"HTTP/1.1 400 Bad Request\r\n\r\n"), None);
    }
}
