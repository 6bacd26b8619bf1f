//! Why a call over one connection has no reply.

use std::time::Duration;
use std::{error, fmt, io};

use crate::{ReplyError, ServerError};

/// Why a call over a [`Connection`](crate::Connection) has no reply, and whether the connection outlives it.
#[derive(Debug)]
pub enum CallError {
    /// The server answered with an error; the connection is fine.
    Server(ServerError),
    /// The connection broke, or the server closed it.
    Io(io::Error),
    /// No reply in time. Whether the server acted is unknown.
    TimedOut(Duration),
    /// What came is not a reply.
    Reply(ReplyError),
    /// An earlier call failed halfway; connect anew.
    Unusable,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(error) => write!(f, "{error}"),
            Self::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("the server closed the connection")
            }
            Self::Io(error) => write!(f, "{error}"),
            Self::TimedOut(after) => write!(f, "no reply within {after:?}"),
            Self::Reply(error) => write!(f, "the server does not speak our protocol: {error}"),
            Self::Unusable => f.write_str("the connection failed before; connect anew"),
        }
    }
}

impl error::Error for CallError {}

impl From<io::Error> for CallError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ReplyError> for CallError {
    fn from(error: ReplyError) -> Self {
        Self::Reply(error)
    }
}
