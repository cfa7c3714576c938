//! Content encodings of answers. Our server uses none, so one that arrives is the path's.

use crate::exchange::ResponseHead;
use flate2::write::GzDecoder;
use std::borrow::Cow;
use std::io::{Error, ErrorKind, Write};

/// What an EventSource offers here: of what browsers offer, the one that every compressing middlebox knows.
pub const OFFERED: &str = "gzip";

/// The most bytes that one piece of an answer may become: our padding does not shrink to a tenth, and a bomb grows a thousandfold.
const PIECE_BYTES: usize = 1024 * 1024;

/// Reads a body as it arrives, piece by piece.
pub enum Decoder {
    /// As it is; also in an encoding that was not offered, which then reads as foreign text.
    Plain,
    /// RFC 1952.
    Gzip(Box<GzDecoder<Bounded>>),
}

/// Takes so much of each piece and no more.
#[derive(Default)]
pub struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > PIECE_BYTES {
            return Err(Error::from(ErrorKind::FileTooLarge));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Decoder {
    /// The one for this answer.
    pub fn of(head: &ResponseHead) -> Self {
        let gzip = head.values("content-encoding").any(|name| {
            let name = name.trim();
            name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip")
        });
        if gzip { Decoder::Gzip(Box::new(GzDecoder::new(Bounded::default()))) } else { Decoder::Plain }
    }

    /// What this piece brings.
    ///
    /// # Errors
    /// When it is not in the encoding that the head names, or grows beyond all measure.
    pub fn read<'a>(&mut self, piece: &'a [u8]) -> Result<Cow<'a, [u8]>, Error> {
        let Decoder::Gzip(gzip) = self else { return Ok(Cow::Borrowed(piece)) };
        let mut left = piece;
        while !left.is_empty() {
            match gzip.write(left)? {
                // The end of the compressed data: what comes behind it is nobody's.
                0 => break,
                taken => left = left.get(taken..).unwrap_or_default(),
            }
        }
        gzip.flush()?;
        Ok(Cow::Owned(std::mem::take(&mut gzip.get_mut().0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    fn gzip() -> Decoder {
        Decoder::Gzip(Box::new(GzDecoder::new(Bounded::default())))
    }

    #[test]
    fn what_was_flushed_can_be_read_at_once_however_it_is_cut() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        let mut flushed = Vec::new();
        for word in ["one", "two", "three"] {
            encoder.write_all(word.as_bytes()).unwrap();
            encoder.flush().unwrap();
            flushed.push((word, std::mem::take(encoder.get_mut())));
        }
        let end = encoder.finish().unwrap();
        for size in [1, 2, 7, 1000] {
            let mut decoder = gzip();
            for (word, bytes) in &flushed {
                let read: Vec<u8> = bytes.chunks(size).flat_map(|piece| decoder.read(piece).unwrap().into_owned()).collect();
                assert_eq!(read, word.as_bytes(), "pieces of {size}");
            }
            assert!(decoder.read(&end).unwrap().is_empty());
            assert!(decoder.read(b"behind the end").unwrap().is_empty());
        }
    }

    #[test]
    fn a_bomb_is_an_error_and_so_is_what_is_no_gzip() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![0; 4 * PIECE_BYTES]).unwrap();
        let bomb = encoder.finish().unwrap();
        assert!(bomb.len() < 16 * 1024);
        assert!(gzip().read(&bomb).is_err());
        assert!(gzip().read(b"data: not compressed at all\n\n").is_err());
    }
}
