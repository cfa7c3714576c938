//! A report into which somebody wrote everything that a page could obey, wherever text of others is kept.

use proxyprobe::report::{Report, read};
use proxyprobe::selftest::{Scenario, hear};
use proxyprobe_probes::Evidence;
use proxyprobe_probes::exchange::{ResponseHead, ServerNotes, Witness};
use proxyprobe_probes::failure::{Failure, Kind, Operation};
use proxyprobe_probes::timeline::{End, Event};
use proxyprobe_probes::untrusted::Untrusted;

/// Markup that would run something, end what it stands in, or load something. A page that ran any of it would have another title,
/// or would ask for the host `canary.test`.
pub(crate) const MARKUP: &[&str] = &[
    "<script>document.title='ran'</script>",
    "\"><img src=x onerror=\"document.title='ran'\">",
    "'><svg onload=document.title='ran'>",
    "</title></style></pre></svg></textarea><script>document.title='ran'</script>",
    "]]><script>document.title='ran'</script>",
    "--><img src=http://canary.test/image>",
    "<link rel=stylesheet href=http://canary.test/style>",
    "<meta http-equiv=refresh content='0;url=http://canary.test/refresh'>",
    "<style>@import 'http://canary.test/import';</style>",
    "<base href=http://canary.test/>",
    "{{ content }} {% raw %} &lt;script&gt; &#60;b&#62; javascript:document.title='ran'",
];

/// What a terminal or a line of text would obey.
const CONTROLS: &str = "\u{1b}]0;ran\u{7}\u{1b}[31m\u{9b}2J\u{202e}desrever\u{2066}\u{200b}\u{0}\r\n";

fn planted() -> Untrusted {
    Untrusted::from_bytes(format!("{}{CONTROLS}", MARKUP.join(" ")).as_bytes(), 1 << 20)
}

/// The report of a run in which nothing was planted.
pub(crate) fn tame() -> Report {
    let boxes = vec!["answer-requests:only=websockets,status=403".parse().unwrap(), "inject-text".parse().unwrap()];
    let on = proxyprobe_probes::transport::Leg::ALL.to_vec();
    let mut report = hear(&Scenario { boxes, on, ..Scenario::default() }).unwrap();
    report.about.note = Some(Untrusted::new("a note"));
    report
}

/// The same with all of it planted.
pub(crate) fn report() -> Report {
    with(&planted())
}

/// A note of a megabyte, and a failure of another one.
pub(crate) fn long() -> Report {
    let text = Untrusted::from_bytes("<b>&\"'".repeat(175_000).as_bytes(), 2 << 20);
    let mut report = tame();
    report.about.note = Some(text.clone());
    let record = report.hearing.evidence.values_mut().flat_map(|legs| legs.values_mut()).find_map(|of| of.records_mut().pop());
    record.unwrap().client.push(9, Event::Ended(End::Error(text)));
    report
}

fn with(text: &Untrusted) -> Report {
    let mut report = tame();
    for evidence in report.hearing.evidence.values_mut().flat_map(|legs| legs.values_mut()) {
        if let Evidence::Reach(all) = evidence {
            for asked in all.iter_mut().map(|exchange| &mut exchange.asked) {
                asked.host = text.clone();
                asked.peer = text.clone();
                asked.served_certificate = Some(text.clone());
                asked.body = Some(text.clone());
            }
        }
        // One connection of each probe is enough to show what a page does with it.
        for record in evidence.records_mut().into_iter().take(1) {
            let headers = vec![(text.clone(), text.clone()), (Untrusted::new("server"), text.clone())];
            let head = ResponseHead { status: 403, version: "1.1".to_owned(), headers, raw: text.clone() };
            record.response = Some(head);
            record.client.push(1, Event::Foreign(text.clone()));
            record.client.push(2, Event::Ended(End::Error(text.clone())));
            let (operation, kind) = (Operation::Tls, Kind::CertificateInvalid(text.to_string()));
            record.client.push(3, Event::Failed(Box::new(Failure { operation, kind, peer: text.clone(), detail: text.clone() })));
            let mut notes = record.witness.notes().cloned().unwrap_or_else(ServerNotes::default);
            notes.request.target = text.clone();
            notes.request.headers.push((text.clone(), text.clone()));
            record.witness = Witness::Whole(notes);
        }
    }
    report.about.note = Some(text.clone());
    report.about.command = Some(text.clone());
    report.target.url = text.clone();
    report.target.host = text.clone();
    report.route.proxy = Some(text.clone());
    report.route.source = text.to_string();
    report.run_id = Some(text.to_string());
    report.tool_version = text.clone();
    let summary = text.to_string();
    report.judgement = report.hearing.judge();
    report.judgement.findings.iter_mut().for_each(|finding| finding.summary.push_str(&summary));
    // A saved report reaches a page by this way as well.
    assert!(read(&report.render(proxyprobe::report::Format::Json, false)).is_ok());
    report
}
