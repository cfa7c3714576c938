//! What a run takes beside its longest silence, and what the same checks would take one after another.
//!
//! `cargo bench --bench runs` prints a table. The runs are those of the lab, in memory, under a clock that does not wait for silence
//! to pass, on a path of 10 ms there and back: the ratios are those of the schedule, whatever the machine.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and fails by panicking")]

use proxyprobe::report::Report;
use proxyprobe::selftest::{Scenario, hear};
use proxyprobe_probes::Evidence;
use proxyprobe_probes::finding::seconds;
use proxyprobe_probes::plan::{Depth, Plan};
use proxyprobe_probes::transport::Leg;

/// How long all connections of a run took together.
fn one_after_another(report: &Report) -> u64 {
    let all = report.hearing.evidence.values().flat_map(|legs| legs.values()).flat_map(Evidence::records);
    all.map(|record| {
        let dialled = record.opened.as_ref().map_or(0, |opened| opened.took_ms);
        let entries = &record.client.entries;
        let lasted = entries.last().zip(entries.first()).map_or(0, |(last, first)| last.at_ms.saturating_sub(first.at_ms));
        dialled + lasted
    })
    .sum()
}

fn main() {
    let rows = [
        ("quick", Depth::Quick, ""),
        ("standard", Depth::Standard, ""),
        ("standard, a silent limit of 12.9 s", Depth::Standard, "forget-when-idle:after=12.9"),
        ("deep", Depth::Deep, ""),
        ("deep, a silent limit of 31.2 s", Depth::Deep, "forget-when-idle:after=31.2"),
        ("deep, closed after 31.2 s", Depth::Deep, "end-when-idle:after=31.2"),
    ];
    println!("{:36} {:>9} {:>9} {:>6} {:>18} {:>6}", "run", "silence", "took", "ratio", "one after another", "ratio");
    for (name, depth, boxes) in rows {
        let idle_ms = Plan::new(depth, None).longest_idle_ms;
        let boxes = boxes.split(" + ").filter(|text| !text.is_empty()).map(|text| text.parse().unwrap()).collect();
        let report = hear(&Scenario { boxes, on: vec![Leg::Http], depth, idle_ms, ..Scenario::default() }).unwrap();
        let (took, sum) = (report.duration_ms, one_after_another(&report));
        let hundredths = |of: u64| format!("{}.{:02}", of / idle_ms, of % idle_ms * 100 / idle_ms);
        println!(
            "{name:36} {:>9} {:>9} {:>6} {:>18} {:>6}",
            seconds(idle_ms),
            seconds(took),
            hundredths(took),
            seconds(sum),
            hundredths(sum)
        );
    }
}
