//! The way from a middlebox to whatever is behind it.

use proxyprobe_probes::io::{BoxFuture, Io};
use std::io;
use std::sync::Arc;

type Dial = dyn Fn(Option<String>) -> BoxFuture<'static, io::Result<Io>> + Send + Sync;

/// Opens connections to whatever is behind a middlebox.
#[derive(Clone)]
pub struct Onward {
    dial: Arc<Dial>,
    place: Option<String>,
}

impl Onward {
    /// A way; `dial` is told the place (`host:port`) that a client asked a proxy for, if one did.
    pub fn new(dial: impl Fn(Option<String>) -> BoxFuture<'static, io::Result<Io>> + Send + Sync + 'static) -> Self {
        Self { dial: Arc::new(dial), place: None }
    }

    /// The same way, to a place that the client named.
    pub fn to(&self, place: &str) -> Self {
        Self { dial: self.dial.clone(), place: Some(place.to_owned()) }
    }

    /// The host that the client named to a proxy.
    pub fn host(&self) -> Option<&str> {
        let host = self.place.as_deref()?.rsplit_once(':')?.0;
        Some(host.trim_matches(['[', ']']))
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// When there is none to be had.
    pub async fn open(&self) -> io::Result<Io> {
        (self.dial)(self.place.clone()).await
    }

    /// The same way with a layer over each of its connections.
    pub fn over(self, layer: impl Fn(Io) -> BoxFuture<'static, io::Result<Io>> + Clone + Send + Sync + 'static) -> Self {
        let place = self.place.clone();
        let dial = move |place: Option<String>| -> BoxFuture<'static, io::Result<Io>> {
            let (below, layer) = (Self { dial: self.dial.clone(), place }, layer.clone());
            Box::pin(async move { layer(below.open().await?).await })
        };
        Self { dial: Arc::new(dial), place }
    }
}
