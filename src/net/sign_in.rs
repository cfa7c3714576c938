//! Signing in at a proxy: which scheme is taken, with what, and the messages of each (RFC 9110 section 11.7).

pub(super) mod challenge;
mod ticket;

use super::proxy::Credentials;
use base64::{Engine, engine::general_purpose::STANDARD};
use challenge::Offer;
use http::HeaderValue;
use std::time::Duration;
use tokio::sync::Mutex;

/// A scheme of HTTP authentication, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// RFC 4559: a Kerberos ticket of the user's, or NTLM with a password.
    Negotiate,
    /// MS-NLMP over HTTP.
    Ntlm,
    /// RFC 7616.
    Digest,
    /// RFC 7617: the password itself.
    Basic,
}

impl Scheme {
    const ALL: [Scheme; 4] = [Scheme::Negotiate, Scheme::Ntlm, Scheme::Digest, Scheme::Basic];

    /// The name in headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Negotiate => "Negotiate",
            Scheme::Ntlm => "NTLM",
            Scheme::Digest => "Digest",
            Scheme::Basic => "Basic",
        }
    }
}

/// How to sign in.
#[derive(Clone, Copy)]
pub struct SignIn {
    /// This scheme alone; otherwise the best that is offered.
    pub only: Option<Scheme>,
    /// Whether a Kerberos ticket of the user's may be used.
    pub tickets: bool,
    /// Says something to the user.
    pub warn: fn(&str),
}

/// With what to sign in, by which scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// A Kerberos ticket.
    Ticket,
    /// The password, by NTLM in a header of this scheme.
    Ntlm(Scheme),
    /// The password, by Digest.
    Digest,
    /// The password, in cleartext.
    Basic,
}

impl Means {
    /// The scheme's name, as a person is told it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Means::Ticket => "Negotiate with a Kerberos ticket",
            Means::Ntlm(Scheme::Negotiate) => "Negotiate with NTLM",
            Means::Ntlm(_) => "NTLM",
            Means::Digest => "Digest",
            Means::Basic => "Basic",
        }
    }

    /// Whether it is the connection that is signed in, and not each request.
    pub(super) fn is_bound(self) -> bool {
        matches!(self, Means::Ticket | Means::Ntlm(_))
    }
}

impl SignIn {
    /// What can be tried, best first, and why the rest cannot. `private` says that the way to the proxy is encrypted.
    pub(super) fn means(&self, offers: &[Offer], password: bool, private: bool) -> (Vec<Means>, Vec<&'static str>) {
        let offered = |scheme: Scheme| offers.iter().any(|offer| offer.is(scheme.as_str()));
        let (mut means, mut why_not) = (Vec::new(), Vec::new());
        for scheme in Scheme::ALL.into_iter().filter(|scheme| offered(*scheme)) {
            if self.only.is_some_and(|only| only != scheme) {
                continue;
            }
            if scheme == Scheme::Negotiate && self.tickets {
                means.push(Means::Ticket);
            }
            match scheme {
                _ if !password => {}
                Scheme::Negotiate | Scheme::Ntlm => means.push(Means::Ntlm(scheme)),
                Scheme::Digest => means.push(Means::Digest),
                // In cleartext only where there is no other choice, or by the user's own.
                Scheme::Basic
                    if private || self.only.is_some() || Scheme::ALL.into_iter().filter(|s| offered(*s)).count() == 1 =>
                {
                    means.push(Means::Basic);
                }
                Scheme::Basic => {
                    why_not.push("Basic would show the password to everybody on the way: --proxy-auth basic allows it")
                }
            }
        }
        if self.only.is_some_and(|only| !offered(only)) {
            why_not.push("the scheme that --proxy-auth names is not offered");
        }
        (means, why_not)
    }
}

/// A user and a password at all proxies of a run. Whoever keeps the account counts wrong ones, whichever proxy they come from: where one
/// proxy has refused a password, no other is offered it.
#[derive(Default)]
pub(super) struct Account {
    /// The proxy that refused it. Held while somebody signs in: no two proxies are offered one password at a time.
    pub(super) refused_by: Mutex<Option<String>>,
}

/// Why a password is not offered to one more proxy.
pub(super) fn not_again(refused_by: &str) -> String {
    format!("the proxy {refused_by} refused the same password in this run, and it is not tried again")
}

/// One attempt to sign in, on one connection.
pub(super) struct Session {
    pub(super) means: Means,
    credentials: Option<Credentials>,
    ntlm: Option<ntlmssp::Ntlm>,
    /// Whether the credential itself was used, so that a refusal is a refusal of it.
    pub(super) spent: bool,
}

/// What to do after an answer.
pub(super) enum Next {
    /// Send this.
    Send(HeaderValue),
    /// Send nothing, and wait for the challenge.
    Wait,
    /// The proxy does not accept it.
    Refused,
    /// It cannot be tried, and why.
    Impossible(String),
}

/// How long the system may take to get a ticket: it may have to ask a server for it.
const TICKET: Duration = Duration::from_secs(5);

impl Session {
    pub(super) fn new(means: Means, credentials: Option<Credentials>) -> Self {
        Self { means, credentials, ntlm: None, spent: false }
    }

