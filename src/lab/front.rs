//! What every explicit proxy of the lab does: reads what the client asks it for, and goes there or not.

use super::head::Head;
use super::{Onward, relay};
use proxyprobe_probes::io::Io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What a client asked a proxy for.
pub(super) enum Wish {
    /// A tunnel to a place (RFC 9110 section 9.3.6), and what the client has already sent into it.
    Tunnel(String, Vec<u8>),
    /// A request in absolute-form (RFC 9112 section 3.2.2), now in the form that a server is asked in, and its place.
    Request(String, Head),
}

/// The most bytes of a request line up to its target: the longest method in use has 17.
const METHOD: usize = 32;

/// Whether a client speaks as to a proxy: with CONNECT, or with a whole URL. The stream comes back as if nothing had been read.
pub(super) async fn asks_a_proxy(mut client: Io) -> Option<(Io, bool)> {
    let mut read: Vec<u8> = Vec::new();
    let asks = loop {
        if read.first().is_some_and(|byte| !byte.is_ascii_uppercase()) {
            break false;
        }
        if read.starts_with(b"CONNECT ") {
            break true;
        }
        // After the method: `/` for a server, the `h` of `http` for a proxy.
        let method = read.iter().take(METHOD).position(|byte| *byte == b' ');
        if let Some(target) = method.and_then(|at| read.get(at + 1)) {
            break *target != b'/' && *target != b'*';
        }
        if read.len() > METHOD {
            break false;
        }
        if !matches!(client.read_buf(&mut read).await, Ok(size) if size > 0) {
            return None;
        }
    };
    Some((relay::unread(client, read), asks))
}

/// Reads what the client wants. What makes no sense is answered, and is none.
pub(super) async fn wish(client: &mut Io) -> Option<Wish> {
    let mut head = Head::read(client).await?;
    let target = head.path().to_owned();
    if head.first.starts_with("CONNECT ") {
        return Some(Wish::Tunnel(target, head.rest));
    }
    let Some((authority, path)) = target.strip_prefix("http://").map(|rest| {
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        // A path is never empty in origin-form (RFC 9112 section 3.2.1).
        (authority, if path.starts_with('/') { path.to_owned() } else { format!("/{path}") })
    }) else {
        refuse(client, "400 Bad Request", "", "this is a proxy\n").await;
        return None;
    };
    let place = if authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']')) {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    };
    let method = head.first.split(' ').next().unwrap_or_default().to_owned();
    head.first = format!("{method} {path} HTTP/1.1");
    head.remove("proxy-connection");
    head.remove("proxy-authorization");
    head.stand_alone();
    Some(Wish::Request(place, head))
}

/// Goes where the client wants to go: a tunnel is announced with the given status line.
pub(super) async fn grant(mut client: Io, onward: Onward, wish: Wish, announcement: &str) {
    let place = match &wish {
        Wish::Tunnel(place, _) | Wish::Request(place, _) => place,
    };
    let Ok(mut server) = onward.to(place).open().await else {
        refuse(&mut client, "503 Service Unavailable", "", "the server cannot be reached\n").await;
        return;
    };
    let begun = match &wish {
        Wish::Tunnel(_, early) => open_tunnel(&mut client, &mut server, announcement, early).await,
        Wish::Request(_, head) => head.write(&mut server).await,
    };
    if begun.is_ok() {
        relay::pass(client, server).await;
    }
}

async fn open_tunnel(client: &mut Io, server: &mut Io, announcement: &str, early: &[u8]) -> std::io::Result<()> {
    client.write_all(format!("{announcement}\r\n\r\n").as_bytes()).await?;
    client.flush().await?;
    server.write_all(early).await?;
    server.flush().await
}

/// Answers for itself, and waits until the client has left.
pub(super) async fn refuse(client: &mut Io, status: &str, fields: &str, body: &str) {
    let length = body.len();
    let text = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    if client.write_all(text.as_bytes()).await.is_ok() && client.shutdown().await.is_ok() {
        relay::swallow(client).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxyprobe_probes::io::pipe::{Link, pipe};

    #[tokio::test(start_paused = true)]
    async fn whether_a_proxy_is_asked_does_not_depend_on_pieces() {
        let host = "a-name-that-is-longer-than-any-method.example:443";
        let cases = [
            (format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n"), true),
            (format!("GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n"), true),
            (format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), false),
            ("OPTIONS * HTTP/1.1\r\n\r\n".to_owned(), false),
            ("\u{16}\u{3}\u{1} not a request at all, but as long as one".to_owned(), false),
            ("A".repeat(100), false),
        ];
        for (text, expected) in &cases {
            for segment in [1, 7, 1_000] {
                let (mut near, far) = pipe(Link { segment, ..Link::default() });
                near.write_all(text.as_bytes()).await.unwrap();
                near.shutdown().await.unwrap();
                let (mut again, asks) = asks_a_proxy(far).await.unwrap();
                let mut read = String::new();
                again.read_to_string(&mut read).await.unwrap();
                assert_eq!((asks, &read), (*expected, text), "in pieces of {segment}");
            }
        }
    }
}
