//! What the system is set to: Windows' internet settings, macOS' dynamic store, GNOME's.

use super::pac::Script;
use super::proxy::Proxy;
use super::settings::{Proxies, Said, Setting, Source};
use proxy_watch::{ProxyConfig, ProxyConfigSource, ProxyMode, ProxyStep};
use proxyprobe_probes::transport::Leg;
use url::Url;

/// The system's settings for a host. It may take a moment, as it asks other programs.
pub fn settings(host: &str, port: impl Fn(Leg) -> u16) -> Proxies {
    let config = match proxy_watch::read() {
        Ok(config) => config,
        Err(error) => return unread(&error.to_string()),
    };
    let of = |config: &ProxyConfig, leg: Leg| setting_of(config, host, port(leg), leg);
    let said = config.sources.iter().filter_map(|(source, mode)| {
        let alone = ProxyConfig::from_source(*source, mode.clone());
        // What cannot be used is told of where it counts.
        let words = |leg: Leg| of(&alone, leg).map_or_else(|why| why, |setting| setting.words());
        Some(Said { place: place(*source)?, http: words(Leg::Http), https: words(Leg::Https) })
    });
    let proxies = match (of(&config, Leg::Http), of(&config, Leg::Https)) {
        (Ok(Setting::Direct), Ok(Setting::Direct)) if config.effective == ProxyMode::Direct => Proxies::none(Source::None),
        (Ok(http), Ok(https)) => Proxies::of_settings(Source::System, http, https),
        (Err(why), _) | (_, Err(why)) => unread(&why),
    };
    Proxies { said: said.collect(), ..proxies }
}

/// What settings say for a leg.
fn setting_of(config: &ProxyConfig, host: &str, port: u16, leg: Leg) -> Result<Setting, String> {
    match &config.effective {
        ProxyMode::Pac { url, .. } => match Script::at(url.as_str()) {
            Ok(script) => Ok(Setting::Script(script)),
            Err(why) => Err(format!("they name a script that cannot be used: {why}")),
        },
        ProxyMode::PacInline { script, .. } => Ok(Setting::Script(Script::inline(script))),
        ProxyMode::WpadAutoDetect => {
            let why = "they let each program look for a script by itself (WPAD), which this one does not: give it with --pac";
            Err(why.to_owned())
        }
        _ => {
            let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
            let url = Url::parse(&format!("{leg}://{host}:{port}/")).map_err(|error| error.to_string())?;
            let steps = proxy_watch::resolve(config, &url).map_err(|error| error.to_string())?;
            steps.first().map_or(Ok(Setting::Direct), setting)
        }
    }
}

/// The name of a store of the system; none for what is no store.
fn place(source: ProxyConfigSource) -> Option<&'static str> {
    Some(match source {
        ProxyConfigSource::Registry => "the user's Internet settings",
        ProxyConfigSource::GroupPolicy => "group policy",
        ProxyConfigSource::WinHttpDefault => "WinHTTP",
        ProxyConfigSource::SystemConfigurationSetup => "the network preferences as configured",
        ProxyConfigSource::SystemConfigurationState => "the network preferences in effect",
        ProxyConfigSource::GSettings => "GNOME",
        ProxyConfigSource::Kioslaverc | ProxyConfigSource::KioslavercEnv => "KDE",
        _ => return None,
    })
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