    /// What to send at first, before the proxy said anything on this connection.
    pub(super) async fn first(&mut self, proxy_host: &str) -> Next {
        match self.means {
            Means::Basic => {
                self.spent = true;
                self.basic()
            }
            Means::Digest => Next::Wait,
            Means::Ntlm(scheme) => {
                let ntlm = ntlmssp::Ntlm::new();
                let next = token(scheme, ntlm.negotiate());
                self.ntlm = Some(ntlm);
                next
            }
            Means::Ticket => {
                let host = proxy_host.to_owned();
                let asked = tokio::task::spawn_blocking(move || ticket::token(&host));
                match tokio::time::timeout(TICKET, asked).await {
                    Ok(Ok(Ok(bytes))) => {
                        self.spent = true;
                        token(Scheme::Negotiate, &bytes)
                    }
                    Ok(Ok(Err(why))) => Next::Impossible(format!("no Kerberos ticket: {why}")),
                    _ => Next::Impossible(format!("no Kerberos ticket within {} s", TICKET.as_secs())),
                }
            }
        }
    }

    /// What to send after a 407 with these offers.
    pub(super) fn next(&mut self, offers: &[Offer], method: &str, uri: &str) -> Next {
        match self.means {
            Means::Basic | Means::Ticket => Next::Refused,
            Means::Digest => match offers.iter().find(|offer| offer.is(Scheme::Digest.as_str())) {
                // A nonce that was too old says nothing about the password (RFC 7616 section 3.3).
                Some(offer) if !self.spent || offer.is_stale() => self.digest(offer, method, uri),
                _ => Next::Refused,
            },
            Means::Ntlm(scheme) => {
                let challenge = offers.iter().find(|offer| offer.is(scheme.as_str())).and_then(Offer::token);
                match (challenge, &self.ntlm, &self.credentials) {
                    (Some(challenge), Some(ntlm), Some(who)) if !self.spent => {
                        let (domain, user) = who.user.split_once('\\').unwrap_or(("", &who.user));
                        match ntlm.authenticate(&challenge, domain, user, who.password.expose(), "") {
                            Ok((bytes, _)) => {
                                self.spent = true;
                                token(scheme, &bytes)
                            }
                            Err(_) => Next::Impossible("the proxy's NTLM challenge cannot be read".to_owned()),
                        }
                    }
                    _ => Next::Refused,
                }
            }
        }
    }

    fn basic(&self) -> Next {
        let Some(who) = &self.credentials else { return Next::Refused };
        send(&format!("Basic {}", STANDARD.encode(format!("{}:{}", who.user, who.password.expose()))))
    }

    /// The answer to a Digest challenge.
    pub(super) fn digest(&mut self, offer: &Offer, method: &str, uri: &str) -> Next {
        let Some(who) = &self.credentials else { return Next::Refused };
        // The library counts bytes and letters as one: other letters break it.
        let Some(Ok(mut prompt)) = offer.whole().is_ascii().then(|| digest_auth::parse(offer.whole())) else {
            return Next::Impossible("the proxy's Digest challenge cannot be read".to_owned());
        };
        let method = digest_auth::HttpMethod(method.into());
        let context = digest_auth::AuthContext::new_with_method(&*who.user, who.password.expose(), uri, None::<&[u8]>, method);
        self.spent = true;
        prompt.respond(&context).map_or(Next::Refused, |answer| send(&answer.to_header_string()))
    }
}

fn token(scheme: Scheme, bytes: &[u8]) -> Next {
    send(&format!("{} {}", scheme.as_str(), STANDARD.encode(bytes)))
}

/// A header's value, marked so that no log shows it.
fn send(text: &str) -> Next {
    match HeaderValue::from_bytes(text.as_bytes()) {
        Ok(mut value) => {
            value.set_sensitive(true);
            Next::Send(value)
        }
        Err(_) => Next::Impossible("the user or the password holds a control character".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(only: Option<Scheme>, offers: &[&str], password: bool, private: bool) -> Vec<Means> {
        let offers: Vec<Offer> = offers.iter().flat_map(|text| challenge::read(text)).collect();
        SignIn { only, tickets: true, warn: |_| {} }.means(&offers, password, private).0
    }

    #[test]
    fn a_digest_challenge_that_is_not_ascii_is_not_answered() {
        let who = Credentials { user: "ada".to_owned(), password: super::super::secret::Secret::new("secret") };
        for (challenge, answered) in [
            ("Digest realm=\"corp\", nonce=\"x\"", true),
            ("Digest :ealm=\"cor\u{fffd}\u{fffd}p\", nonce=\"abc==\"", false),
            ("Digest realm=\"\u{e9}\", nonce=\"x\"", false),
        ] {
            let offers = challenge::read(challenge);
            let next = Session::new(Means::Digest, Some(who.clone())).next(&offers, "CONNECT", "x:443");
            assert_eq!(matches!(next, Next::Send(_)), answered, "{challenge}");
            assert_eq!(matches!(next, Next::Impossible(_)), !answered, "{challenge}");
        }
    }

    #[test]
    fn the_best_scheme_comes_first_and_basic_in_cleartext_only_alone() {
        let all = ["Basic realm=x", "Digest realm=x, nonce=y", "NTLM", "Negotiate"];
        let strong = [Means::Ticket, Means::Ntlm(Scheme::Negotiate), Means::Ntlm(Scheme::Ntlm), Means::Digest];
        assert_eq!(means(None, &all, true, false), strong);
        assert_eq!(means(None, &all, true, true), [&strong[..], &[Means::Basic]].concat());
        assert_eq!(means(None, &all, false, true), [Means::Ticket]);
        assert_eq!(means(None, &["Basic realm=x"], true, false), [Means::Basic]);
        assert_eq!(means(Some(Scheme::Basic), &all, true, false), [Means::Basic]);
        assert_eq!(means(Some(Scheme::Digest), &["Basic realm=x"], true, false), []);
    }
}
