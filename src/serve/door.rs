//! Who is let in: how many connections there are in all and from one address, and how many runs an address begins.

use super::limits::Limits;
use proxyprobe_probes::refusal::Refusal;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Connections beyond a limit that are told so at once; those beyond that are closed unread. As many as a few people's runs open
/// together, so that all of them learn the reason, and few enough to cost nothing in a flood.
const TOLD: usize = 256;
/// In this time an address may begin as many runs as it is allowed.
const MINUTE: Duration = Duration::from_secs(60);

/// Counts who is in.
pub(super) struct Door {
    limits: Limits,
    inside: Mutex<Inside>,
    /// Connections that were closed unread.
    turned_away: AtomicU64,
}

#[derive(Default)]
struct Inside {
    open: usize,
    told: usize,
    runs: usize,
    visitors: HashMap<IpAddr, Visitor>,
}

/// What one address has.
#[derive(Default)]
struct Visitor {
    open: usize,
    runs: usize,
    /// How many conversations of large messages it may still have, once it has begun a run.
    large: Option<Arc<Semaphore>>,
    /// When all runs that it began are a minute's allowance ago: the generic cell rate algorithm's theoretical arrival time.
    paid_until: Option<Instant>,
}

/// What an open connection or a run holds; it is given back when dropped.
pub(super) struct Ticket {
    door: Arc<Door>,
    kind: Kind,
    visitor: Option<IpAddr>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Connection,
    Told,
    Run,
}

/// What becomes of a connection.
pub(super) enum Entry {
    /// It is served.
    In(Ticket),
    /// It is told why not.
    Told(Ticket, Refusal),
    /// It is closed unread.
    Away,
}

