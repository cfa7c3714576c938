//! A connection in memory, with the ends that real ones have: FIN, RST, latency and a rate.

use super::{Control, Io};
use crate::exchange::KernelNote;
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
}

/// The most bytes under way in one direction, as a socket buffer would hold.
const WINDOW: usize = 64 * 1024;

/// Two ends of one connection.
pub fn pipe(link: Link) -> (Io, Io) {
    let there = Arc::new(Mutex::new(Lane::default()));
    let back = Arc::new(Mutex::new(Lane::default()));
    (end(link, there.clone(), back.clone()), end(link, back, there))
}

fn end(link: Link, out: Shared, inn: Shared) -> Io {
    let control = Arc::new(PipeControl { out: out.clone(), inn: inn.clone(), link });
    Io::new(PipeEnd { link, out, inn, sleep: None }, control)
}

type Shared = Arc<Mutex<Lane>>;

/// One direction.
#[derive(Default)]
struct Lane {
    queue: VecDeque<(Instant, Parcel)>,
    bytes: usize,
    /// When the last byte written so far leaves the sender, at the link's rate.
    busy_until: Option<Instant>,
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
        self.queue.push_back((left + link.latency, parcel));
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
                    Some((due, _)) if *due > Instant::now() => *due,
                    Some(_) => return Poll::Ready(take(&mut inn, buf)),
                }
            };
            let sleep = self.sleep.insert(Box::pin(sleep_until(due)));
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
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
        out.send(self.link, Parcel::Bytes(bytes.iter().take(size).copied().collect()));
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
        let (mut a, mut b) = pipe(Link { latency: Duration::from_millis(150), rate: None });
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
        let (mut a, mut b) = pipe(Link { latency: Duration::ZERO, rate: Some(1000) });
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
        drop(a);
        let waited = tokio::time::timeout(Duration::from_secs(9), b.read_u8()).await;
        assert!(waited.is_err(), "no FIN while held");
        observer.release();
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
