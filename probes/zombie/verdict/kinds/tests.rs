//! Messages of other kinds, a server that speaks first and closes, as both ends may have seen them.

use super::*;
use crate::exchange::KernelNote;
use crate::testing::{around, check, distorted, doubts, record, stalls};

const OPEN: &str = "opened@0 request@0 101@20";
const ACCEPTED: &str = "request@10 101@10 sent:greeting0@10";
/// A conversation in which all pass, up to each kind.
const FIRST: &str = "got:greeting0@21 sent:frame1@22 got:echo1@42 sent:bytes2@43";
const BYTES: &str = "got:byte1..20@63 got:bytes-echo2@63 sent:pieces3@64";
const PIECES: &str = "got:pieces-echo3@84 sent:binary4@85";
const SMALL: &str = "got:binary-echo4@105 sent:binary5@106";
const LARGE: &str = "got:binary-echo5@126 farewell@127";
/// And what the server writes down of it.
const FIRST_SERVER: &str = "got:frame1@32 sent:echo1@32";
const BYTES_SERVER: &str = "got:byte1..20@53 got:bytes2@53 sent:bytes-echo2@53";
const PIECES_SERVER: &str = "got:pieces3@74 sent:pieces-echo3@74";
const SMALL_SERVER: &str = "got:binary4@95 sent:binary-echo4@95";
const LARGE_SERVER: &str = "got:binary5@116 sent:binary-echo5@116";
const CLOSED: &str = "close:4001@137 reason:the-client-is-done@137";
const GAVE_UP: &str = "gave-up@4000";

fn good() -> (String, String) {
    let client = [FIRST, BYTES, PIECES, SMALL, LARGE].join(" ");
    (client, [FIRST_SERVER, BYTES_SERVER, PIECES_SERVER, SMALL_SERVER, LARGE_SERVER, CLOSED].join(" "))
}

fn heard(client: &str, server: &str) -> Record {
    let server = if ["absent", "empty"].contains(&server) { server.to_owned() } else { format!("{server} {ACCEPTED}") };
    record(&format!("{client} {OPEN}"), &server)
}

const ALL: &[(What, u32)] =
    &[(What::Frame, 64), (What::Bytes, 64), (What::Pieces, 64), (What::Binary, 64), (What::Binary, 4_096)];

fn exchange(part: Part, kinds: &[(What, u32)], client: &str, server: &str) -> Exchange<Asked> {
    Exchange { asked: Asked::kinds(part, kinds), record: heard(client, server) }
}

fn of(all: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
    super::super::judge(all, around)
}

/// Everything in one conversation.
fn once(client: &str, server: &str) -> Vec<Finding> {
    of(&[exchange(Part::Kinds, ALL, client, server)], &around())
}

/// And once more the kind that failed, by itself.
fn twice(one: (&str, &str), kind: (What, u32), other: (&str, &str), around: &Circumstances) -> Vec<Finding> {
    let again = exchange(Part::KindsAgain, &[(What::Frame, 64), kind], other.0, other.1);
    of(&[exchange(Part::Kinds, ALL, one.0, one.1), again], around)
}

