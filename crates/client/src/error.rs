//! Why a call failed, and whether the connection outlives it.

use std::time::Duration;
use std::{error, fmt, io};

/// An error that the server answered: `CODE text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    line: String,
}

impl ServerError {
    pub(crate) fn new(line: impl Into<String>) -> Self {
        Self { line: line.into() }
    }

    /// The first word: `ERR`, `MOVED`, `WRONGTYPE` and so on.
    pub fn code(&self) -> &str {
        self.line.split(' ').next().unwrap_or_default()
    }

    /// What follows the code, or the whole line when nothing does.
    pub fn text(&self) -> &str {
        self.line.split_once(' ').map_or(&self.line, |(_, text)| text)
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl error::Error for ServerError {}

/// Bytes that are not a reply, or a reply beyond the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyError {
    /// The first byte of a reply or of an element is of no known type.
    UnknownType(u8),
    /// A length or a number that cannot be one.
    InvalidLength,
    /// A byte string or a line that does not end where it should.
    MissingLineEnd,
    /// A status, error or number line that does not end.
    LineTooLong,
    /// A byte string beyond what Redis allows.
    BulkTooLong,
    /// More elements in one reply than we take.
    TooManyElements,
    /// More bytes in one reply than we take.
    ReplyTooLong,
    /// Arrays in arrays, deeper than we take.
    NestedTooDeep,
    /// A shape that the decoder refused.
    Malformed,
    /// A reply that nobody asked for.
    Unexpected,
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownType(byte) => {
                write!(f, "a reply cannot start with the byte '{}'", byte.escape_ascii())
            }
            Self::InvalidLength => f.write_str("an invalid length"),
            Self::MissingLineEnd => f.write_str("no line end where one must be"),
            Self::LineTooLong => f.write_str("a line without an end"),
            Self::BulkTooLong => f.write_str("a byte string of more than 512 MB"),
            Self::TooManyElements => f.write_str("more than a million elements"),
            Self::ReplyTooLong => f.write_str("more than 1 GB in one reply"),
            Self::NestedTooDeep => f.write_str("arrays nested deeper than 32"),
            Self::Malformed => f.write_str("a malformed reply"),
            Self::Unexpected => f.write_str("a reply that nobody asked for"),
        }
    }
}

impl error::Error for ReplyError {}

/// Why a call has no reply.
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
