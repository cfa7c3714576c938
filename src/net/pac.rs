//! Proxy auto-configuration: a script from a file or a URL that says, for each URL, which proxies to try.

pub(super) mod engine;
#[cfg(test)]
mod tests;

use super::proxy::{Protocol, Proxy, read_address};
use super::resolve::Pinned;
use super::{Network, tls};
use http::{HeaderMap, HeaderValue, Method, header};
use proxyprobe_probes::exchange::Opened;
use proxyprobe_probes::failure::{Failure, Kind, Operation};
use proxyprobe_probes::io::http::request;
use proxyprobe_probes::io::{Way, http::Answer};
use proxyprobe_probes::timeline::End;
use proxyprobe_probes::transport::Via;
use proxyprobe_probes::untrusted::Untrusted;
use rustls::ClientConfig;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

/// The largest script that is read, in bytes: what Chromium reads.
const BYTES: usize = 1024 * 1024;
/// How long reading a script may take, with its redirects.
const READ: Duration = Duration::from_secs(10);
/// How long one evaluation may take. A script that looks names up on a slow network needs a second or two for each that is not there.
const EVALUATE: Duration = Duration::from_secs(5);
/// How many redirects are followed to a script; browsers follow more, nobody needs more.
const REDIRECTS: usize = 5;
/// How many proxies of one answer are tried.
const STEPS: usize = 16;

/// Where a script is.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// In a file.
    File(PathBuf),
    /// Behind an `http` or `https` URL, which is fetched without a proxy.
    Url(Url),
    /// Here.
    Inline(String),
}

/// A script, and where it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Script(pub Place);

/// One step of an answer.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// Without a proxy.
    Direct,
    /// Through this one.
    Proxy(Proxy),
}

impl Script {
    /// Reads what a flag or a system names: an `http`, `https` or `file` URL, or else a file.
    ///
    /// # Errors
    /// What is wrong with it; the text itself is not repeated, as it may hold a password.
    pub fn at(text: &str) -> Result<Self, String> {
        let Some((scheme, _)) = text.split_once("://") else { return Ok(Self(Place::File(text.into()))) };
        let url = Url::parse(text).map_err(|error| format!("it is no URL: {error}"))?;
        match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" if url.has_host() => Ok(Self(Place::Url(url))),
            "file" => url.to_file_path().map(|file| Self(Place::File(file))).map_err(|()| "it names no file".to_owned()),
            _ => Err("a script is in a file, or behind an http or https URL".to_owned()),
        }
    }

    /// One that a system keeps among its settings.
    pub fn inline(text: &str) -> Self {
        Self(Place::Inline(text.to_owned()))
    }

    /// Where it is, as a person is told it: without credentials and without what stands behind a question mark.
    pub fn shown(&self) -> Untrusted {
        match &self.0 {
            Place::File(file) => Untrusted::new(&file.display().to_string()),
            Place::Inline(_) => Untrusted::new("(among the system's settings)"),
            Place::Url(url) => {
                let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                Untrusted::new(&format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path()))
            }
        }
    }

    fn failure(&self, kind: Kind, detail: &str) -> Failure {
        Failure { operation: Operation::Pac, kind, peer: self.shown(), detail: Untrusted::new(detail) }
    }
}

/// What reading and evaluating needs.
pub(super) struct Means<'a> {
    pub(super) network: Arc<dyn Network>,
    pub(super) pinned: &'a Pinned,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) user_agent: &'a HeaderValue,
}

/// What a script says of a URL, in its own words and as steps.
///
/// # Errors
/// Why there is no answer, with the script's place as peer.
pub(super) async fn ask(script: &Script, url: &str, host: &str, means: &Means<'_>) -> Result<(Untrusted, Vec<Step>), Failure> {
    let text = match timeout(READ, read(script, means)).await {
        Ok(text) => text?,
        Err(_) => return Err(script.failure(Kind::TimedOut, &format!("it could not be read within {} s", READ.as_secs()))),
    };
    let world =
        World { network: means.network.clone(), runtime: tokio::runtime::Handle::current(), deadline: Instant::now() + EVALUATE };
    let (url, host) = (url.to_owned(), host.to_owned());
    // A thread of its own: a script computes, and asks for names in the middle of it.
    let thread = tokio::task::spawn_blocking(move || engine::evaluate(&text, &url, &host, EVALUATE, world));
    // The engine ends a script by itself; a little later it is left to itself.
    let said = match timeout(EVALUATE + Duration::from_secs(1), thread).await {
        Ok(Ok(said)) => said.map_err(|why| script.failure(Kind::Other, &why))?,
        Ok(Err(_)) => return Err(script.failure(Kind::Other, "the engine broke down")),
        Err(_) => return Err(script.failure(Kind::Other, &format!("it did not come to an end within {} s", EVALUATE.as_secs()))),
    };
    let shown = Untrusted::from_bytes(said.as_bytes(), 300);
    match steps(&said) {
        Some(steps) => Ok((shown, steps)),
        None => Err(script.failure(Kind::Other, &format!("its answer names no usable proxy: {shown}"))),
    }
}

