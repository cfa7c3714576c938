//! Leaving a report with the paired server.

use http::{HeaderMap, HeaderValue, Method, header};
use proxyprobe_probes::exchange::Proof;
use proxyprobe_probes::io::Purpose;
use proxyprobe_probes::io::http::{proven_body, send};
use proxyprobe_probes::io::observe::Scene;
use proxyprobe_probes::untrusted::Untrusted;
use proxyprobe_probes::wire::{ANSWER_BYTES, Kept, PROOF_HEADER, REPORT_BYTES, REPORT_ROUTE, read, route_path};
use std::time::Duration;
use tokio::time::timeout;

/// How long it may take: a megabyte on a path of 256 kbit/s, and room.
const WITHIN: Duration = Duration::from_secs(60);

/// Leaves a report, as JSON, with the server of this run.
///
/// # Errors
/// Why the server did not take it, in words.
pub(crate) async fn leave(scene: &Scene, report: String) -> Result<Kept, String> {
    if report.len() > REPORT_BYTES {
        return Err(format!("it has {} bytes; a server takes {REPORT_BYTES}", report.len()));
    }
    let nonce = scene.entropy.nonce();
    let path = route_path(scene.prover.run(), &nonce, REPORT_ROUTE);
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let proof = HeaderValue::from_str(&scene.prover.token(&nonce, REPORT_ROUTE)).map_err(|error| error.to_string())?;
    headers.insert(PROOF_HEADER, proof);
    let leaving = async {
        let way = scene.dial.dial(scene.leg, Purpose::Request).await.map_err(|failure| failure.to_string())?;
        let answer = send(way, Method::POST, &path, headers, report.into(), WITHIN).await;
        let mut answer = answer.map_err(|failure| failure.to_string())?;
        let status = answer.head.status;
        let body = proven_body(&scene.prover, &nonce, REPORT_ROUTE, &mut answer, ANSWER_BYTES).await;
        let kept = match body {
            Ok((Proof::Valid, text)) => read(&text),
            _ => None,
        };
        kept.ok_or_else(|| match status {
            404 => "this server keeps no reports (it was started without --keep-reports)".to_owned(),
            413 => "something on the way, or the server, takes no request as large as this".to_owned(),
            507 => "this server has as many reports as it keeps".to_owned(),
            status => format!("the answer was HTTP {status}"),
        })
    };
    let kept: Kept = timeout(WITHIN, leaving).await.unwrap_or_else(|_| Err("no answer came within a minute".to_owned()))?;
    // An id is shown to a person, and part of the name of a file.
    Ok(Kept { id: Untrusted::new(&kept.id).to_string(), ..kept })
}
