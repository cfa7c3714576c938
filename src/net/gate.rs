//! A proxy as one run meets it: how its door opens, and who signed in there by what.

use super::connect::{Errand, Talk, without};
use super::proxy::{Protocol, Proxy};
use super::route::RouteOptions;
use super::sign_in::challenge::{self, Offer};
use super::sign_in::{Account, Means, Next, Session, not_again};
use super::{socks, tls};
use http::{HeaderMap, header};
use proxyprobe_probes::failure::{Failure, Kind, Operation};
use proxyprobe_probes::io::{Io, Sign};
use proxyprobe_probes::untrusted::Untrusted;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::Mutex;

/// How many messages one sign-in may take; NTLM takes three requests, Digest with an old nonce three.
const ROUNDS: usize = 4;

/// A proxy, and what is known of it by now. What one connection learnt holds for all others: a password that was refused once is never
/// sent again.
pub(super) struct Gate {
    pub(super) proxy: Proxy,
    standing: Mutex<Standing>,
    pub(super) account: Arc<Account>,
}

#[derive(Clone)]
enum Standing {
    /// Nobody has been there.
    Unknown,
    /// It asks for nothing.
    Open,
    /// It accepted this.
    Signed(Means),
    /// It accepts nothing that there is.
    Shut(Failure),
}

/// An open connection, through the proxy or to it.
pub(super) struct Passed {
    pub(super) io: Io,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
}

/// A connection to the proxy for requests in absolute-form, and what makes it accept them.
pub(super) struct Readied {
    pub(super) passed: Passed,
    pub(super) headers: HeaderMap,
    pub(super) sign: Option<Sign>,
}

/// Why an attempt ended.
enum Stop {
    /// It asks for credentials, and none were tried.
    Asked(Refusal),
    /// It does not accept what was tried.
    Refused(Refusal),
    /// What was to be tried is not there.
    Impossible(String),
    /// Something else went wrong.
    Failed(Failure),
}

struct Refusal {
    offers: Vec<Offer>,
    words: String,
    /// Whether a credential was sent.
    spent: bool,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop::Failed(failure)
    }
}

/// Says what is being done, for whoever runs out of patience.
pub(super) type Now<'a> = &'a (dyn Fn(Operation) + Sync);

impl Gate {
    pub(super) fn new(proxy: Proxy, account: Arc<Account>) -> Self {
        Self { proxy, standing: Mutex::new(Standing::Unknown), account }
    }

