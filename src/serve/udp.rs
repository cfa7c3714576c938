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

/// Questions of one run that are looked at: a check asks one, nine times at most. Whoever read one on its way may send it again with
/// somebody else's address, and that is all that it is good for.
pub(super) const DATAGRAMS: usize = 32;

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
                let question = bytes.get(..size).unwrap_or_default();
                answer(&server, question, from, |answer| socket.try_send_to(answer, from).is_ok());
            }
            // An ICMP message about an earlier answer, or no memory for a moment: neither may end the loop, or make it spin.
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Answers a question, if it is one, by `send`, which says whether that left.
fn answer(server: &Server, question: &[u8], from: SocketAddr, send: impl FnOnce(&[u8]) -> bool) {
    let Some(asked) = datagram::Question::read(question) else { return };
    let Found::Run(run) = server.0.runs.find(&asked.run, Some(from.ip())) else { return };
    let valid = run.prover.examine(&asked.proof, &asked.nonce, datagram::ROUTE) == Proof::Valid;
    if !valid || !run.datagrams.take(1) {
        return;
    }
    // One that comes again has its record already.
    let known = run.series(&asked.nonce).or_else(|| {
        let head = RequestHead { method: Untrusted::new("UDP"), ..RequestHead::default() };
        let noted = run.note(&asked.nonce, head, Some(from), false)?;
        noted.0.note(Event::Request);
        Some(noted)
    });
    let Some((pen, _)) = known else { return };
    let answer = run.prover.token(&asked.nonce, datagram::ANSWER);
    // A full queue loses it, as any other on the way may: then nothing was sent.
    if answer.len() < question.len() && send(answer.as_bytes()) && pen.timeline().closed().is_none() {
        pen.note(Event::Sent(What::Body, 0));
        pen.note(Event::Closed(Why::Done));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Options;
    use super::*;
    use proxyprobe_probes::io::pen::Entropy;

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_sent_is_not_recorded_as_sent_and_a_run_has_so_many_answers() {
        let server = Server::new(Options::new(Entropy::seeded(1)));
        let from: SocketAddr = "192.0.2.1:5".parse().unwrap();
        let run = server.0.runs.begin(Some(from.ip())).unwrap();
        let question = |nonce: &str| {
            let proof = run.prover.token(nonce, datagram::ROUTE);
            datagram::Question { run: run.prover.run().to_owned(), nonce: nonce.to_owned(), proof }.to_string()
        };
        let sent = || {
            let page = run.page(0, 0);
            let sent = |event: &Event| matches!(event, Event::Sent(..));
            page.notes
                .iter()
                .map(|(_, note)| note.timeline.entries.iter().filter(|entry| sent(&entry.event)).count())
                .sum::<usize>()
        };
        answer(&server, question("aa").as_bytes(), from, |_| false);
        assert_eq!((run.page(0, 0).notes.len(), sent()), (1, 0));
        let mut left = 0;
        for _ in 0..2 * DATAGRAMS {
            answer(&server, question("aa").as_bytes(), from, |_| {
                left += 1;
                true
            });
        }
        assert_eq!((run.page(0, 0).notes.len(), sent(), left), (1, 1, DATAGRAMS - 1));
        let forged = question("aa").replace(" aa ", " ab ");
        answer(&server, forged.as_bytes(), from, |_| panic!("it has no proof"));
    }
}
