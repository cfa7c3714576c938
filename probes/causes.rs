//! Which finding explains away which: one ordered table over all findings of a leg.

use crate::finding::{Code, Finding, Outcome};
use crate::transport::Transport;
use crate::{h2, idle, lifetime, long_poll, reach, sse, tls};

/// A row: if `cause` and `consequence` both hold of findings on one leg, and `together` holds of the pair, the first explains
/// the second.
struct Row {
    cause: fn(&Finding) -> bool,
    consequence: fn(&Finding) -> bool,
    together: fn(&Finding, &Finding) -> bool,
}

/// A lifetime and an idle limit that differ by no more than this are one and the same.
const SAME_LIMIT_MS: u64 = 2_000;

/// What a look at whoever answered TLS tells: why a leg was not reached.
const WHY_NOT_REACHED: &[Code] = &[tls::INTERCEPTED_UNTRUSTED_ROOT, tls::CERTIFICATE_INVALID, tls::HANDSHAKE_REFUSED];

/// What is worth knowing of a way that was open, or of one that nobody needs: not why anything else was not tried.
pub(crate) const EXPLAINS_NOTHING: &[Code] = &[
    reach::PROXY_ON_THIS_MACHINE,
    reach::THROUGH_TUNNEL,
    reach::PROXY_SETTINGS_DIFFER,
    reach::ADDRESS_FAMILY_FAILS,
    reach::UDP_REACHABLE,
    reach::UDP_BLOCKED,
];

const TABLE: &[Row] = &[
    // Whose certificate it is, is why it is not trusted.
    Row {
        cause: |f| f.code == tls::INTERCEPTED_UNTRUSTED_ROOT || f.code == tls::CERTIFICATE_INVALID,
        consequence: |f| f.code.probe() == "reach" && f.measured.contains_key("certificate_sha256"),
        together: |_, _| true,
    },
    // A handshake that somebody ends is a connection that ends.
    Row {
        cause: |f| f.code == tls::HANDSHAKE_REFUSED,
        consequence: |f| f.code == reach::CONNECTION_RESET,
        together: |_, _| true,
    },
    // A leg that was not reached has no other story; the application's own endpoint is another host.
    Row {
        cause: |f| {
            let explains = f.code != reach::REDIRECTED_TO_HTTPS && !EXPLAINS_NOTHING.contains(&f.code);
            f.code.probe() == "reach" && f.measured.get("transport").is_none() && explains
        },
        consequence: |f| !matches!(f.code.probe(), "reach" | "also") && !WHY_NOT_REACHED.contains(&f.code),
        together: |_, _| true,
    },
    // A tunnel that does not come about takes WebSockets with it.
    Row {
        cause: |f| f.code.probe() == "reach" && about_websockets(f),
        consequence: |f| f.code.probe() != "reach" && about_websockets(f) && !WHY_NOT_REACHED.contains(&f.code),
        together: |_, _| true,
    },
    // What does not open cannot be silent, die young or live long.
    Row {
        cause: |f| f.code.probe() == "upgrade" && f.blames() && f.outcome != Outcome::Degraded,
        consequence: |f| matches!(f.code.probe(), "zombie" | "idle" | "lifetime") && about_websockets(f),
        together: |_, _| true,
    },
    // A zombie is not idle: it is dead. What only loses some messages lives.
    Row {
        cause: |f| f.code.probe() == "zombie" && f.blames() && f.outcome != Outcome::Degraded,
        consequence: |f| matches!(f.code.probe(), "idle" | "lifetime") && about_websockets(f),
        together: |_, _| true,
    },
    // A busy twin that dies at the same age: the age ends it, not the silence.
    Row {
        cause: |f| f.code == lifetime::CAPPED,
        consequence: |f| f.code.probe() == "idle" && f.code != idle::LADDER_LIMITED,
        together: |cap, idle| {
            let limit = idle.number("after_ms").or(idle.number("lost_ms"));
            let age = cap.number("age_ms");
            same_transport(cap, idle)
                && age.zip(limit).is_some_and(|(age, limit)| {
                    limit.abs_diff(age) <= SAME_LIMIT_MS || idle.number("survived_ms") < Some(age) && age <= limit
                })
        },
    },
    // A stream that is held back is neither idle nor short-lived. What is held over HTTP/2 alone says nothing of the others.
    Row {
        cause: |f| {
            const HELD: &[Code] = &[sse::BUFFERED_UNTIL_END, sse::REFUSED, sse::CUT, sse::BUFFERED_BY_SIZE, sse::TRICKLED];
            f.blames() && HELD.contains(&f.code)
        },
        consequence: |f| {
            matches!(f.code.probe(), "idle" | "lifetime" | "h2") && f.word("transport") == Some(Transport::Sse.as_str())
        },
        together: |held, other| held.word("form").is_none() || other.code.probe() == "h2",
    },
    // What ends connections of HTTP/1.1 at an age or in silence ends those of HTTP/2 alike.
    Row {
        cause: |f| f.code == lifetime::CAPPED,
        consequence: |f| f.code == h2::STREAM_RESET,
        together: |cap, reset| {
            cap.number("age_ms").zip(reset.number("age_ms")).is_some_and(|(cap, age)| cap.abs_diff(age) <= SAME_LIMIT_MS)
        },
    },
    Row {
        cause: |f| {
            const LIMITS: &[Code] = &[idle::CLOSED, idle::RESET, idle::DROPPED_SILENTLY, idle::ONE_SIDE_TOLD];
            LIMITS.contains(&f.code) && f.word("transport") == Some(Transport::Sse.as_str())
        },
        consequence: |f| f.code == h2::SILENT_STREAM_ENDED,
        together: |idle, ended| {
            // When somebody was told, or between what lived and what did not.
            let least = idle.number("after_ms").or(idle.number("survived_ms")).unwrap_or(0);
            let most = idle.number("after_ms").or(idle.number("lost_ms")).unwrap_or(u64::MAX);
            let told = |after: u64| after.saturating_add(SAME_LIMIT_MS) >= least && after <= most.saturating_add(SAME_LIMIT_MS);
            ended.number("after_ms").map_or(ended.number("lost_ms") >= Some(least), told)
        },
    },
    // A buffer that is larger than a stream gives it away at its end.
    Row { cause: |f| f.code == sse::BUFFERED_BY_SIZE, consequence: |f| f.code == sse::BUFFERED_UNTIL_END, together: |_, _| true },
    // A cache in between explains answers that are not ours.
    Row {
        cause: |f| f.code == long_poll::CACHED,
        consequence: |f| f.code == long_poll::ANSWERED_BY_GATEWAY,
        together: |_, _| true,
    },
];

