//! Answers in place of the server: a refusal, a portal's redirect or page, a gateway that cannot reach it, silence.

use super::head::{self, Head};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter, Spec, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "answer-requests",
    does: "answers requests itself and never asks the server",
    seen: "captive portals; block pages of filters; gateways without a server; Cisco WSA, FortiGate and Netskope for upgrades",
    layer: Layer::Http,
    parameters: &[
        Parameter {
            name: "with",
            kind: Kind::Choice(&["nothing", "status", "page", "redirect", "redirect-to-https", "block-page"]),
            default: "status",
            means: "what it answers: nothing at all, a bare status, a page, a redirect to a portal or to https, a filter's page",
        },
        Parameter { name: "status", kind: Kind::Number(200, 599), default: "403", means: "the status, for with=status and page" },
    ],
    build: |spec, _| Arc::new(AnswerRequests::read(spec)),
};

#[derive(Clone)]
struct AnswerRequests {
    with: String,
    status: u64,
}

impl AnswerRequests {
    fn read(spec: &Spec) -> Self {
        Self { with: spec.word("with").to_owned(), status: spec.number("status") }
    }

    fn text(&self, request: &Head) -> String {
        let page = "<!doctype html><title>Sign in</title><p>Please sign in to use this network.</p>";
        let host = request.get("host").unwrap_or("localhost");
        let (status, field, body) = match self.with.as_str() {
            "nothing" => return String::new(),
            "redirect" => (302, "Location: http://login.portal.test/\r\n".to_owned(), ""),
            "redirect-to-https" => (301, format!("Location: https://{host}{}\r\n", request.path()), ""),
            "block-page" => (403, "Content-Type: text/html\r\n".to_owned(), "<p>Powered By Fortinet</p>"),
            "page" => (self.status, "Content-Type: text/html\r\n".to_owned(), page),
            _ => (self.status, String::new(), ""),
        };
        let length = body.len();
        format!("HTTP/1.1 {status} {}\r\n{field}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}", reason(status))
    }
}

/// The reason phrases of the statuses that middleboxes answer with (RFC 9110 section 15).
pub(super) fn reason(status: u64) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        400 => "Bad Request",
        403 => "Forbidden",
        407 => "Proxy Authentication Required",
        426 => "Upgrade Required",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        511 => "Network Authentication Required",
        _ => "Answered",
    }
}

impl Middlebox for AnswerRequests {
    fn carry(&self, mut client: Io, _: Onward) -> BoxFuture<'static, ()> {
        let answers = self.clone();
        Box::pin(async move {
            let Some(request) = head::request(&mut client).await else { return };
            if client.write_all(answers.text(&request).as_bytes()).await.is_ok() {
                let _ = client.flush().await;
                // The client ends it.
                let (mut from, _to) = tokio::io::split(client);
                relay::swallow(&mut from).await;
            }
        })
    }
}
