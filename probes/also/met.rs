//! How a visit went, read from what was recorded of it: the words that a finding and the report have in common.

use super::{Asked, Wants};
use crate::below::Trust;
use crate::exchange::{Exchange, ResponseHead};
use crate::failure::Kind;
use crate::finding::seconds;
use crate::products::{self, Product, Seen};
use crate::timeline::{End, Event, What, Why};
use crate::tls::ServerTls;

/// Whether an answer begins an event stream, as a browser's EventSource reads it.
pub(super) fn is_event_stream(head: &ResponseHead) -> bool {
    let of_type = |value: &str| value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"));
    head.status == 200 && head.values("content-type").next().is_some_and(of_type)
}

/// How far a visit got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Got {
    /// The run was stopped before it was over.
    Unfinished,
    /// No answer came.
    NotReached(String),
    /// Another answer than the one that was asked for.
    Refused(String),
    /// It was accepted, and ended by somebody else so many milliseconds later.
    ClosedEarly(u64, String),
    /// It was accepted, and nothing that answers was heard.
    Silent,
    /// It stood until this end was done with it.
    Stood,
}

/// Who vouches for an endpoint's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vouched {
    /// The public roots.
    Public,
    /// This machine alone.
    Locally,
    /// This machine, which was given this very certificate to trust: it is signed by itself, as no inspection's is.
    Itself,
    /// Nobody, and somebody else signed it.
    ByNobody,
    /// It is expired, for another name, or signed by itself.
    Unusable,
}

/// A visit.
#[derive(Clone, Copy)]
pub(super) struct Met<'a>(pub(super) &'a Exchange<Asked>);

