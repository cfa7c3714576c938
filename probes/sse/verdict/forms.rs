//! What depends on the form of a stream: which other forms mend the plain one, and which are hurt where it is not.

use super::*;

/// What can become of a form. A cut in the middle is left out: one that no other stream of the run shares is no rule. So is a
/// head that comes late: of so many streams, one has lost a segment before long.
const HURT: &[(Code, &str)] = &[
    (REFUSED, "refused"),
    (BUFFERED_UNTIL_END, "held back until the end"),
    (TRICKLED, "in a trickle"),
    (ONE_EVENT_BEHIND, "one event behind"),
    (DELAYED, "late"),
];

fn varied(evidence: &[Exchange<Asked>]) -> impl Iterator<Item = &Exchange<Asked>> {
    evidence.iter().filter(|exchange| exchange.asked.kind == Kind::Varied)
}

/// Adds the forms that arrive as they should to what is wrong with the plain stream.
pub(super) fn mend(findings: &mut [Finding], evidence: &[Exchange<Asked>], around: &Circumstances) {
    let clean = |exchange: &&Exchange<Asked>| stream(exchange, around).is_empty() && !size::in_bunches(exchange, around);
    // Another beat mends nothing: the application has the one that it has.
    let mending: Vec<Form> =
        varied(evidence).filter(|one| one.asked.form != Form::default()).filter(clean).map(|one| one.asked.form).collect();
    // Where all arrive, it is not the form: the plain one had bad luck, or the run was slow at first.
    let formed = varied(evidence).filter(|one| one.asked.form != Form::default()).count();
    if mending.is_empty() || mending.len() == formed {
        return;
    }
    // Two departures say nothing where one is enough.
    let least: Vec<&Form> =
        mending.iter().filter(|form| !mending.iter().any(|other| other != *form && form.contains(other))).collect();
    let words: Vec<String> = least.iter().map(|form| form.words()).collect();
    let suits = least.iter().any(|form| form.suits_event_source());
    for finding in findings.iter_mut().filter(|f| HELD.contains(&f.code) || f.code == REFUSED) {
        let hints = finding.word("mended_by").map(str::to_owned);
        let also = if hints.is_some() { "So it does" } else { "It streams" };
        finding.summary.push_str(&format!(" {also} with {}.", words.join(", or with ")));
        let all: Vec<String> = hints.iter().cloned().chain(words.clone()).collect();
        *finding = finding.clone().with("mended_by", all.join(" or "));
        if hints.is_none() && !suits {
            *finding = finding.clone().with("mended_for_event_source", false);
        }
    }
}

/// The forms that do not arrive as the plain stream does, which is as it should.
pub(super) fn hurt(evidence: &[Exchange<Asked>], around: &Circumstances) -> Option<Finding> {
    let fault = |exchange: &Exchange<Asked>| {
        let found = stream(exchange, around);
        HURT.iter().find(|(code, _)| found.iter().any(|finding| finding.code == *code)).map(|(code, words)| (*code, *words))
    };
    let hurt: Vec<_> = varied(evidence).filter_map(|one| Some((one, fault(one)?))).collect();
    // A pair says nothing where one of the two is hurt by itself.
    let least = |one: &Exchange<Asked>| {
        let form = one.asked.form;
        !hurt
            .iter()
            .any(|(other, _)| other.asked.form != form && other.asked.form != Form::default() && form.contains(&other.asked.form))
    };
    let told: Vec<_> = hurt.iter().filter(|(one, _)| least(one)).collect();
    if told.is_empty() {
        return None;
    }
    let named: Vec<String> = told.iter().map(|(one, (_, how))| format!("with {} it is {how}", name(&one.asked))).collect();
    let summary = format!("The plain stream arrives as it is sent; another form of it does not: {}.", named.join("; "));
    let forms: Vec<String> =
        told.iter().map(|(one, (code, _))| format!("{}: {}", name(&one.asked), code.id.trim_start_matches("sse."))).collect();
    Some(Finding::new(OTHER_FORMS_HURT, summary).with("forms", forms).seen_on(told.iter().map(|(one, _)| &one.record)))
}

fn name(asked: &Asked) -> String {
    match asked.form.words() {
        words if words.is_empty() => format!("an event each {} ms", asked.every_ms),
        words => words,
    }
}

#[cfg(test)]
mod tests;
