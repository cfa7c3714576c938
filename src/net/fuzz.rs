//! What proxies and scripts say, as any bytes.

use super::connect::{Errand, Talk};
use super::pac::{engine, steps};
use super::proxy::{Credentials, Protocol, Proxy};
use super::secret::Secret;
use super::sign_in::{Means, Scheme, Session, challenge};
use http::HeaderValue;
use proxyprobe_probes::io::fuzz::{peer, run};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// The answer of a proxy to CONNECT, and to a request in absolute-form.
pub(crate) fn connect(bytes: &[u8]) {
    let proxy = Proxy::new(Protocol::Http, "proxy", 3128);
    for errand in [Errand::Tunnel("x:443".to_owned()), Errand::Look("http://x/".to_owned())] {
        run(async {
            let Ok(mut talk) = Talk::open(peer(bytes), &proxy, &errand).await else { return };
            let asked = talk.ask(&proxy, &errand, &HeaderValue::from_static("x"), None).await;
            if let Ok(reply) = asked {
                let _ = challenge::offers(&reply.headers);
                let _ = talk.take(&proxy, &errand).await;
            }
        });
    }
}

/// What a proxy asks for, and what would be answered.
pub(crate) fn challenge(bytes: &[u8]) {
    let credentials = Credentials { user: "D\\u".to_owned(), password: Secret::new("p") };
    let offers = challenge::read(&String::from_utf8_lossy(bytes));
    for offer in &offers {
        let _ = (offer.token(), offer.is_stale(), offer.shown());
    }
    for means in [Means::Digest, Means::Ntlm(Scheme::Ntlm)] {
        let mut session = Session::new(means, Some(credentials.clone()));
        run(async { drop(session.first("proxy").await) });
        let _ = session.next(&offers, "CONNECT", "x:443");
    }
}

/// A certificate that arrived.
pub(crate) fn certificate(bytes: &[u8]) {
    let _ = super::tls::examine::certificate(&bytes.to_vec().into());
}

/// The answers of a SOCKS proxy.
pub(crate) fn socks(bytes: &[u8]) {
    for protocol in [Protocol::Socks5, Protocol::Socks4a] {
        let proxy = Proxy::new(protocol, "proxy", 1080);
        run(async { drop(super::socks::tunnel(peer(bytes), &proxy, "x", 443).await) });
    }
}

/// What a script answered.
pub(crate) fn pac_answer(bytes: &[u8]) {
    let _ = steps(&String::from_utf8_lossy(bytes));
}

/// How long a script may run here: what does not end is ended, and many are tried.
const EVALUATE: Duration = Duration::from_millis(50);

/// A script.
pub(crate) fn pac_script(bytes: &[u8]) {
    let said = engine::evaluate(&String::from_utf8_lossy(bytes), "https://x.example/", "x.example", EVALUATE, Nowhere);
    if let Ok(said) = said {
        let _ = steps(&said);
    }
}

/// A place with no names.
#[derive(Clone)]
struct Nowhere;

impl engine::Surroundings for Nowhere {
    fn resolve(&self, _: &str) -> Vec<IpAddr> {
        Vec::new()
    }

    fn own_address(&self) -> IpAddr {
        Ipv4Addr::LOCALHOST.into()
    }
}
