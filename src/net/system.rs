//! What the system is set to: Windows' internet settings, macOS' dynamic store, GNOME's.

use super::pac::Script;
use super::proxy::Proxy;
use super::settings::{Proxies, Setting, Source};
use proxy_watch::{ProxyMode, ProxyStep};
use proxyprobe_probes::transport::Leg;
use url::Url;

/// The system's settings for a host. It may take a moment, as it asks other programs.
pub fn settings(host: &str, port: impl Fn(Leg) -> u16) -> Proxies {
    let config = match proxy_watch::read() {
        Ok(config) => config,
        Err(error) => return unread(&error.to_string()),
    };
    match &config.effective {
        ProxyMode::Pac { url, .. } => match Script::at(url.as_str()) {
            Ok(script) => Proxies::script(Source::System, script),
            Err(why) => unread(&format!("they name a script that cannot be used: {why}")),
        },
        ProxyMode::PacInline { script, .. } => Proxies::script(Source::System, Script::inline(script)),
        ProxyMode::WpadAutoDetect => {
            unread("they let each program look for a script by itself (WPAD), which this one does not: give it with --pac")
        }
        _ => {
            let of = |leg: Leg| {
                let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
                let url = Url::parse(&format!("{leg}://{host}:{}/", port(leg))).map_err(|error| error.to_string())?;
                let steps = proxy_watch::resolve(&config, &url).map_err(|error| error.to_string())?;
                steps.first().map_or(Ok(Setting::Direct), setting)
            };
            match (of(Leg::Http), of(Leg::Https)) {
                (Ok(Setting::Direct), Ok(Setting::Direct)) if config.effective == ProxyMode::Direct => {
                    Proxies::none(Source::None)
                }
                (Ok(http), Ok(https)) => Proxies::of_settings(Source::System, http, https),
                (Err(why), _) | (_, Err(why)) => unread(&why),
            }
        }
    }
}

fn unread(why: &str) -> Proxies {
    let mut proxies = Proxies::none(Source::None);
    proxies.unread = Some(why.to_owned());
    proxies
}

fn setting(step: &ProxyStep) -> Result<Setting, String> {
    let Some(url) = step.to_url() else { return Ok(Setting::Direct) };
    // `to_url` leaves a default port out, and each kind of proxy has one of its own here.
    let port = step.endpoint().map_or(0, |endpoint| endpoint.port);
    let mut proxy = Proxy::read(url.as_str()).map_err(|why| why.to_string())?;
    proxy.port = port;
    Ok(Setting::Proxy(proxy))
}