/// The steps of an answer such as `PROXY a:8080; SOCKS b; DIRECT`, in order. An empty answer is `DIRECT`, and what cannot be read is left
/// out, as browsers do; `None` when nothing is left.
pub(super) fn steps(answer: &str) -> Option<Vec<Step>> {
    let mut parts = answer.split(';').map(str::trim).filter(|part| !part.is_empty()).peekable();
    if parts.peek().is_none() {
        return Some(vec![Step::Direct]);
    }
    let usable: Vec<Step> = parts.filter_map(step).take(STEPS).collect();
    (!usable.is_empty()).then_some(usable)
}

fn step(part: &str) -> Option<Step> {
    let (word, address) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
    let protocol = match word.to_ascii_uppercase().as_str() {
        "DIRECT" => return Some(Step::Direct),
        "PROXY" => Protocol::Http,
        "HTTPS" => Protocol::Https,
        "SOCKS" | "SOCKS4" => Protocol::Socks4a,
        "SOCKS5" => Protocol::Socks5,
        _ => return None,
    };
    let (host, port) = read_address(address.trim(), protocol.default_port()).ok()?;
    let usable = !host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@' || c == '/');
    usable.then(|| Step::Proxy(Proxy::new(protocol, &host, port)))
}

/// Reads a script whole.
async fn read(script: &Script, means: &Means<'_>) -> Result<String, Failure> {
    let bytes = match &script.0 {
        Place::File(file) => {
            let file = file.clone();
            let text = tokio::task::spawn_blocking(move || read_file(&file)).await;
            match text {
                Ok(Ok(bytes)) => bytes,
                Ok(Err(error)) => return Err(script.failure(Kind::Other, &error.to_string())),
                Err(_) => return Err(script.failure(Kind::Other, "it could not be read")),
            }
        }
        Place::Inline(text) => text.clone().into_bytes(),
        Place::Url(url) => fetch(script, url.clone(), means).await?,
    };
    if bytes.len() > BYTES {
        return Err(script.failure(Kind::TooLarge, "a script may have 1 MiB"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

fn read_file(file: &std::path::Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    // One more than is allowed shows that there is more.
    let limit = u64::try_from(BYTES).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(file)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

async fn fetch(script: &Script, mut url: Url, means: &Means<'_>) -> Result<Vec<u8>, Failure> {
    for _ in 0..=REDIRECTS {
        let mut answer = get(script, &url, means).await?;
        let status = answer.head.status;
        let location = answer.head.values("location").next().map(str::to_owned);
        match (status, location) {
            (200, _) => {
                let (bytes, end) = answer.read(BYTES).await;
                return match end {
                    None => Err(script.failure(Kind::TooLarge, "a script may have 1 MiB")),
                    Some(End::Complete) => Ok(bytes),
                    Some(_) => Err(script.failure(Kind::Closed, "")),
                };
            }
            (301..=303 | 307 | 308, Some(location)) => {
                url = match url.join(&location) {
                    Ok(next) if next.has_host() && matches!(next.scheme(), "http" | "https") => next,
                    _ => return Err(script.failure(Kind::Other, "it redirects to something that cannot be fetched")),
                };
            }
            _ => return Err(script.failure(Kind::Status(status), "")),
        }
    }
    Err(script.failure(Kind::Other, "it redirects again and again"))
}

async fn get(script: &Script, url: &Url, means: &Means<'_>) -> Result<Answer, Failure> {
    // What went wrong below is told, and that it went wrong on the way to the script.
    let pac = |failure: Failure| {
        let text = if failure.detail.is_empty() { String::new() } else { format!(": {}", failure.detail) };
        script.failure(failure.kind, &format!("{}{text}", failure.peer))
    };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().unwrap_or(80);
    let (mut io, local, remote) = means.pinned.connect(&host, port, Operation::Pac).await.map_err(pac)?;
    if url.scheme() == "https" {
        io = Box::pin(tls::handshake(io, means.tls.clone(), &host, port, Operation::Tls)).await.map_err(pac)?;
    }
    let mut headers = HeaderMap::new();
    headers.insert(header::USER_AGENT, means.user_agent.clone());
    let opened = Opened { via: Via::Direct, local: local.to_string(), remote: remote.to_string(), ..Opened::default() };
    let authority = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let host = format!("{}{authority}", url.host_str().unwrap_or_default());
    let way = Way { io, opened, prefix: String::new(), host, headers, sign: None, tls: None };
    let path = url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    request(way, Method::GET, &path, HeaderMap::new(), READ).await.map_err(pac)
}

/// What a script sees of the world.
#[derive(Clone)]
struct World {
    network: Arc<dyn Network>,
    runtime: tokio::runtime::Handle,
    deadline: Instant,
}

impl engine::Surroundings for World {
    fn resolve(&self, host: &str) -> Vec<IpAddr> {
        if let Ok(address) = host.parse() {
            return vec![address];
        }
        let found = self.runtime.block_on(timeout_at(self.deadline, self.network.resolve(host, 0)));
        let found = found.ok().and_then(Result::ok).unwrap_or_default();
        found.iter().map(SocketAddr::ip).collect()
    }

    fn own_address(&self) -> IpAddr {
        // As browsers do: the address that a packet to a public place would leave from. Nothing is sent.
        let anywhere =
            [SocketAddr::from(([8, 8, 8, 8], 53)), SocketAddr::from(([0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888], 53))];
        anywhere.iter().find_map(|address| self.network.local_towards(*address)).unwrap_or(Ipv4Addr::LOCALHOST.into())
    }
}