impl Door {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, inside: Mutex::default(), turned_away: AtomicU64::new(0) })
    }

    /// How many connections were closed unread since the server began.
    pub(super) fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }

    /// How many connections are open.
    pub(super) fn connections(&self) -> usize {
        self.inside().open
    }

    /// How many runs are kept.
    pub(super) fn runs(&self) -> usize {
        self.inside().runs
    }

    /// Lets a connection in, or not. An address has at most as many as are free: whoever floods leaves as much as he takes, and a
    /// hundred addresses that do leave a hundred and fiftieth of all, more than a run needs.
    pub(super) fn connection(self: &Arc<Self>, from: Option<IpAddr>) -> Entry {
        let visitor = from.map(network).filter(|_| self.limits.address_connections.is_some());
        let mut inside = self.inside();
        match self.refusal(&inside, visitor) {
            None => {
                inside.open += 1;
                Entry::In(self.ticket(&mut inside, Kind::Connection, visitor))
            }
            Some(refusal) if inside.told < TOLD => {
                inside.told += 1;
                Entry::Told(self.ticket(&mut inside, Kind::Told, None), refusal)
            }
            Some(_) => {
                self.turned_away.fetch_add(1, Ordering::Relaxed);
                Entry::Away
            }
        }
    }

    /// Says on whose behalf a front opened a connection that was let in, and whether that one has too many.
    pub(super) fn on_behalf(&self, ticket: &mut Ticket, of: IpAddr) -> Option<Refusal> {
        let visitor =
            Some(network(of)).filter(|_| self.limits.address_connections.is_some() && ticket.kind == Kind::Connection)?;
        let mut inside = self.inside();
        let refusal = self.refusal(&inside, Some(visitor)).filter(|refusal| *refusal == Refusal::AddressConnections);
        if refusal.is_none() {
            ticket.visitor = Some(visitor);
            inside.visitors.entry(visitor).or_default().count(Kind::Connection, 1);
        }
        refusal
    }

    fn refusal(&self, inside: &Inside, visitor: Option<IpAddr>) -> Option<Refusal> {
        let free = self.limits.connections.saturating_sub(inside.open);
        let most = self.limits.address_connections.unwrap_or(usize::MAX).min(free);
        let has = visitor.and_then(|visitor| inside.visitors.get(&visitor)).map_or(0, |visitor| visitor.open);
        match () {
            () if free == 0 => Some(Refusal::Connections),
            () if visitor.is_some() && has >= most => Some(Refusal::AddressConnections),
            () => None,
        }
    }

    /// Lets an address begin a run, or says why not. Of the runs, too, an address has at most as many as are free.
    pub(super) fn run(self: &Arc<Self>, from: Option<IpAddr>) -> Result<Ticket, Refusal> {
        self.run_for(from, MINUTE)
    }

    /// Lets an address go on with a run that another server let it begin.
    pub(super) fn guest(self: &Arc<Self>, from: Option<IpAddr>) -> Result<Ticket, Refusal> {
        self.run_for(from, Duration::ZERO)
    }

    /// For a run, an address pays its share of this.
    fn run_for(self: &Arc<Self>, from: Option<IpAddr>, minute: Duration) -> Result<Ticket, Refusal> {
        let visitor = from.map(network).filter(|_| self.limits.address_runs.is_some());
        let now = Instant::now();
        let mut inside = self.inside();
        inside.visitors.retain(|_, visitor| !visitor.forgettable(now));
        let free = self.limits.runs.saturating_sub(inside.runs);
        if free == 0 {
            return Err(Refusal::Runs);
        }
        if let Some((address, allowed)) = visitor.zip(self.limits.address_runs) {
            let visitor = inside.visitors.entry(address).or_default();
            let paid_until = visitor.paid_until.unwrap_or(now).max(now);
            let price = minute / allowed.max(1);
            if visitor.runs >= free || paid_until + price > now + MINUTE {
                return Err(Refusal::AddressRuns);
            }
            visitor.paid_until = Some(paid_until + price);
        }
        inside.runs += 1;
        Ok(self.ticket(&mut inside, Kind::Run, visitor))
    }

    /// How many conversations of large messages whoever began this run may still have, in all runs of that address; where addresses are
    /// not told apart, in this run. It is the half of all, so that nobody keeps the others from theirs.
    pub(super) fn large(&self, run: &Ticket) -> Arc<Semaphore> {
        let half = || Arc::new(Semaphore::new(self.limits.large.div_ceil(2)));
        let Some(address) = run.visitor else { return half() };
        self.inside().visitors.entry(address).or_default().large.get_or_insert_with(half).clone()
    }

    fn ticket(self: &Arc<Self>, inside: &mut Inside, kind: Kind, visitor: Option<IpAddr>) -> Ticket {
        if let Some(visitor) = visitor {
            inside.visitors.entry(visitor).or_default().count(kind, 1);
        }
        Ticket { door: self.clone(), kind, visitor }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visitor {
    fn count(&mut self, kind: Kind, by: isize) {
        match kind {
            Kind::Connection => self.open = self.open.saturating_add_signed(by),
            Kind::Run => self.runs = self.runs.saturating_add_signed(by),
            Kind::Told => {}
        }
    }

    fn forgettable(&self, now: Instant) -> bool {
        self.open == 0 && self.runs == 0 && self.paid_until.is_none_or(|until| until <= now)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut inside = self.door.inside();
        match self.kind {
            Kind::Connection => inside.open = inside.open.saturating_sub(1),
            Kind::Told => inside.told = inside.told.saturating_sub(1),
            Kind::Run => inside.runs = inside.runs.saturating_sub(1),
        }
        let Some(address) = self.visitor else { return };
        if let Some(visitor) = inside.visitors.get_mut(&address) {
            visitor.count(self.kind, -1);
            if visitor.forgettable(Instant::now()) {
                inside.visitors.remove(&address);
            }
        }
    }
}

/// Who shares a limit: an IPv4 address, and of IPv6 the /64 network, which is the least that one customer is given (RFC 6177).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn let_in(door: &Arc<Door>, from: &str) -> Result<Ticket, Option<Refusal>> {
        match door.connection(address(from)) {
            Entry::In(ticket) => Ok(ticket),
            Entry::Told(_, refusal) => Err(Some(refusal)),
            Entry::Away => Err(None),
        }
    }

    #[test]
    fn an_address_has_its_share_and_a_network_of_ipv6_is_one() {
        let door = Door::new(Limits { connections: 100, address_connections: Some(2), ..Limits::default() });
        let one = let_in(&door, "192.0.2.1").unwrap_or_else(|_| panic!("there is room"));
        let _two = let_in(&door, "::ffff:192.0.2.1").unwrap_or_else(|_| panic!("there is room"));
        assert_eq!(let_in(&door, "192.0.2.1").err(), Some(Some(Refusal::AddressConnections)));
        assert!(let_in(&door, "192.0.2.2").is_ok());
        drop(one);
        assert!(let_in(&door, "192.0.2.1").is_ok());
        let _six = [let_in(&door, "2001:db8::1").ok(), let_in(&door, "2001:db8::2:1").ok()];
        assert_eq!(let_in(&door, "2001:db8::3").err(), Some(Some(Refusal::AddressConnections)));
        assert!(let_in(&door, "2001:db8:0:1::3").is_ok());
    }

    #[test]
    fn whoever_floods_leaves_as_much_as_he_takes() {
        let door = Door::new(Limits { connections: 1_000, address_connections: Some(1_000), ..Limits::default() });
        let mut held = Vec::new();
        for attacker in 1..=4 {
            let from = format!("192.0.2.{attacker}");
            std::iter::from_fn(|| let_in(&door, &from).ok()).for_each(|ticket| held.push(ticket));
        }
        let taken = held.len();
        let newcomer: Vec<Ticket> = std::iter::from_fn(|| let_in(&door, "198.51.100.1").ok()).collect();
        assert_eq!(taken + newcomer.len(), 1_000 - newcomer.len() + usize::from(taken % 2 == 1));
        assert!(newcomer.len() >= 30, "{}", newcomer.len());
    }

    #[test]
    fn beyond_those_who_are_told_the_others_are_counted() {
        let door = Door::new(Limits { connections: 1, address_connections: None, ..Limits::default() });
        let _in = let_in(&door, "192.0.2.1").unwrap_or_else(|_| panic!("there is room"));
        let told: Vec<Entry> = (0..TOLD).map(|_| door.connection(address("192.0.2.1"))).collect();
        assert!(told.iter().all(|entry| matches!(entry, Entry::Told(_, Refusal::Connections))));
        assert!(matches!(door.connection(None), Entry::Away));
        assert_eq!(door.turned_away(), 1);
        drop(told);
        assert!(matches!(door.connection(None), Entry::Told(..)));
    }

    #[tokio::test(start_paused = true)]
    async fn runs_of_an_address_are_limited_by_the_minute_and_addresses_are_forgotten() {
        let door = Door::new(Limits { runs: 100, address_runs: Some(6), ..Limits::default() });
        for _ in 0..6 {
            assert!(door.run(address("192.0.2.1")).is_ok());
        }
        assert_eq!(door.run(address("192.0.2.1")).err(), Some(Refusal::AddressRuns));
        assert!(door.run(address("192.0.2.2")).is_ok());
        tokio::time::advance(MINUTE / 6).await;
        assert!(door.run(address("192.0.2.1")).is_ok());
        assert_eq!(door.run(address("192.0.2.1")).err(), Some(Refusal::AddressRuns));
        tokio::time::advance(2 * MINUTE).await;
        drop(door.run(None));
        assert!(door.inside().visitors.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_keeps_no_more_runs_than_it_leaves() {
        let door = Door::new(Limits { runs: 10, address_runs: Some(1_000), ..Limits::default() });
        let held: Vec<Ticket> = std::iter::from_fn(|| door.run(address("192.0.2.1")).ok()).collect();
        assert_eq!(held.len(), 5);
        assert!(door.run(address("192.0.2.2")).is_ok());
    }
}
