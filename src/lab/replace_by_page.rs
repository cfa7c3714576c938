//! Answers with a page that shows how far the scan has come, in place of the stream that it scans.

use super::Middlebox;
use super::stream::Stream;
use proxyprobe_probes::io::{BoxFuture, Io};
use std::time::Duration;
use tokio::time::sleep;

/// Shows a progress page.
#[derive(Clone, Copy, Debug)]
pub struct ReplaceByPage {
    /// So long after the head of the server's answer.
    pub after: Duration,
    /// Only to what calls itself `Mozilla`, as browsers do.
    pub only_for_mozilla: bool,
}

const PAGE: &str = "<html><title>Please wait</title><p>The download is being scanned.</p></html>\n";

impl Middlebox for ReplaceByPage {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        let Self { after, only_for_mozilla } = *self;
        Box::pin(async move {
            let Some(mut stream) = Stream::of_events(client, server).await else { return };
            let mozilla = stream.request.get("user-agent").is_some_and(|name| name.contains("Mozilla"));
            if only_for_mozilla && !mozilla {
                stream.pass().await;
                return;
            }
            sleep(after).await;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n", PAGE.len());
            if stream.write(format!("{head}{PAGE}").as_bytes()).await {
                stream.rest().await;
            }
            stream.cut().await;
        })
    }
}
