//! What is asked of the store (Redis): a handful of commands, each with an end.

use super::peers::Pulse;
use crate::net::StoreDoor;
use crate::net::secret::Secret;
use proxyprobe_probes::io::proof::Prover;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::timeout;

/// How long an answer may take: a store that is well gives one in a millisecond.
const ANSWER: Duration = Duration::from_secs(1);
/// How long a connection may take, with its name, TLS and password.
const OPEN: Duration = Duration::from_secs(3);
/// So many random bytes of ClientHello messages are remembered, 8 MiB of them, for as long as a run may last.
const HELLOS: isize = 65_536;
/// The most bytes of a pulse: it has a few numbers.
const PULSE_BYTES: usize = 1_024;
/// The most nodes of one fleet, those of the last half hour among them: each hears of all others twenty times a second.
const NODES: usize = 1_000;
/// The most of an error's words that are repeated.
const WORDS: usize = 200;

const WRITE: &str = include_str!("write.lua");
const READ: &str = include_str!("read.lua");

/// Where the store is, and who asks there.
pub struct Store {
    door: StoreDoor,
    user: Option<String>,
    password: Option<Secret>,
    database: i64,
    prefix: String,
}

/// An open connection; clones share it.
pub(super) type Link = MultiplexedConnection;

/// What is to be written.
pub(super) struct Writing<'a> {
    pub(super) node: &'a str,
    pub(super) runs: &'a [RunWriting],
    pub(super) hellos: &'a [[u8; 32]],
    pub(super) now_ms: u64,
    /// How long ClientHello messages are remembered.
    pub(super) kept: Duration,
}

/// What is to be written of one run.
pub(super) struct RunWriting {
    pub(super) run: String,
    /// Limits of the run as a whole.
    pub(super) most_notes: usize,
    pub(super) most_bytes: usize,
    pub(super) keep: Duration,
    /// What the node has to say of its own part.
    pub(super) about_node: String,
    /// Whether the run began at this node, and the store is yet to be told.
    pub(super) begins: bool,
    /// Names and texts.
    pub(super) notes: Vec<(String, String)>,
}

/// What the store has of one run.
pub(super) struct Page {
    pub(super) about: HashMap<String, Vec<u8>>,
    /// Whether nothing is missing that once was there.
    pub(super) whole: bool,
    pub(super) next: Option<usize>,
    pub(super) notes: Vec<(String, Vec<u8>)>,
}

/// What read.lua answers.
type PageAnswer = (HashMap<String, Vec<u8>>, u8, i64, Vec<(String, Vec<u8>)>);

/// What comes back of a pulse.
pub(super) struct Beaten {
    pub(super) pulses: HashMap<String, Pulse>,
    /// The store's clock, in microseconds since 1970.
    pub(super) now_us: u64,
}

/// `redis://[USER@]HOST[:PORT][/DATABASE]`, or `rediss://` for TLS.
#[derive(Debug, PartialEq, Eq)]
pub struct StoreUrl {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its user, where it is not the default one.
    pub user: Option<String>,
    /// The number of its database.
    pub database: i64,
}

impl StoreUrl {
    /// Reads it. A password has no place in it: addresses are shown.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it.
    pub fn read(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("--store cannot be used: {why}. Example: redis://redis.example.com:6379");
        let url = url::Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
        let tls = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            _ => return Err(wrong("it begins neither with redis:// nor with rediss://")),
        };
        if url.password().is_some() {
            return Err(wrong("it must not contain a password, which goes into --store-password-file"));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("it names no host"))?;
        let database = match url.path().trim_start_matches('/') {
            "" => 0,
            number => number.parse().map_err(|_| wrong("what stands behind the host is not the number of a database"))?,
        };
        Ok(Self {
            tls,
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(6_379),
            user: Some(url.username().to_owned()).filter(|user| !user.is_empty()),
            database,
        })
    }
}

impl Store {
    /// The store behind a door. Fleets with different secrets have different keys there, and do not meet.
    pub fn new(door: StoreDoor, url: StoreUrl, password: Option<Secret>, fleet_secret: &[u8]) -> Self {
        let name: String = Prover::key(fleet_secret, "fleet\nname").chars().take(16).collect();
        Self { door, user: url.user, password, database: url.database, prefix: format!("proxyprobe:{name}") }
    }

    /// Host and port, for people.
    pub(super) fn address(&self) -> String {
        self.door.address()
    }

    /// The keys of a run; the braces keep them together where a store is spread over several machines.
    fn run_keys(&self, run: &str) -> [String; 3] {
        ["about", "notes", "order"].map(|what| format!("{}:{{{run}}}:{what}", self.prefix))
    }

    fn key(&self, what: &str) -> String {
        format!("{}:{what}", self.prefix)
    }

    /// Opens a connection and signs in.
    pub(super) async fn open(&self) -> Result<Link, String> {
        let open = async {
            let io = self.door.open().await?;
            let mut info = RedisConnectionInfo::default().set_db(self.database).set_skip_set_lib_name();
            if let Some(user) = &self.user {
                info = info.set_username(user);
            }
            if let Some(password) = &self.password {
                info = info.set_password(password.expose());
            }
            let config = AsyncConnectionConfig::new().set_response_timeout(Some(ANSWER));
            let (link, driver) = Link::new_with_config(&info, io, config).await.map_err(|error| words(&error))?;
            // It ends when the last clone of the link is gone.
            tokio::spawn(driver);
            Ok(link)
        };
        timeout(OPEN, open).await.unwrap_or_else(|_| Err(format!("it does not answer within {} s", OPEN.as_secs())))
    }