#[test]
#[rustfmt::skip]
fn what_depends_on_kind_fails_twice() {
    let (client, server) = good();
    let again = "got:greeting0@5021 sent:frame1@5022 got:echo1@5042";
    let again_server = "got:frame1@5032 sent:echo1@5032";
    let pieces = (&*format!("{FIRST} {BYTES} {GAVE_UP}"), &*format!("{FIRST_SERVER} {BYTES_SERVER}"));
    let small = (&*format!("{FIRST} {BYTES} {PIECES} close:1003@105"), &*format!("{FIRST_SERVER} {BYTES_SERVER} {PIECES_SERVER} close:1003@95"));
    let back = (&*format!("{FIRST} {BYTES} {PIECES} {GAVE_UP}"), &*format!("{FIRST_SERVER} {BYTES_SERVER} {PIECES_SERVER} {SMALL_SERVER}"));
    let large = (&*format!("{FIRST} {BYTES} {PIECES} {SMALL} {GAVE_UP}"), &*format!("{FIRST_SERVER} {BYTES_SERVER} {PIECES_SERVER} {SMALL_SERVER}"));
    let lost = |what: &str| (format!("{again} sent:{what}2@5043 gave-up@9000"), again_server.to_owned());
    let binary = lost("binary");
    let binary = (&*binary.0, &*binary.1);
    let answered = &*format!("{again_server} got:binary2@5053 sent:binary-echo2@5053");
    let of_pieces = lost("pieces");
    let of_bytes = lost("bytes");
    let passed = &*format!("{again} sent:binary2@5043 got:binary-echo2@5063 farewell@5064");
    let around = around();
    check(&[
        ("all pass", once(&client, &server), ""),
        ("all pass, and the record is absent", once(&client, "absent"), ""),
        ("all pass, and the record is partial", once(&client, &format!("partial {FIRST_SERVER}")), ""),
        ("binary does not arrive, twice", twice(small, (What::Binary, 64), binary, &around),
         "zombie.binary-lost bytes=64 direction=to-server transport=websocket via=direct outcome=degraded"),
        ("its echo does not, twice", twice(back, (What::Binary, 64), (binary.0, answered), &around), "zombie.binary-lost bytes=64 direction=to-client"),
        ("a larger one does not, twice", twice(large, (What::Binary, 4_096), binary, &around), "zombie.binary-lost bytes=4096"),
        ("once there, once back", twice(small, (What::Binary, 64), (binary.0, answered), &around), "zombie.inconclusive reason=unclear"),
        ("it passes the second time", twice(small, (What::Binary, 64), (passed, answered), &around), "zombie.inconclusive reason=contradicted"),
        ("no second time", once(small.0, small.1), "zombie.inconclusive reason=unclear"),
        ("it is turned into text", once(&client, &server.replace("got:binary4", "altered:binary4~64")), "zombie.binary-lost bytes=64 direction=to-server"),
        ("pieces do not arrive, twice", twice(pieces, (What::Pieces, 64), (&of_pieces.0, &of_pieces.1), &around),
         "zombie.fragments-lost bytes=64 direction=to-server outcome=degraded"),
        ("nothing comes behind single bytes, twice",
         twice((&format!("{FIRST} {GAVE_UP}"), FIRST_SERVER), (What::Bytes, 64), (&of_bytes.0, &of_bytes.1), &around),
         "zombie.small-frames-altered sent=20 direction=to-server outcome=degraded"),
        ("one byte is lost on the way there", once(&client, &server.replace("byte1..20", "byte1..19")),
         "zombie.small-frames-altered sent=20 arrived=19 direction=to-server"),
        ("some arrive changed on the way back", once(&client.replace("got:byte1..20", "got:byte1..4@62 altered:byte5..20~0"), &server),
         "zombie.small-frames-altered sent=20 arrived=4 direction=to-client"),
    ]);
}

#[test]
fn an_older_server_does_not_know_the_routes() {
    let unknown = || record("unproven opened@0 request@0 404@20 foreign@20 done@20", "empty");
    let listen = Asked { messages: 1, part: Part::Listen, ..Asked::default() };
    let large = Asked::sized(Part::Large, 0, vec![125, 1 << 20]);
    let all = [Asked::kinds(Part::Kinds, ALL), listen, large].map(|asked| Exchange { asked, record: unknown() });
    check(&[("nothing was asked", of(&all, &around()), "")]);
}

#[test]
#[rustfmt::skip]
fn two_kinds_are_two_findings() {
    let again = "got:greeting0@21 sent:frame1@22 got:echo1@42";
    let pieces = (&*format!("{FIRST} {BYTES} {GAVE_UP}"), &*format!("{FIRST_SERVER} {BYTES_SERVER}"));
    let binary = &*format!("{again} sent:binary2@43 {GAVE_UP}");
    let all = [
        exchange(Part::Kinds, ALL, pieces.0, pieces.1),
        exchange(Part::KindsAgain, &[(What::Frame, 64), (What::Pieces, 64)], &format!("{again} sent:pieces2@43 {GAVE_UP}"), FIRST_SERVER),
        exchange(Part::Kinds, &[(What::Frame, 64), (What::Binary, 64)], binary, FIRST_SERVER),
        exchange(Part::KindsAgain, &[(What::Frame, 64), (What::Binary, 64)], binary, FIRST_SERVER),
    ];
    check(&[("both", of(&all, &around()), "zombie.fragments-lost | zombie.binary-lost")]);
}

