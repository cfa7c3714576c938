//! A tunnel through a SOCKS proxy, which resolves the name itself (SOCKS 4A; RFC 1928, RFC 1929).

use super::proxy::{Protocol, Proxy};
use proxyprobe_probes::failure::{Failure, Kind, Operation};
use proxyprobe_probes::io::Io;
use proxyprobe_probes::timeline::End;
use proxyprobe_probes::untrusted::Untrusted;
use tokio_socks::tcp::{Socks4Stream, Socks5Stream};
use tokio_socks::{Error, IntoTargetAddr};

/// Asks the proxy at the other end of `io` for a tunnel to the server.
pub(super) async fn tunnel(io: Io, proxy: &Proxy, host: &str, port: u16) -> Result<Io, Failure> {
    let observer = io.observer();
    let below = io.observer();
    let wrong = |operation, kind, detail: &str| Failure {
        operation,
        kind,
        peer: Untrusted::new(&if operation == Operation::SignIn { proxy.address() } else { through(host, port, proxy) }),
        detail: Untrusted::new(detail),
    };
    let target = (host, port).into_target_addr().map_err(|error| wrong(Operation::Tunnel, Kind::Other, &error.to_string()))?;
    // The library writes the user of SOCKS 4 and a name of 255 bytes into one buffer of 513 bytes, without looking.
    if proxy.protocol == Protocol::Socks4a && proxy.credentials.as_ref().is_some_and(|who| who.user.len() > 200) {
        return Err(wrong(Operation::SignIn, Kind::Other, "a user of SOCKS 4 may have 200 bytes here"));
    }
    let opened = match (proxy.protocol, &proxy.credentials) {
        (Protocol::Socks4a, Some(who)) => {
            Socks4Stream::connect_with_userid_and_socket(io, target, &who.user).await.map(Socks4Stream::into_inner)
        }
        (Protocol::Socks4a, None) => Socks4Stream::connect_with_socket(io, target).await.map(Socks4Stream::into_inner),
        (_, Some(who)) => Socks5Stream::connect_with_password_and_socket(io, target, &who.user, who.password.expose())
            .await
            .map(Socks5Stream::into_inner),
        (_, None) => Socks5Stream::connect_with_socket(io, target).await.map(Socks5Stream::into_inner),
    };
    opened.map(|io| Io::over(io, below)).map_err(|error| {
        let password = || vec![password()];
        let (operation, kind, detail) = match &error {
            Error::PasswordAuthFailure(_) => {
                let kind = Kind::CredentialsRefused { schemes: password(), tried: "user and password".to_owned() };
                (Operation::SignIn, kind, String::new())
            }
            Error::IdentdAuthFailure | Error::InvalidUserIdAuthFailure => {
                let kind = Kind::CredentialsRefused { schemes: vec![Untrusted::new("identd")], tried: "user".to_owned() };
                (Operation::SignIn, kind, error.to_string())
            }
            // No password, or one that is too long: nothing was sent.
            Error::InvalidAuthValues(why) => (Operation::SignIn, Kind::CredentialsRequired(password()), (*why).to_owned()),
            Error::NoAcceptableAuthMethods | Error::AuthorizationRequired if proxy.credentials.is_none() => {
                (Operation::SignIn, Kind::CredentialsRequired(password()), String::new())
            }
            Error::NoAcceptableAuthMethods | Error::UnknownAuthMethod => {
                let schemes = vec![Untrusted::new("a method that is neither none nor user and password")];
                (Operation::SignIn, Kind::CredentialsRequired(schemes), String::new())
            }
            Error::ConnectionRefused => (Operation::Tunnel, Kind::Refused, error.to_string()),
            // A failure without a reason is no rule: who is to blame stays open.
            Error::HostUnreachable | Error::NetworkUnreachable | Error::TtlExpired | Error::GeneralSocksServerFailure => {
                (Operation::Tunnel, Kind::Unreachable, error.to_string())
            }
            Error::InvalidResponseVersion | Error::InvalidReservedByte | Error::UnknownAddressType => {
                let first = observer.first_bytes();
                let detail = Untrusted::from_bytes(&first, 120).to_string();
                (Operation::Tunnel, Kind::NotSocks, detail)
            }
            Error::Io(error) => match observer.ended() {
                Some((_, End::Reset)) => (Operation::Tunnel, Kind::Reset, String::new()),
                Some((_, End::Fin)) => (Operation::Tunnel, Kind::Closed, String::new()),
                _ => (Operation::Tunnel, Kind::of_io(error), error.to_string()),
            },
            _ => (Operation::Tunnel, Kind::Forbidden, error.to_string()),
        };
        wrong(operation, kind, &detail)
    })
}

/// What such a proxy asks for, as a person is told it.
pub(super) fn password() -> Untrusted {
    Untrusted::new("a user and a password, RFC 1929")
}

/// The server and the proxy on the way, as a person is told them.
fn through(host: &str, port: u16, proxy: &Proxy) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    format!("{host}:{port} through the proxy {}", proxy.address())
}
