//! Why a server takes no more: the names that it gives its limits, and the words for them.

use crate::exchange::ResponseHead;

/// What a server refuses something by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Connections at once, of everybody.
    Connections,
    /// Connections at once, of one address.
    AddressConnections,
    /// Runs at once.
    Runs,
    /// Runs that one address begins in a minute.
    AddressRuns,
    /// Requests of one run.
    Requests,
    /// Memory for records.
    Memory,
    /// Reports that arrive at once.
    Reports,
    /// Runs that no token admits.
    Token,
    /// Runs that begin while the server waits for others to end.
    Draining,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Refusal; 9] = [
        Refusal::Connections,
        Refusal::AddressConnections,
        Refusal::Runs,
        Refusal::AddressRuns,
        Refusal::Requests,
        Refusal::Memory,
        Refusal::Reports,
        Refusal::Token,
        Refusal::Draining,
    ];

    /// Its name, in the header of an answer and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Refusal::Connections => "connections",
            Refusal::AddressConnections => "connections-per-address",
            Refusal::Runs => "runs",
            Refusal::AddressRuns => "runs-per-address",
            Refusal::Requests => "requests-per-run",
            Refusal::Memory => "memory",
            Refusal::Reports => "reports",
            Refusal::Token => "token",
            Refusal::Draining => "draining",
        }
    }

    /// The reason as the end of a sentence.
    pub fn because(self) -> &'static str {
        match self {
            Refusal::Connections => "it has as many connections open as it takes",
            Refusal::AddressConnections => "it has as many connections open from this address as it takes from one",
            Refusal::Runs => "it has as many runs as it takes",
            Refusal::AddressRuns => "this address began as many runs in a minute as it takes from one",
            Refusal::Requests => "this run has used up the requests that the server writes down",
            Refusal::Memory => "its memory for records is full",
            Refusal::Reports => "as many reports are arriving as it takes at once",
            Refusal::Token => "it admits runs by a token, and this one had none or a wrong one",
            Refusal::Draining => "it is about to stop",
        }
    }

    /// After how many seconds it is worth trying again: a minute's worth of runs and connections has passed by then. 429 (RFC 6585
    /// section 4) speaks of the client, 503 (RFC 9110 section 15.6.4) of the server.
    pub fn retry_after_seconds(self) -> u64 {
        match self {
            Refusal::Reports => 10,
            _ => 60,
        }
    }

    /// The status of the answer.
    pub fn status(self) -> u16 {
        match self {
            Refusal::AddressConnections | Refusal::AddressRuns => 429,
            Refusal::Token => 403,
            _ => 503,
        }
    }

    /// What an answer says that it is owed to.
    pub fn of(head: &ResponseHead) -> Option<Self> {
        let named = head.values(crate::wire::REFUSED_HEADER).next()?;
        Self::ALL.into_iter().find(|refusal| refusal.as_str() == named)
    }
}
