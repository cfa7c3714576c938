//! Compresses a stream, and holds it meanwhile: a compressor that is never flushed gives nothing away before the end.

use super::head::Head;
use super::stream::{KEPT, Stream};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use flate2::Compression;
use flate2::write::GzEncoder;
use proxyprobe_probes::io::{BoxFuture, Io};
use std::io::Write;
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "compress-stream",
    does: "compresses event streams for clients that offer gzip, unless the server says no-transform",
    seen: "nginx with gzip_types *, Caddy with encode, compression middleware of web frameworks, CDNs",
    layer: Layer::Http,
    parameters: &[Parameter {
        name: "flushes",
        kind: Kind::Choice(&["never", "always"]),
        default: "never",
        means: "whether anything leaves the compressor before the end",
    }],
    build: |spec, _| Arc::new(CompressStream { holds: spec.word("flushes") == "never" }),
};

/// Compresses streams for clients that offer gzip, unless the server says `no-transform`.
#[derive(Clone, Copy, Debug)]
struct CompressStream {
    /// Whether it keeps everything until the end; otherwise each piece is flushed.
    holds: bool,
}

/// Everything that stands in the fields of a name, in small letters and without spaces.
fn listed(head: &Head, name: &str) -> Vec<String> {
    let values = head.fields.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
    values.flat_map(|(_, value)| value.split(',')).map(|one| one.to_ascii_lowercase().replace(' ', "")).collect()
}

/// Whether a client takes gzip: a weight of zero refuses it (RFC 9110 section 12.5.3).
fn offers_gzip(request: &Head) -> bool {
    let refused = |weight: &str| weight.strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0));
    listed(request, "accept-encoding").iter().any(|offer| match offer.split_once(';') {
        Some((coding, weight)) => coding == "gzip" && !refused(weight),
        None => offer == "gzip",
    })
}

/// Whether a server forbids to change what it sends (RFC 9111 section 5.2.2.6).
fn forbids_it(answer: &Head) -> bool {
    listed(answer, "cache-control").iter().any(|directive| directive == "no-transform")
}

impl Middlebox for CompressStream {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let holds = self.holds;
        Box::pin(async move {
            let Some(mut stream) = Stream::of_events(client, onward).await else { return };
            let encoded = stream.answer.get("content-encoding").is_some();
            if !offers_gzip(&stream.request) || encoded || forbids_it(&stream.answer) {
                stream.pass().await;
                return;
            }
            stream.answer.set("Content-Encoding", "gzip");
            if !stream.begin_another().await {
                return;
            }
            let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
            while let Some(piece) = stream.next().await {
                let keeps = holds && gzip.get_ref().len() < KEPT;
                let done = gzip.write_all(&piece).and_then(|()| if keeps { Ok(()) } else { gzip.flush() });
                let ready = if keeps { Vec::new() } else { std::mem::take(gzip.get_mut()) };
                if done.is_err() || !stream.say(&ready).await {
                    return;
                }
            }
            if let Ok(last) = gzip.finish()
                && stream.say(&last).await
            {
                stream.end().await;
            }
        })
    }
}
