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
    // What only a search of the network can tell is not compared.
    let told = config.sources.iter().filter(|(_, mode)| *mode != ProxyMode::WpadAutoDetect);
    let said = told.filter_map(|(source, mode)| {
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
        mode => {
            let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
            let url = Url::parse(&format!("{leg}://{host}:{port}/")).map_err(|error| error.to_string())?;
            match mode {
                ProxyMode::WpadAutoDetect => found_by_the_system(config, &url),
                _ => {
                    let steps = proxy_watch::resolve(config, &url).map_err(|error| error.to_string())?;
                    steps.first().map_or(Ok(Setting::Direct), setting)
                }
            }
        }
    }
}

/// Where each program is to look for a script by itself (WPAD), Windows does it: by default it is set to, and falls back to what else
/// is set where there is none.
#[cfg(windows)]
fn found_by_the_system(config: &ProxyConfig, url: &Url) -> Result<Setting, String> {
    let failed =
        |error: proxy_watch::Error| format!("the system could not say which proxy to take ({error}): give it with --proxy");
    let resolver = proxy_watch::pac::WinHttpPacResolver::new().map_err(failed)?.with_wpad(true);
    let steps = resolver.resolve_config(config, url).map_err(failed)?;
    if let [step] = steps.as_slice() {
        return setting(step);
    }
    // Several are tried in order, as those of any script are.
    let named = steps.iter().map(|step| match (step, step.endpoint()) {
        (ProxyStep::Https(_), Some(endpoint)) => format!("HTTPS {}", endpoint.authority()),
        (ProxyStep::Socks4(_), Some(endpoint)) => format!("SOCKS {}", endpoint.authority()),
        (ProxyStep::Socks5(_), Some(endpoint)) => format!("SOCKS5 {}", endpoint.authority()),
        (_, Some(endpoint)) => format!("PROXY {}", endpoint.authority()),
        (_, None) => "DIRECT".to_owned(),
    });
    let answer = serde_json::Value::from(named.collect::<Vec<_>>().join("; "));
    Ok(Setting::Script(Script::inline(&format!("function FindProxyForURL() {{ return {answer} }}"))))
}

/// Nobody else is asked to look for it.
#[cfg(not(windows))]
fn found_by_the_system(_: &ProxyConfig, _: &Url) -> Result<Setting, String> {
    Err("they let each program look for a script by itself (WPAD), which this one does not: give it with --pac".to_owned())
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
