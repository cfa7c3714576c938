//! The same handshake on two ports.

use super::super::*;
use crate::company::Company;
use crate::testing::{around, check, record};

const ACCEPTED: &str = "request@10 101@11 sent:greeting0@12 close:1000@40";
const GOOD: &str = "opened@0 request@0 101@20 got:greeting0@21 done@22";
const MUTE: &str = "opened@0 request@0 101@20 gave-up@3520";
const UNANSWERED: &str = "opened@0 request@0 gave-up@3500";
const UNREACHED: &str = "failed:connect/timed-out@8000";
const OUR_LIMIT: &str = "opened@0 request@0 503@20 done@20";

fn of(here: (&str, &str), there: (&str, &str), around: &Circumstances) -> Vec<Finding> {
    let asked = |port| Asked { token: Token::Lower, offer: Offer::Compression, port };
    let other = Exchange { asked: asked(Some(8443)), record: record(there.0, there.1) };
    let all = [Exchange { asked: asked(None), record: record(here.0, here.1) }, other];
    super::judge(&all, around)
}

#[test]
#[rustfmt::skip]
fn ports_that_differ_are_told_with_the_one_that_passes() {
    let judged = |here, there| of(here, there, &around());
    let (good, unanswered, mute) = ((GOOD, ACCEPTED), (UNANSWERED, "empty"), (MUTE, ACCEPTED));
    let url = "upgrade.port-differs port=8443 passes=url outcome=note";
    let other = "upgrade.port-differs port=8443 passes=other outcome=note";
    let restarted = Circumstances { company: Company { mass_ends_ms: vec![3_400, 7_900], ..Company::default() }, ..around() };
    check(&[
        ("both pass", judged(good, good), ""),
        ("neither is answered", judged(unanswered, unanswered), ""),
        ("the other is not answered", judged(good, unanswered), url),
        ("the other cannot be reached", judged(good, (UNREACHED, "empty")), url),
        ("the other opens and says nothing", judged(good, mute), url),
        ("only the other is answered", judged(unanswered, good), other),
        ("only the other says something", judged(mute, good), other),
        ("the one of the URL cannot be reached", judged((UNREACHED, "empty"), good), ""),
        ("our own limit there", judged(good, (OUR_LIMIT, "request@10 503@11 done@12")), ""),
        ("no record of the other", judged(good, (UNANSWERED, "absent")), ""),
        ("all ended together", of(good, unanswered, &restarted), ""),
        ("all ended together while the other was dialled", of(good, (UNREACHED, "empty"), &restarted), ""),
    ]);
}
