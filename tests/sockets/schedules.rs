//! How a row of the table is played in seconds instead of half a minute, and which rows cannot be.

/// Rows that are played with other times, or longer than the quickest run. The first one whose words stand in a row counts.
pub(crate) static SCHEDULES: &[Schedule] = &[
    // Five seconds end the busy twins within ten; silences of four and nine seconds keep clear of them.
    Schedule { rows: "when-idle:after=5,counts=client", instead: "when-idle:after=5,counts=client", flags: &["--idle", "10"] },
    // A sign of life every two seconds tells nothing of shorter limits.
    Schedule { rows: "counts=server", instead: "counts=server", flags: &["--idle", "10"] },
    Schedule { rows: "answer-pings + ", instead: "answer-pings + ", flags: &["--idle", "10"] },
    Schedule { rows: "ignore-pings:after=5", instead: "ignore-pings:after=5", flags: &["--idle", "10"] },
    Schedule { rows: "age=8", instead: "age=5", flags: &["--idle", "11"] },
    Schedule { rows: "invent-close:after=8", instead: "invent-close:after=5", flags: &["--idle", "11"] },
    // Requests are held for 2 and 6 s, connections are silent for 4 and 6 s.
    Schedule { rows: "when-idle:after=5", instead: "when-idle:after=3", flags: &["--idle", "6"] },
    // The second request, after five seconds, is answered after eleven: too late for the client by a second and a half.
    Schedule { rows: "retry-requests:after=5", instead: "retry-requests:after=5", flags: &["--idle", "6"] },
    Schedule { rows: "end-when-idle:after=30", instead: "end-when-idle:after=3", flags: &["--idle", "6"] },
    Schedule {
        rows: "inspect-tls + forget-when-idle:after=30",
        instead: "inspect-tls + forget-when-idle:after=3",
        flags: &["--idle", "6"],
    },
    Schedule { rows: "give-up-on-answers:after=10", instead: "give-up-on-answers:after=3", flags: &["--idle", "6"] },
    // Later than the beats are over, and before the longest silence is.
    Schedule { rows: "lose-server:after=15", instead: "lose-server:after=6", flags: &["--idle", "8"] },
    // What a quick run has no time for: a second and a half of messages, frames of 16 KiB, twelve events, 64 KiB of padding.
    Schedule { rows: "close-after-101:after=1.5", instead: "close-after-101:after=1.5", flags: &["--idle", "6"] },
    Schedule { rows: "above=16000", instead: "above=16000", flags: &["--idle", "6"] },
    Schedule { rows: "hold-until-bytes", instead: "hold-until-bytes", flags: &["--idle", "6"] },
    // Long streams of HTTP/2 are a second and a half shorter than the longest silence.
    Schedule { rows: "edit-http2:resets", instead: "edit-http2:resets", flags: &["--idle", "8"] },
    Schedule { rows: "trickle-stream", instead: "trickle-stream", flags: &["--idle", "6"] },
    Schedule { rows: "batch-events", instead: "batch-events", flags: &["--idle", "6"] },
    // The shortest silence of a quick run is as long as this.
    Schedule { rows: "cut-streams:after=1", instead: "cut-streams:after=1", flags: &["--idle", "6"] },
    // Other forms of a stream are tried only where there is time for them.
    Schedule { rows: "holds=answers", instead: "holds=answers", flags: &["--idle", "21"] },
    Schedule { rows: "which=text", instead: "which=text", flags: &["--idle", "21"] },
    Schedule { rows: "which=not-asked-for", instead: "which=not-asked-for", flags: &["--idle", "21"] },
    Schedule { rows: "which=close-delimited", instead: "which=close-delimited", flags: &["--idle", "21"] },
    // The busy twin has more messages than this before its end.
    Schedule { rows: "close-after-frames:frames=12", instead: "close-after-frames:frames=12", flags: &["--idle", "8"] },
    // All others.
    Schedule { rows: "", instead: "", flags: &["--quick"] },
];

/// What is played instead of a row, and for how long.
pub(crate) struct Schedule {
    /// The words that stand in the rows that it is for.
    pub(crate) rows: &'static str,
    /// What stands there when they are played.
    pub(crate) instead: &'static str,
    /// How long the run is.
    pub(crate) flags: &'static [&'static str],
}

impl Schedule {
    /// The one for a row.
    pub(crate) fn of(boxes: &str) -> &'static Self {
        SCHEDULES.iter().find(|schedule| boxes.contains(schedule.rows)).unwrap()
    }

    /// What is played.
    pub(crate) fn play(&self, boxes: &str) -> String {
        if self.rows.is_empty() { boxes.to_owned() } else { boxes.replace(self.rows, self.instead) }
    }
}

/// Rows that mean something else in a short run, or cannot be played between sockets; and why.
pub(crate) const NOT_PLAYED: &[(&str, &str)] = &[
    ("inspect-tls:root=public", "between sockets no root of the lab is a public one"),
    ("inspect-tls:root=public + reverse-proxy", "between sockets no root of the lab is a public one"),
    ("forget-when-idle:after=30", "its limit lies between the rungs about 30 s; with a shorter one it is the row with 5 s"),
    ("cap-lifetime:age=30,only=streams", "it is older than the streams of a short run grow; with less it is the row with 8 s"),
    ("close-after-frames:frames=45", "the busy conversation of a short run has fewer messages than that"),
    (
        "hold-until-bytes:bytes=256",
        "the busy stream of a short run fills the buffer several times a second, so that nobody misses anything",
    ),
];
