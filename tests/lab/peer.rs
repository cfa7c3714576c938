//! One end of a connection, byte by byte.

use proxyprobe_probes::io::Io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

/// How the other side ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// FIN.
    Fin,
    /// RST.
    Reset,
}

/// No test waits longer for anything that must come: the clock is paused, so this costs nothing.
const LONG: Duration = Duration::from_secs(600);

/// A client or a server that knows nothing but bytes.
pub(crate) struct Peer(pub(crate) Io);

impl Peer {
    /// Sends bytes, which must be taken.
    pub(crate) async fn sends(&mut self, bytes: impl AsRef<[u8]>) {
        let sending = async {
            self.0.write_all(bytes.as_ref()).await?;
            self.0.flush().await
        };
        timeout(LONG, sending).await.expect("nobody takes the bytes").expect("bytes are refused");
    }

    /// Reads exactly these bytes.
    pub(crate) async fn gets(&mut self, expected: impl AsRef<[u8]>) {
        let expected = expected.as_ref();
        let mut read = vec![0; expected.len()];
        let mut at = 0;
        while at < read.len() {
            match timeout(LONG, self.0.read(&mut read[at..])).await {
                Ok(Ok(size)) if size > 0 => at += size,
                other => panic!("{other:?} after {:?} of {:?}", shown(&read[..at]), shown(expected)),
            }
        }
        assert_eq!(shown(&read), shown(expected));
    }

    /// Reads a head to its empty line.
    pub(crate) async fn head(&mut self) -> String {
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n\r\n") {
            let byte = timeout(LONG, self.0.read_u8()).await;
            read.push(byte.expect("the head does not end").unwrap_or_else(|why| panic!("{why} after {:?}", shown(&read))));
        }
        String::from_utf8(read).expect("a head in ASCII")
    }

    /// The end, before which nothing more may come.
    pub(crate) async fn end(&mut self) -> End {
        match timeout(LONG, self.0.read_u8()).await.expect("no end comes") {
            Ok(byte) => panic!("instead of the end comes {:?}", shown(&[byte])),
            Err(why) if why.kind() == std::io::ErrorKind::UnexpectedEof => End::Fin,
            Err(why) if why.kind() == std::io::ErrorKind::ConnectionReset => End::Reset,
            Err(why) => panic!("{why}"),
        }
    }

    /// The end, and how many milliseconds after a moment it came.
    pub(crate) async fn end_since(&mut self, start: Instant) -> (u128, End) {
        let end = self.end().await;
        (start.elapsed().as_millis(), end)
    }

    /// Listens for so long; neither bytes nor an end may come.
    pub(crate) async fn hears_nothing(&mut self, seconds: u64) {
        let heard = timeout(Duration::from_secs(seconds), self.0.read_u8()).await;
        assert!(heard.is_err(), "instead of silence: {heard:?}");
    }

    /// Says that it sends no more, and goes on reading.
    pub(crate) async fn fin(&mut self) {
        self.0.shutdown().await.expect("a FIN can be sent");
    }

    /// Leaves by a RST.
    pub(crate) fn reset(self) {
        self.0.abort();
    }
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
