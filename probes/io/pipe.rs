//! A connection in memory, with the ends that real ones have: FIN, RST, latency and a rate.

use super::{Control, Io};
use crate::exchange::KernelNote;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// How a pipe behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Link {
    /// One-way delay.
    pub latency: Duration,
    /// Bytes a second each way; none is unlimited.
    pub rate: Option<u64>,
    /// The most that is added to the delay of a segment at random; order is kept.
    pub jitter: Duration,
    /// Percent of segments that come later by a retransmission, and hold up what is behind them.
    pub loss_percent: u8,
    /// The largest segment; zero is as large as it was written. Sizes are random.
    pub segment: usize,
    /// Whether a reader may find its bytes some turns of the scheduler later, at random.
    pub shuffle: bool,
    /// Where chance begins.
    pub seed: u64,
}

/// The least time after which an unacknowledged segment is sent again (RFC 6298 asks for a second; Linux waits 200 ms).
const RETRANSMISSION: Duration = Duration::from_millis(200);
/// The most turns of the scheduler that a reader may be kept waiting.
const TURNS: u32 = 3;

/// Chance, the same each time that it begins with the same seed.
#[derive(Default)]
struct Chance(Option<StdRng>);

impl Chance {
    /// Without jitter, loss, segments and shuffling nothing is left to chance.
    fn of(link: Link, lane: u64) -> Self {
        let needed = !link.jitter.is_zero() || link.loss_percent > 0 || link.segment > 0 || link.shuffle;
        Self(needed.then(|| StdRng::seed_from_u64(link.seed.wrapping_mul(4).wrapping_add(lane))))
    }

    /// A number from zero to `most`.
    fn up_to(&mut self, most: u64) -> u64 {
        self.0.as_mut().map_or(0, |random| random.random_range(0..=most))
    }

    /// What is added to the delay of one segment.
    fn delay(&mut self, link: Link) -> Duration {
        let mut delay = Duration::from_micros(self.up_to(u64::try_from(link.jitter.as_micros()).unwrap_or(0)));
        let mut wait = RETRANSMISSION + link.latency * 2;
        while link.loss_percent > 0 && self.up_to(99) < u64::from(link.loss_percent) {
            delay += wait;
            wait *= 2;
        }
        delay
    }
}

/// The most bytes under way in one direction, as a socket buffer would hold.
const WINDOW: usize = 64 * 1024;

/// Two ends of one connection.
pub fn pipe(link: Link) -> (Io, Io) {
    let there = Arc::new(Mutex::new(Lane::default()));
    let back = Arc::new(Mutex::new(Lane::default()));
    (end(link, 0, there.clone(), back.clone()), end(link, 1, back, there))
}

fn end(link: Link, side: u64, out: Shared, inn: Shared) -> Io {
    lock(&out).chance = Chance::of(link, side);
    let control = Arc::new(PipeControl { out: out.clone(), inn: inn.clone(), link });
    Io::new(PipeEnd { link, out, inn, sleep: None, turns: None, chance: Chance::of(link, side + 2) }, control)
}

type Shared = Arc<Mutex<Lane>>;

/// One direction.
#[derive(Default)]
struct Lane {
    queue: VecDeque<(Instant, Parcel)>,
    bytes: usize,
    /// When the last byte written so far leaves the sender, at the link's rate.
    busy_until: Option<Instant>,
    /// When the newest parcel arrives: none overtakes another.
    arrives: Option<Instant>,
    chance: Chance,
    closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

enum Parcel {
    Bytes(VecDeque<u8>),
    Fin,
    Reset,
}

struct PipeEnd {
    link: Link,
    out: Shared,
    inn: Shared,
    sleep: Option<Pin<Box<Sleep>>>,
    /// Turns of the scheduler that the next read still waits.
    turns: Option<u64>,
    chance: Chance,
}

struct PipeControl {
    out: Shared,
    inn: Shared,
    link: Link,
}

fn lock(lane: &Shared) -> MutexGuard<'_, Lane> {
    lane.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lane {
    fn send(&mut self, link: Link, parcel: Parcel) {
        let start = self.busy_until.map_or_else(Instant::now, |at| at.max(Instant::now()));
        let size = if let Parcel::Bytes(bytes) = &parcel { bytes.len() as u64 } else { 0 };
        let left = start + link.rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(size as f64 / rate as f64));
        self.busy_until = Some(left);
        if matches!(parcel, Parcel::Reset) {
            // A reset overtakes what is queued: the receiving kernel throws unread bytes away (RFC 9293 section 3.10.7.4).
            self.queue.clear();
            self.bytes = 0;
        }
        self.closed |= !matches!(parcel, Parcel::Bytes(_));
        self.bytes += size as usize;
        let arrives = left + link.latency + self.chance.delay(link);
        let arrives = self.arrives.map_or(arrives, |before| arrives.max(before));
        self.arrives = Some(arrives);
        self.queue.push_back((arrives, parcel));
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }
}

impl Control for PipeControl {
    fn kernel(&self) -> Option<KernelNote> {
        None
    }