    /// By what this run signed in, for the report.
    pub(super) fn signed_in(&self) -> Option<&'static str> {
        match self.standing.try_lock().ok().as_deref() {
            Some(Standing::Signed(means)) => Some(means.name()),
            _ => None,
        }
    }

    /// A tunnel to the server.
    pub(super) async fn tunnel(
        &self,
        o: &RouteOptions,
        host: &str,
        port: u16,
        authority: &str,
        now: Now<'_>,
    ) -> Result<Passed, Failure> {
        if self.proxy.protocol.is_http() {
            let errand = Errand::Tunnel(authority.to_owned());
            let passed = self.pass(o, &errand, now).await?;
            return passed.ok_or_else(|| errand.failure(&self.proxy, Kind::Closed, Untrusted::default()));
        }
        let mut standing = self.standing.lock().await;
        if let Standing::Shut(failure) = &*standing {
            return Err(failure.clone());
        }
        // The first one signs in alone; once that is done, the others need not wait for each other.
        let known = matches!(&*standing, Standing::Open);
        if known {
            drop(standing);
            let Passed { io, local, remote } = self.door(o, now).await?;
            now(Operation::Tunnel);
            return Ok(Passed { io: socks::tunnel(io, &self.proxy, host, port).await?, local, remote });
        }
        let mut refused_by = self.account.refused_by.lock().await;
        if let Some(by) = refused_by.as_deref().filter(|_| self.proxy.credentials.is_some()) {
            return Err(self.failure(Kind::CredentialsRequired(vec![socks::password()]), Untrusted::new(&not_again(by))));
        }
        let Passed { io, local, remote } = self.door(o, now).await?;
        now(Operation::Tunnel);
        let opened = socks::tunnel(io, &self.proxy, host, port).await;
        if opened.as_ref().is_err_and(|failure| matches!(failure.kind, Kind::CredentialsRefused { .. })) {
            *refused_by = Some(self.proxy.address());
        }
        *standing = match &opened {
            Err(failure) if failure.operation == Operation::SignIn => Standing::Shut(failure.clone()),
            // An answer about the connection means that the credentials were not in the way.
            Ok(_) => Standing::Open,
            Err(failure) if matches!(failure.kind, Kind::Refused | Kind::Unreachable | Kind::Forbidden) => Standing::Open,
            Err(_) => Standing::Unknown,
        };
        Ok(Passed { io: opened?, local, remote })
    }

    /// Looks whether the proxy lets a request in absolute-form pass, and signs in where it asks.
    pub(super) async fn look(&self, o: &RouteOptions, url: &str, now: Now<'_>) -> Result<(), Failure> {
        self.pass(o, &Errand::Look(url.to_owned()), now).await.map(drop)
    }

    /// A connection that the proxy takes requests in absolute-form on.
    pub(super) async fn ready(&self, o: &RouteOptions, url: &str, now: Now<'_>) -> Result<Readied, Failure> {
        let standing = self.standing.lock().await.clone();
        let readied = |passed| Readied { passed, headers: HeaderMap::new(), sign: None };
        let errand = Errand::Look(url.to_owned());
        match standing {
            Standing::Shut(failure) => Err(failure),
            Standing::Unknown | Standing::Open => Ok(readied(self.door(o, now).await?)),
            Standing::Signed(Means::Basic) => {
                let mut readied = readied(self.door(o, now).await?);
                if let Next::Send(value) = self.session(Means::Basic).first(&self.proxy.host).await {
                    readied.headers.insert(header::PROXY_AUTHORIZATION, value);
                }
                Ok(readied)
            }
            Standing::Signed(Means::Digest) => self.readied_for_digest(o, &errand, now).await,
            Standing::Signed(means) => match self.attempt(o, &errand, Some(means), now).await {
                Ok(Some(passed)) => Ok(readied(passed)),
                Ok(None) => Err(self.failure(Kind::Closed, Untrusted::default())),
                Err(stop) => Err(self.shut(stop, Some(means)).await),
            },
        }
    }

    /// A nonce of its own for each connection: the counts of a shared one would arrive out of order.
    async fn readied_for_digest(&self, o: &RouteOptions, errand: &Errand, now: Now<'_>) -> Result<Readied, Failure> {
        let Passed { io, local, remote } = self.door(o, now).await?;
        now(Operation::SignIn);
        let mut talk = Talk::open(io, &self.proxy, errand).await?;
        let reply = talk.ask(&self.proxy, errand, &o.user_agent, None).await?;
        let passed = if talk.is_open().await {
            Passed { io: talk.take(&self.proxy, errand).await?, local, remote }
        } else {
            self.door(o, now).await?
        };
        let offer = challenge::offers(&reply.headers).into_iter().find(|offer| offer.is("Digest"));
        let credentials = self.proxy.credentials.clone();
        let sign = offer.map(|offer| -> Sign {
            Arc::new(move |method, target| {
                match Session::new(Means::Digest, credentials.clone()).digest(&offer, method, target) {
                    Next::Send(value) => Some(value),
                    _ => None,
                }
            })
        });
        Ok(Readied { passed, headers: HeaderMap::new(), sign })
    }

    /// Does an errand, and signs in for it where the proxy asks.
    async fn pass(&self, o: &RouteOptions, errand: &Errand, now: Now<'_>) -> Result<Option<Passed>, Failure> {
        let standing = self.standing.lock().await;
        let means = match &*standing {
            Standing::Shut(failure) => return Err(failure.clone()),
            Standing::Signed(means) => Some(*means),
            Standing::Unknown | Standing::Open => None,
        };
        drop(standing);
        match self.attempt(o, errand, means, now).await {
            Ok(passed) => {
                let mut standing = self.standing.lock().await;
                if matches!(&*standing, Standing::Unknown) {
                    *standing = Standing::Open;
                }
                Ok(passed)
            }
            Err(Stop::Asked(refusal)) => self.sign_in(o, errand, refusal, now).await,
            Err(stop) => Err(self.shut(stop, means).await),
        }
    }

    /// Tries what there is, each thing once. Nobody else signs in meanwhile.
    async fn sign_in(
        &self,
        o: &RouteOptions,
        errand: &Errand,
        mut asked: Refusal,
        now: Now<'_>,
    ) -> Result<Option<Passed>, Failure> {
        let mut standing = self.standing.lock().await;
        match &*standing {
            Standing::Shut(failure) => return Err(failure.clone()),
            Standing::Signed(means) => {
                let means = *means;
                drop(standing);
                return match self.attempt(o, errand, Some(means), now).await {
                    Ok(passed) => Ok(passed),
                    Err(stop) => Err(self.shut(stop, Some(means)).await),
                };
            }
            Standing::Unknown | Standing::Open => {}
        }
        let Some(sign_in) = &o.sign_in else { return Err(self.required(errand, &asked, &[])) };
        now(Operation::SignIn);
        let private = self.proxy.protocol == Protocol::Https;
        // A user without a password is nobody: an attempt with an empty one would count against the account.
        let password = self.proxy.credentials.as_ref().is_some_and(|who| !who.password.expose().is_empty());
        let mut refused_by = self.account.refused_by.lock().await;
        let elsewhere = refused_by.as_deref().filter(|_| password).map(not_again);
        let (all, why_not) = sign_in.means(&asked.offers, password && elsewhere.is_none(), private);
        let mut why_not: Vec<String> = why_not.into_iter().map(str::to_owned).chain(elsewhere).collect();
        let mut refused = None;
        let mut password_spent = false;
        for means in all {
            if password_spent && means != Means::Ticket {
                break;
            }
            if means == Means::Basic && !private {
                (sign_in.warn)(&format!(
                    "proxyprobe: the password goes to the proxy {} in cleartext (Basic): everybody on the way to it can read it",
                    self.proxy.address()
                ));
            }
            match self.attempt(o, errand, Some(means), now).await {
                Ok(passed) => {
                    *standing = Standing::Signed(means);
                    return Ok(passed);
                }
                Err(Stop::Impossible(why)) => why_not.push(why),
                Err(Stop::Refused(refusal) | Stop::Asked(refusal)) => {
                    if refusal.spent && means != Means::Ticket {
                        password_spent = true;
                        *refused_by = Some(self.proxy.address());
                    }
                    if refusal.spent {
                        refused = Some((means, refusal));
                    } else {
                        why_not.push(format!("the proxy does not go on with {}", means.name()));
                        asked = refusal;
                    }
                }
                Err(Stop::Failed(failure)) => {
                    // The credentials were accepted, and something behind the proxy went wrong.
                    if errand.failure(&self.proxy, Kind::Other, Untrusted::default()).operation == failure.operation
                        && matches!(failure.kind, Kind::Status(_))
                    {
                        *standing = Standing::Signed(means);
                    }
                    return Err(failure);
                }
            }
        }
        let failure = match refused {
            Some((means, refusal)) => self.refused(&refusal, means),
            None => self.required(errand, &asked, &why_not),
        };
        *standing = Standing::Shut(failure.clone());
        Err(failure)
    }

    /// Nothing more is tried after a refusal.
    async fn shut(&self, stop: Stop, means: Option<Means>) -> Failure {
        let failure = match stop {
            Stop::Failed(failure) => return failure,
            Stop::Asked(refusal) | Stop::Refused(refusal) => match means {
                Some(means) => self.refused(&refusal, means),
                None => self.failure(Kind::CredentialsRequired(shown(&refusal.offers)), Untrusted::default()),
            },
            Stop::Impossible(why) => self.failure(Kind::CredentialsRequired(Vec::new()), Untrusted::new(&why)),
        };
        *self.standing.lock().await = Standing::Shut(failure.clone());
        failure
    }

    fn refused(&self, refusal: &Refusal, means: Means) -> Failure {
        let kind = Kind::CredentialsRefused { schemes: shown(&refusal.offers), tried: means.name().to_owned() };
        let words = without(&refusal.words, self.proxy.credentials.as_ref());
        let detail = if words.is_empty() { String::new() } else { format!("it says: {words}") };
        self.failure(kind, Untrusted::new(&detail))
    }

    /// Credentials are asked for and none could be tried.
    fn required(&self, errand: &Errand, refusal: &Refusal, why_not: &[String]) -> Failure {
        let kind = Kind::CredentialsRequired(shown(&refusal.offers));
        errand.failure(&self.proxy, kind, Untrusted::new(&why_not.join("; ")))
    }

    fn failure(&self, kind: Kind, detail: Untrusted) -> Failure {
        Failure { operation: Operation::SignIn, kind, peer: Untrusted::new(&self.proxy.address()), detail }
    }

    fn session(&self, means: Means) -> Session {
        Session::new(means, self.proxy.credentials.clone())
    }

    /// Opens a connection to the proxy itself.
    async fn door(&self, o: &RouteOptions, now: Now<'_>) -> Result<Passed, Failure> {
        now(Operation::ConnectProxy);
        let (mut io, local, remote) = o.pinned.connect(&self.proxy.host, self.proxy.port, Operation::ConnectProxy).await?;
        if self.proxy.protocol == Protocol::Https {
            now(Operation::TlsProxy);
            let tls = o.proxy_tls.clone();
            io = Box::pin(tls::handshake(io, tls, &self.proxy.host, self.proxy.port, Operation::TlsProxy)).await?;
        }
        Ok(Passed { io, local, remote })
    }

    /// One attempt on one connection, or on two where the proxy closes the one on which it asked. What is left of it is a tunnel, or a
    /// connection that is signed in.
    async fn attempt(
        &self,
        o: &RouteOptions,
        errand: &Errand,
        means: Option<Means>,
        now: Now<'_>,
    ) -> Result<Option<Passed>, Stop> {
        let mut session = means.map(|means| self.session(means));
        let mut authorization = None;
        if let Some(session) = &mut session {
            match session.first(&self.proxy.host).await {
                Next::Send(value) => authorization = Some(value),
                Next::Wait | Next::Refused => {}
                Next::Impossible(why) => return Err(Stop::Impossible(why)),
            }
        }
        let Passed { io, mut local, mut remote } = self.door(o, now).await?;
        now(errand.failure(&self.proxy, Kind::Other, Untrusted::default()).operation);
        let mut talk = Talk::open(io, &self.proxy, errand).await?;
        for _ in 0..ROUNDS {
            let reply = talk.ask(&self.proxy, errand, &o.user_agent, authorization.take()).await?;
            if reply.status.as_u16() != 407 {
                if matches!(errand, Errand::Tunnel(_)) && !reply.status.is_success() {
                    let words = Untrusted::new(reply.status.canonical_reason().unwrap_or_default());
                    return Err(errand.failure(&self.proxy, Kind::Status(reply.status.as_u16()), words).into());
                }
                if matches!(errand, Errand::Look(_)) && !means.is_some_and(Means::is_bound) {
                    return Ok(None);
                }
                return Ok(Some(Passed { io: talk.take(&self.proxy, errand).await?, local, remote }));
            }
            let offers = challenge::offers(&reply.headers);
            let Some(session) = &mut session else {
                return Err(Stop::Asked(Refusal { offers, words: reply.words, spent: false }));
            };
            match session.next(&offers, errand.method(), errand.target()) {
                Next::Send(value) => authorization = Some(value),
                Next::Impossible(why) => return Err(Stop::Impossible(why)),
                Next::Wait | Next::Refused => {
                    return Err(Stop::Refused(Refusal { offers, words: reply.words, spent: session.spent }));
                }
            }
            if !talk.is_open().await {
                if session.means.is_bound() {
                    let detail = Untrusted::new("it closes the connection in the middle of signing in");
                    return Err(self.failure(Kind::Closed, detail).into());
                }
                let again = self.door(o, now).await?;
                (local, remote) = (again.local, again.remote);
                talk = Talk::open(again.io, &self.proxy, errand).await?;
            }
        }
        Err(self.failure(Kind::Other, Untrusted::new("signing in does not come to an end")).into())
    }
}

fn shown(offers: &[Offer]) -> Vec<Untrusted> {
    offers.iter().map(Offer::shown).collect()
}
