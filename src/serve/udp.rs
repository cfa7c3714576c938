//! Answers datagrams, so that a run can tell whether UDP gets through: to a question of a run that is known, with its proof, one
//! answer that is shorter than the question. Everything else is left without a word, so that nobody can have others flooded.

use super::Server;
use super::runs::Found;
use proxyprobe_probes::exchange::{Proof, RequestHead};
use proxyprobe_probes::timeline::{Event, What, Why};
use proxyprobe_probes::untrusted::Untrusted;
use proxyprobe_probes::wire::datagram;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::sleep;

/// Answers datagrams at this address until the server shuts down, and gives the address.
///
/// # Errors
/// When it cannot be bound; it names the address.
pub async fn answer_datagrams(server: &Server, address: SocketAddr) -> io::Result<SocketAddr> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {address} (UDP): {error}"));
    let socket = UdpSocket::bind(address).await.map_err(named)?;
    let local = socket.local_addr()?;
    tokio::spawn(answer_all(server.clone(), socket));
    Ok(local)
}

async fn answer_all(server: Server, socket: UdpSocket) {
    let stop = server.stopping();
    // What is longer than a question is none, and is cut to this.
    let mut bytes = [0; datagram::MOST_BYTES + 1];
    loop {
        let heard = tokio::select! {
            heard = socket.recv_from(&mut bytes) => heard,
            () = stop.cancelled() => return,
        };
        match heard {
            Ok((size, from)) => {
                let answer = bytes.get(..size).and_then(|question| answer(&server, question, from));
                if let Some(answer) = answer {
                    // A full queue loses it, as any other on the way may.
                    let _ = socket.try_send_to(answer.as_bytes(), from);
                }
            }
            // An ICMP message about an earlier answer, or no memory for a moment: neither may end the loop, or make it spin.
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

fn answer(server: &Server, question: &[u8], from: SocketAddr) -> Option<String> {
    let asked = datagram::Question::read(question)?;
    let Found::Run(run) = server.0.runs.find(&asked.run, Some(from.ip())) else { return None };
    if run.prover.examine(&asked.proof, &asked.nonce, datagram::ROUTE) != Proof::Valid {
        return None;
    }
    // One that comes again has its record already.
    if run.series(&asked.nonce).is_none() {
        let head = RequestHead { method: Untrusted::new("UDP"), ..RequestHead::default() };
        let (pen, _) = run.note(&asked.nonce, head, Some(from), false)?;
        pen.note(Event::Request);
        pen.note(Event::Sent(What::Body, 0));
        pen.note(Event::Closed(Why::Done));
    }
    let answer = run.prover.token(&asked.nonce, datagram::ANSWER);
    (answer.len() < question.len()).then_some(answer)
}