    fn abort(&self) {
        let mut out = lock(&self.out);
        if !out.closed {
            out.send(self.link, Parcel::Reset);
        }
        drop(out);
        lock(&self.inn).closed = true;
    }
}

impl AsyncRead for PipeEnd {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let due = {
                let mut inn = lock(&self.inn);
                inn.reader = Some(cx.waker().clone());
                match inn.queue.front() {
                    None => return Poll::Pending,
                    Some((due, _)) => *due,
                }
            };
            if due <= Instant::now() {
                if self.waits_a_turn() {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                return Poll::Ready(take(&mut lock(&self.inn), buf));
            }
            let sleep = self.sleep.insert(Box::pin(sleep_until(due)));
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl PipeEnd {
    /// Whether bytes that are there are left alone for another turn, so that tasks which are ready run in another order.
    fn waits_a_turn(&mut self) -> bool {
        if !self.link.shuffle {
            return false;
        }
        let turns = match self.turns {
            Some(turns) => turns,
            None => self.chance.up_to(TURNS.into()),
        };
        self.turns = turns.checked_sub(1);
        turns > 0
    }
}

fn take(inn: &mut Lane, buf: &mut ReadBuf<'_>) -> io::Result<()> {
    match inn.queue.front_mut() {
        Some((_, Parcel::Bytes(bytes))) => {
            let size = bytes.len().min(buf.remaining());
            let taken: Vec<u8> = bytes.drain(..size).collect();
            buf.put_slice(&taken);
            if bytes.is_empty() {
                inn.queue.pop_front();
            }
            inn.bytes -= size;
            if let Some(waker) = inn.writer.take() {
                waker.wake();
            }
            Ok(())
        }
        // An end stays: every later read sees it again.
        Some((_, Parcel::Reset)) => Err(io::ErrorKind::ConnectionReset.into()),
        Some((_, Parcel::Fin)) | None => Ok(()),
    }
}

impl AsyncWrite for PipeEnd {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if lock(&self.inn).queue.iter().any(|(due, p)| matches!(p, Parcel::Reset) && *due <= Instant::now()) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let mut out = lock(&self.out);
        if out.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = WINDOW.saturating_sub(out.bytes);
        if room == 0 {
            out.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let size = room.min(bytes.len());
        let mut rest = bytes.get(..size).unwrap_or_default();
        while !rest.is_empty() {
            let most = u64::try_from(self.link.segment).unwrap_or(0);
            let random = 1 + out.chance.up_to(most.saturating_sub(1));
            let next = if most == 0 { rest.len() } else { rest.len().min(usize::try_from(random).unwrap_or(1)) };
            let (segment, behind) = rest.split_at(next);
            out.send(self.link, Parcel::Bytes(segment.iter().copied().collect()));
            rest = behind;
        }
        Poll::Ready(Ok(size))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut out = lock(&self.out);
        if !out.closed {
            out.send(self.link, Parcel::Fin);
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        let mut out = lock(&self.out);
        if !out.closed {
            out.send(self.link, Parcel::Fin);
        }
        drop(out);
        // Nobody reads any more: the other end's writes fail once it hears of it.
        let mut inn = lock(&self.inn);
        inn.closed = true;
        if let Some(waker) = inn.writer.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::End;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test(start_paused = true)]
    async fn bytes_take_the_latency_and_then_the_fin_comes() {
        let (mut a, mut b) = pipe(Link { latency: Duration::from_millis(150), ..Link::default() });
        let start = Instant::now();
        a.write_all(b"hello").await.unwrap();
        drop(a);
        let mut text = String::new();
        b.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello");
        assert_eq!(start.elapsed().as_millis(), 150);
        assert_eq!(b.observer().ended().unwrap().1, End::Fin);
    }

    #[tokio::test(start_paused = true)]
    async fn an_abort_is_a_reset() {
        let (a, mut b) = pipe(Link::default());
        a.abort();
        let error = b.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(b.observer().ended().unwrap().1, End::Reset);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_spreads_bytes_over_time() {
        let (mut a, mut b) = pipe(Link { rate: Some(1000), ..Link::default() });
        let start = Instant::now();
        a.write_all(&[1; 500]).await.unwrap();
        b.read_exact(&mut [0; 500]).await.unwrap();
        assert_eq!(start.elapsed().as_millis(), 500);
    }

    #[tokio::test(start_paused = true)]
    async fn a_held_end_stays_open_after_its_owner_is_gone() {
        let (a, mut b) = pipe(Link::default());
        let observer = a.observer();
        observer.hold();
        observer.hold();
        drop(a);
        for _ in 0..2 {
            let waited = tokio::time::timeout(Duration::from_secs(9), b.read_u8()).await;
            assert!(waited.is_err(), "no FIN while held");
            observer.release();
        }
        assert_eq!(b.read_u8().await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_window_holds_the_writer_back() {
        let (mut a, mut b) = pipe(Link::default());
        let write = tokio::spawn(async move { a.write_all(&vec![7; 3 * WINDOW]).await });
        tokio::task::yield_now().await;
        assert!(!write.is_finished());
        b.read_exact(&mut vec![0; 3 * WINDOW]).await.unwrap();
        write.await.unwrap().unwrap();
    }
}