/// Slow is not broken, busy is not dead, and a server that is down is not a middlebox.
#[test]
#[rustfmt::skip]
fn a_kind_is_not_blamed_in_doubt() {
    let lost = format!("got:greeting0@21 sent:frame1@22 got:echo1@42 sent:binary2@43 {GAVE_UP}");
    let kind = (What::Binary, 64);
    let of_both = |client: &str, server: &str, around: &Circumstances| {
        let both = [Part::Kinds, Part::KindsAgain].map(|part| exchange(part, &[(What::Frame, 64), kind], client, server));
        of(&both, around)
    };
    let there = |at: u64| format!("{FIRST_SERVER} got:binary2@{at} sent:binary-echo2@{at}");
    let unclear = "zombie.inconclusive reason=unclear";
    check(&[
        ("it took most of the time to the server", of_both(&lost, &there(2_500), &around()), unclear),
        ("it arrived after the client gave up", of_both(&lost, &there(5_000), &around()), unclear),
        ("it arrived and was not answered", of_both(&lost, &format!("{FIRST_SERVER} got:binary2@53"), &around()), unclear),
        ("the record is absent", of_both(&lost, "absent", &around()), "zombie.inconclusive reason=witness-absent"),
        ("the record is partial", of_both(&lost, &format!("partial {FIRST_SERVER}"), &around()), "zombie.inconclusive reason=witness-partial"),
        ("our own shutdown", of_both(&lost, &format!("{FIRST_SERVER} shutdown@50"), &around()), "zombie.inconclusive reason=own-end"),
        ("the ordinary message fails", of_both("got:greeting0@21 sent:frame1@22 gave-up@4000", "", &around()), unclear),
        ("the 101 was made up", of_both(&format!("unproven {lost}"), "empty", &around()), ""),
        ("foreign bytes", of_both("got:greeting0@21 sent:frame1@22 foreign@30 fin@31", "got:frame1@32 sent:echo1@32 fin@35", &around()), "zombie.foreign-bytes"),
    ]);
    let kernel = Some(KernelNote { unacked: 9, retransmits: 0, rto_ms: 800, rtt_us: 10_000, last_ack_ms: 10 });
    let mut sending = [Part::Kinds, Part::KindsAgain].map(|part| exchange(part, &[(What::Frame, 64), kind], &lost, FIRST_SERVER));
    sending.iter_mut().for_each(|one| one.record.kernel = kernel.clone());
    check(&[("the kernel is still sending it", of(&sending, &around()), unclear)]);
    for (reason, around) in doubts(4_000) {
        check(&[(reason, of_both(&lost, FIRST_SERVER, &around), &format!("zombie.inconclusive reason={reason}"))]);
    }
    for stalled in stalls() {
        check(&[("a machine stood still", of_both(&lost, FIRST_SERVER, &stalled), "zombie.inconclusive reason=timers-late")]);
    }
    let cut = Circumstances { cut_short_at_ms: Some(60), ..around() };
    check(&[("the run was stopped", of_both("got:greeting0@21 sent:frame1@22", "", &cut), "zombie.inconclusive reason=cut-short")]);
}

const LISTENED: &str =
    "got:greeting0@21 got:tick1@320 sent:frame1@321 got:echo1@341 close:4002@342 reason:the-server-is-done@342";
const SPOKE: &str = "sent:tick1@310 got:frame1@331 sent:echo1@331 farewell@332 close:4002@351";
const WITHHELD: &str =
    "sent:frame1@3520 got:greeting0@3540 got:tick1@3540 got:echo1@3540 close:4002@3542 reason:the-server-is-done@3542";
const SPOKE_LATE: &str = "sent:tick1@310 got:frame1@3530 sent:echo1@3530 farewell@3532";

