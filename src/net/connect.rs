//! A conversation with an HTTP proxy before anything is sent through it: CONNECT (RFC 9110 section 9.3.6), or a look in absolute-form.

use super::proxy::{Credentials, Proxy};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::{Builder, Parts, SendRequest};
use hyper_util::rt::TokioIo;
use proxyprobe_probes::failure::{Failure, Kind, Operation};
use proxyprobe_probes::io::{Io, Observer};
use proxyprobe_probes::timeline::End;
use proxyprobe_probes::untrusted::Untrusted;
use std::future::poll_fn;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// What is wanted of the proxy.
#[derive(Clone, Debug)]
pub(super) enum Errand {
    /// A tunnel to `host:port`.
    Tunnel(String),
    /// An answer to a GET of this absolute URL, whatever it says: so the connection is signed in before a request of a probe is
    /// sent on it. A HEAD would bring a refusal without its page.
    Look(String),
}

impl Errand {
    pub(super) fn method(&self) -> &'static str {
        match self {
            Errand::Tunnel(_) => "CONNECT",
            Errand::Look(_) => "GET",
        }
    }

    pub(super) fn target(&self) -> &str {
        match self {
            Errand::Tunnel(target) | Errand::Look(target) => target,
        }
    }

    fn operation(&self) -> Operation {
        match self {
            Errand::Tunnel(_) => Operation::Tunnel,
            Errand::Look(_) => Operation::Request,
        }
    }

    /// A failure of this errand at this proxy.
    pub(super) fn failure(&self, proxy: &Proxy, kind: Kind, detail: Untrusted) -> Failure {
        let peer = Untrusted::new(&format!("{} through the proxy {}", self.target(), proxy.address()));
        Failure { operation: self.operation(), kind, peer, detail }
    }
}

/// How much of a refusal's page is read, in bytes; Squid's longest is 4 KiB.
const PAGE: usize = 16 * 1024;
/// How long a refusal's page may take after its head. A connection whose page did not come is not used again.
const PAGE_WITHIN: Duration = Duration::from_secs(2);
/// Stands in place of what is not shown.
const HIDDEN: &str = "(not shown)";
/// How many characters of a page are kept.
const WORDS: usize = 200;

/// An answer of the proxy's own.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// What its page says, without markup, where it is no tunnel.
    pub(super) words: String,
}

