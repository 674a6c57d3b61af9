//! Why a question has no usable answer. Decides no status: that is the collectors' business.

use std::io;

use hickory_proto::op::ResponseCode;

use crate::collect::net::Refusal;

/// Why a question has no usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// No server answered in time, or it has been silent lately and is left alone for a while.
    #[error("no answer in time")]
    Timeout,
    /// The server answered with a failure (RFC 1035 section 4.1.1, RCODE).
    #[error("the server answered {}", mnemonic(*.0))]
    Code(ResponseCode),
    /// The server is not responsible for the name: a referral, or a denial without authority.
    #[error("the server is not responsible for the name")]
    Lame,
    /// The server's message cannot be read.
    #[error("the answer is malformed")]
    Malformed,
    /// The server's window stayed full for as long as the question might wait.
    #[error("too many queries wait for the server")]
    Busy,
    /// The question led to more questions than one name may cost.
    #[error("one name leads to too many questions")]
    Effort,
    /// The addresses of the zone's servers can only be found out through the zone itself.
    #[error("the name servers can only be found through each other")]
    Circular,
    /// There is no server to ask.
    #[error("there is no server to ask")]
    NoServer,
    /// The address of the server may not be asked.
    #[error(transparent)]
    Forbidden(#[from] Refusal),
    /// There is no connection to the resolver, or none that can be trusted.
    #[error("the resolver cannot be spoken to: {0}")]
    Session(String),
    /// A socket failed.
    #[error("{0}")]
    Io(io::ErrorKind),
}

impl From<io::Error> for AskError {
    fn from(error: io::Error) -> Self {
        Self::Io(error.kind())
    }
}

impl AskError {
    /// The more telling of two errors about one question: what a server said before its silence.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::NoServer, other) => other,
            (Self::Timeout, other) if other != Self::NoServer => other,
            (said, _) => said,
        }
    }
}

fn mnemonic(code: ResponseCode) -> String {
    match code {
        ResponseCode::FormErr => "FORMERR".into(),
        ResponseCode::ServFail => "SERVFAIL".into(),
        ResponseCode::NXDomain => "NXDOMAIN".into(),
        ResponseCode::NotImp => "NOTIMP".into(),
        ResponseCode::Refused => "REFUSED".into(),
        code => format!("RCODE {}", u16::from(code)),
    }
}