/// Marks each finding that another one of the same leg explains, and puts causes before consequences.
pub fn arrange(mut findings: Vec<Finding>) -> Vec<Finding> {
    let all = findings.clone();
    for finding in &mut findings {
        finding.caused_by = TABLE.iter().find_map(|row| {
            let causes = |cause: &&Finding| {
                // What does not decide cannot excuse what does.
                cause.leg == finding.leg
                    && (cause.decisive || !finding.decisive)
                    && (row.cause)(cause)
                    && (row.consequence)(finding)
                    && (row.together)(cause, finding)
            };
            all.iter().find(causes).map(|cause| cause.code)
        });
    }
    findings.sort_by_key(|finding| finding.caused_by.is_some());
    findings
}

fn about_websockets(finding: &Finding) -> bool {
    finding.word("transport") == Some(Transport::WebSocket.as_str())
}

fn same_transport(a: &Finding, b: &Finding) -> bool {
    a.word("transport") == b.word("transport")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Leg;
    use crate::{upgrade, zombie};

    fn finding(code: Code, transport: Option<Transport>) -> Finding {
        let finding = Finding { leg: Some(Leg::Http), ..Finding::new(code, "") };
        transport.map_or(finding.clone(), |transport| finding.on(transport))
    }

    fn cause_of(code: Code, all: Vec<Finding>) -> Option<&'static str> {
        arrange(all).into_iter().find(|f| f.code == code).unwrap().caused_by.map(|cause| cause.id)
    }

    #[test]
    fn each_row_explains_its_consequence_and_no_other_leg() {
        let ws = Some(Transport::WebSocket);
        let rows = [
            (finding(reach::CONNECT_REFUSED, None), finding(sse::INCONCLUSIVE, Some(Transport::Sse))),
            (finding(reach::CONNECT_REFUSED, None), finding(tls::INTERCEPTED_TRUSTED_ROOT, None)),
            (
                finding(tls::INTERCEPTED_UNTRUSTED_ROOT, None),
                finding(reach::CERTIFICATE_UNTRUSTED, None).with("certificate_sha256", "c"),
            ),
            (
                finding(tls::INTERCEPTED_UNTRUSTED_ROOT, None),
                finding(reach::ANSWERED_BY_MIDDLEBOX, None).with("certificate_sha256", "c"),
            ),
            (
                finding(tls::CERTIFICATE_INVALID, None),
                finding(reach::CERTIFICATE_UNTRUSTED, None).with("certificate_sha256", "c"),
            ),
            (finding(tls::HANDSHAKE_REFUSED, None), finding(reach::CONNECTION_RESET, None)),
            (finding(reach::PROXY_REFUSED_TUNNEL, ws), finding(upgrade::HEADER_STRIPPED, ws)),
            (finding(upgrade::HEADER_STRIPPED, ws), finding(idle::INCONCLUSIVE, ws)),
            (finding(zombie::SILENT_TO_CLIENT, ws), finding(lifetime::CAPPED, ws)),
            (finding(sse::BUFFERED_UNTIL_END, Some(Transport::Sse)), finding(idle::DROPPED_SILENTLY, Some(Transport::Sse))),
            (finding(sse::BUFFERED_BY_SIZE, Some(Transport::Sse)), finding(idle::DROPPED_SILENTLY, Some(Transport::Sse))),
            (finding(sse::TRICKLED, Some(Transport::Sse)), finding(lifetime::CAPPED, Some(Transport::Sse))),
            (finding(lifetime::CAPPED, ws).with("age_ms", 30_000), finding(idle::CLOSED, ws).with("after_ms", 30_100)),
            (
                finding(lifetime::CAPPED, ws).with("age_ms", 6_000),
                finding(idle::DROPPED_SILENTLY, ws).with("survived_ms", 4_000).with("lost_ms", 9_000),
            ),
            (finding(long_poll::CACHED, None), finding(long_poll::ANSWERED_BY_GATEWAY, None)),
        ];
        for (cause, consequence) in rows {
            let (code, why) = (consequence.code, cause.code.id);
            assert_eq!(cause_of(code, vec![consequence.clone(), cause.clone()]), Some(why));
            let elsewhere = Finding { leg: Some(Leg::Https), ..cause };
            assert_eq!(cause_of(code, vec![consequence, elsewhere]), None);
        }
    }

    #[test]
    fn no_two_findings_explain_each_other() {
        let codes = || crate::ProbeId::ALL.iter().flat_map(|probe| probe.codes().iter().copied());
        for transport in Transport::ALL.map(Some).into_iter().chain([None]) {
            for (a, b) in codes().flat_map(|a| codes().map(move |b| (a, b))) {
                let measured = |code| finding(code, transport).with("age_ms", 5_000).with("after_ms", 5_000);
                let both = vec![measured(a), measured(b)];
                assert!(cause_of(a, both.clone()).is_none() || cause_of(b, both).is_none(), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn what_does_not_decide_excuses_nothing_that_does() {
        let ws = Some(Transport::WebSocket);
        let aside = finding(upgrade::HEADER_STRIPPED, ws).not_decisive();
        assert_eq!(cause_of(zombie::CLOSED_EARLY, vec![aside, finding(zombie::CLOSED_EARLY, ws)]), None);
    }

    #[test]
    fn what_only_stops_large_messages_or_changes_some_explains_no_limit() {
        let ws = Some(Transport::WebSocket);
        for code in [zombie::SIZE_LIMITED, zombie::FRAMES_ALTERED, zombie::GREETING_LOST] {
            let all = vec![finding(code, ws), finding(idle::CLOSED, ws).with("after_ms", 5_000)];
            assert_eq!(cause_of(idle::CLOSED, all), None, "{code:?}");
        }
    }

    #[test]
    fn what_lies_on_an_open_way_explains_nothing() {
        let ws = Some(Transport::WebSocket);
        for code in EXPLAINS_NOTHING {
            assert_eq!(cause_of(upgrade::REFUSED, vec![finding(*code, None), finding(upgrade::REFUSED, ws)]), None, "{code:?}");
        }
    }

    #[test]
    fn an_idle_limit_stands_beside_a_longer_lifetime() {
        let ws = Some(Transport::WebSocket);
        let all = vec![finding(idle::CLOSED, ws).with("after_ms", 5_000), finding(lifetime::CAPPED, ws).with("age_ms", 30_000)];
        assert_eq!(cause_of(idle::CLOSED, all), None);
    }
}
