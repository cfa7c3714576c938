//! Paths that must not be blamed.

use crate::bench::Bench;
use crate::passing::{a_flood_passes, bytes_pass, opened, ping};
use crate::peer::End;
use proxyprobe::lab::Admission;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};

/// When each of a hundred numbered messages arrives, which are sent ten milliseconds apart: first those to the server, then those
/// to the client, in milliseconds after each was sent.
async fn delays(bench: &mut Bench) -> (Vec<u64>, Vec<u64>) {
    let (mut client, mut server) = opened(bench).await;
    let mut ways = Vec::new();
    for up in [true, false] {
        let (one, other) = if up { (&mut client, &mut server) } else { (&mut server, &mut client) };
        let sending = async {
            let mut sent = Vec::new();
            for number in 0..100_u8 {
                sleep(Duration::from_millis(10)).await;
                sent.push(Instant::now());
                one.sends([number]).await;
            }
            sent
        };
        let receiving = async {
            let mut arrived = Vec::new();
            for number in 0..100_u8 {
                other.gets([number]).await;
                arrived.push(Instant::now());
            }
            arrived
        };
        let (sent, arrived) = tokio::join!(sending, receiving);
        ways.push(sent.iter().zip(&arrived).map(|(sent, arrived)| (*arrived - *sent).as_millis() as u64).collect());
    }
    let down = ways.pop().unwrap();
    (ways.pop().unwrap(), down)
}

pub(crate) async fn link() {
    for latency in [0, 30, 150, 300] {
        let (up, down) = delays(&mut Bench::new(&format!("link:latency={latency}ms"))).await;
        assert_eq!((up, down), (vec![latency; 100], vec![latency; 100]));
        // An end is as late as bytes are.
        let (client, mut server) = opened(&mut Bench::new(&format!("link:latency={latency}ms"))).await;
        let start = Instant::now();
        drop(client);
        assert_eq!(server.end_since(start).await, (latency.into(), End::Fin));
    }
    let (up, down) = delays(&mut Bench::new("link:latency=20ms,jitter=200ms")).await;
    for delays in [&up, &down] {
        assert!(delays.iter().all(|delay| (20..=221).contains(delay)), "{delays:?}");
        assert!(delays.iter().max() > Some(&150) && delays.iter().min() < Some(&100), "{delays:?}");
    }
    let (up, down) = delays(&mut Bench::new("link:latency=30ms,loss=10")).await;
    for delays in [&up, &down] {
        // A segment is late by a retransmission, which waits 200 ms and a round trip, or not at all; it holds up the others.
        assert_eq!(delays.iter().min(), Some(&30), "{delays:?}");
        assert!(delays.contains(&(30 + 200 + 2 * 30)), "{delays:?}");
    }
    let chance = "link:latency=20ms,jitter=50ms,loss=5";
    let mut one = Bench::new(&format!("{chance},seed=1"));
    let first = delays(&mut one).await;
    assert_eq!(first, delays(&mut Bench::new(&format!("{chance},seed=1"))).await);
    let second = delays(&mut one).await;
    assert_ne!(first, second);
    assert_eq!(second, delays(&mut Bench::new(&format!("{chance},seed=2"))).await);
    a_rate_is_kept_each_way_by_itself().await;
    bytes_pass("link:latency=0").await;
    let (client, server) = opened(&mut Bench::new("link")).await;
    a_flood_passes(client, server).await;
}

async fn a_rate_is_kept_each_way_by_itself() {
    let mut bench = Bench::new("link:latency=100ms,rate=8000");
    let (mut client, mut server) = opened(&mut bench).await;
    let start = Instant::now();
    client.sends([1; 4_000]).await;
    server.gets([1; 4_000]).await;
    assert_eq!(start.elapsed().as_millis(), 600);
    let start = Instant::now();
    server.sends([1; 4_000]).await;
    client.gets([1; 4_000]).await;
    assert_eq!(start.elapsed().as_millis(), 600);
    // Much more than fits goes up; what goes down does not wait for it.
    let (mut from, mut to) = tokio::io::split(client.0);
    let up = tokio::spawn(async move { to.write_all(&[1; 400_000]).await });
    sleep(Duration::from_secs(5)).await;
    let start = Instant::now();
    server.sends([2; 80]).await;
    let mut words = [0; 80];
    from.read_exact(&mut words).await.unwrap();
    assert_eq!((words, start.elapsed().as_millis()), ([2; 80], 110));
    assert!(!up.is_finished());
}

pub(crate) async fn lose_server() {
    let mut bench = Bench::new("lose-server:after=15");
    sleep(Duration::from_secs(5)).await;
    assert_eq!(bench.admits(), Admission::Accepts);
    let start = Instant::now();
    let mut pairs = vec![opened(&mut bench).await];
    for second in 1..15_u64 {
        sleep(Duration::from_secs(1)).await;
        for (client, server) in &mut pairs {
            ping(client, server).await;
        }
        if second % 5 == 0 {
            pairs.push(opened(&mut bench).await);
        }
    }
    assert_eq!((pairs.len(), bench.admits()), (3, Admission::Accepts));
    for (mut client, mut server) in pairs {
        assert_eq!(client.end_since(start).await, (15_000, End::Fin));
        assert_eq!(server.end_since(start).await, (15_000, End::Fin));
    }
    assert_eq!(bench.admits(), Admission::Refuses);
    sleep(Duration::from_secs(600)).await;
    assert_eq!(bench.admits(), Admission::Refuses);
    bench.nobody_arrived();
    bytes_pass("lose-server").await;
}