/// A connection to a proxy.
pub(super) struct Talk {
    sender: SendRequest<Empty<Bytes>>,
    driver: JoinHandle<hyper::Result<Parts<TokioIo<Io>>>>,
    observer: Observer,
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Talk {
    pub(super) async fn open(io: Io, proxy: &Proxy, errand: &Errand) -> Result<Self, Failure> {
        let observer = io.observer();
        let opened = Builder::new().handshake(TokioIo::new(io)).await;
        let (sender, mut connection) = opened.map_err(|error| explain(&error, &observer, proxy, errand))?;
        let driver = tokio::spawn(async move {
            poll_fn(|cx| connection.poll_without_shutdown(cx)).await?;
            Ok(connection.into_parts())
        });
        Ok(Self { sender, driver, observer })
    }

    /// Sends the errand; `authorization` is what signs in.
    pub(super) async fn ask(
        &mut self,
        proxy: &Proxy,
        errand: &Errand,
        user_agent: &HeaderValue,
        authorization: Option<HeaderValue>,
    ) -> Result<Reply, Failure> {
        let host = errand.target().trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned();
        let method = if matches!(errand, Errand::Tunnel(_)) { Method::CONNECT } else { Method::GET };
        let mut request = Request::builder().method(method).uri(errand.target()).header(header::HOST, host);
        request = request.header(header::USER_AGENT, user_agent);
        if let Some(value) = authorization {
            // Old proxies keep a connection for its next message only when they are asked to in this way.
            request = request.header(HeaderName::from_static("proxy-connection"), "keep-alive");
            request = request.header(header::PROXY_AUTHORIZATION, value);
        }
        let wrong = |error: &dyn std::fmt::Display| errand.failure(proxy, Kind::Other, Untrusted::new(&error.to_string()));
        let request = request.body(Empty::<Bytes>::new()).map_err(|error| wrong(&error))?;
        let response = self.sender.send_request(request).await;
        let response = response.map_err(|error| explain(&error, &self.observer, proxy, errand))?;
        let (parts, body) = response.into_parts();
        let mut words = String::new();
        // A tunnel has no page.
        if !(parts.status.is_success() && matches!(errand, Errand::Tunnel(_))) {
            let page = timeout(PAGE_WITHIN, Limited::new(body, PAGE).collect()).await;
            if let Ok(Ok(page)) = page {
                words = plain_words(&String::from_utf8_lossy(&page.to_bytes()));
            }
        }
        Ok(Reply { status: parts.status, headers: parts.headers, words })
    }

    /// Whether another request can be sent on this connection.
    pub(super) async fn is_open(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// The connection itself, after a tunnel was granted or when nothing more is to be asked.
    pub(super) async fn take(mut self, proxy: &Proxy, errand: &Errand) -> Result<Io, Failure> {
        let gone = |detail: &str| errand.failure(proxy, Kind::Closed, Untrusted::new(detail));
        if matches!(errand, Errand::Look(_)) && !self.is_open().await {
            return Err(gone("the proxy does not keep the connection that was signed in"));
        }
        let (idle, _) =
            Builder::new().handshake::<_, Empty<Bytes>>(TokioIo::new(tokio::io::empty())).await.map_err(|_| gone(""))?;
        // Without a sender the driver ends and gives the connection back.
        drop(std::mem::replace(&mut self.sender, idle));
        let parts = match (&mut self.driver).await {
            Ok(Ok(parts)) => parts,
            Ok(Err(error)) => return Err(explain(&error, &self.observer, proxy, errand)),
            Err(_) => return Err(gone("")),
        };
        if !parts.read_buf.is_empty() {
            // Nothing behind the proxy speaks before it is spoken to: these are the proxy's own words.
            return Err(errand.failure(proxy, Kind::SpokeFirst, Untrusted::from_bytes(&parts.read_buf, 120)));
        }
        let inner = parts.io.into_inner();
        let below = inner.observer();
        Ok(Io::over(inner, below))
    }
}

fn explain(error: &hyper::Error, observer: &Observer, proxy: &Proxy, errand: &Errand) -> Failure {
    let (kind, detail) = match observer.ended() {
        _ if error.is_parse() => (Kind::NotHttp, Untrusted::from_bytes(&observer.first_bytes(), 120)),
        Some((_, End::Reset)) => (Kind::Reset, Untrusted::default()),
        Some((_, End::Fin)) => (Kind::Closed, Untrusted::default()),
        _ => (Kind::Other, Untrusted::new(&error.to_string())),
    };
    errand.failure(proxy, kind, detail)
}

/// The text of a page, without markup, styles and scripts.
fn plain_words(page: &str) -> String {
    let mut words = String::new();
    let mut rest = page;
    while let Some((text, after)) = rest.split_once('<') {
        words.push_str(text);
        words.push(' ');
        let lower = after.get(..8).unwrap_or(after).to_ascii_lowercase();
        let end = if lower.starts_with("style") {
            "</style>"
        } else if lower.starts_with("script") {
            "</script>"
        } else if lower.starts_with("!--") {
            "-->"
        } else {
            ">"
        };
        rest = after.split_once(end).map_or("", |(_, rest)| rest);
    }
    words.push_str(rest);
    let words: Vec<&str> = words.split_whitespace().collect();
    words.join(" ")
}

/// A run of letters and digits from this length on may be a token, and is not shown: the shortest that signs in by Basic as `ada:secret`
/// has 16.
const TOKEN: usize = 16;

/// The first of the proxy's words, without what it may have repeated of that which signed in.
pub(super) fn without(words: &str, credentials: Option<&Credentials>) -> Untrusted {
    let mut words = words.to_owned();
    if let Some(who) = credentials.filter(|who| !who.password.expose().is_empty()) {
        words = words.replace(who.password.expose(), HIDDEN);
    }
    let is_token = |word: &str| {
        word.len() >= TOKEN
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b))
            && word.bytes().any(|b| b.is_ascii_digit() || b.is_ascii_uppercase() || b == b'=')
    };
    let hidden = words.split(' ').map(|word| if is_token(word.trim_matches(['"', ',', '.', '\''])) { HIDDEN } else { word });
    let kept: String = hidden.collect::<Vec<_>>().join(" ").chars().take(WORDS).collect();
    Untrusted::new(&kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_told_without_its_markup() {
        let page = "<html><head><title>ERROR: Access Denied</title><style>a{b:c}</style></head><body>\n<h1>Sorry</h1>,  ask <b>IT</b>.<!-- x > y --></body>";
        assert_eq!(plain_words(page), "ERROR: Access Denied Sorry , ask IT .");
        assert_eq!(plain_words("<unfinished"), "");
        let who = Credentials { user: "ada".into(), password: crate::net::secret::Secret::new("pa 55") };
        let said = without("you sent pa 55 by Basic YWRhOnBhIDU1MTIz. Sorry, authentication failed", Some(&who));
        assert_eq!(said.as_str(), "you sent (not shown) by Basic (not shown) Sorry, authentication failed");
    }
}
