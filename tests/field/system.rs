//! What the desktop is set to: GNOME's own store, read by its own library.

use crate::harness::{Dir, check_with, installed, skipped};
use crate::ports::free_port;
use crate::squid::Squid;
use std::path::Path;

/// A check with GNOME's settings under `/system/proxy` kept in a file, and with more variables.
pub(crate) fn gnome(what: &str, settings: &str, url: &str, more: &[(&str, &str)]) -> Option<crate::harness::Checked> {
    installed("gsettings")?;
    if !Path::new("/usr/share/glib-2.0/schemas/org.gnome.system.proxy.gschema.xml").is_file() {
        skipped("gsettings-desktop-schemas is not installed");
        return None;
    }
    let dir = Dir::new();
    std::fs::create_dir_all(dir.path().join("glib-2.0/settings")).unwrap();
    dir.write("glib-2.0/settings/keyfile", settings);
    let home = dir.path().display().to_string();
    let variables =
        [("HOME", home.as_str()), ("XDG_CONFIG_HOME", &home), ("XDG_CURRENT_DESKTOP", "GNOME"), ("GSETTINGS_BACKEND", "keyfile")];
    Some(check_with(what, &[url, "--quick"], &[&variables, more].concat()))
}

#[test]
fn gnome_names_a_proxy() {
    let Some(squid) = Squid::open() else { return };
    let by_hand = format!("[system/proxy]\nmode='manual'\n[system/proxy/http]\nhost='127.0.0.1'\nport={}\n", squid.port);
    let Some(checked) = gnome("gnome by hand", &by_hand, "http://probe.invalid", &[]) else { return };
    let route = &checked.report["route"];
    assert_eq!((&route["kind"], &route["source"]), (&"http-proxy".into(), &"system".into()), "{}", checked.summary());
    assert_eq!(route["proxy"], format!("127.0.0.1:{}", squid.port));
    // Squid does not know the name either.
    checked.expect(3, "inconclusive");
    checked.finding("http", "reach.server-unavailable");
}

#[test]
fn gnome_names_a_script() {
    let address = format!("http://127.0.0.1:{}/proxy.pac", free_port());
    let settings = format!("[system/proxy]\nmode='auto'\nautoconfig-url='{address}'\n");
    let Some(checked) = gnome("gnome script", &settings, "http://probe.invalid", &[]) else { return };
    let route = &checked.report["route"];
    assert_eq!((&route["source"], &route["script_source"], &route["script"]), (&"pac".into(), &"system".into(), &address.into()));
    checked.expect(3, "inconclusive");
    checked.finding("http", "reach.pac-failed");
}
