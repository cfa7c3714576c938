//! From a report to middleboxes of the lab that do again what it measured.

use crate::lab::Spec;
use crate::report::Report;
use proxyprobe_probes::finding::{Finding, Outcome};
use proxyprobe_probes::transport::Leg;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The middleboxes that a report measured.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    /// By leg, the client's neighbour first.
    pub rows: BTreeMap<Leg, Vec<Spec>>,
    /// What cannot be played: the finding, its leg, and why.
    pub cannot: Vec<(&'static str, Option<Leg>, &'static str)>,
}

/// What stands for a finding.
enum Part {
    /// Middleboxes.
    Plays(Vec<String>),
    /// Nothing: it is a consequence of another finding, or says who stands there and does no harm.
    Follows,
    /// Nothing can.
    Cannot(&'static str),
}

/// Two limits closer than this are one: what was measured holds round trips and the beat of the machine.
const SAME: Duration = Duration::from_millis(250);

/// Reads a report.
pub fn replay(report: &Report) -> Replay {
    let mut replay = Replay::default();
    for leg in Leg::ALL {
        let mut row: Vec<Spec> = Vec::new();
        for finding in report.judgement.findings.iter().filter(|finding| finding.leg == Some(leg)) {
            match part(finding, &report.judgement.findings) {
                Part::Plays(texts) => match texts.iter().map(|text| text.parse()).collect::<Result<Vec<Spec>, _>>() {
                    Ok(specs) => row.extend(specs),
                    Err(_) => replay.cannot.push((finding.code.id, Some(leg), "the lab does not go as far as its figures")),
                },
                Part::Follows => {}
                Part::Cannot(why) => replay.cannot.push((finding.code.id, Some(leg), why)),
            }
        }
        // Two findings of one behaviour are one middlebox.
        let mut seen = BTreeSet::new();
        row.retain(|spec| seen.insert(spec.to_string()));
        if !row.is_empty() {
            replay.rows.insert(leg, merge(row));
        }
    }
    replay
}

/// What every kind of connection suffers alike is one middlebox, which need not look into requests.
fn merge(mut row: Vec<Spec>) -> Vec<Spec> {
    let is_limit = |spec: &Spec| matches!(spec.entry.name, "end-when-idle" | "forget-when-idle");
    let of = |kind: &str| row.iter().find(|spec| is_limit(spec) && spec.word("only") == kind);
    let (Some(first), Some(_), Some(_)) = (of("websockets"), of("streams"), of("requests")) else { return row };
    let like_the_first = |spec: &Spec| {
        // Of a request it is not known who else was told.
        let in_kind =
            spec.entry.name == first.entry.name && ["tells", "then"].iter().all(|name| spec.word(name) == first.word(name));
        let near = spec.seconds("after").abs_diff(first.seconds("after")) <= SAME;
        // Nor whose bytes break its silence.
        near && first.word("counts") == "both" && (spec.word("only") == "requests" || in_kind && spec.word("counts") == "both")
    };
    if !row.iter().filter(|spec| is_limit(spec)).all(like_the_first) {
        return row;
    }
    let whole = first.clone().for_all();
    row.retain(|spec| !is_limit(spec));
    row.push(whole);
    row
}

/// How many frames had passed when a conversation was ended: the greeting, and each message with its answer. Conversations at a
/// beat of 250 ms also have a tick of the server's each time.
fn frames(after_messages: Option<u64>, after_ms: u64) -> u64 {
    let beats = after_ms / 250;
    after_messages.map_or(1 + 2 * (beats + 1) + beats, |messages| 1 + 2 * messages)
}

fn part(finding: &Finding, all: &[Finding]) -> Part {
    let word = |name: &str| finding.word(name).unwrap_or_default();
    let number = |name: &str| finding.number(name);
    let only = match word("transport") {
        "sse" => "streams",
        "long-polling" => "requests",
        _ => "websockets",
    };
    if finding.caused_by.is_some() {
        return Part::Follows;
    }
    // Between what lived and what did not, nearer to neither.
    let between = || number("survived_ms").unwrap_or(0).midpoint(number("lost_ms").unwrap_or(0));
    // Silent connections that live although talking ones die: it is what passes that counts, not the time.
    let caused_an_end =
        || all.iter().any(|other| other.caused_by == Some(finding.code) && other.code.probe() == "idle" && other.blames());
    let caused_a_reset = || all.iter().any(|other| other.caused_by == Some(finding.code) && other.code.id == "idle.reset");
    // Whose bytes alone broke the silence, where it was seen that the other side's did not.
    let ignored = all.iter().find(|other| other.code.id == "idle.keepalive-ignored" && other.transport() == finding.transport());
    let is_ignored = |sign: &str| {
        let kinds = ignored.and_then(|ignored| ignored.measured.get("kinds")?.as_array());
        kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == sign))
    };
    let counts = match (is_ignored("client-bytes"), is_ignored("server-bytes")) {
        (true, false) => ",counts=server",
        (false, true) => ",counts=client",
        _ => "",
    };
    let mended = || word("mended_by").contains("X-Accel-Buffering");
    let by = |resets: bool| if resets { ",by=rst" } else { "" };
    let one = |text: String| Part::Plays(vec![text]);
    let plays = |text: &str| one(text.to_owned());
    // A limit that sees no pings stands behind who answers them.
    let answered = ignored.is_some_and(|ignored| ignored.measured.contains_key("answered_on_the_way"));
    let behind = |text: String| Part::Plays(answered.then(|| "answer-pings".to_owned()).into_iter().chain([text]).collect());
    match finding.code.id {
        "upgrade.header-stripped" if word("http_version_seen") == "1.0" => plays("edit-headers:how=http-1.0"),
        "upgrade.header-stripped" => plays("strip-upgrade"),
        "upgrade.connection-rewritten" if word("connection_seen").eq_ignore_ascii_case("close") => {
            plays("rewrite-connection:to=close")
        }
        "upgrade.connection-rewritten" => plays("rewrite-connection:to=keep-alive"),
        "upgrade.token-case-sensitive" => plays("strip-upgrade:unless=mixed-case"),
        "upgrade.refused" => one(format!("answer-requests:only=websockets,status={}", number("status").unwrap_or(403))),
        "upgrade.no-answer" => plays("answer-requests:only=websockets,with=nothing"),
        "upgrade.lost-101" if number("status").is_some() => plays("swallow-101:then=502"),
        "upgrade.lost-101" => plays("swallow-101"),
        "upgrade.forged" => plays("forge-101"),
        "upgrade.extension-refused" => plays("edit-offers:how=refuse-extensions"),
        "upgrade.subprotocol-lost" if word("direction") == "to-client" => plays("alter-101:what=drop-subprotocol"),
        "upgrade.subprotocol-lost" => plays("edit-offers:how=drop-subprotocols"),
        "upgrade.altered" if finding.summary.contains("extension") => plays("alter-101:what=add-extension"),
        "upgrade.altered" => plays("alter-101:what=accept-key"),
        "zombie.silent-both-ways" => plays("swallow-after-101:way=both"),
        "zombie.silent-to-server" => plays("swallow-after-101:way=to-server"),
        "zombie.silent-to-client" => plays("swallow-after-101:way=to-client"),
        "zombie.closed-early" if !caused_an_end() => {
            one(format!("close-after-frames:frames={}", frames(number("after_messages"), number("after_ms").unwrap_or(0))))
        }
        "zombie.closed-early" => {
            let after = number("after_ms").unwrap_or(0);
            one(format!("close-after-101:after={after}ms{}", by(caused_a_reset())))
        }
        "zombie.foreign-bytes" => plays("write-page-after-101"),
        "zombie.greeting-lost" => plays("lose-greeting"),
        "zombie.greeting-withheld" => plays("wait-for-client"),
        "zombie.binary-lost" => one(format!("refuse-frames:what=binary,way={}", word("direction"))),
        "zombie.fragments-lost" => one(format!("refuse-frames:what=fragments,way={}", word("direction"))),
        "zombie.small-frames-altered" => one(format!("lose-last-byte:below=2,way={}", word("direction"))),
        "zombie.close-altered" => match word("changed") {
            "frame" => plays("rewrite-close:to=nothing"),
            "reason" => plays("rewrite-close:to=no-reason"),
            _ => plays("rewrite-close"),
        },
        "zombie.frames-altered" => {
            let below = number("largest_bytes").or(number("bytes")).unwrap_or(125).saturating_add(2);
            let ways = match word("direction") {
                "both" => vec!["to-server", "to-client"],
                way => vec![way],
            };
            Part::Plays(ways.iter().map(|way| format!("lose-last-byte:below={below},way={way}")).collect())
        }
        "zombie.size-limited" => {
            let above = number("bytes").unwrap_or(1_000).max(1);
            one(format!("stall-large-frames:above={above},way={}", word("direction")))
        }
        "idle.closed" | "idle.reset" | "idle.one-side-told" => {
            let tells = match (finding.code.id, word("told"), word("server_end")) {
                ("idle.one-side-told", "server", _) => "server",
                ("idle.one-side-told", ..) => "client",
                ("idle.closed", _, "reset") => "resets-server",
                ("idle.closed", ..) => "both",
                (_, _, "reset") => "resets-both",
                _ => "resets-client",
            };
            let after = number("after_ms").unwrap_or_else(between);
            behind(format!("end-when-idle:only={only},after={after}ms,tells={tells}{counts}"))
        }
        "idle.keepalive-ignored" if is_ignored("server-pings") && counts.is_empty() => {
            one(format!("ignore-pings:after={}ms", number("after_ms").unwrap_or_else(between)))
        }
        // The limit plays it; and the lab ends TCP as a proxy does, so that its keep-alive never counts.
        "idle.keepalive-ignored" => Part::Follows,
        "idle.dropped-silently" => {
            let then = match (word("on_next_send"), word("first_speaker")) {
                ("reset", _) => "resets",
                // The client's words passed.
                (_, "server") if word("transport") == "websocket" => "client-revives",
                _ => "drops",
            };
            behind(format!("forget-when-idle:only={only},after={}ms,then={then}{counts}", between()))
        }
        "lifetime.capped" if word("end") == "silence" => Part::Cannot("the lab ends what is too old, and never just forgets it"),
        "lifetime.capped" => {
            let resets = word("end") == "reset";
            one(format!("cap-lifetime:only={only},age={}ms{}", number("age_ms").unwrap_or(0), by(resets)))
        }
        "sse.buffered-until-end" if word("form") == "HTTP/2" => plays("edit-http2:holds=answers"),
        id if id.starts_with("sse.") && word("form") == "HTTP/2" => {
            Part::Cannot("of streams of HTTP/2 the lab plays no more than that they are held to their end")
        }
        "sse.buffered-until-end" if mended() => plays("hold-stream:hint=obeyed"),
        "sse.buffered-until-end" if word("content_encoding") == "gzip" => plays("compress-stream"),
        "sse.buffered-until-end" => plays("hold-stream"),
        "sse.buffered-by-size" => {
            let then = match (word("holds"), number("upper_bytes")) {
                ("first", _) => ",then=flows",
                // An amount that is known exactly was seen in whole blocks.
                (_, None) => ",then=keeps-the-rest",
                _ => "",
            };
            one(format!("hold-until-bytes:bytes={}{then}", number("bytes").unwrap_or(4096)))
        }
        "sse.trickled" => {
            let (bytes, every) = (number("bytes").unwrap_or(1).max(1), number("every_ms").unwrap_or(100));
            one(format!("trickle-stream:bytes={bytes},every={every}ms"))
        }
        "sse.delayed" => one(format!("delay-events:by={}ms", number("extra_delay_p50_ms").unwrap_or(800))),
        "sse.one-event-behind" => plays("keep-one-event"),
        "sse.headers-withheld" => one(format!("withhold-head:for={}ms", number("head_delay_ms").unwrap_or(800))),
        "sse.content-type-changed" => match word("content_type").split(';').next().unwrap_or_default().trim() {
            to @ ("text/html" | "application/octet-stream") => one(format!("change-content-type:to={to}")),
            _ => plays("change-content-type"),
        },
        "sse.content-altered" => plays("inject-text"),
        "sse.duplicated" => plays("repeat-events"),
        "sse.cut" if number("age_ms").is_none() => Part::Cannot("the report does not say when"),
        "sse.cut" => one(format!("cut-streams:after={}ms", number("age_ms").unwrap_or(0))),
        "sse.last-event-id-removed" => plays("edit-headers:how=drop-last-event-id"),
        "sse.other-forms-hurt" => forms(finding),
        "sse.refused" if number("status") == Some(200) => plays("show-progress-page"),
        "sse.refused" => one(format!("answer-requests:only=streams,status={}", number("status").unwrap_or(403))),
        "long_poll.cut" => match number("after_ms") {
            Some(after) => one(format!("end-when-idle:only=requests,after={after}ms")),
            None => one(format!("forget-when-idle:only=requests,after={}ms", between())),
        },
        "long_poll.answered-by-gateway" => match (number("after_ms"), number("status")) {
            (Some(after), Some(status @ 502..=504)) => one(format!("give-up-on-answers:after={after}ms,with={status}")),
            (Some(after), _) => one(format!("give-up-on-answers:after={after}ms")),
            _ => Part::Cannot("the report does not say when"),
        },
        "long_poll.cached" => plays("cache-answers"),
        "long_poll.abort-not-propagated" => plays("keep-aborted-requests"),
        "long_poll.refused" => Part::Cannot("the lab cannot tell a poll from another request"),
        "latency.upload-stalled" | "latency.upload-refused" if word("fate") == "emptied" || word("direction") == "to-client" => {
            Part::Cannot("the lab has no middlebox for it")
        }
        "latency.upload-stalled" => one(format!("stop-uploads:with={}", stopped(word("fate")))),
        "latency.upload-refused" => one(format!("stop-uploads:which=all,with={}", stopped(word("fate")))),
        "latency.chunked-upload-refused" => plays("stop-uploads:which=chunked,with=411"),
        // Whoever inspects TLS is played by what looks into it.
        "latency.round-trip" | "h2.not-negotiated" => Part::Follows,
        "h2.streams-limited" => one(format!("edit-http2:streams={}", number("streams").unwrap_or(1).max(1))),
        "h2.extended-connect-removed" => plays("edit-http2:websockets=removed"),
        "h2.websocket-broken" => plays("edit-http2:websockets=refused"),
        "h2.stream-reset" => one(format!("edit-http2:resets=old,after={}ms", number("age_ms").unwrap_or(0))),
        "h2.silent-stream-ended" => {
            one(format!("edit-http2:resets=silent,after={}ms", number("after_ms").unwrap_or_else(between)))
        }
        "idle.ladder-limited" | "sse.streams-limited" => {
            Part::Cannot("the report does not say how many connections are allowed at once")
        }
        "idle.unsteady" => Part::Cannot("what is unsteady has no rule that could be played"),
        "tls.handshake-refused" if word("how") == "closed" => plays("end-client-hello:by=fin"),
        "tls.handshake-refused" => plays("end-client-hello"),
        id if finding.outcome == Outcome::Note && (id.starts_with("tls.") || id.starts_with("headers.")) => Part::Follows,
        id if id.starts_with("tls.") => Part::Cannot("names, routes, logins and certificates are not played"),
        id if id.starts_with("reach.") => Part::Cannot("names, routes, logins and certificates are not played"),
        id if id.ends_with(".inconclusive") => Part::Cannot("it is not known what happened"),
        _ => Part::Cannot("the lab has no middlebox for it"),
    }
}

/// What holds the form that is hurt, where the lab has it.
fn forms(finding: &Finding) -> Part {
    let forms: Vec<&str> = finding
        .measured
        .get("forms")
        .and_then(|forms| forms.as_array())
        .into_iter()
        .flatten()
        .filter_map(|form| form.as_str())
        .collect();
    let which = match forms.as_slice() {
        ["Content-Type: text/plain: buffered-until-end"] => "text",
        ["Accept: */*: buffered-until-end"] => "not-asked-for",
        ["not chunked: buffered-until-end"] => "close-delimited",
        _ => return Part::Cannot("the lab has no middlebox for these forms"),
    };
    Part::Plays(vec![format!("hold-stream:which={which}")])
}

/// What stands for the fate of a request.
fn stopped(fate: &str) -> &'static str {
    match fate {
        "silence" => "silence",
        "reset" | "closed" => "reset",
        "status-411" => "411",
        _ => "403",
    }
}
