//! Answers the client's pings itself and never shows them to the server: a heartbeat by ping then proves the way to the box alone
//! (what a proxy that parses frames may do, such as mitmproxy).

use super::Middlebox;
use super::frames::{Act, Frame, Way, carry, opcode};
use proxyprobe_probes::io::{BoxFuture, Io};

/// Answers pings.
#[derive(Clone, Copy, Debug)]
pub struct AnswerPings;

impl Middlebox for AnswerPings {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            carry(client, server, None, |way, frame| {
                if way == Way::ToServer && frame.opcode() == opcode::PING {
                    let pong = Frame::control(opcode::PONG, &frame.plain(), Way::ToClient);
                    return Act { back: pong.bytes(), ..Act::default() };
                }
                Act::pass(&frame)
            })
            .await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxyprobe_probes::io::pipe::{Link, pipe};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test(start_paused = true)]
    async fn the_client_gets_its_pong_and_the_server_no_ping() {
        let ((mut client, left), (right, mut server)) = (pipe(Link::default()), pipe(Link::default()));
        tokio::spawn(AnswerPings.carry(left, right));
        client.write_all(b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n").await.unwrap();
        let mut bytes = vec![0; 1024];
        assert!(server.read(&mut bytes).await.unwrap() > 0);
        let switching = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
        server.write_all(switching).await.unwrap();
        client.read_exact(&mut bytes[..switching.len()]).await.unwrap();
        let ping = Frame { first: 0x89, mask: Some([1, 2, 3, 4]), payload: vec![b'h' ^ 1, b'i' ^ 2] };
        client.write_all(&ping.bytes()).await.unwrap();
        let text = Frame { first: 0x81, ..ping.clone() };
        client.write_all(&text.bytes()).await.unwrap();
        client.read_exact(&mut bytes[..4]).await.unwrap();
        assert_eq!(bytes[..4], [0x8A, 2, b'h', b'i']);
        let size = server.read(&mut bytes).await.unwrap();
        assert_eq!(bytes[..size], text.bytes());
    }
}
