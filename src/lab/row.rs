//! Middleboxes in a row, as bytes meet them on their way from the client.

use super::decrypt::{Decrypt, HANDSHAKE};
use super::only::Only;
use super::relay::Passes;
use super::spec::ONLY;
use super::{Admission, Kit, Layer, Middlebox, Onward, Spec, relay};
use proxyprobe_probes::io::pipe::{Link, pipe};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::io;
use std::sync::Arc;

/// Middleboxes in a row, the client's neighbour first.
#[derive(Clone)]
pub struct Row(Arc<[Arc<dyn Middlebox>]>);

impl Row {
    /// Builds what is specified. Whoever must see requests gets them decrypted.
    ///
    /// # Errors
    /// When a proxy stands behind something else: no client would ask it for anything.
    pub fn new(specs: &[Spec], kit: &Kit) -> Result<Self, String> {
        if let Some(proxy) = specs.iter().skip(1).find(|spec| spec.entry.layer == Layer::Proxy) {
            return Err(format!(
                "{}: a proxy must be the first in the row, because it is the client that speaks to it",
                proxy.entry.name
            ));
        }
        let build = |spec: &Spec| {
            let which = spec.word(ONLY.name).to_owned();
            let all = which.is_empty() || which == ONLY.default;
            let built = spec.build(kit);
            let inside = if all { built } else { Arc::new(Only { inside: built, which }) };
            if spec.sees_requests() { Arc::new(Decrypt::around(inside, kit)) } else { inside }
        };
        let mut row: Vec<_> = specs.iter().map(build).collect();
        if kit.speaks.is_some() {
            let translates = Decrypt { inspects: true, speaks: kit.speaks, ..Decrypt::around(Arc::new(Passes), kit) };
            row.push(Arc::new(translates));
        }
        Ok(Self(row.into()))
    }

    /// An explicit proxy that also relays, and behind it other middleboxes for cleartext than for TLS.
    ///
    /// # Errors
    /// As [`Row::new`].
    pub fn by_leg(cleartext: &[Spec], tls: &[Spec], kit: &Kit) -> Result<Self, String> {
        let front: Spec = "proxy:others=relayed".parse()?;
        let inner = Kit { speaks: None, ..kit.clone() };
        let either = ByLeg { cleartext: Self::new(cleartext, &inner)?, tls: Self::new(tls, &inner)? };
        let translation = Self::new(&[], kit)?;
        Ok(Self(Arc::new([front.build(kit), Arc::new(either), Arc::new(translation)])))
    }

    /// Whether the client must be told of this row, because a proxy stands at its beginning.
    pub fn is_explicit_proxy(specs: &[Spec]) -> bool {
        specs.first().is_some_and(|spec| spec.entry.layer == Layer::Proxy)
    }

    fn from(&self, index: usize, onward: Onward) -> Onward {
        let row = self.clone();
        let Some(next) = self.0.get(index).cloned() else { return onward };
        Onward::new(move |place| {
            let onward = place.map_or_else(|| onward.clone(), |place| onward.to(&place));
            let (row, next) = (row.clone(), next.clone());
            Box::pin(async move {
                match next.admits() {
                    Admission::Accepts => {}
                    Admission::Refuses => return Err(io::ErrorKind::ConnectionRefused.into()),
                    Admission::Ignores => std::future::pending().await,
                }
                let (near, far) = pipe(Link::default());
                tokio::spawn(next.carry(far, row.from(index + 1, onward)));
                Ok(near)
            })
        })
    }
}

impl Middlebox for Row {
    fn admits(&self) -> Admission {
        self.0.first().map_or(Admission::Accepts, |first| first.admits())
    }

    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        match self.0.first() {
            Some(first) => first.carry(client, self.from(1, onward)),
            None => Box::pin(relay::through(client, onward)),
        }
    }
}

/// Some middleboxes for cleartext, others for TLS.
struct ByLeg {
    cleartext: Row,
    tls: Row,
}

impl Middlebox for ByLeg {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let (cleartext, tls) = (self.cleartext.clone(), self.tls.clone());
        Box::pin(async move {
            let Some((client, first)) = relay::peek(client).await else { return };
            let row = if first == HANDSHAKE { tls } else { cleartext };
            row.carry(client, onward).await;
        })
    }
}
