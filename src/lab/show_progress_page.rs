//! Answers with a page that shows how far the scan has come, in place of the stream that it scans.

use super::stream::Stream;
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "show-progress-page",
    does: "answers with a page of its own while it scans the stream",
    seen: "McAfee Web Gateway, ProxySG",
    layer: Layer::Http,
    parameters: &[
        Parameter { name: "after", kind: Kind::Seconds, default: "0.5", means: "how long after the head of the answer" },
        Parameter {
            name: "agents",
            kind: Kind::Choice(&["all", "mozilla"]),
            default: "all",
            means: "the user agents that get it",
        },
    ],
    build: |spec, _| {
        Arc::new(ShowProgressPage { after: spec.seconds("after"), only_for_mozilla: spec.word("agents") == "mozilla" })
    },
};

/// Shows a progress page.
#[derive(Clone, Copy, Debug)]
struct ShowProgressPage {
    /// So long after the head of the server's answer.
    after: Duration,
    /// Only to what calls itself `Mozilla`, as browsers do.
    only_for_mozilla: bool,
}

const PAGE: &str = "<html><title>Please wait</title><p>The download is being scanned.</p></html>\n";

impl Middlebox for ShowProgressPage {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let Self { after, only_for_mozilla } = *self;
        Box::pin(async move {
            let Some(mut stream) = Stream::of_events(client, onward).await else { return };
            let mozilla = stream.request.get("user-agent").is_some_and(|name| name.contains("Mozilla"));
            if only_for_mozilla && !mozilla {
                stream.pass().await;
                return;
            }
            sleep(after).await;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n", PAGE.len());
            if stream.write(format!("{head}{PAGE}").as_bytes()).await {
                while stream.next().await.is_some() {}
            }
            stream.cut().await;
        })
    }
}
