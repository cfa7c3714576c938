//! The table: middleboxes in a row, the findings that they must lead to, the transport that must be recommended.

use proxyprobe_probes::transport::Leg;

/// One row of the table.
#[derive(Clone, Debug)]
pub struct Case {
    /// The middleboxes, the client's neighbour first, as they are written on a command line, joined by ` + `.
    pub boxes: &'static str,
    /// Whether nothing may be found fault with.
    pub control: bool,
    /// The legs on which it is tried.
    pub legs: &'static [Leg],
    /// All findings of the deciding leg, exactly: the code, and ` <- cause` where another one explains it. That a middlebox ends TLS
    /// to see requests goes without saying, and so do the times of messages, which every path has.
    pub codes: &'static [&'static str],
    /// The transport that is recommended.
    pub recommends: &'static str,
}

impl Case {
    /// A name for a file.
    pub fn slug(&self) -> String {
        if self.boxes.is_empty() {
            return "nothing-between".to_owned();
        }
        let words = self.boxes.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
    }
}

const BOTH: &[Leg] = &[Leg::Http, Leg::Https];
const CLEARTEXT: &[Leg] = &[Leg::Http];
const TLS: &[Leg] = &[Leg::Https];

const fn case(boxes: &'static str, codes: &'static [&'static str], recommends: &'static str) -> Case {
    Case { boxes, control: false, legs: BOTH, codes, recommends }
}

const fn on(legs: &'static [Leg], case: Case) -> Case {
    Case { legs, ..case }
}

const fn control(boxes: &'static str) -> Case {
    Case { boxes, control: true, legs: BOTH, codes: &[], recommends: "sse" }
}

/// The server, which never saw it, tells that it did not refuse.
const HELLO_ENDED: &[&str] = &["tls.handshake-refused", "reach.connection-reset <- tls.handshake-refused"];

/// The plain stream is smaller than the buffer, and comes at its end.
const BY_SIZE: &[&str] = &["sse.buffered-by-size", "sse.buffered-until-end <- sse.buffered-by-size"];

/// The middleboxes that misbehave.
pub const CASES: &[Case] = &[
    // Reach.
    case("refuse-connections", &["reach.connect-refused"], "none"),
    case("ignore-connections", &["reach.connect-timed-out"], "none"),
    case("reset-connections", &["reach.connection-reset"], "none"),
    case("answer-requests:with=nothing", &["reach.connect-timed-out"], "none"),
    case("answer-requests:with=redirect", &["reach.answered-by-middlebox"], "none"),
    on(CLEARTEXT, case("answer-requests:with=redirect-to-https", &["reach.redirected-to-https"], "none")),
    // A page without a mark, whatever its words, may be a stranger's server; on cleartext the other leg proves that it is not.
    on(CLEARTEXT, case("answer-requests:with=page,status=200", &["reach.answered-by-middlebox"], "none")),
    on(TLS, case("answer-requests:with=page,status=200", &["reach.not-our-server"], "none")),
    case("answer-requests:with=page,status=511", &["reach.answered-by-middlebox"], "none"),
    case("answer-requests:with=block-page", &["reach.answered-by-middlebox"], "none"),
    case("answer-requests:with=status,status=503", &["reach.server-unavailable"], "none"),
    // The name of each connection stands in its path, and runs begin with a POST: this cache never hits.
    case("cache-answers:path=run", &[], "sse"),
    on(CLEARTEXT, case("proxy-refuses-tunnels", &["reach.proxy-refused-tunnel"], "sse")),
    on(TLS, case("proxy-refuses-tunnels", &["reach.proxy-refused-tunnel"], "none")),
    on(CLEARTEXT, case("proxy-refuses-tunnels:grants=443", &["reach.proxy-refused-tunnel"], "sse")),
    // On cleartext WebSockets alone need a tunnel.
    on(CLEARTEXT, case("proxy-fakes-tunnels:then=silence", &["upgrade.no-answer"], "sse")),
    on(TLS, case("proxy-fakes-tunnels:then=silence", &["reach.connect-timed-out"], "none")),
    on(CLEARTEXT, case("proxy-fakes-tunnels:then=page", &["reach.answered-by-middlebox"], "sse")),
    on(TLS, case("proxy-fakes-tunnels:then=page", &["reach.answered-by-middlebox"], "none")),
    on(CLEARTEXT, case("proxy-fakes-tunnels:then=end", &["upgrade.no-answer"], "sse")),
    on(TLS, case("proxy-fakes-tunnels:then=end", HELLO_ENDED, "none")),
    case("proxy-asks-credentials:scheme=basic", &["reach.proxy-auth-required"], "none"),
    case("proxy-asks-credentials:scheme=digest", &["reach.proxy-auth-required"], "none"),
    case("proxy-asks-credentials:scheme=ntlm", &["reach.proxy-auth-required"], "none"),
    case("proxy-asks-credentials:scheme=negotiate", &["reach.proxy-auth-required"], "none"),
    case("proxy-asks-credentials:scheme=all", &["reach.proxy-auth-required"], "none"),
    // TLS.
    on(TLS, case("inspect-tls", &["h2.not-negotiated", "tls.intercepted-trusted-root"], "sse")),
    on(TLS, case("inspect-tls:alpn=none", &["h2.not-negotiated", "tls.alpn-changed", "tls.intercepted-trusted-root"], "sse")),
    on(
        TLS,
        case("inspect-tls:highest=1.2", &["h2.not-negotiated", "tls.intercepted-trusted-root", "tls.version-lowered"], "sse"),
    ),
    on(TLS, case("inspect-tls:root=public", &["h2.not-negotiated", "tls.terminated-by-front"], "sse")),
    on(
        TLS,
        case(
            "inspect-tls:root=untrusted",
            &["tls.intercepted-untrusted-root", "reach.answered-by-middlebox <- tls.intercepted-untrusted-root"],
            "none",
        ),
    ),
    on(TLS, case("end-client-hello", HELLO_ENDED, "none")),
    // HTTP/2.
    on(TLS, case("inspect-tls:alpn=h2", &["tls.intercepted-trusted-root"], "sse")),
    on(TLS, case("edit-http2:streams=3", &["h2.streams-limited", "tls.intercepted-trusted-root"], "sse")),
    on(TLS, case("edit-http2:websockets=removed", &["h2.extended-connect-removed", "tls.intercepted-trusted-root"], "sse")),
    on(TLS, case("edit-http2:websockets=refused", &["h2.websocket-broken", "tls.intercepted-trusted-root"], "sse")),
    on(TLS, case("edit-http2:resets=old,after=3", &["h2.stream-reset", "tls.intercepted-trusted-root"], "sse")),
    on(TLS, case("edit-http2:resets=silent,after=3", &["h2.silent-stream-ended", "tls.intercepted-trusted-root"], "sse")),
    on(TLS, case("edit-http2:holds=answers", &["sse.buffered-until-end", "tls.intercepted-trusted-root"], "long-polling")),
    on(TLS, case("end-client-hello:by=fin", HELLO_ENDED, "none")),
    // Silence may be a lost segment: what is not heard is not refused.
    on(TLS, case("end-client-hello:by=silence", &["reach.connect-timed-out"], "none")),
    // Headers.
    case("edit-headers:how=add", &["headers.added"], "sse"),
    case("edit-headers:how=add-vendor", &["headers.added", "headers.product-identified"], "sse"),
    case("edit-headers:how=remove-unknown", &["headers.removed"], "sse"),
    case("edit-headers:how=lower-case", &["headers.changed"], "sse"),
    case("edit-headers:how=reorder", &["headers.changed"], "sse"),
    case("edit-headers:how=http-1.0", &["headers.http-version-lowered", "upgrade.header-stripped"], "sse"),
    case("edit-headers:how=http-1.0,only=requests", &["headers.http-version-lowered"], "sse"),
    // The upgrade.
    case("strip-upgrade", &["upgrade.header-stripped"], "sse"),
    case("strip-upgrade:unless=mixed-case", &["upgrade.token-case-sensitive"], "sse"),
    case("strip-upgrade:unless=lower-case", &[], "sse"),
    case("rewrite-connection", &["upgrade.connection-rewritten"], "sse"),
    case("rewrite-connection:to=keep-alive", &["upgrade.connection-rewritten"], "sse"),
    case("answer-requests:only=websockets,status=200", &["upgrade.refused"], "sse"),
    case("answer-requests:only=websockets,status=400", &["upgrade.refused"], "sse"),
    case("answer-requests:only=websockets,status=403", &["upgrade.refused"], "sse"),
    case("answer-requests:only=websockets,status=426", &["upgrade.refused"], "sse"),
    case("answer-requests:only=websockets,status=501", &["upgrade.refused"], "sse"),
    case("answer-requests:only=websockets,status=503", &["upgrade.refused"], "sse"),
    case("answer-requests:only=websockets,with=nothing", &["upgrade.no-answer"], "sse"),
    case("swallow-101", &["upgrade.lost-101"], "sse"),
    case("swallow-101:then=502", &["upgrade.lost-101"], "sse"),
    case("forge-101", &["upgrade.forged"], "sse"),
    case("forge-101:accept=none", &["upgrade.forged"], "sse"),
    case("alter-101:what=accept-key", &["upgrade.altered"], "sse"),
    case("alter-101:what=no-accept-key", &["upgrade.altered"], "sse"),
    case("alter-101:what=add-extension", &["upgrade.altered"], "sse"),
    case("alter-101:what=drop-extension", &[], "sse"),
    case("alter-101:what=drop-subprotocol", &["upgrade.subprotocol-lost"], "sse"),
    case("edit-offers:how=drop-subprotocols", &["upgrade.subprotocol-lost"], "sse"),
    // Our server compresses nothing, so that nothing is lost.
    case("edit-offers:how=drop-extensions", &[], "sse"),
    case("edit-offers:how=refuse-extensions", &["upgrade.extension-refused"], "sse"),
    // After the 101.
    case("swallow-after-101:way=both", &["zombie.silent-both-ways"], "sse"),
    case("swallow-after-101:way=to-server", &["zombie.silent-to-server"], "sse"),
    case("swallow-after-101:way=to-client", &["zombie.silent-to-client"], "sse"),
    case("close-after-101:after=0.05", &["zombie.closed-early", "idle.closed <- zombie.closed-early"], "sse"),
    case("close-after-101:after=0.05,by=rst", &["zombie.closed-early", "idle.reset <- zombie.closed-early"], "sse"),
    case("close-after-101:after=0.2", &["zombie.closed-early", "idle.closed <- zombie.closed-early"], "sse"),
    case("close-after-101:after=0.2,by=rst", &["zombie.closed-early", "idle.reset <- zombie.closed-early"], "sse"),
    case("close-after-101:after=0.5", &["zombie.closed-early", "idle.closed <- zombie.closed-early"], "sse"),
    case("close-after-101:after=0.5,by=rst", &["zombie.closed-early", "idle.reset <- zombie.closed-early"], "sse"),
    case("close-after-101:after=1.5", &["zombie.closed-early", "idle.closed <- zombie.closed-early"], "sse"),
    case("close-after-101:after=1.5,by=rst", &["zombie.closed-early", "idle.reset <- zombie.closed-early"], "sse"),
    case("write-page-after-101:after=1", &["zombie.foreign-bytes"], "sse"),
    case("lose-greeting", &["zombie.greeting-lost"], "sse"),
    case("lose-last-byte", &["zombie.frames-altered"], "sse"),
    case("lose-last-byte:way=to-server", &["zombie.frames-altered"], "sse"),
    case("lose-last-byte:way=to-server,within=10ms", &["zombie.frames-altered"], "sse"),
    case("stall-large-frames:above=125", &["zombie.size-limited"], "sse"),
    case("stall-large-frames:above=1000,way=to-client", &["zombie.size-limited"], "sse"),
    case("stall-large-frames:above=16000,way=to-server", &["zombie.size-limited"], "sse"),
    case("wait-for-client", &["zombie.greeting-withheld"], "sse"),
    case("lose-last-byte:below=2,way=to-server", &["zombie.small-frames-altered"], "sse"),
    case("lose-last-byte:below=2", &["zombie.small-frames-altered"], "sse"),
    case("refuse-frames", &["zombie.binary-lost"], "sse"),
    case("refuse-frames:then=drops,way=to-client", &["zombie.binary-lost"], "sse"),
    case("refuse-frames:then=turns-to-text,way=to-server", &["zombie.binary-lost"], "sse"),
    case("refuse-frames:what=fragments", &["zombie.fragments-lost"], "sse"),
    case("refuse-frames:what=fragments,then=drops,way=to-client", &["zombie.fragments-lost"], "sse"),
    case("rewrite-close", &["zombie.close-altered"], "sse"),
    case("rewrite-close:to=no-reason", &["zombie.close-altered"], "sse"),
    case("rewrite-close:to=nothing", &["zombie.close-altered"], "sse"),
    // Where no silence ends anything, it is all the same who answers.
    case("answer-pings", &[], "sse"),
    case("invent-close:after=0.5", &["zombie.closed-early", "idle.closed <- zombie.closed-early"], "sse"),
    case("invent-close:after=8", &["lifetime.capped", "idle.closed <- lifetime.capped"], "sse"),
    case("close-after-frames:frames=12", &["zombie.closed-early", "lifetime.inconclusive <- zombie.closed-early"], "sse"),
    on(
        CLEARTEXT,
        case("close-after-frames:frames=45", &["zombie.closed-early", "lifetime.inconclusive <- zombie.closed-early"], "sse"),
    ),
    on(CLEARTEXT, case("close-after-bytes:bytes=8000", &["zombie.closed-early"], "sse")),
    // On both legs, conversations of several ages end at one moment, as when a proxy restarts.
    on(TLS, case("close-after-frames:frames=45", &["lifetime.inconclusive", "zombie.inconclusive"], "sse")),
    on(TLS, case("close-after-bytes:bytes=8000", &["zombie.inconclusive"], "sse")),
    // Silence and age.
    case("end-when-idle:after=5", &["idle.closed", "long_poll.cut"], "sse"),
    case("end-when-idle:after=30,tells=resets-server", &["idle.closed", "long_poll.cut"], "sse"),
    case("end-when-idle:after=5,tells=resets-client", &["idle.reset", "long_poll.cut"], "sse"),
    case("end-when-idle:after=5,tells=resets-both", &["idle.reset", "long_poll.cut"], "sse"),
    case("end-when-idle:after=5,tells=client", &["idle.one-side-told", "long_poll.cut"], "sse"),
    case("end-when-idle:after=5,tells=server", &["idle.one-side-told", "long_poll.cut"], "sse"),
    // The server's events do not count, so that busy streams end with the silent ones: what cannot be told from an age.
    case(
        "end-when-idle:after=5,counts=client",
        &["idle.closed", "idle.closed <- lifetime.capped", "idle.keepalive-ignored", "lifetime.capped", "long_poll.cut"],
        "sse",
    ),
    case("end-when-idle:after=5,counts=server", &["idle.closed", "idle.keepalive-ignored", "long_poll.cut"], "sse"),
    case("forget-when-idle:after=5", &["idle.dropped-silently", "long_poll.cut"], "sse"),
    case("forget-when-idle:after=5,then=resets", &["idle.dropped-silently", "long_poll.cut"], "sse"),
    // What comes in keeps no state up: events do not count, so that busy streams end with the silent ones.
    case(
        "forget-when-idle:after=5,counts=client",
        &[
            "idle.dropped-silently",
            "idle.dropped-silently <- lifetime.capped",
            "idle.keepalive-ignored",
            "lifetime.capped",
            "long_poll.cut",
        ],
        "sse",
    ),
    case("forget-when-idle:after=5,counts=server", &["idle.dropped-silently", "idle.keepalive-ignored", "long_poll.cut"], "sse"),
    case(
        "forget-when-idle:after=5,then=resets,counts=server",
        &["idle.dropped-silently", "idle.keepalive-ignored", "long_poll.cut"],
        "sse",
    ),
    // Whoever speaks first decides what an address translator does.
    case("forget-when-idle:after=5,then=client-revives", &["idle.dropped-silently", "long_poll.cut"], "sse"),
    case("forget-when-idle:after=30", &["idle.dropped-silently", "long_poll.cut"], "sse"),
    case("cap-lifetime:age=8", &["lifetime.capped", "idle.closed <- lifetime.capped", "long_poll.cut"], "sse"),
    case("cap-lifetime:age=8,by=rst", &["lifetime.capped", "idle.reset <- lifetime.capped", "long_poll.cut"], "sse"),
    on(CLEARTEXT, case("limit-connections:at-once=12", &["idle.ladder-limited", "sse.inconclusive"], "websocket")),
    // More than a run needs but for the eight streams at once.
    on(CLEARTEXT, case("limit-connections:at-once=13,only=streams", &["sse.streams-limited"], "sse")),
    on(CLEARTEXT, case("limit-connections:at-once=13,only=streams,then=waits", &["sse.streams-limited"], "sse")),
    case("cap-lifetime:age=8,only=streams", &["lifetime.capped", "idle.closed <- lifetime.capped"], "sse"),
    // The limit that is one of age here and one of silence there.
    case("cap-lifetime:age=30,only=streams", &["lifetime.capped", "idle.closed <- lifetime.capped"], "sse"),
    case("end-when-idle:after=30,only=streams", &["idle.closed"], "sse"),
    case("end-when-idle:after=5,only=websockets", &["idle.closed"], "sse"),
    case("end-when-idle:after=5,only=streams,tells=resets-client", &["idle.reset"], "sse"),
    case("end-when-idle:after=5,only=websockets,tells=client", &["idle.one-side-told"], "sse"),
    case("forget-when-idle:after=5,only=streams", &["idle.dropped-silently"], "sse"),
    // Messages count, and pings are a silence.
    case("ignore-pings:after=5", &["idle.closed", "idle.keepalive-ignored"], "sse"),
    // Streams.
    case("hold-stream", &["sse.buffered-until-end"], "long-polling"),
    case("hold-stream:hint=obeyed", &["sse.buffered-until-end"], "sse"),
    case("hold-stream:head=passed", &["sse.buffered-until-end"], "long-polling"),
    case("hold-stream:which=always", &["sse.buffered-until-end"], "long-polling"),
    // The plain stream of a run asks as an EventSource does, and is chunked; others of it are not.
    case("hold-stream:which=text", &["sse.other-forms-hurt"], "sse"),
    case("hold-stream:which=not-asked-for", &["sse.other-forms-hurt"], "sse"),
    case("hold-stream:which=close-delimited", &["sse.other-forms-hurt"], "sse"),
    case("hold-until-bytes:bytes=4096", BY_SIZE, "long-polling"),
    case("hold-until-bytes:bytes=4096,then=keeps-the-rest", BY_SIZE, "long-polling"),
    case("hold-until-bytes:bytes=2048,then=flows", &["sse.buffered-by-size"], "sse"),
    // The busy stream of the lifetime probe comes in bursts.
    case(
        "hold-until-bytes:bytes=256",
        &["sse.buffered-by-size", "lifetime.inconclusive <- sse.buffered-by-size"],
        "long-polling",
    ),
    case("hold-until-bytes:bytes=600", &["sse.buffered-by-size"], "long-polling"),
    case("hold-until-bytes:bytes=65536", BY_SIZE, "long-polling"),
    // More than a run sends.
    case("hold-until-bytes:bytes=1048576", &["sse.buffered-until-end"], "long-polling"),
    // The rungs of the ladder trickle as well.
    case("trickle-stream", &["sse.trickled", "idle.dropped-silently <- sse.trickled"], "long-polling"),
    case("trickle-stream:bytes=8", &["sse.trickled"], "long-polling"),
    case("compress-stream", &["sse.buffered-until-end"], "sse"),
    case("compress-stream:flushes=always", &[], "sse"),
    case("delay-events:by=0.8", &["sse.delayed"], "sse"),
    // Half a second late at most: below what is reported.
    case("delay-events:by=0.25", &[], "sse"),
    // Half a second late on an average, and at most one: below what is reported.
    case("batch-events:every=1", &[], "sse"),
    case("batch-events:every=2", &["sse.delayed"], "sse"),
    case("keep-one-event", &["sse.one-event-behind"], "long-polling"),
    case("withhold-head:for=0.8", &["sse.headers-withheld"], "sse"),
    case("change-content-type", &["sse.content-type-changed"], "long-polling"),
    case("show-progress-page", &["sse.refused"], "long-polling"),
    case("show-progress-page:agents=mozilla", &["sse.refused"], "long-polling"),
    case("inject-text", &["sse.content-altered"], "sse"),
    case("repeat-events", &["sse.duplicated"], "sse"),
    case("cut-streams:after=1", &["sse.cut", "idle.closed <- sse.cut"], "long-polling"),
    case("edit-headers:how=drop-last-event-id", &["sse.last-event-id-removed"], "sse"),
    case("answer-requests:only=streams", &["sse.refused"], "long-polling"),
    // Long polls.
    // Requests of the client's own.
    case("stop-uploads", &["latency.upload-stalled"], "websocket"),
    case("stop-uploads:with=reset", &["latency.upload-stalled"], "websocket"),
    case("stop-uploads:with=403", &["latency.upload-stalled"], "websocket"),
    case("stop-uploads:which=all,with=403", &["latency.upload-refused"], "websocket"),
    case("stop-uploads:which=all,with=reset", &["latency.upload-refused"], "websocket"),
    case("stop-uploads:which=chunked,with=411", &["latency.chunked-upload-refused"], "sse"),
    case("give-up-on-answers:after=10", &["long_poll.answered-by-gateway"], "sse"),
    case("give-up-on-answers:after=10,with=502", &["long_poll.answered-by-gateway"], "sse"),
    case("give-up-on-answers:after=10,with=503", &["long_poll.answered-by-gateway"], "sse"),
    case("give-up-on-answers:after=10,with=nothing", &["long_poll.cut"], "sse"),
    case("cache-answers:path=poll", &["long_poll.cached"], "sse"),
    // The second request is held as long as the first, so that its answer comes too late.
    case("retry-requests:after=5", &["long_poll.cut"], "sse"),
    case("keep-aborted-requests", &["long_poll.abort-not-propagated"], "sse"),
    // A proxy that answers pings itself, and a timer behind it that sees none.
    case("answer-pings + end-when-idle:after=5,only=websockets", &["idle.closed", "idle.keepalive-ignored"], "sse"),
    // Two in a row: what both do is found, causes before consequences.
    case("strip-upgrade + end-when-idle:after=5", &["upgrade.header-stripped", "idle.closed", "long_poll.cut"], "sse"),
    case("swallow-after-101 + hold-stream", &["zombie.silent-both-ways", "sse.buffered-until-end"], "long-polling"),
    case(
        "hold-stream + forget-when-idle:after=5",
        &["sse.buffered-until-end", "idle.dropped-silently", "long_poll.cut"],
        "long-polling",
    ),
    case("proxy + end-when-idle:after=5,only=streams", &["idle.closed"], "sse"),
    case("link:latency=0.15 + strip-upgrade", &["upgrade.header-stripped"], "sse"),
    case("edit-headers:how=add + delay-events:by=0.8", &["headers.added", "sse.delayed"], "sse"),
    case(
        "close-after-101:after=0.2 + give-up-on-answers:after=10",
        &["zombie.closed-early", "idle.closed <- zombie.closed-early", "long_poll.answered-by-gateway"],
        "sse",
    ),
    on(
        TLS,
        case(
            "inspect-tls + forget-when-idle:after=30",
            &["h2.not-negotiated", "idle.dropped-silently", "long_poll.cut", "tls.intercepted-trusted-root"],
            "sse",
        ),
    ),
];

/// What must not be blamed.
pub const CONTROLS: &[Case] = &[
    control(""),
    control("link:latency=0.15"),
    control("link:latency=0.02,jitter=0.2"),
    control("link:latency=0.03,loss=5"),
    control("link:latency=0.02,rate=8000"),
    control("proxy"),
    control("proxy:version=1.0"),
    control("reverse-proxy"),
    Case { codes: &["h2.not-negotiated", "tls.intercepted-trusted-root"], ..on(TLS, control("inspect-tls")) },
    on(TLS, control("inspect-tls + reverse-proxy")),
    // A content delivery network of the operator's own in front.
    Case {
        codes: &["h2.not-negotiated", "tls.terminated-by-front"],
        ..on(TLS, control("inspect-tls:root=public + reverse-proxy"))
    },
    control("link:latency=0.3"),
    Case {
        control: true,
        ..on(
            CLEARTEXT,
            case("lose-server:after=15", &["idle.inconclusive", "lifetime.inconclusive", "long_poll.inconclusive"], "none"),
        )
    },
    Case {
        control: true,
        ..on(
            TLS,
            case(
                "lose-server:after=15",
                &["h2.inconclusive", "idle.inconclusive", "lifetime.inconclusive", "long_poll.inconclusive"],
                "none",
            ),
        )
    },
];
