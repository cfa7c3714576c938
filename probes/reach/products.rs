//! The few marks by which a middlebox's own page can be told from a stranger's web server.

/// A product and a mark that its pages or answers carry. Sources: the block pages and headers that the vendors' documents and
/// public collections of block pages show.
const MARKS: &[(&str, &str)] = &[
    ("Squid", "x-squid-error"),
    ("Cisco Secure Web Appliance", "cisco-wsa"),
    ("Cisco Umbrella", "block.opendns.com"),
    ("Zscaler", "zscaler"),
    ("Symantec ProxySG", "notify.bluecoat.com"),
    ("Symantec ProxySG", "x-bluecoat"),
    ("Forcepoint", "/cgi-bin/blockpage.cgi"),
    ("Skyhigh Web Gateway", "mcafee web gateway"),
    ("Fortinet", "powered by fortinet"),
    ("Fortinet", "fortiguard"),
    ("Check Point", "check point usercheck"),
    ("Sophos", "utm web protection"),
    ("Barracuda", "http_scan_byf"),
    ("iboss", "/iboss/restricted.html"),
    ("Juniper", "juniper web filtering"),
];

/// The product whose mark is in one of these texts.
pub(super) fn named_in<'a>(texts: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    let all: Vec<String> = texts.map(str::to_ascii_lowercase).collect();
    MARKS.iter().find(|(_, mark)| all.iter().any(|text| text.contains(mark))).map(|(product, _)| *product)
}
