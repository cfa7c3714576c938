//! Eight streams at once, as both ends may have seen them.

use super::super::tests::{late, sent, stream};
use super::*;
use crate::company::Company;
use crate::testing::{around, beside, check, record};

/// One that ran: the server had it from 4 to 6 s.
const RAN: (&str, &str) =
    ("opened@4000 request@4001 200@4020 got:comment0@4020 complete@6100", "request@4010 200@4010 sent:comment0@4010 done@6090");
/// One that the server got when the others were over.
const LATE: (&str, &str) =
    ("opened@4000 request@4001 200@6120 got:comment0@6120 complete@8200", "request@6110 200@6110 sent:comment0@6110 done@8190");
const TOO_MANY: (&str, &str) = ("unproven opened@4000 request@4001 503@4020 foreign@4021 done@4021", "empty");
const RESET: (&str, &str) = ("opened@4000 request@4001 reset@4005", "empty");
const SILENT: (&str, &str) = ("opened@4000 request@4001 gave-up@9000", "empty");
const NOT_OPENED: (&str, &str) = ("failed:connect/refused@4005", "empty");

fn all(rows: &[(usize, (&str, &str))]) -> Vec<Exchange<Asked>> {
    let together = |(client, server): (&str, &str)| Exchange {
        asked: Asked { kind: Kind::Together, count: 5, every_ms: 400, form: Form::default() },
        record: record(client, server),
    };
    let plain = stream(Kind::Plain, &late(5), &sent());
    let rest = rows.iter().flat_map(|(count, row)| std::iter::repeat_n(*row, *count)).map(together);
    std::iter::once(plain).chain(rest).collect()
}

#[test]
#[rustfmt::skip]
fn what_became_of_eight_streams() {
    let of = |rows: &[(usize, (&str, &str))]| judge(&all(rows), &around());
    check(&[
        ("all at once", of(&[(8, RAN)]), ""),
        ("a status", of(&[(6, RAN), (2, TOO_MANY)]),
         "sse.streams-limited streams=6 opened=8 how=refused status=503 transport=sse outcome=note"),
        ("a single status is a rule", of(&[(7, RAN), (1, TOO_MANY)]), "sse.streams-limited streams=7 how=refused"),
        ("two wait for the others", of(&[(6, RAN), (2, LATE)]), "sse.streams-limited streams=6 how=queued"),
        ("one late: a lost segment", of(&[(7, RAN), (1, LATE)]), ""),
        ("resets", of(&[(5, RAN), (3, RESET)]), "sse.streams-limited streams=5 how=dropped"),
        ("refused before they open", of(&[(5, RAN), (3, NOT_OPENED)]), "sse.streams-limited streams=5 how=dropped"),
        ("silence", of(&[(6, RAN), (2, SILENT)]), "sse.streams-limited streams=6 how=dropped"),
        ("one that was lost", of(&[(7, RAN), (1, SILENT)]), ""),
        ("none ran", of(&[(8, TOO_MANY)]), ""),
    ]);
}

#[test]
fn nobody_is_blamed_for_our_own_limits_or_in_doubt() {
    let ours = ("opened@4000 request@4001 503@4020 done@4021", "request@4010 503@4010 limit@4010");
    let unseen = ("opened@4000 request@4001 503@4020 done@4021", "empty");
    let rows = [(6, RAN), (2, TOO_MANY)];
    let absent = ("unproven opened@4000 request@4001 503@4020 done@4021", "absent");
    let doubts = |around: Circumstances| judge(&all(&rows), &around);
    check(&[
        ("our own answer, and our note of it", judge(&all(&[(6, RAN), (2, ours)]), &around()), ""),
        ("our own answer", judge(&all(&[(6, RAN), (2, unseen)]), &around()), ""),
        ("no witness", judge(&all(&[(6, RAN), (2, absent)]), &around()), ""),
        ("the ladder said so", doubts(beside(Company { connections_limited: true, ..Company::default() })), ""),
        ("the server turned connections away", doubts(Circumstances { server_turned_away: 2, ..around() }), ""),
        ("timers", doubts(Circumstances { client_lag_ms: 300, ..around() }), ""),
        (
            "the run was stopped",
            judge(
                &all(&[(6, RAN), (2, ("opened@4000 request@4001", "empty"))]),
                &Circumstances { cut_short_at_ms: Some(4100), ..around() },
            ),
            "",
        ),
    ]);
}

#[test]
fn what_else_was_open_is_counted() {
    let company = Company { open_ms: vec![(0, 9_000), (10, 4_021), (4_030, 9_000), (100, 4_010)], ..Company::default() };
    let found = judge(&all(&[(6, RAN), (2, TOO_MANY)]), &beside(company));
    assert_eq!(found[0].number("beside"), Some(2), "{found:?}");
}
