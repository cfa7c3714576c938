//! From `--also` and its headers to what is visited, and the way to it.

use super::process_list;
use super::route::{Ways, discovered, sign_in, user_agent};
use super::values::read_file;
use crate::also::{Application, endpoint, port, times};
use crate::cli::Check;
use crate::net::{Elsewhere, Proxies, Source, Target};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use proxyprobe_probes::transport::Leg;
use proxyprobe_probes::untrusted::Untrusted;
use proxyprobe_probes::wire::Legs;
use std::path::Path;

/// Headers that the request itself needs, or that are for a proxy: nobody else can set them.
const OURS: &[&str] = &[
    "connection",
    "content-length",
    "host",
    "proxy-authorization",
    "proxy-connection",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-version",
    "transfer-encoding",
    "upgrade",
];

/// What is wrong with the flags, before anything else is done.
pub(super) fn check_flags(flags: &Check) -> Result<(), String> {
    let named = |list: &[String]| list.iter().any(|id| id.trim() == "also");
    if named(&flags.only) && flags.also.is_empty() {
        return Err("--only also needs to know what: --also wss://HOST/PATH".to_owned());
    }
    if named(&flags.skip) && !flags.also.is_empty() {
        return Err("--skip also leaves out what --also asks for".to_owned());
    }
    flags.also.iter().try_for_each(|url| endpoint(url).map(drop))?;
    headers(flags).map(drop)
}

/// What is to be visited. `main` are the proxies towards the paired server, where the run goes to one.
pub(super) fn applications(flags: &Check, ways: &Ways<'_>, main: Option<&Proxies>) -> Result<Vec<Application>, String> {
    if flags.also.is_empty() {
        return Ok(Vec::new());
    }
    let (mut headers, secrets) = headers(flags)?;
    let user_agent = match headers.remove(header::USER_AGENT) {
        Some(value) => value,
        None => user_agent(&flags.route)?,
    };
    let origin = headers.remove(header::ORIGIN);
    let one = |url: &String| {
        let mut endpoint = endpoint(url)?;
        endpoint.secrets.clone_from(&secrets);
        let port = Some(port(&endpoint));
        let legs = match endpoint.leg {
            Leg::Http => Legs { http: port, https: None },
            Leg::Https => Legs { http: None, https: port },
        };
        let target = Target { host: endpoint.host.clone(), legs };
        let proxies = match main {
            None => ways.proxies(&target)?,
            Some(main) if main.source == Source::Flag => main.clone(),
            // What the environment and the system are set to may differ by host.
            Some(main) => discovered(ways.environment, &target)?.with_credentials_of(main),
        };
        let way = Elsewhere {
            target,
            proxies,
            sign_in: Some(sign_in(flags.route.proxy_auth, ways.say)),
            headers: headers.clone(),
            user_agent: user_agent.clone(),
            origin: origin.clone(),
            within: times(super::values::plan(flags).depth).0,
        };
        Ok(Application { endpoint, way })
    };
    flags.also.iter().map(one).collect()
}

/// The headers that the user adds, and their values.
fn headers(flags: &Check) -> Result<(HeaderMap, Vec<String>), String> {
    let mut lines = Vec::new();
    for given in &flags.also_header {
        match given.strip_prefix('@') {
            Some(file) => {
                let text = String::from_utf8_lossy(&read_file(Path::new(file))?).into_owned();
                lines.extend(text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned));
            }
            None => {
                if let Some((_, value)) = given.split_once(':') {
                    process_list::hide_all(value.trim());
                }
                lines.push(given.clone());
            }
        }
    }
    let (mut all, mut secrets) = (HeaderMap::new(), Vec::new());
    for line in &lines {
        let (name, value) = read(line)?;
        secrets.extend(value.to_str().map(str::to_owned));
        all.append(name, value);
    }
    Ok((all, secrets))
}

/// A header. The value may be a secret: a message repeats the name alone.
fn read(line: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = line.split_once(':').ok_or("--also-header: this is neither of the form `Name: value` nor @FILE")?;
    let shown = Untrusted::new(name.trim());
    let wrong = || format!("--also-header {shown}: this cannot stand in a header");
    let name: HeaderName = name.trim().parse().map_err(|_| wrong())?;
    if OURS.contains(&name.as_str()) {
        return Err(format!("--also-header {shown}: the request sets this header itself"));
    }
    Ok((name, HeaderValue::from_str(value.trim()).map_err(|_| wrong())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_and_a_value_is_never_repeated() {
        assert_eq!(read("Cookie:  sid=1 ").unwrap().1, "sid=1");
        for wrong in ["s3cret", "Coo kie: s3cret", "Cookie: s3cret\u{1}", "Host: s3cret", "UPGRADE: s3cret"] {
            let why = read(wrong).unwrap_err();
            assert!(why.starts_with("--also-header") && !why.contains("s3cret"), "{why}");
        }
    }

    #[test]
    fn a_url_that_cannot_be_tried_says_what_to_write() {
        for wrong in ["app.example/socket", "ftp://app.example", "wss://", "wss://u:s3cret@app.example/", "wss://a b?s3cret"] {
            let why = endpoint(wrong).err().unwrap();
            assert!(why.contains("wss://HOST/PATH") && !why.contains("s3cret"), "{why}");
        }
        let read = endpoint("wss://App.example:8443/a/b?c=d#e").ok().unwrap();
        assert_eq!((read.host.as_str(), read.path.as_str(), port(&read)), ("app.example", "/a/b?c=d", 8443));
        assert_eq!(read.url, "wss://app.example:8443/a/b?c=d");
        assert_eq!(port(&endpoint("http://[::1]").ok().unwrap()), 80);
    }
}
