//! The PROXY protocol, versions 1 and 2: a front says whose connection it passes on.
//! <https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt>

use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest header of version 1, with its line end (section 2.1).
const V1_BYTES: usize = 107;
/// The signature of version 2, its command, family and length (section 2.2).
const V2_HEAD: usize = 16;
/// The most bytes of addresses and extensions of version 2: fronts add a certificate's name or an identifier, no more.
const V2_REST: usize = 2 * 1024;

/// Reads the header, and not a byte more. Gives the address and port of the client; none where the front speaks for itself (its health checks)
/// or does not know.
///
/// # Errors
/// When the connection ends, or does not begin with such a header.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let mut header = vec![0; V2_HEAD];
    // The shortest line of version 1, "PROXY UNKNOWN" and its end, has 15 bytes: sixteen may be too many.
    let (first, rest) = header.split_at_mut(V2_HEAD - 1);
    stream.read_exact(first).await?;
    if first.starts_with(b"PROXY ") {
        let mut line = first.to_vec();
        while !line.ends_with(b"\r\n") && line.len() < V1_BYTES {
            line.push(stream.read_u8().await?);
        }
        let parsed = ppp::v1::Header::try_from(line.as_slice()).map_err(|_| no_header())?;
        return Ok(match parsed.addresses {
            ppp::v1::Addresses::Tcp4(addresses) => Some((addresses.source_address, addresses.source_port).into()),
            ppp::v1::Addresses::Tcp6(addresses) => Some((addresses.source_address, addresses.source_port).into()),
            ppp::v1::Addresses::Unknown => None,
        });
    }
    if !first.starts_with(ppp::v2::PROTOCOL_PREFIX) {
        return Err(no_header());
    }
    stream.read_exact(rest).await?;
    let length = header.get(V2_HEAD - 2..).and_then(|length| length.try_into().ok()).map(u16::from_be_bytes);
    let length = length.map(usize::from).filter(|length| *length <= V2_REST).ok_or_else(no_header)?;
    header.resize(V2_HEAD + length, 0);
    stream.read_exact(header.get_mut(V2_HEAD..).unwrap_or_default()).await?;
    let parsed = ppp::v2::Header::try_from(header.as_slice()).map_err(|_| no_header())?;
    Ok(match (parsed.command, parsed.addresses) {
        (ppp::v2::Command::Proxy, ppp::v2::Addresses::IPv4(addresses)) => {
            Some((addresses.source_address, addresses.source_port).into())
        }
        (ppp::v2::Command::Proxy, ppp::v2::Addresses::IPv6(addresses)) => {
            Some((addresses.source_address, addresses.source_port).into())
        }
        _ => None,
    })
}

fn no_header() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no PROXY protocol header")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of these bytes, and what is left.
    async fn heard(bytes: &[u8]) -> (Result<Option<SocketAddr>, io::ErrorKind>, usize) {
        let mut rest = bytes;
        let read = read(&mut rest).await.map_err(|error| error.kind());
        (read, rest.len())
    }

    #[tokio::test]
    async fn both_versions_are_read_to_their_last_byte_and_nothing_else_is() {
        let v4: SocketAddr = "192.0.2.7:40000".parse().unwrap();
        let v6: SocketAddr = "[2001:db8::7]:40000".parse().unwrap();
        assert_eq!(heard(b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 443\r\nGET /").await, (Ok(Some(v4)), 5));
        assert_eq!(heard(b"PROXY TCP6 2001:db8::7 2001:db8::1 40000 443\r\n").await, (Ok(Some(v6)), 0));
        assert_eq!(heard(b"PROXY UNKNOWN\r\nGET /").await, (Ok(None), 5));
        let v2 = |command: u8, family: u8, rest: &[u8]| {
            let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
            [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[0x20 | command, family], &length, rest, b"GET /"].concat()
        };
        let ends = [192, 0, 2, 7, 192, 0, 2, 1, 0x9c, 0x40, 1, 0xbb];
        assert_eq!(heard(&v2(1, 0x11, &ends)).await, (Ok(Some(v4)), 5));
        assert_eq!(heard(&v2(0, 0, &[])).await, (Ok(None), 5), "a health check");
        let with_extension = [&ends[..], &[4, 0, 1, 0]].concat();
        assert_eq!(heard(&v2(1, 0x11, &with_extension)).await, (Ok(Some(v4)), 5));
        let wrong = Err(io::ErrorKind::InvalidData);
        for bytes in [
            &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
            b"PROXY TCP4 1.2.3 192.0.2.1 40000 443\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 443 and on and on and on and on and on and on and on and on and on and on and on",
            &v2(1, 0x11, &[0; V2_REST + 1]),
            &v2(1, 0x11, &ends[..4]),
        ] {
            assert_eq!(heard(bytes).await.0, wrong, "{}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(heard(b"PROXY").await.0, Err(io::ErrorKind::UnexpectedEof));
    }
}
