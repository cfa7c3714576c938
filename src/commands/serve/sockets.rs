//! What systemd does with a service: it passes sockets on (sd_listen_fds(3)) and wants to hear when it is ready (sd_notify(3)).

use std::io;
use tokio::net::TcpListener;

/// Sockets that were passed on.
#[derive(Default)]
pub(super) struct Passed {
    pub(super) http: Option<TcpListener>,
    pub(super) https: Option<TcpListener>,
    pub(super) admin: Option<TcpListener>,
}

#[cfg(unix)]
impl Passed {
    /// Takes them: each is for the leg of its name (`http`, `https`, `admin`), and those with other names are for the cleartext leg
    /// and the TLS leg in turn.
    pub(super) fn take(names: &[String]) -> io::Result<Self> {
        let mut passed = Self::default();
        let mut sockets = listenfd::ListenFd::from_env();
        for index in 0..sockets.len() {
            let Some(listener) = sockets.take_tcp_listener(index)? else { continue };
            listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(listener)?;
            let place = match names.get(index).map(String::as_str) {
                Some("https") => &mut passed.https,
                Some("admin") => &mut passed.admin,
                Some("http") => &mut passed.http,
                _ if passed.http.is_none() => &mut passed.http,
                _ => &mut passed.https,
            };
            *place = Some(listener);
        }
        Ok(passed)
    }
}

#[cfg(not(unix))]
impl Passed {
    /// There are none.
    pub(super) fn take(_: &[String]) -> io::Result<Self> {
        Ok(Self::default())
    }
}

/// Says that connections are accepted; nobody hears it where systemd did not start this.
pub(super) fn notify_ready() {
    #[cfg(unix)]
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
}

/// Says that it stops.
pub(super) fn notify_stopping() {
    #[cfg(unix)]
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
}
