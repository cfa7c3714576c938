//! CONNECT: a tunnel through an HTTP proxy (RFC 9110 section 9.3.6).

use super::proxy::Proxy;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use proxyprobe_probes::failure::{Failure, Kind, Operation};
use proxyprobe_probes::io::Io;
use proxyprobe_probes::timeline::End;
use proxyprobe_probes::untrusted::Untrusted;

/// Asks the proxy at the other end of `io` for a tunnel to `target` (`host:port`).
pub(super) async fn tunnel(io: Io, proxy: &Proxy, target: &str, user_agent: &HeaderValue) -> Result<Io, Failure> {
    let observer = io.observer();
    let peer = Untrusted::new(&format!("{target} through the proxy {}", proxy.address()));
    let fail = |kind, detail: Untrusted| Failure { operation: Operation::Tunnel, kind, peer: peer.clone(), detail };
    let words = |text: &dyn std::fmt::Display| Untrusted::new(&text.to_string());
    let mut request = Request::builder().method(Method::CONNECT).uri(target).header(header::HOST, target);
    request = request.header(header::USER_AGENT, user_agent);
    if let Some(value) = authorization(proxy) {
        request = request.header(header::PROXY_AUTHORIZATION, value);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| fail(Kind::Other, words(&error)))?;
    let explain = |error: &hyper::Error| match observer.ended() {
        _ if error.is_parse() => fail(Kind::NotHttp, Untrusted::from_bytes(&observer.first_bytes(), 120)),
        Some((_, End::Reset)) => fail(Kind::Reset, Untrusted::default()),
        Some((_, End::Fin)) => fail(Kind::Closed, Untrusted::default()),
        _ => fail(Kind::Other, words(error)),
    };
    let (mut sender, connection) =
        hyper::client::conn::http1::Builder::new().handshake(TokioIo::new(io)).await.map_err(|error| explain(&error))?;
    let driver = tokio::spawn(connection.with_upgrades());
    let mut response = sender.send_request(request).await.map_err(|error| explain(&error))?;
    let status = response.status();
    if status.as_u16() == 407 {
        driver.abort();
        let schemes = response.headers().get_all(header::PROXY_AUTHENTICATE).iter();
        let schemes = schemes.map(|value| Untrusted::from_bytes(value.as_bytes(), 80)).collect();
        return Err(fail(Kind::CredentialsRequired(schemes), Untrusted::default()));
    }
    if !status.is_success() {
        driver.abort();
        return Err(fail(Kind::Status(status.as_u16()), Untrusted::new(status.canonical_reason().unwrap_or_default())));
    }
    let upgraded = hyper::upgrade::on(&mut response).await.map_err(|error| explain(&error))?;
    let parts = upgraded.downcast::<TokioIo<Io>>().map_err(|_| fail(Kind::Other, Untrusted::default()))?;
    if !parts.read_buf.is_empty() {
        // Nothing behind the proxy speaks before it is spoken to: these are the proxy's own words.
        return Err(fail(Kind::SpokeFirst, Untrusted::from_bytes(&parts.read_buf, 120)));
    }
    let inner = parts.io.into_inner();
    let below = inner.observer();
    Ok(Io::over(inner, below))
}

/// The credentials as Basic (RFC 7617), marked so that no log shows them.
pub(super) fn authorization(proxy: &Proxy) -> Option<HeaderValue> {
    let (user, password) = proxy.credentials.as_ref()?;
    let encoded = STANDARD.encode(format!("{user}:{}", password.expose()));
    let mut value = HeaderValue::from_str(&format!("Basic {encoded}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}