impl Met<'_> {
    pub(super) fn asked(&self) -> &Asked {
        &self.0.asked
    }

    fn at(&self, wanted: impl Fn(&Event) -> bool) -> Option<u64> {
        self.0.record.client.first(wanted)
    }

    fn answered_at(&self) -> Option<u64> {
        self.at(|event| matches!(event, Event::Response(_)))
    }

    /// From the request to the head of the answer, in milliseconds.
    pub(super) fn head_ms(&self) -> Option<u64> {
        Some(self.answered_at()?.saturating_sub(self.at(|event| *event == Event::Request)?))
    }

    /// From the first ping that was answered to its answer, in milliseconds.
    pub(super) fn pong_ms(&self) -> Option<u64> {
        let pong = *self.0.record.client.received(What::Pong).first()?;
        let back = self.at(|event| matches!(event, Event::Received(What::Pong, ..)))?;
        Some(back.saturating_sub(self.at(|event| *event == Event::Sent(What::Ping, pong))?))
    }

    /// How many answers were asked for.
    pub(super) fn pings(&self) -> usize {
        self.0.record.client.sent(What::Ping).len()
    }

    /// From the head of the answer to the first of what follows, in milliseconds.
    pub(super) fn first_piece_ms(&self) -> Option<u64> {
        Some(self.at(|event| matches!(event, Event::Piece(_)))?.saturating_sub(self.answered_at()?))
    }

    /// How far it got.
    pub(super) fn got(&self) -> Got {
        let (asked, record) = (self.asked(), &self.0.record);
        let timeline = &record.client;
        let Some(head) = &record.response else {
            let why = match (timeline.failed(), timeline.ended()) {
                (Some((_, failure)), _) => failure.to_string(),
                (None, Some((_, end))) => format!("the connection {} before an answer", how(end)),
                (None, None) if self.at(|event| *event == Event::GaveUp).is_some() => "no answer came in time".to_owned(),
                (None, None) => return Got::Unfinished,
            };
            return Got::NotReached(why);
        };
        let accepted = match asked.wants {
            Wants::WebSocket => head.status == 101 && record.accept_key_matches == Some(true),
            Wants::EventStream => is_event_stream(head),
        };
        let Some(answered) = self.answered_at().filter(|_| accepted) else { return Got::Refused(self.refusal(head)) };
        let heard = match asked.wants {
            Wants::WebSocket => self.pong_ms().is_some(),
            Wants::EventStream => asked.heard.bytes > 0,
        };
        match (timeline.closed(), timeline.ended()) {
            (None, Some((at, end))) => Got::ClosedEarly(at.saturating_sub(answered), how(end)),
            (None, None) => Got::Unfinished,
            (Some((_, Why::Done)), _) if !heard => Got::Silent,
            (Some(_), _) => Got::Stood,
        }
    }

    /// What came in place of what was asked for.
    fn refusal(&self, head: &ResponseHead) -> String {
        let status = head.status;
        let kind = head.values("content-type").next().filter(|kind| !kind.is_empty());
        match (status, self.asked().wants) {
            (101, Wants::WebSocket) => {
                "101 with a key that is not the answer to ours, at which a browser ends the connection".to_owned()
            }
            (401 | 403, _) => format!(
                "status {status}, as an application does that wants a sign-in first: --also-header gives it a cookie or a token"
            ),
            (407, _) => "status 407: a proxy asks for credentials".to_owned(),
            (300..=399, _) => {
                let to = head.values("location").next().map(|to| format!(" to {to}")).unwrap_or_default();
                format!("status {status}, a redirect{to}, which is not followed")
            }
            (200, Wants::EventStream) => match kind {
                Some(kind) => format!("status 200 and {kind}, and not an event stream"),
                None => "status 200 without a type, and not an event stream".to_owned(),
            },
            _ => format!("status {status}"),
        }
    }

    /// The product that an answer looks like which is not what was asked for.
    pub(super) fn product(&self) -> Option<Product> {
        let head = self.0.record.response.as_ref()?;
        let pages = self.asked().marks.iter().map(|mark| Seen::Page(mark.as_str()));
        products::identify(pages.chain(products::of_response(head)), &[]).into_iter().next()
    }

    /// The product that signs such certificates.
    pub(super) fn signer(&self) -> Option<Product> {
        let names = self.asked().examined.chain.iter().flat_map(|one| [one.issuer.as_str(), one.subject.as_str()]);
        products::of_names(names)
    }

    /// Who signed the certificate that arrived.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.asked().examined.chain.first().map(|leaf| leaf.issuer.as_str())
    }

    /// Who vouches for the certificate; none where there was no TLS session.
    pub(super) fn vouched(&self) -> Option<Vouched> {
        let (asked, examined) = (self.asked(), &self.asked().examined);
        asked.client.as_ref()?;
        let own_making = examined.chain.first().is_none_or(|leaf| leaf.issuer == leaf.subject);
        let invalid =
            self.0.record.client.failed().is_some_and(|(_, failure)| matches!(failure.kind, Kind::CertificateInvalid(_)));
        Some(match (&examined.local, &examined.public) {
            (_, Trust::Accepted) => Vouched::Public,
            (Trust::Accepted, _) if own_making => Vouched::Itself,
            (Trust::Accepted, _) => Vouched::Locally,
            (Trust::Invalid(_), _) | (_, Trust::Invalid(_)) => Vouched::Unusable,
            _ if own_making || invalid => Vouched::Unusable,
            _ => Vouched::ByNobody,
        })
    }

    /// Whether the certificate shows an inspection, or a private authority.
    pub(super) fn is_inspected(&self) -> bool {
        matches!(self.vouched(), Some(Vouched::Locally | Vouched::ByNobody))
    }

    /// Whether nothing was sent because nobody trusts whoever signed the certificate.
    pub(super) fn was_left(&self) -> bool {
        self.asked().looked && self.vouched() == Some(Vouched::ByNobody)
    }

    /// What that is beside the paired server's TLS: a word, and a sentence.
    pub(super) fn compared(&self, server: &ServerTls) -> Option<(&'static str, String)> {
        let inspected = match self.vouched()? {
            Vouched::Itself | Vouched::Unusable => return None,
            vouched => vouched != Vouched::Public,
        };
        let (word, sentence) = match (inspected, server) {
            (true, ServerTls::OneSession) => (
                "exempted",
                "TLS to the probe server is one session from end to end: the probe host is exempted from inspection, and this \
                 host is not, unless its authority is the application's own."
                    .to_owned(),
            ),
            (true, ServerTls::Inspected(by)) if Some(by.as_str()) == self.issuer() => {
                ("alike", "The probe server's certificate comes from the same: both hosts are treated alike.".to_owned())
            }
            (true, ServerTls::Inspected(by)) => {
                ("by-another", format!("TLS to the probe server is inspected, too, by \"{by}\"."))
            }
            (true, ServerTls::Front) => {
                ("front", "TLS to the probe server ends at a front with a public certificate.".to_owned())
            }
            (true, ServerTls::Unknown) => {
                ("unknown", "Of the probe server's TLS nothing is known to compare it with.".to_owned())
            }
            (false, ServerTls::Inspected(by)) => (
                "inspected",
                format!(
                    "TLS to the probe server is inspected, by \"{by}\", and this host is exempted: what this report says of the \
                     probe server can be worse than what the application meets."
                ),
            ),
            (false, ServerTls::OneSession) => {
                ("one-session", "Neither this host nor the probe server shows a sign of inspection.".to_owned())
            }
            (false, ServerTls::Front | ServerTls::Unknown) => return None,
        };
        Some((word, sentence))
    }

    /// What was heard after the endpoint had accepted, as a sentence has it.
    pub(super) fn amount(&self) -> String {
        let heard = self.asked().heard;
        let more = if heard.cut { ", and more that was not read" } else { "" };
        let count = |number: u32, one: &str, many: &str| match number {
            0 => format!("no {one}"),
            1 => format!("1 {one}"),
            _ => format!("{number} {many}"),
        };
        let what = match self.asked().wants {
            Wants::WebSocket => count(heard.pieces, "message", "messages"),
            Wants::EventStream => count(heard.event_ends, "event", "events"),
        };
        format!("{what} ({} bytes in all{more})", heard.bytes)
    }

    /// How long it was listened to.
    pub(super) fn watched(&self) -> String {
        seconds(self.asked().watch_ms)
    }
}

/// How a connection ended, behind its name.
fn how(end: &End) -> String {
    match end {
        End::Fin => "was closed".to_owned(),
        End::Reset => "was reset".to_owned(),
        End::CloseFrame(1005) => "was ended by a close frame without a code".to_owned(),
        End::CloseFrame(code) => format!("was ended by a close frame with code {code}"),
        End::Complete => "was over, as HTTP frames it".to_owned(),
        End::StreamReset(code) => format!("was ended by a reset of its stream with code {code}"),
        End::GoAway(code) => format!("was ended by a GOAWAY with code {code}"),
        End::Error(why) => format!("went wrong ({why})"),
    }
}