    /// The store's clock, in microseconds since 1970.
    pub(super) async fn time(&self, link: &mut Link) -> Result<u64, String> {
        let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(link).await.map_err(|error| words(&error))?;
        Ok(seconds.saturating_mul(1_000_000).saturating_add(micros))
    }

    /// Writes notes, and which ClientHello messages arrived. Gives whether older ones of these had to go.
    pub(super) async fn write(&self, link: &mut Link, writing: &Writing<'_>) -> Result<bool, String> {
        let mut pipe = redis::pipe();
        for run in writing.runs {
            pipe.cmd("EVAL").arg(WRITE).arg(3).arg(&self.run_keys(&run.run)[..]);
            pipe.arg(run.most_notes).arg(run.most_bytes).arg(millis(run.keep));
            pipe.arg(writing.node).arg(&run.about_node).arg(u8::from(run.begins));
            for (name, note) in &run.notes {
                pipe.arg(name).arg(note);
            }
            pipe.ignore();
        }
        let hellos = self.key("hellos");
        if !writing.hellos.is_empty() {
            pipe.cmd("ZADD").arg(&hellos);
            for random in writing.hellos {
                pipe.arg(writing.now_ms).arg(&random[..]);
            }
            pipe.ignore();
            let old = writing.now_ms.saturating_sub(millis(writing.kept));
            pipe.cmd("ZREMRANGEBYSCORE").arg(&hellos).arg("-inf").arg(old).ignore();
            pipe.cmd("PEXPIRE").arg(&hellos).arg(millis(writing.kept)).ignore();
        }
        pipe.cmd("ZREMRANGEBYRANK").arg(&hellos).arg(0).arg(-HELLOS - 1);
        let (gone,): (u64,) = pipe.query_async(link).await.map_err(|error| words(&error))?;
        Ok(gone > 0)
    }

    /// Says that this node is there and what it has written, and hears the same of the others and the time.
    pub(super) async fn beat(&self, link: &mut Link, node: &str, pulse: &Pulse, kept: Duration) -> Result<Beaten, String> {
        let nodes = self.key("nodes");
        let pulse = serde_json::to_string(pulse).map_err(|error| error.to_string())?;
        let mut pipe = redis::pipe();
        pipe.cmd("HSET").arg(&nodes).arg(node).arg(pulse).ignore();
        pipe.cmd("PEXPIRE").arg(&nodes).arg(millis(kept)).ignore();
        pipe.cmd("HGETALL").arg(&nodes).cmd("TIME");
        let answer = pipe.query_async(link).await;
        let (all, (seconds, micros)): (HashMap<String, Vec<u8>>, (u64, u64)) = answer.map_err(|error| words(&error))?;
        if all.len() > NODES {
            return Err(format!("it names {} nodes, more than the {NODES} of the largest fleet", all.len()));
        }
        // Whoever cannot be understood has notes all the same: nothing is said without it.
        let read = |bytes: &[u8]| if bytes.len() <= PULSE_BYTES { serde_json::from_slice(bytes).ok() } else { None };
        let pulses = all.into_iter().map(|(node, bytes)| read(&bytes).map(|pulse| (node, pulse))).collect::<Option<_>>();
        let pulses = pulses.ok_or("it has a node of another version: let all nodes run the same")?;
        Ok(Beaten { pulses, now_us: seconds.saturating_mul(1_000_000).saturating_add(micros) })
    }

    /// Removes nodes that are gone for good.
    pub(super) async fn forget(&self, link: &mut Link, nodes: &[String]) -> Result<(), String> {
        redis::cmd("HDEL").arg(self.key("nodes")).arg(nodes).query_async(link).await.map_err(|error| words(&error))
    }

    /// One page of a run: as many notes from a number on as have so many bytes.
    pub(super) async fn read(&self, link: &mut Link, run: &str, from: usize, bytes: usize) -> Result<Page, String> {
        let mut command = redis::cmd("EVAL");
        command.arg(READ).arg(3).arg(&self.run_keys(run)[..]).arg(from).arg(bytes);
        let answer = command.query_async(link).await;
        let (about, whole, next, notes): PageAnswer = answer.map_err(|error| words(&error))?;
        Ok(Page { about, whole: whole == 1, next: usize::try_from(next).ok(), notes })
    }

    /// Which of these ClientHello messages arrived at any node.
    pub(super) async fn hellos(&self, link: &mut Link, randoms: &[Vec<u8>]) -> Result<Vec<bool>, String> {
        let mut command = redis::cmd("ZMSCORE");
        command.arg(self.key("hellos")).arg(randoms);
        let scores: Vec<Option<f64>> = command.query_async(link).await.map_err(|error| words(&error))?;
        Ok(scores.iter().map(Option::is_some).collect())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What went wrong, in a few words.
fn words(error: &RedisError) -> String {
    error.to_string().chars().take(WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_a_password_in_it_is_not_repeated() {
        let url = |text: &str| StoreUrl::read(text).unwrap();
        let plain = StoreUrl { tls: false, host: "store.example".into(), port: 6_379, user: None, database: 0 };
        assert_eq!(url("redis://store.example"), plain);
        let all = StoreUrl { tls: true, host: "2001:db8::1".into(), port: 1, user: Some("probe".into()), database: 7 };
        assert_eq!(url("rediss://probe@[2001:db8::1]:1/7"), all);
        for wrong in
            ["redis://:canary@h", "redis://u:canary@h/0", "http://canary", "redis:///canary", "canary", "redis://h/canary"]
        {
            let why = StoreUrl::read(wrong).unwrap_err();
            assert!(why.starts_with("--store cannot be used: ") && !why.contains("canary"), "{why}");
        }
    }
}