fn listened(records: &[(&str, &str)], around: &Circumstances) -> Vec<Finding> {
    let asked = || Asked { messages: 1, part: Part::Listen, ..Asked::default() };
    let all: Vec<_> = records.iter().map(|(client, server)| Exchange { asked: asked(), record: heard(client, server) }).collect();
    of(&all, around)
}

#[test]
#[rustfmt::skip]
fn a_server_that_speaks_first_is_heard_or_held_back() {
    let (good, held) = ((LISTENED, SPOKE), (WITHHELD, SPOKE_LATE));
    let stalled = (WITHHELD, &*SPOKE_LATE.replace("tick1@310", "tick1@2500"));
    let only = |all: &[(&str, &str)]| listened(all, &around());
    check(&[
        ("it is heard", only(&[good]), ""),
        ("it is heard, and the record is absent", only(&[(LISTENED, "absent")]), ""),
        ("held back, twice", only(&[held, held]),
         "zombie.greeting-withheld waited_ms=3500 direction=to-client transport=websocket via=direct outcome=degraded"),
        ("held back, and it comes in the same millisecond", only(&[(&*WITHHELD.replace("@3540", "@3520"), SPOKE_LATE); 2]), "zombie.greeting-withheld"),
        ("held back once", only(&[held, good]), "zombie.inconclusive reason=contradicted"),
        ("held back, and no second time", only(&[held]), "zombie.inconclusive reason=unclear"),
        ("the server was late", only(&[stalled, stalled]), "zombie.inconclusive reason=unclear"),
        ("the record is absent", only(&[(WITHHELD, "absent"), (WITHHELD, "absent")]), "zombie.inconclusive reason=witness-absent"),
        ("nothing at all", only(&[("sent:frame1@3520 gave-up@7020", "sent:tick1@310"); 2]), "zombie.inconclusive reason=unclear"),
    ]);
    for stalled in stalls() {
        check(&[("a machine stood still", listened(&[held, held], &stalled), "zombie.inconclusive reason=timers-late")]);
    }
}

#[test]
#[rustfmt::skip]
fn a_close_frame_arrives_as_it_was_sent_or_not() {
    let (client, server) = good();
    let there = |ended: &str| once(&client, &server.replace(CLOSED, ended));
    let back = |ended: &str| listened(&[(&LISTENED.replace("close:4002@342 reason:the-server-is-done@342", ended), SPOKE)], &around());
    check(&[
        ("another code at the server", there("close:1000@137"),
         "zombie.close-altered changed=code sent_code=4001 arrived_code=1000 direction=to-server transport=websocket outcome=note"),
        ("no reason", there("close:4001@137"), "zombie.close-altered changed=reason sent_code=4001 arrived_code=4001"),
        ("only an end", there("fin@137"), "zombie.close-altered changed=frame sent_code=4001 direction=to-server"),
        ("no end yet", there(""), ""),
        ("our own shutdown", there("shutdown@137"), ""),
        ("another code here", back("close:1000@342"), "zombie.close-altered changed=code sent_code=4002 arrived_code=1000 direction=to-client"),
        ("no code here", back("close:1005@342"), "zombie.close-altered changed=code arrived_code=1005"),
        ("only an end here", back("reset@342"), "zombie.close-altered changed=frame direction=to-client"),
    ]);
    for (reason, around) in doubts(127) {
        let all = [exchange(Part::Kinds, ALL, &client, &server.replace(CLOSED, "fin@137"))];
        check(&[(reason, of(&all, &around), "")]);
    }
}

#[test]
fn odd_evidence_is_judged_without_a_panic() {
    let (client, server) = good();
    let (record, listens) = (heard(&client, &server), heard(WITHHELD, SPOKE_LATE));
    for ((kinds, around), (listens, _)) in distorted(&record).into_iter().zip(distorted(&listens)) {
        let with = |asked, record: &Record| Exchange { asked, record: record.clone() };
        let asked = Asked { messages: 1, part: Part::Listen, ..Asked::default() };
        let sizeless = Asked { messages: 9, part: Part::Kinds, ..Asked::default() };
        of(&[with(Asked::kinds(Part::Kinds, ALL), &kinds), with(sizeless, &kinds), with(asked, &listens)], &around);
    }
}
