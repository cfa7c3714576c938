//! What depends on the form of a stream: which other forms mend the plain one, and which are hurt where it is not.

use super::*;
use crate::timeline::End;

/// What can become of a form. A cut in the middle is left out: one that no other stream of the run shares is no rule. So is a
/// head that comes late: of so many streams, one has lost a segment before long.
const HURT: &[(Code, &str)] = &[
    (REFUSED, "refused"),
    (BUFFERED_UNTIL_END, "held back until the end"),
    (TRICKLED, "in a trickle"),
    (ONE_EVENT_BEHIND, "one event behind"),
    (DELAYED, "late"),
    (CONTENT_TYPE_CHANGED, "given another type"),
    (CONTENT_ALTERED, "altered"),
    (DUPLICATED, "repeated"),
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
    // Where all of the plain one's own version arrive, it is not the form: the plain one had bad luck, or the run was slow at first.
    let formed = varied(evidence).filter(|one| one.asked.form != Form::default() && !one.asked.form.http2).count();
    let arrived = mending.iter().filter(|form| !form.http2).count();
    if mending.is_empty() || (formed > 0 && arrived == formed) {
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

/// The plain form over HTTP/2.
const OVER_HTTP2: Form = Form {
    http2: true,
    media_type: MediaType::EventStream,
    accepts_anything: false,
    uncompressed: false,
    close_delimited: false,
};

/// What became of a form, if that is no accident.
fn fault(one: &Exchange<Asked>, evidence: &[Exchange<Asked>], around: &Circumstances) -> Option<(Finding, &'static str)> {
    let found = stream(one, around);
    let of = |wanted: Code| found.iter().find(|finding| finding.code == wanted).cloned();
    // The other streams on its connection say that the path was there.
    let silent = of(CUT).filter(|cut| one.asked.form.http2 && cut.number("received") == Some(0));
    let hurt = HURT.iter().find_map(|(code, words)| Some((of(*code)?, *words)));
    hurt.or(silent.map(|cut| (cut, "silent"))).filter(|_| says_something(one, evidence))
}

/// What becomes of the plain form over HTTP/2, where over HTTP/1.1 it is as it should. The same must have become of another form, which
/// had another connection, and which is as it should be over HTTP/1.1, too.
pub(super) fn over_http2(evidence: &[Exchange<Asked>], around: &Circumstances) -> Option<Finding> {
    let usual_ms = usual_ms(evidence)?;
    let one = varied(evidence).find(|one| one.asked.form == OVER_HTTP2 && one.asked.every_ms == usual_ms)?;
    // What comes late on two connections at one time may be late because the path was busy: that is no more than a form's note.
    let (mut finding, _) = fault(one, evidence, around).filter(|(finding, _)| finding.code != DELAYED)?;
    let clean_over_http1 = |asked: &Asked| {
        let twin = Asked { form: Form { http2: false, ..asked.form }, ..*asked };
        varied(evidence).any(|one| one.asked == twin && stream(one, around).is_empty())
    };
    let elsewhere =
        |other: &&Exchange<Asked>| other.asked.form.http2 && other.asked.form != OVER_HTTP2 && clean_over_http1(&other.asked);
    let other = varied(evidence)
        .filter(elsewhere)
        .find(|other| fault(other, evidence, around).is_some_and(|(f, _)| f.code == finding.code))?;
    finding.summary = format!("Over HTTP/2: {} Over HTTP/1.1 the stream arrives as it is sent.", finding.summary);
    // No EventSource can choose.
    let finding = finding.with("form", OVER_HTTP2.words()).with("mended_by", "HTTP/1.1").with("mended_for_event_source", false);
    Some(finding.seen_on([&one.record, &other.record]))
}

fn usual_ms(evidence: &[Exchange<Asked>]) -> Option<u64> {
    evidence.iter().find(|one| one.asked.kind == Kind::Plain).map(|plain| plain.asked.every_ms)
}

/// The forms that do not arrive as the plain stream does, which is as it should.
pub(super) fn hurt(evidence: &[Exchange<Asked>], around: &Circumstances) -> Option<Finding> {
    let usual_ms = usual_ms(evidence)?;
    let mut hurt: Vec<_> = varied(evidence).filter_map(|one| Some((one, fault(one, evidence, around)?))).collect();
    // Streams of HTTP/2 share connections: what befalls all of one and none of the others is its fate.
    let rows: Vec<usize> = hurt.iter().filter_map(|(one, _)| row(&one.asked.form)).collect();
    let all_of = |wanted: usize| varied(evidence).filter(|one| row(&one.asked.form) == Some(wanted)).count();
    let fate = rows.first().copied().filter(|first| {
        let all = all_of(*first);
        all > 1 && rows.len() == all && rows.iter().all(|row| row == first)
    });
    hurt.retain(|(one, _)| fate.is_none() || row(&one.asked.form) != fate);
    // What departs in more ways says nothing where one of them hurts by itself.
    let least = |one: &Asked| {
        let within = |other: &Asked| {
            one.form.contains(&other.form) && (other.every_ms == usual_ms || other.every_ms == one.every_ms) && other != one
        };
        !hurt.iter().any(|(other, _)| within(&other.asked))
    };
    let over_http2 = over_http2(evidence, around);
    let told: Vec<_> =
        hurt.iter().filter(|(one, _)| least(&one.asked) && !(one.asked.form == OVER_HTTP2 && over_http2.is_some())).collect();
    if told.is_empty() {
        return None;
    }
    let named: Vec<String> =
        told.iter().map(|(one, (_, how))| format!("with {} it is {how}", name(&one.asked, usual_ms))).collect();
    let summary = format!("The plain stream arrives as it is sent; another form of it does not: {}.", named.join("; "));
    let what = |finding: &Finding| finding.code.id.trim_start_matches("sse.");
    let forms: Vec<String> =
        told.iter().map(|(one, (fault, _))| format!("{}: {}", name(&one.asked, usual_ms), what(fault))).collect();
    Some(Finding::new(OTHER_FORMS_HURT, summary).with("forms", forms).seen_on(told.iter().map(|(one, _)| &one.record)))
}

/// Which connection of HTTP/2 a form is asked on: one has the plain form, one has single departures, one has pairs of them.
fn row(form: &Form) -> Option<usize> {
    let departures = [form.media_type != MediaType::EventStream, form.accepts_anything, form.uncompressed];
    form.http2.then(|| departures.into_iter().filter(|departs| *departs).count())
}

/// Whether what became of a stream can be laid at its form's door: over HTTP/2, not the end of the connection before it was answered, nor
/// that there was no room for it (REFUSED_STREAM, RFC 9113 section 8.7), nor that it was never asked for, nor trouble of a moment,
/// nor that nobody heard of it while a neighbour on its connection was answered.
fn says_something(one: &Exchange<Asked>, evidence: &[Exchange<Asked>]) -> bool {
    let record = &one.record;
    let asked = record.client.first(|e| *e == Event::Request).is_some();
    let unanswered = record.response.is_none();
    let by_end = unanswered
        && match record.client.ended() {
            Some((_, End::StreamReset(code))) => *code == REFUSED_STREAM,
            ended => ended.is_some(),
        };
    let of_a_moment = record.response.as_ref().is_some_and(|head| OF_A_MOMENT.contains(&head.status));
    let neighbour = |other: &Exchange<Asked>| row(&other.asked.form) == row(&one.asked.form) && other.record.response.is_some();
    let unheard_of = unanswered
        && record.witness == Witness::Empty
        && record.client.first(|e| *e == Event::GaveUp).is_some()
        && varied(evidence).any(neighbour);
    !one.asked.form.http2 || (asked && !by_end && !of_a_moment && !unheard_of)
}

/// Statuses by which gateways speak of a moment (RFC 6585 section 4, RFC 9110 sections 15.6.3 to 15.6.5). The connections of HTTP/2 are
/// asked at the same instant, so that one moment meets all of them.
const OF_A_MOMENT: [u16; 4] = [429, 502, 503, 504];

/// Where it was not processed, and may be asked again.
const REFUSED_STREAM: u32 = 7;

/// How a stream departs from the plain one, which has an event each `usual_ms`.
fn name(asked: &Asked, usual_ms: u64) -> String {
    let form = Some(asked.form.words()).filter(|words| !words.is_empty());
    let beat = (asked.every_ms != usual_ms).then(|| format!("an event each {} ms", asked.every_ms));
    form.into_iter().chain(beat).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests;
