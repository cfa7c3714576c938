use super::engine::{Surroundings, evaluate};
use super::*;

const RULES: &str = include_str!("../../../tests/pac/rules.pac");
const RECORDED: &str = include_str!("../../../tests/pac/recorded.txt");

/// The names that the recording browser was told.
#[derive(Clone)]
struct Names;

impl Surroundings for Names {
    fn resolve(&self, host: &str) -> Vec<IpAddr> {
        let known = [("ten.example", "10.1.2.3"), ("pub.example", "203.0.113.9"), ("six.invalid", "2001:db8::1")];
        let address = known.iter().find(|(name, _)| *name == host).map_or(host, |(_, address)| address);
        address.parse().into_iter().collect()
    }

    fn own_address(&self) -> IpAddr {
        IpAddr::from([192, 0, 2, 9])
    }
}

fn ask(script: &str, within: Duration) -> Result<String, String> {
    evaluate(script, "http://a.example/", "a.example", within, Names)
}

/// What the recording script did: the type and the value of an expression.
fn value(expression: &str) -> String {
    let zone = if expression.contains("'GMT'") { "gmt" } else { "local" };
    let script = format!(
        "{}
        function FindProxyForURL(u, h) {{
            FIXED = '{zone}';
            try {{ var value = {expression}; return typeof value + ' ' + String(value); }} catch (e) {{ return 'throws'; }}
        }}",
        RULES.replace("function FindProxyForURL", "function TheRules")
    );
    ask(&script, EVALUATE).unwrap()
}

#[test]
fn every_answer_is_that_of_a_browser() {
    let lines = RECORDED.lines().filter(|line| !line.starts_with('#'));
    let (mut functions, mut rules, mut wrong) = (0, 0, Vec::new());
    for (what, recorded) in lines.map(|line| line.split_once('\t').unwrap()) {
        let found = if what.contains("://") && !what.contains('(') {
            rules += 1;
            let host = Url::parse(what).unwrap().host_str().unwrap().trim_matches(['[', ']']).to_owned();
            // The recording gave the host as it stands in the URL.
            let host = if what.contains("Corp.") { "Corp.Example.corp.example".to_owned() } else { host };
            format!("string {}", evaluate(RULES, what, &host, EVALUATE, Names).unwrap())
        } else {
            functions += 1;
            value(what)
        };
        if found != recorded {
            wrong.push(format!("{what}: {found:?}, and a browser says {recorded:?}"));
        }
    }
    assert!(functions > 120 && rules > 10, "{functions} {rules}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_does_not_end_is_ended() {
    let short = Duration::from_millis(300);
    let start = Instant::now();
    for script in [
        "while (true) {}",
        "function FindProxyForURL() { for (;;) {} }",
        "function FindProxyForURL() { while (true) { try { for (;;) {} } catch (e) {} } }",
        "function FindProxyForURL() { return /^(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab') ? 'DIRECT' : 'DIRECT' }",
    ] {
        assert_eq!(ask(script, short), Err("it did not come to an end within 0.3 s".to_owned()), "{script}");
    }
    // Ten times what four limits take: this machine may be busy.
    assert!(start.elapsed() < Duration::from_secs(12));
    let hungry = "function FindProxyForURL() { var all = []; while (true) all.push(new Array(100000).fill('x')); }";
    assert!(ask(hungry, EVALUATE).unwrap_err().contains("memory"), "{:?}", ask(hungry, EVALUATE));
    let deep = "function FindProxyForURL(u, h) { return FindProxyForURL(u, h) + 1; }";
    assert!(ask(deep, EVALUATE).unwrap_err().contains("stack"), "{:?}", ask(deep, EVALUATE));
}

#[test]
fn a_mistake_is_told_with_its_line() {
    let why = |script: &str| ask(script, EVALUATE).unwrap_err();
    assert_eq!(why("function FindProxyForURL(u, h) {\n  return nothing;\n}"), "nothing is not defined, line 2");
    assert!(why("function (").contains("line 1"), "{}", why("function ("));
    assert_eq!(why("var x = 1;"), "it defines no function FindProxyForURL");
    assert_eq!(why("function FindProxyForURL() { return 7; }"), "FindProxyForURL gave int instead of a text");
    assert_eq!(why("function FindProxyForURL() { throw 'no luck'; }"), "no luck");
}

fn shown(answer: &str) -> Option<Vec<String>> {
    let show = |step: &Step| match step {
        Step::Direct => "direct".to_owned(),
        Step::Proxy(proxy) => format!("{} {}", proxy.protocol.kind(), proxy.address()),
    };
    steps(answer).map(|steps| steps.iter().map(show).collect())
}

#[test]
fn an_answer_is_read_in_order() {
    let some = |steps: &[&str]| Some(steps.iter().map(|step| (*step).to_owned()).collect());
    assert_eq!(
        shown("PROXY a:8080; SOCKS b; SOCKS5 [::1]:9 ;HTTPS c; direct"),
        some(&["http-proxy a:8080", "socks4a-proxy b:1080", "socks5-proxy [::1]:9", "https-proxy c:443", "direct"])
    );
    assert_eq!(shown(""), some(&["direct"]));
    assert_eq!(shown(" ; ;"), some(&["direct"]));
    assert_eq!(shown("QUIC x:1; PROXY a"), some(&["http-proxy a:80"]));
    for nothing in ["NONSENSE", "PROXY", "PROXY a:0", "PROXY a:b", "PROXY u@h:1", "PROXY a b:1"] {
        assert_eq!(shown(nothing), None, "{nothing}");
    }
    assert_eq!(shown(&"PROXY a;".repeat(100)).map(|steps| steps.len()), Some(STEPS));
}

#[test]
fn a_place_is_shown_without_its_secrets() {
    let shown = |text: &str| Script::at(text).map(|script| script.shown().to_string());
    assert_eq!(shown("https://u:s3cret@pac.example:8443/a.pac?key=s3cret"), Ok("https://pac.example:8443/a.pac".to_owned()));
    assert_eq!(shown("file:///etc/proxy.pac"), Ok("/etc/proxy.pac".to_owned()));
    assert_eq!(shown("proxy.pac"), Ok("proxy.pac".to_owned()));
    for wrong in ["ftp://u:s3cret@x/", "http://", "https://s3cret@:1/"] {
        assert!(!shown(wrong).unwrap_err().contains("s3cret"), "{wrong}");
    }
}
