//! The operator's own listener: is it alive, is it ready, what does it count?

use super::Server;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Connections at once: a few monitors, each with a few.
const CONNECTIONS: usize = 64;
/// From the first byte to the end of a request head.
const HEAD: Duration = Duration::from_secs(10);
/// How long a connection lasts at most: monitors open a new one.
const LONGEST: Duration = Duration::from_secs(300);
/// What Prometheus reads (OpenMetrics 1.0).
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers an operator's questions on this listener until the process ends, also while the server waits for runs to end.
pub fn listen(server: Server, listener: TcpListener) -> io::Result<SocketAddr> {
    let local = listener.local_addr()?;
    tokio::spawn(async move {
        let slots = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            let Ok((socket, _)) = listener.accept().await else {
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            let server = server.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let reply = answer(&server, &request);
                    async move { Ok::<_, Infallible>(reply) }
                });
                let mut builder = hyper::server::conn::http1::Builder::new();
                builder.timer(TokioTimer::new()).header_read_timeout(HEAD);
                let _ = timeout(LONGEST, builder.serve_connection(TokioIo::new(socket), service)).await;
                drop(slot);
            });
        }
    });
    Ok(local)
}

fn answer(server: &Server, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let (status, kind, text) = match request.uri().path() {
        "/healthz" => (StatusCode::OK, "text/plain", "alive\n".to_owned()),
        "/readyz" if server.is_draining() => (StatusCode::SERVICE_UNAVAILABLE, "text/plain", "stopping\n".to_owned()),
        // Without its store a node serves all connections, and only the other witness is missing: nobody gains when it is left out.
        "/readyz" => {
            let store = server.fleet().map_or("", |fleet| if fleet.is_up() { ", store up" } else { ", store down" });
            (StatusCode::OK, "text/plain", format!("ready{store}\n"))
        }
        "/metrics" => (StatusCode::OK, METRICS, server.metrics()),
        _ => (StatusCode::NOT_FOUND, "text/plain", "There are /healthz, /readyz and /metrics.\n".to_owned()),
    };
    let mut reply = Response::new(Full::new(Bytes::from(text)));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    reply
}
